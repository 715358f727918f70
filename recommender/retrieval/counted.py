"""What is counted over all shoppers, and what the catalogue itself says: trends, prices, novelty."""

# I = products of the catalogue

import weakref
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from psycopg import sql

from recommender import copying
from recommender.candidates import Candidate, Reason
from recommender.context import Context
from recommender.item_matrix import largest
from recommender.refreshing import Refreshed
from recommender.retrieval.nearest import nearest
from recommender.retrieval.proposing import candidates
from recommender.snapshot import Snapshot

TRENDING_WINDOW_DAYS = 14
TRENDING_HALF_LIFE_DAYS = 3
TRENDING_FRESH_SECONDS = 60.0
LEAST_DISCOUNT = 0.05
LIKED_CATEGORIES = 3  # of a shopper's history
RECENT = 100  # events of a history that say which categories a shopper looks at now

_INTEREST = """
    SELECT product_id,
        sum(
            CASE kind WHEN 'purchase' THEN 5 WHEN 'cart_add' THEN 3 ELSE 1 END
            * power(0.5, greatest(extract(epoch FROM latest.at - occurred_at), 0) / {half_life})
        )::float8
    FROM recommender_interaction,
        (SELECT least(max(occurred_at), now()) AS at FROM recommender_interaction) AS latest
    WHERE occurred_at > latest.at - make_interval(days => {days})
        AND kind IN ('view', 'click', 'cart_add', 'purchase')
    GROUP BY product_id
"""
_FIELDS = (("product_id", ">i8"), ("interest", ">f8"))


@dataclass(frozen=True, kw_only=True)
class _Interest:
    product_id: np.ndarray  # (N,) int64
    interest: np.ndarray  # (N,) float64


def trending(context: Context, k: int) -> list[Candidate]:
    """The products with the most recent interest of all shoppers, the most wanted first."""
    interest = np.where(context.allowed, interest_of(context.catalogue), 0.0)
    rows = _largest_above_0(interest, k=k)
    reason = Reason(kind="popular")
    return candidates(
        context, source="trending", rows=rows, scores=interest[rows], reason_of=lambda _row: reason
    )


def popular_in_category(context: Context, k: int) -> list[Candidate]:
    """What trends in the anchors' categories, else in those that the shopper likes; then their newest."""
    categories = _categories(context)
    if not categories:
        return []
    allowed = context.allowed & context.catalogue.rows_in(categories)
    interest = np.where(allowed, interest_of(context.catalogue), 0.0)
    rows = _largest_above_0(interest, k=k)
    rest = _newest(context.catalogue, allowed=allowed & (interest <= 0), k=k - len(rows))
    reason_of = _popular_in(context, wanted=interest, categories=categories)
    both = np.concatenate([rows, rest])
    return candidates(
        context, source="popular_in_category", rows=both, scores=interest[both], reason_of=reason_of
    )


def new_arrivals(context: Context, k: int) -> list[Candidate]:
    """The products released last."""
    return _by_release(context, k=k, source="new_arrivals", reason=Reason(kind="new"))


def newest(context: Context, k: int) -> list[Candidate]:
    """The products released last, to fill a list that is about something else."""
    return _by_release(context, k=k, source="newest", reason=None)


def on_sale(context: Context, k: int) -> list[Candidate]:
    """Reduced products: those that fit the shopper, or the most reduced where nothing is known of them."""
    catalogue, reason = context.catalogue, Reason(kind="on_sale")
    allowed = context.allowed & (catalogue.discount >= LEAST_DISCOUNT)
    if context.user_vector is not None and context.version is not None:
        rows, scores = nearest(context, query=context.user_vector, k=k, allowed=allowed)
    else:
        scores = np.where(allowed, catalogue.discount, 0.0)
        rows = _largest_above_0(scores, k=k)
        scores = scores[rows]
    return candidates(context, source="on_sale", rows=rows, scores=scores, reason_of=lambda _row: reason)


def interest_of(catalogue: Snapshot) -> np.ndarray:
    """(I,) float64: each product's interest of the last 14 days of events, halved every 3 days.

    The window ends at the newest event, so that an imported shop of old data trends too. Worked out anew
    every minute, in the background.
    """
    global _aligned  # noqa: PLW0603 - one for the process
    found = _interest.get()
    of, rows_of, aligned = _aligned
    if of() is not found or rows_of != catalogue.ids_digest:
        aligned = np.zeros(len(catalogue))
        rows = catalogue.rows_of(found.product_id)
        aligned[rows[rows >= 0]] = found.interest[rows >= 0]
        _aligned = (weakref.ref(found), catalogue.ids_digest, aligned)
    return aligned


def _read_interest(_previous: _Interest | None) -> _Interest:
    query = sql.SQL(_INTEREST).format(half_life=TRENDING_HALF_LIFE_DAYS * 86_400, days=TRENDING_WINDOW_DAYS)
    rows = copying.read_rows(query, _FIELDS)
    return _Interest(
        product_id=rows["product_id"].astype(np.int64), interest=rows["interest"].astype(np.float64)
    )


_interest = Refreshed(_read_interest, seconds=TRENDING_FRESH_SECONDS, name="what trends")
_aligned: tuple[Callable[[], _Interest | None], str, np.ndarray] = (lambda: None, "", np.empty(0))


def _largest_above_0(scores: np.ndarray, *, k: int) -> np.ndarray:
    rows = largest(scores, k=k)
    return rows[scores[rows] > 0]


def _newest(catalogue: Snapshot, *, allowed: np.ndarray, k: int) -> np.ndarray:
    order = catalogue.newest_rows
    return order[allowed[order]][: max(k, 0)]


def _by_release(context: Context, *, k: int, source: str, reason: Reason | None) -> list[Candidate]:
    rows = _newest(context.catalogue, allowed=context.allowed, k=k)
    scores = context.catalogue.released_at[rows]
    return candidates(context, source=source, rows=rows, scores=scores, reason_of=lambda _row: reason)


def _categories(context: Context) -> list[int]:
    """The anchors' categories; else those of the latest history, else the picked ones."""
    catalogue = context.catalogue
    ids = list(context.anchor_ids) or [row.product_id for row in context.history[:RECENT]]
    rows = catalogue.rows_of(np.array(ids, dtype=np.int64))
    counts = Counter(catalogue.category_id[rows[rows >= 0]].tolist())
    found = [category_id for category_id, _ in counts.most_common(LIKED_CATEGORIES)]
    return found or list(context.visitor.preference_ids)


def _popular_in(
    context: Context, *, wanted: np.ndarray, categories: list[int]
) -> Callable[[int], Reason | None]:
    """The reason of a row: popular in its own category, where anybody wants it at all."""

    def reason_of(row: int) -> Reason | None:
        if wanted[row] <= 0:
            return None
        return Reason(kind="popular_in", category_id=int(context.catalogue.category_id[row]))

    return reason_of
