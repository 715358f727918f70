"""Model versions in the admin: their metrics beside the baselines, and the switch between them."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from recommender import versions
from recommender.admin.metrics import metrics_table
from recommender.admin.readonly import ReadOnlyAdmin
from recommender.models import ModelVersion

LIST = "admin:recommender_modelversion_changelist"


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyAdmin):
    list_display = [
        "__str__",
        "short_status",
        "recall_at_10",
        "hit_at_10",
        "interactions",
        "created_at",
    ]
    list_filter = ["status"]
    exclude = ["metrics", "gate", "config", "num_interactions"]
    readonly_fields = ["interactions"]

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("roll-back/", self._guarded(self.roll_back_view), name="recommender_modelversion_roll_back"),
            path(
                "<int:pk>/activate/",
                self._guarded(self.activate_view),
                name="recommender_modelversion_activate",
            ),
        ]
        return own + super().get_urls()

    def _guarded(self, view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        return self.admin_site.admin_view(view)

    @admin.display(description="status", ordering="status")
    def short_status(self, version: ModelVersion) -> str:
        return version.status.capitalize()

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
            "can_switch": _can_switch(request),
            "previous": versions.previously_active(),
            "title": "Model versions",
        }
        return super().changelist_view(request, {**extra, **(extra_context or {})})

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        version = self.get_object(request, object_id)
        extra: dict[str, Any] = {"can_switch": _can_switch(request)}
        if isinstance(version, ModelVersion):
            extra |= {
                "table": metrics_table(version.metrics),
                "gate": version.gate,
                "config": version.config,
                "title": f"Model version {version}",
                "subtitle": None,
            }
        return super().change_view(request, object_id, form_url, {**extra, **(extra_context or {})})

    def activate_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask on GET, switch on POST."""
        _require_switch(request)
        version = get_object_or_404(ModelVersion, pk=pk)
        if request.method != "POST":
            return self._confirmation(request, version=version, title=f"Activate {version}?")
        return _switched(request, switch=lambda: versions.activate(version))

    def roll_back_view(self, request: HttpRequest) -> HttpResponse:
        """Ask on GET, switch to the version that served before on POST."""
        _require_switch(request)
        target = versions.previously_active()
        if request.method != "POST" and target is not None:
            return self._confirmation(request, version=target, title=f"Roll back to {target}?")
        return _switched(request, switch=versions.roll_back)

    def _confirmation(self, request: HttpRequest, *, version: ModelVersion, title: str) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "version": version,
            "active": versions.active_version(),
            "table": metrics_table(version.metrics),
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/recommender/modelversion/confirm.html", context)


def _of_model(version: Model, *, metric: str) -> str:
    assert isinstance(version, ModelVersion)
    value = version.metrics.get("rows", {}).get("two_tower", {}).get(metric)
    return "-" if value is None else f"{value:.4f}"


def _can_switch(request: HttpRequest) -> bool:
    return request.user.has_perm("recommender.change_modelversion")  # type: ignore[union-attr]


def _require_switch(request: HttpRequest) -> None:
    if not _can_switch(request):
        raise PermissionDenied("Switching versions needs the permission to change model versions.")


def _switched(request: HttpRequest, *, switch: Callable[[], ModelVersion]) -> HttpResponse:
    try:
        version = switch()
    except (versions.CannotActivate, versions.ArtifactError) as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"Serving now: {version}.")
    return HttpResponseRedirect(reverse(LIST))
