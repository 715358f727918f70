"""Rankers in the admin: their metrics beside the retrieval order, and the switch between them."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern

from ml.ranking.judging import NDCG, RETRIEVAL
from recommender import rankers
from recommender.admin.switching import SwitchableAdmin
from recommender.models import Ranker


@admin.register(Ranker)
class RankerAdmin(SwitchableAdmin):
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
    refusal = rankers.CannotActivateRanker

    def get_urls(self) -> list[URLPattern]:
        own = [
            self.switch_path("<int:pk>/activate/", self.activate_view, name="activate"),
            self.switch_path("<int:pk>/retire/", self.retire_view, name="retire"),
        ]
        return own + super().get_urls()

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

    def facts_of(self, row: Ranker) -> dict[str, Any]:
        return {"ahead": self.ahead(row)}

    def activate_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask on GET, switch on POST."""
        return self._switch_view(request, pk=pk, verb="Activate", switch=rankers.activate)

    def retire_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask on GET, go back to the retrieval order on POST."""
        return self._switch_view(request, pk=pk, verb="Retire", switch=rankers.retire)

    def _switch_view(
        self, request: HttpRequest, *, pk: int, verb: str, switch: Callable[[Ranker], Ranker]
    ) -> HttpResponse:
        ranker = get_object_or_404(Ranker, pk=pk)
        if request.method != "POST":
            return self.confirmation(request, target=ranker, verb=verb, active=rankers.active_ranker())
        return self.switched(request, switch=lambda: switch(ranker), said=_status)


def _ndcg(ranker: Ranker, *, method: str) -> str:
    value = ranker.metrics.get("rows", {}).get(method, {}).get(NDCG)
    return "-" if value is None else f"{value:.4f}"


def _status(ranker: Ranker) -> str:
    return f"{ranker}: {ranker.get_status_display()}."
