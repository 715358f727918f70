"""What came of searches: how often they were made, found nothing, were followed, and how long they took."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

MOST_LISTED = 50

# A search is followed when a product of its first page was clicked.
_ASKED = """
    WITH asked AS (
        SELECT lower(text) AS text, kind, corrected, num_matching, num_found, latency_ms, created_at,
               impression_id IN (
                   SELECT impression_id FROM recommender_interaction
                   WHERE kind = 'click' AND impression_id IS NOT NULL AND occurred_at >= %(since)s
               ) AS followed
        FROM recommender_searchquery WHERE created_at >= %(since)s
    )
"""
_WHOLE = """
    SELECT count(*), count(*) FILTER (WHERE num_matching = 0), count(*) FILTER (WHERE followed),
           count(*) FILTER (WHERE corrected <> ''),
           percentile_cont(0.5) WITHIN GROUP (ORDER BY latency_ms),
           percentile_cont(0.95) WITHIN GROUP (ORDER BY latency_ms)
    FROM asked
"""
_BY_TEXT = """
    SELECT text, count(*), min(num_matching), max(num_found), count(*) FILTER (WHERE followed),
           percentile_cont(0.95) WITHIN GROUP (ORDER BY latency_ms), max(created_at)
    FROM asked WHERE text <> '' {only} GROUP BY text ORDER BY count(*) DESC, text LIMIT %(most)s
"""
_NOTHING = "AND num_matching = 0 AND kind = 'words'"


@dataclass(frozen=True)
class Searches:
    """All searches of a time."""

    number: int
    without_match: int
    followed: int
    corrected: int
    median_ms: float | None  # None: there was no search
    p95_ms: float | None


@dataclass(frozen=True)
class Query:
    """One text that was searched for, in lower case."""

    text: str
    number: int
    num_matching: int  # the fewest
    num_found: int  # the most, the nearest products among them
    followed: int
    p95_ms: float
    last_at: datetime


def summary(since: datetime) -> Searches:
    """Return the searches from `since` on as one; one query."""
    with connection.cursor() as cursor:
        cursor.execute(_ASKED + _WHOLE, {"since": since})
        return Searches(*cursor.fetchone())


def most_frequent(since: datetime, *, without_match: bool = False) -> list[Query]:
    """Return the 50 texts searched for most often, or of those that nothing matches; one query."""
    statement = _ASKED + _BY_TEXT.format(only=_NOTHING if without_match else "")
    values: dict[str, Any] = {"since": since, "most": MOST_LISTED}
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [Query(*row) for row in cursor.fetchall()]
