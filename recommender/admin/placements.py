"""The report on placements: how often lists were shown, seen and followed, and what was bought then."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from recommender import outcomes
from recommender.models import Placement
from recommender.outcomes import Outcome
from recommender.search_log import PLACEMENT

PERIODS = (1, 7, 28, 90)
DEFAULT_PERIOD = 28
LABELS = {**dict(Placement.choices), PLACEMENT: "Search: results"}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the report."""

    placement: str
    version: str
    outcome: Outcome
    click_rate: str


def placements_report(request: HttpRequest, *, model_admin: admin.ModelAdmin) -> HttpResponse:
    """Show what came of the lists of the last ?days=, by placement and version."""
    if not request.user.has_perm("recommender.view_impression"):  # type: ignore[union-attr]
        raise PermissionDenied("This needs the permission to view impressions.")
    days = chosen_period(request.GET.get("days", ""))
    found = outcomes.by_placement(timezone.now() - timedelta(days=days))
    context: dict[str, Any] = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": "Placements",
        "rows": [_row(outcome) for outcome in found],
        "days": days,
        "periods": PERIODS,
        "attribution_days": settings.ATTRIBUTION_DAYS,
    }
    return render(request, "admin/recommender/impression/placements.html", context)


def chosen_period(given: str) -> int:
    """Return the number of days asked for; the usual one for anything that is not offered."""
    return int(given) if given in map(str, PERIODS) else DEFAULT_PERIOD


def _row(outcome: Outcome) -> Row:
    rate = outcome.click_rate
    return Row(
        placement=LABELS.get(outcome.placement, outcome.placement),
        version=f"v{outcome.version_id}" if outcome.version_id else "No model",
        outcome=outcome,
        click_rate="-" if rate is None else f"{rate:.2%}",
    )
