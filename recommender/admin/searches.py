"""The search log, and the report on it: what is searched for, what finds nothing, what is followed."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import timezone

from recommender import search_outcomes
from recommender.admin.placements import PERIODS, chosen_period
from recommender.admin.readonly import ReadOnlyAdmin
from recommender.models import Interaction, SearchQuery


class MatchFilter(admin.SimpleListFilter):
    """Picks searches by whether anything answered the whole query."""

    title, parameter_name = "what was found", "found"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("nothing", "No product matches"), ("something", "Some match")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            return queryset
        return (
            queryset.filter(num_matching=0) if self.value() == "nothing" else queryset.exclude(num_matching=0)
        )


@admin.register(SearchQuery)
class SearchQueryAdmin(ReadOnlyAdmin):
    list_display = [
        *("created_at", "text", "kind", "corrected", "num_matching", "num_found"),
        *("milliseconds", "was_followed", "user"),
    ]
    list_filter = ["kind", MatchFilter, "created_at"]
    list_select_related = ["user"]
    search_fields = ["text", "user__email", "=visitor_id"]
    ordering = ["-created_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[SearchQuery]:
        clicks = Interaction.objects.filter(
            kind=Interaction.Kind.CLICK,
            impression_id=OuterRef("impression_id"),
            occurred_at__gte=OuterRef("created_at"),
        )
        return super().get_queryset(request).annotate(followed=Exists(clicks))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.report_view)
        return [path("report/", view, name="recommender_searchquery_report"), *super().get_urls()]

    def report_view(self, request: HttpRequest) -> HttpResponse:
        """Show what was searched for in the last ?days=, and what found nothing."""
        if not request.user.has_perm("recommender.view_searchquery"):  # type: ignore[union-attr]
            raise PermissionDenied("This needs the permission to view search queries.")
        days = chosen_period(request.GET.get("days", ""))
        since = timezone.now() - timedelta(days=days)
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Searches",
            "whole": search_outcomes.summary(since),
            "tables": [
                ("Searched for most", search_outcomes.most_frequent(since)),
                ("No product matches", search_outcomes.most_frequent(since, without_match=True)),
            ],
            "days": days,
            "periods": PERIODS,
        }
        return render(request, "admin/recommender/searchquery/report.html", context)

    @admin.display(description="ms", ordering="latency_ms")
    def milliseconds(self, query: SearchQuery) -> str:
        return f"{query.latency_ms:.1f}"

    @admin.display(description="followed", boolean=True)
    def was_followed(self, query: SearchQuery) -> bool:
        return bool(getattr(query, "followed", False))
