"""The loop in the admin: watch and steer training and versions, read what was logged and recommended."""

from recommender.admin.encoder_versions import EncoderVersionAdmin
from recommender.admin.events import ImpressionAdmin, InteractionAdmin, RecommendationAdmin
from recommender.admin.model_versions import ModelVersionAdmin
from recommender.admin.rankers import RankerAdmin
from recommender.admin.rules import BusinessRuleAdmin
from recommender.admin.searches import SearchQueryAdmin
from recommender.admin.synonyms import SynonymAdmin
from recommender.admin.training_runs import TrainingRunAdmin

__all__ = [
    "BusinessRuleAdmin",
    "EncoderVersionAdmin",
    "ImpressionAdmin",
    "InteractionAdmin",
    "ModelVersionAdmin",
    "RankerAdmin",
    "RecommendationAdmin",
    "SearchQueryAdmin",
    "SynonymAdmin",
    "TrainingRunAdmin",
]
