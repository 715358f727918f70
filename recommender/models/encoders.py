"""Trained text and picture encoders."""

from typing import ClassVar

from django.db import models
from django.db.models import Case, Q, Value, When


class EncoderVersion(models.Model):
    """A trained open_clip model: what it was made of, how good it is, where its weights are."""

    class Status(models.TextChoices):
        REGISTERED = "registered", "Registered, not used"
        PREPARING = "preparing", "Being prepared: products are encoded, then it is used"
        ACTIVE = "active", "Active: search uses it now"
        RETIRED = "retired", "Retired: used before"
        REJECTED = "rejected", "Rejected by the promotion gate"

    status = models.CharField(max_length=12, choices=Status, default=Status.REGISTERED)
    name = models.CharField(
        max_length=120, unique=True, null=True, help_text="What its vectors are stored under."
    )
    config = models.JSONField(default=dict, help_text="What it was trained from, and how.")
    metrics = models.JSONField(default=dict, help_text="It and the encoder in use then, held out.")
    gate = models.JSONField(default=dict, help_text="Why the promotion gate let it pass, or not.")
    artifact_path = models.CharField(max_length=255, blank=True, help_text="Folder, relative to DATA_DIR.")
    artifact_sha256 = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    activated_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        constraints = [
            models.UniqueConstraint(
                Case(When(Q(status=status), then=Value(1))), name=f"encoder_version_one_{status}"
            )
            for status in ("active", "preparing")
        ]

    def __str__(self) -> str:
        return f"e{self.pk}"
