"""The recommendation loop's tables."""

from recommender.models.co_purchases import CoPurchase
from recommender.models.embeddings import ContentEmbedding, ItemEmbedding, Recommendation, UserEmbedding
from recommender.models.encoders import EncoderVersion
from recommender.models.events import Impression, Interaction, Placement
from recommender.models.rankers import Ranker
from recommender.models.rules import BusinessRule
from recommender.models.search import SearchDocument, SearchQuery
from recommender.models.synonyms import Synonym
from recommender.models.versions import ModelVersion, TrainingRun

__all__ = [
    "BusinessRule",
    "CoPurchase",
    "ContentEmbedding",
    "EncoderVersion",
    "Impression",
    "Interaction",
    "ItemEmbedding",
    "ModelVersion",
    "Placement",
    "Ranker",
    "Recommendation",
    "SearchDocument",
    "SearchQuery",
    "Synonym",
    "TrainingRun",
    "UserEmbedding",
]
