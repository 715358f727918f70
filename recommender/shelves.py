"""The catalogue as a ranker's features read it, for the pages of this process."""

# I = products of the catalogue, N = products in which somebody was interested

import threading
import time
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from django.db import connection, transaction

from ml.ranking.features import INTEREST_DAYS, INTEREST_REACH_DAYS, Shelf, relative
from ml.ranking.neighbours import Neighbours
from ml.ranking.rankers import SecondStage
from ml.ranking.shelves import codes_of
from recommender.snapshot import Snapshot

INTEREST_SECONDS = 120.0  # how old the interest in the products may be

# The positive kinds as ml.data weighs them: stars count from where their weight rises above zero.
_INTEREST = """
    WITH latest AS (
        SELECT least(max(occurred_at), %(now)s) AS at FROM recommender_interaction WHERE user_id IS NOT NULL
    ), recent AS (
        SELECT product_id, extract(epoch FROM latest.at - occurred_at) / 86400 AS days
        FROM recommender_interaction, latest
        WHERE user_id IS NOT NULL AND occurred_at <= latest.at
            AND occurred_at > latest.at - make_interval(days => %(reach)s)
            AND (kind IN ('view', 'click', 'cart_add', 'purchase')
                OR kind = 'rating' AND coalesce(value, 3) > 2.0 + 2.0 / 3)
    )
    SELECT product_id, sum(power(0.5, days / %(first)s))::float8, sum(power(0.5, days / %(second)s))::float8,
        sum(power(0.5, days / %(third)s))::float8
    FROM recent GROUP BY product_id
"""


def current(catalogue: Snapshot, *, stage: SecondStage, item_vectors: np.ndarray, now: datetime) -> Shelf:
    """Return the catalogue's products as known now, their interest as of the last two minutes.

    One query in two minutes; the columns are made when the catalogue or the ranker changes.
    """
    facts = _facts.of(catalogue, stage=stage)
    return replace(facts, interest=_interest.of(catalogue, now=now), vectors=item_vectors)


def forget() -> None:
    """Count and make everything anew for the next list."""
    _interest.forget()
    _facts.forget()


@dataclass(frozen=True, kw_only=True)
class _Counted:
    """The interest in products, as counted from the events."""

    counted_at: float  # of time.monotonic
    product_id: np.ndarray  # (N,) int64 ascending
    interest: np.ndarray  # (N, 3) float64


class _Interest:
    """The counts of `ml.ranking.features.interest_of` by the database, a few minutes old at most."""

    def __init__(self) -> None:
        self._counting = threading.Lock()
        self._counted: _Counted | None = None
        self._placed: tuple[_Counted, str, np.ndarray] | None = None

    def of(self, catalogue: Snapshot, *, now: datetime) -> np.ndarray:
        """Return (I, 3) float32 by the catalogue's rows, relative to the mean of their columns."""
        counted, placed = self._fresh(now), self._placed
        if placed is None or placed[0] is not counted or placed[1] != catalogue.revision:
            rows = catalogue.rows_of(counted.product_id)
            interest = np.zeros((len(catalogue), len(INTEREST_DAYS)))
            interest[rows[rows >= 0]] = counted.interest[rows >= 0]
            placed = (counted, catalogue.revision, relative(interest))
            self._placed = placed
        return placed[2]

    def forget(self) -> None:
        """Count anew for the next list."""
        self._counted = None

    def _fresh(self, now: datetime) -> _Counted:
        counted = self._counted
        if counted is not None and time.monotonic() - counted.counted_at < INTEREST_SECONDS:
            return counted
        # One thread counts; the others go on with what was counted before.
        if not self._counting.acquire(blocking=counted is None):
            assert counted is not None
            return counted
        try:
            self._counted = _count_interest(now)
            return self._counted
        finally:
            self._counting.release()


def _count_interest(now: datetime) -> _Counted:
    first, second, third = INTEREST_DAYS
    values: dict[str, datetime | int] = {
        "now": now,
        "reach": INTEREST_REACH_DAYS,
        "first": first,
        "second": second,
        "third": third,
    }
    # A savepoint, so that a failed query leaves the caller's transaction usable.
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_INTEREST, values)
        rows = sorted(cursor.fetchall())
    table = np.array(rows, dtype=np.float64).reshape(len(rows), 1 + len(INTEREST_DAYS))
    return _Counted(
        counted_at=time.monotonic(), product_id=table[:, 0].astype(np.int64), interest=table[:, 1:]
    )


class _Facts:
    """The columns that change only with the catalogue, and the neighbours, with its products alone."""

    def __init__(self) -> None:
        self._made: tuple[str, SecondStage, Shelf] | None = None
        self._moved: tuple[np.ndarray, SecondStage, Neighbours, Neighbours] | None = None

    def of(self, catalogue: Snapshot, *, stage: SecondStage) -> Shelf:
        """Return a shelf without interest and vectors."""
        made = self._made
        if made is None or made[0] != catalogue.revision or made[1] is not stage:
            follows, alike = self._neighbours(catalogue, stage=stage)
            made = (catalogue.revision, stage, _columns_of(catalogue, follows=follows, alike=alike))
            self._made = made
        return made[2]

    def forget(self) -> None:
        """Make them anew for the next list."""
        self._made = self._moved = None

    def _neighbours(self, catalogue: Snapshot, *, stage: SecondStage) -> tuple[Neighbours, Neighbours]:
        """Return both by the catalogue's rows; moved only when a product comes or goes."""
        moved, ids = self._moved, catalogue.product_id
        if moved is None or moved[1] is not stage or not np.array_equal(moved[0], ids):
            rows = catalogue.rows_of(stage.item_ids)
            follows = stage.follows.moved(rows, num_rows=len(ids))
            moved = (ids, stage, follows, stage.alike.moved(rows, num_rows=len(ids)))
            self._moved = moved
        return moved[2], moved[3]


def _columns_of(catalogue: Snapshot, *, follows: Neighbours, alike: Neighbours) -> Shelf:
    ids, place = np.unique(catalogue.category_id, return_inverse=True)
    tops = [catalogue.category_path.get(pk, "").split("/", maxsplit=1)[0] for pk in ids.tolist()]
    brand = catalogue.brand.astype(np.int64)
    named = np.array([bool(name) for name in catalogue.brands] or [False])
    return Shelf(
        category=catalogue.category_id,
        department=codes_of(tops)[place] if len(ids) else np.zeros(0, dtype=np.int64),
        brand=np.where(named[np.maximum(brand, 0)], brand, -1),
        log_price=np.log1p(catalogue.price),
        discount=catalogue.discount,
        rating=catalogue.rating,
        log_rating_count=np.log1p(catalogue.rating_count).astype(np.float32),
        released_at=catalogue.released_at,
        interest=np.zeros((len(catalogue), len(INTEREST_DAYS))),
        vectors=np.zeros((len(catalogue), 0)),
        follows=follows,
        alike=alike,
    )


_interest, _facts = _Interest(), _Facts()
