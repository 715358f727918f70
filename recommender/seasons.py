"""What is wanted now: boosts by the part of the day and the season, learned from the shop's own events."""

# C = categories, M = months, P = parts of the day, N = candidates

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from django.conf import settings
from django.db import connection
from django.utils import timezone

from recommender import snapshot
from recommender.candidates import Candidate
from recommender.context import Context
from recommender.ladder import attempt
from recommender.models import Placement
from recommender.refreshing import Refreshed

# Lists of what a shopper may want now. The others have an order that is a fact, or are about one thing.
MOVED = frozenset(
    {Placement.HOME_FOR_YOU, Placement.HOME_TRENDING, Placement.CART_EMPTY, Placement.SEARCH_EMPTY}
)
# What the last days' interest proposes has the season in it already; twice would be too much.
IN_SEASON = frozenset({"trending", "popular_in_category"})
FRESH_SECONDS = 3_600.0
HOURS_OF_A_PART = 4
FIRST_HOUR = (
    2  # parts begin at 2, 6, 10, 14, 18 and 22 o'clock: night, morning, noon, afternoon, evening, late
)
PARTS = 24 // HOURS_OF_A_PART
MONTHS = 18  # this one and the 17 before it, which are what a season needs
YEAR = slice(0, 12)  # of the months, oldest first: those around the one a year ago
SAME_MONTH = 5  # the place of that one
NEIGHBOURS = ((SAME_MONTH - 1, 0.25), (SAME_MONTH, 0.5), (SAME_MONTH + 1, 0.25))
LEAST_EVENTS = 200  # of a month, below which it says nothing of its season, nor then any other
PRIOR_EVENTS = 400.0  # of evidence that there is no difference; a visit leaves several events alike
LARGEST = 0.5  # of a boost, in natural logarithms: 1.6 times as wanted as on average, or as little
MOST_EVENTS = 1_000_000  # that are counted, in pages taken by chance, so that a busy shop is in seconds too

# What came of a list is left out, so that a boost never learns from itself.
_COUNTS = """
    WITH events AS (
        SELECT product_id, occurred_at AT TIME ZONE %(zone)s AS at
        FROM recommender_interaction TABLESAMPLE SYSTEM ((
            SELECT least(100, 100.0 * %(most)s / greatest(reltuples, 1))
            FROM pg_class WHERE oid = 'recommender_interaction'::regclass
        ))
        WHERE occurred_at BETWEEN %(since)s AND %(until)s AND impression_id IS NULL
            AND kind IN ('view', 'click', 'cart_add', 'purchase')
    )
    SELECT category_id, (date_part('year', at) * 12 + date_part('month', at))::int AS month,
        (date_part('hour', at)::int + 24 - %(first)s) %% 24 / %(hours)s AS part, count(*)
    FROM events JOIN shop_product AS product ON product.id = product_id
    GROUP BY 1, 2, 3
"""


@dataclass(frozen=True, kw_only=True)
class Habits:
    """How much more than on average each category is wanted, in natural logarithms from -0.5 to 0.5."""

    category_id: np.ndarray  # (C,) int64, ascending
    by_part: np.ndarray  # (C, P) float64: in each part of the day
    of_season: np.ndarray  # (C,) float64: at this time of the year

    def boosts(
        self, category_ids: np.ndarray, *, now: datetime, seasonal: np.ndarray | bool = True
    ) -> np.ndarray:
        """Return (N,) the boost of each category at this moment; 0 for a category that is not known.

        The season counts where `seasonal`, the hour everywhere.
        """
        if not len(self.category_id):
            return np.zeros(len(category_ids))
        place_N = np.minimum(np.searchsorted(self.category_id, category_ids), len(self.category_id) - 1)
        boost_N = self.by_part[place_N, part_of(now)] + self.of_season[place_N] * seasonal
        known_N = self.category_id[place_N] == category_ids
        return np.where(known_N, np.clip(boost_N, -LARGEST, LARGEST), 0.0)


def apply(candidates: Sequence[Candidate], *, context: Context) -> list[Candidate]:
    """Return the same candidates, those nearer the front whose categories are wanted at this hour and season.

    CONTEXT_BOOST counts as the strength of a business rule does: at 1 the largest boost moves a product by a
    third of the k places that are shown. Lists that are a fact, or about one thing, come back as they are,
    and so does every list while nothing is known. What is known is counted hourly in the background.
    """
    in_order = list(candidates)
    if not settings.CONTEXT_BOOST or context.placement not in MOVED or len(in_order) < 2:
        return in_order
    habits = attempt("the season", _kept.get, otherwise=None)
    if habits is None:
        return in_order
    row_N = np.array([candidate.row for candidate in in_order])
    seasonal_N = np.array([candidate.source not in IN_SEASON for candidate in in_order])
    boost_N = habits.boosts(context.catalogue.category_id[row_N], now=context.now, seasonal=seasonal_N)
    shift_N = -settings.CONTEXT_BOOST * context.k / 3 * boost_N / LARGEST
    order = np.lexsort((shift_N, np.arange(len(in_order)) + shift_N))
    return [in_order[index] for index in order]


def part_of(moment: datetime) -> int:
    """Return the part of the day, counted from 0, that it is in the shop's time zone."""
    hour = timezone.localtime(moment, timezone.get_default_timezone()).hour
    return (hour - FIRST_HOUR) % 24 // HOURS_OF_A_PART


def learned(count_CMP: np.ndarray, *, category_id: np.ndarray, department_C: np.ndarray) -> Habits:
    """Return what the counts of 18 months say, the last of which is the present one.

    A category is as wanted as its counts are to those expected from its overall share; few counts give way
    to those of the department's other categories, and these to no difference. `category_id` is ascending,
    `department_C` a code of each one's department.
    """
    by_part = np.stack([_of_part(count_CMP, part=part, department_C=department_C) for part in range(PARTS)])
    of_season = _of_season(count_CMP.sum(axis=2), department_C=department_C)
    return Habits(category_id=category_id, by_part=by_part.T, of_season=of_season)


def _of_part(count_CMP: np.ndarray, *, part: int, department_C: np.ndarray) -> np.ndarray:
    count_C = count_CMP.sum(axis=(1, 2))
    share_C = count_C / max(count_C.sum(), 1)
    seen_C = count_CMP[:, :, part].sum(axis=1)
    return _shrunk(seen_C, expected_C=seen_C.sum() * share_C, department_C=department_C)


def _of_season(count_CM: np.ndarray, *, department_C: np.ndarray) -> np.ndarray:
    """(C,) how much more was wanted around this month a year ago than in the twelve months around it.

    What grows steadily is in the middle of those twelve as wanted as in their mean, so that growth does not
    pass for a season, as it would against the twelve months since. A shop that lacks any of the twelve has
    no seasons yet.
    """
    year_CM = count_CM[:, YEAR]
    total_M = year_CM.sum(axis=0)
    if (total_M < LEAST_EVENTS).any():
        return np.zeros(len(count_CM))
    share_C = (year_CM / total_M).mean(axis=1)  # of months, not of events: a busy month counts once
    seen_C, expected_C = np.zeros(len(count_CM)), np.zeros(len(count_CM))
    for month, weight in NEIGHBOURS:
        seen_C += weight * year_CM[:, month]
        expected_C += weight * total_M[month] * share_C
    return _shrunk(seen_C, expected_C=expected_C, department_C=department_C)


def _shrunk(seen_C: np.ndarray, *, expected_C: np.ndarray, department_C: np.ndarray) -> np.ndarray:
    """(C,) log of seen to expected, each the mean of a gamma posterior: few counts hardly move its prior."""
    siblings_seen_C = np.bincount(department_C, seen_C)[department_C] - seen_C
    siblings_expected_C = np.bincount(department_C, expected_C)[department_C] - expected_C
    prior_C = (siblings_seen_C + PRIOR_EVENTS) / (siblings_expected_C + PRIOR_EVENTS)
    ratio_C = (seen_C + PRIOR_EVENTS * prior_C) / (expected_C + PRIOR_EVENTS)
    return np.clip(np.log(ratio_C), -LARGEST, LARGEST)


def _learn(held: Habits | None) -> Habits:
    """Return what is known now; that before, or nothing for this hour, where it cannot be counted."""
    nothing = Habits(category_id=np.empty(0, np.int64), by_part=np.empty((0, PARTS)), of_season=np.empty(0))
    return attempt("the season", _read, otherwise=held or nothing)


def _read() -> Habits:
    now = timezone.localtime(timezone.now(), timezone.get_default_timezone())
    this_month = now.year * 12 + now.month
    year, month = divmod(this_month - MONTHS, 12)  # counted from 0, as a month of the calendar is not
    since = now.replace(year=year, month=month + 1, day=1, hour=0, minute=0, second=0, microsecond=0)
    values: dict[str, str | int | datetime] = {
        "zone": settings.TIME_ZONE,
        "most": MOST_EVENTS,
        "since": since,
        "until": now,
        "first": FIRST_HOUR,
        "hours": HOURS_OF_A_PART,
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, values)
        found = cursor.fetchall()
    paths = dict(sorted(snapshot.current().category_path.items()))
    row_of = {pk: row for row, pk in enumerate(paths)}
    count_CMP = np.zeros((len(paths), MONTHS, PARTS))
    for pk, counted_month, part, number in found:
        if pk in row_of:  # else it came a moment ago
            count_CMP[row_of[pk], counted_month - this_month + MONTHS - 1, part] = number
    departments = {path: code for code, path in enumerate(sorted({p.split("/")[0] for p in paths.values()}))}
    department_C = np.array([departments[path.split("/")[0]] for path in paths.values()], dtype=np.int64)
    return learned(count_CMP, category_id=np.array(list(paths), np.int64), department_C=department_C)


# One that is old is no reason for a page to wait.
_kept = Refreshed(_learn, seconds=FRESH_SECONDS, name="what is wanted now", patience=float("inf"))
