"""What several shoppers searched for and found, to be suggested to others."""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from django.apps import apps
from django.db.models import Count, Max
from django.db.models.functions import Lower
from django.utils import timezone

from recommender.refreshing import Refreshed
from recommender.search.tokens import key_of

FRESH_SECONDS = 60.0
WINDOW = timedelta(days=30)
MIN_VISITORS = 3  # what fewer typed may tell who they are
MOST_KEPT = 5_000


@dataclass(frozen=True, kw_only=True)
class _Loaded:
    """Queries in alphabetical order, and how many visitors typed each."""

    queries: list[tuple[str, int]]


def beginning_with(text: str, *, limit: int) -> list[str]:
    """Return queries that many typed and that begin so, the commonest first; no query of a page.

    Raises DatabaseError when they were never read and cannot be.
    """
    start, queries = key_of(text), _kept.get().queries
    if not start:
        return []
    first, last = (bisect_left(queries, (end, 0)) for end in (start, f"{start}\U0010ffff"))
    found = [row for row in queries[first:last] if row[0] != start]
    return [query for query, _ in sorted(found, key=lambda row: (-row[1], row[0]))[:limit]]


def merged(rows: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """Return texts and numbers in alphabetical order, those that differ only in spelling as one."""
    numbers: dict[str, int] = {}
    for text, number in rows:
        key = key_of(text)
        if key:
            numbers[key] = numbers.get(key, 0) + number
    return sorted(numbers.items())


def _read(_: _Loaded | None) -> _Loaded:
    return _Loaded(queries=merged(_logged()))


def _logged() -> Iterable[tuple[str, int]]:
    """Texts that found something, with how many visitors typed them; one query."""
    log = cast(Any, apps.get_app_config("recommender").models.get("searchquery"))
    if log is None:
        return []
    return (
        log.objects.filter(created_at__gte=timezone.now() - WINDOW, num_matching__gt=0, corrected="")
        .exclude(text="")
        .annotate(lower=Lower("text"))
        .order_by()
        .values("lower")
        .annotate(number=Count("visitor_id", distinct=True), last=Max("created_at"))
        .filter(number__gte=MIN_VISITORS)
        .order_by("-number", "-last")
        .values_list("lower", "number")[:MOST_KEPT]
    )


_kept = Refreshed(_read, seconds=FRESH_SECONDS, name="the popular queries")
