"""Model versions in the admin: their metrics beside the baselines, and the switch between them."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern

from recommender import versions
from recommender.admin.switching import SwitchableAdmin
from recommender.models import ModelVersion


@admin.register(ModelVersion)
class ModelVersionAdmin(SwitchableAdmin):
    list_display = [
        "__str__",
        "short_status",
        "recall_at_10",
        "hit_at_10",
        "interactions",
        "created_at",
    ]
    list_filter = ["status"]
    exclude = [*SwitchableAdmin.exclude, "num_interactions"]
    readonly_fields = ["interactions"]
    refusal = versions.CannotActivate

    def get_urls(self) -> list[URLPattern]:
        own = [
            self.switch_path("roll-back/", self.roll_back_view, name="roll_back"),
            self.switch_path("<int:pk>/activate/", self.activate_view, name="activate"),
        ]
        return own + super().get_urls()

    @admin.display(description="interactions", ordering="num_interactions")
    def interactions(self, version: ModelVersion) -> str:
        return f"{version.num_interactions:,}"

    @admin.display(description="recall@10")
    def recall_at_10(self, version: ModelVersion) -> str:
        return _of_model(version, metric="recall@10")

    @admin.display(description="hit@10")
    def hit_at_10(self, version: ModelVersion) -> str:
        return _of_model(version, metric="hit@10")

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        extra = {
            "can_switch": self.can_switch(request),
            "previous": versions.previously_active(),
            "title": "Model versions",
        }
        return super().changelist_view(request, {**extra, **(extra_context or {})})

    def facts_of(self, row: ModelVersion) -> dict[str, Any]:
        return {"gate": row.gate}

    def activate_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask on GET, switch on POST."""
        version = get_object_or_404(ModelVersion, pk=pk)
        if request.method != "POST":
            return self.confirmation(
                request, target=version, verb="Activate", active=versions.active_version()
            )
        return self.switched(request, switch=lambda: versions.activate(version), said=_serves)

    def roll_back_view(self, request: HttpRequest) -> HttpResponse:
        """Ask on GET, switch to the version that served before on POST."""
        target = versions.previously_active()
        if request.method != "POST" and target is not None:
            return self.confirmation(
                request, target=target, verb="Roll back to", active=versions.active_version()
            )
        return self.switched(request, switch=versions.roll_back, said=_serves)


def _of_model(version: ModelVersion, *, metric: str) -> str:
    value = version.metrics.get("rows", {}).get("two_tower", {}).get(metric)
    return "-" if value is None else f"{value:.4f}"


def _serves(version: ModelVersion) -> str:
    return f"Serving now: {version}."
