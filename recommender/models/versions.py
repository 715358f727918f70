"""Trained models, and the runs that train them."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Case, Q, Value, When


class ModelVersion(models.Model):
    """A trained two-tower model: what it was made of, how good it is, where its weights are."""

    class Status(models.TextChoices):
        REGISTERED = "registered", "Registered, not yet served"
        ACTIVE = "active", "Active: serving now"
        RETIRED = "retired", "Retired: served before"
        REJECTED = "rejected", "Rejected by the promotion gate"

    status = models.CharField(max_length=12, choices=Status, default=Status.REGISTERED)
    config = models.JSONField(default=dict)
    metrics = models.JSONField(default=dict, help_text="Model and baselines on the held-out part.")
    orders_searches = models.BooleanField(
        default=True,
        help_text="Whether equals among what a shopper searched for come by their taste; "
        "evaluate_search --shoppers turns it off where that lowers NDCG@10.",
    )
    gate = models.JSONField(default=dict, help_text="Why the promotion gate let it pass, or not.")
    content_encoder = models.CharField(
        max_length=120, blank=True, help_text="Whose vectors of texts and pictures it was trained on."
    )
    data_from = models.DateTimeField(null=True)
    data_until = models.DateTimeField(null=True)
    num_interactions = models.PositiveIntegerField(default=0)
    artifact_path = models.CharField(max_length=255, blank=True, help_text="Folder, relative to DATA_DIR.")
    artifact_sha256 = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    activated_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        constraints = [
            models.UniqueConstraint(
                Case(When(status="active", then=Value(1))), name="model_version_one_active"
            )
        ]

    def __str__(self) -> str:
        return f"v{self.pk}"


class TrainingRun(models.Model):
    """One attempt at training: at most one is queued or running at a time."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELLED = "cancelled"

    UNFINISHED: ClassVar[list[str]] = [State.QUEUED, State.RUNNING]

    state = models.CharField(max_length=12, choices=State, default=State.QUEUED)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    config = models.JSONField(default=dict, blank=True)
    stage = models.CharField(max_length=60, blank=True)
    progress = models.FloatField(default=0, help_text="0 to 1.")
    log = models.TextField(blank=True)
    error = models.TextField(blank=True)
    metrics = models.JSONField(default=dict, blank=True)
    version = models.ForeignKey(
        ModelVersion, null=True, blank=True, on_delete=models.SET_NULL, related_name="training_runs"
    )
    cancel_requested = models.BooleanField(default=False)
    heartbeat_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        constraints = [
            models.UniqueConstraint(
                Case(When(Q(state__in=["queued", "running"]), then=Value(1))),
                name="training_run_one_unfinished",
            )
        ]

    def __str__(self) -> str:
        return f"Training run {self.pk}"
