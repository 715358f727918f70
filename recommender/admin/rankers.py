"""Rankers in the admin: their metrics beside the retrieval order, and the switch between them."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from ml.folders import ArtifactError
from ml.ranking.judging import NDCG, RETRIEVAL
from recommender import rankers
from recommender.admin.metrics import metrics_table
from recommender.admin.readonly import ReadOnlyAdmin
from recommender.models import Ranker

LIST = "admin:recommender_ranker_changelist"
Switch = Callable[[Ranker], Ranker]


@admin.register(Ranker)
class RankerAdmin(ReadOnlyAdmin):
    list_display = [
        "__str__",
        "short_status",
        "version",
        "ndcg_at_10",
        "of_retrieval",
        "ahead",
        "num_lists",
        "created_at",
    ]
    list_filter = ["status", "kind"]
    list_select_related = ["version"]
    exclude = ["metrics", "config"]

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                f"<int:pk>/{name}/",
                self.admin_site.admin_view(view),
                name=f"recommender_ranker_{name}",
            )
            for name, view in (("activate", self.activate_view), ("retire", self.retire_view))
        ]
        return own + super().get_urls()

    @admin.display(description="status", ordering="status")
    def short_status(self, ranker: Ranker) -> str:
        return ranker.status.capitalize()

    @admin.display(description="NDCG@10")
    def ndcg_at_10(self, ranker: Ranker) -> str:
        return _ndcg(ranker, method=ranker.kind)

    @admin.display(description="of retrieval")
    def of_retrieval(self, ranker: Ranker) -> str:
        return _ndcg(ranker, method=RETRIEVAL)

    @admin.display(description="ahead, 95 %")
    def ahead(self, ranker: Ranker) -> str:
        ends = ranker.metrics.get("ahead", {}).get(ranker.kind)
        return "{:+.4f} to {:+.4f}".format(*ends) if ends else "-"

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        ranker = self.get_object(request, object_id)
        extra: dict[str, Any] = {"can_switch": _can_switch(request)}
        if isinstance(ranker, Ranker):
            extra |= {
                "table": metrics_table(ranker.metrics),
                "ahead": self.ahead(ranker),
                "config": ranker.config,
                "title": f"Ranker {ranker}",
                "subtitle": None,
            }
        return super().change_view(request, object_id, form_url, {**extra, **(extra_context or {})})

    def activate_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask on GET, switch on POST."""
        return self._switch_view(request, pk=pk, verb="Activate", switch=rankers.activate)

    def retire_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask on GET, go back to the retrieval order on POST."""
        return self._switch_view(request, pk=pk, verb="Retire", switch=rankers.retire)

    def _switch_view(self, request: HttpRequest, *, pk: int, verb: str, switch: Switch) -> HttpResponse:
        if not _can_switch(request):
            raise PermissionDenied("Switching rankers needs the permission to change rankers.")
        ranker = get_object_or_404(Ranker, pk=pk)
        if request.method == "POST":
            return _switched(request, ranker=ranker, switch=switch)
        context = {
            **self.admin_site.each_context(request),
            "title": f"{verb} {ranker}?",
            "verb": verb,
            "ranker": ranker,
            "active": rankers.active_ranker(),
            "table": metrics_table(ranker.metrics),
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/recommender/ranker/confirm.html", context)


def _ndcg(ranker: Ranker, *, method: str) -> str:
    value = ranker.metrics.get("rows", {}).get(method, {}).get(NDCG)
    return "-" if value is None else f"{value:.4f}"


def _can_switch(request: HttpRequest) -> bool:
    return request.user.has_perm("recommender.change_ranker")  # type: ignore[union-attr]


def _switched(request: HttpRequest, *, ranker: Ranker, switch: Switch) -> HttpResponse:
    try:
        ranker = switch(ranker)
    except (rankers.CannotActivateRanker, ArtifactError) as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"{ranker}: {ranker.get_status_display()}.")
    return HttpResponseRedirect(reverse(LIST))
