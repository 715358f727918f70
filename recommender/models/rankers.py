"""Second-stage rankers."""

from typing import ClassVar

from django.db import models
from django.db.models import Case, Value, When

from recommender.models.versions import ModelVersion


class Ranker(models.Model):
    """A trained second stage: its kind, how it compares with the retrieval order, where its file is."""

    class Kind(models.TextChoices):
        LIGHTGBM = "lightgbm", "LightGBM LambdaRank"
        XGBOOST = "xgboost", "XGBoost"
        DEEPFM = "deepfm", "DeepFM"

    class Status(models.TextChoices):
        REGISTERED = "registered", "Registered, not used"
        ACTIVE = "active", "Active: used now"
        RETIRED = "retired", "Retired: used before"
        REJECTED = "rejected", "Rejected: no better than the retrieval order"

    kind = models.CharField(max_length=10, choices=Kind)
    status = models.CharField(max_length=12, choices=Status, default=Status.REGISTERED)
    version = models.ForeignKey(
        ModelVersion,
        null=True,
        on_delete=models.SET_NULL,
        related_name="rankers",
        help_text="The model version whose candidates it was trained on.",
    )
    config = models.JSONField(default=dict)
    metrics = models.JSONField(default=dict, help_text="The rankers and the retrieval order, held out.")
    feature_names = models.JSONField(default=list)
    num_lists = models.PositiveIntegerField(default=0, help_text="Lists that it was trained on.")
    artifact_path = models.CharField(max_length=255, blank=True, help_text="Folder, relative to DATA_DIR.")
    artifact_sha256 = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    activated_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        constraints = [
            models.UniqueConstraint(Case(When(status="active", then=Value(1))), name="ranker_one_active")
        ]

    def __str__(self) -> str:
        return f"r{self.pk} ({self.get_kind_display()})"
