"""What the shopper did themselves, and what others bought with it."""

import math
from collections import defaultdict

import numpy as np

from recommender.candidates import Candidate, Reason
from recommender.context import Context
from recommender.models import CoPurchase, Interaction
from recommender.retrieval.proposing import ReasonOf, candidates

Kind = Interaction.Kind
WANTED = frozenset({Kind.PURCHASE, Kind.CART_ADD})
LOOKED_AT = frozenset({Kind.VIEW, Kind.CLICK})
OWN_ANCHORS = 10  # the latest wanted products, for lists that are about no product
DAY_SECONDS = 86_400
USUAL_DAYS = 14.0  # between two purchases, of a product bought once
DUE_FROM = 0.5  # of the usual time between two purchases
LATE = 3.0  # times the usual; after that a product is as due as it will ever be
TRUSTED_SUPPORT = 5.0  # at this support half of a lift is believed


def recently_viewed(context: Context, k: int) -> list[Candidate]:
    """The products that the shopper looked at, the latest first."""
    ids = dict.fromkeys(row.product_id for row in context.history if row.kind in LOOKED_AT)
    rows = _allowed_rows(context, ids=list(ids))[:k]
    return candidates(
        context,
        source="recently_viewed",
        rows=rows,
        scores=range(len(rows), 0, -1),
        reason_of=_own_reason(context, kind="viewed"),
    )


def buy_again(context: Context, k: int) -> list[Candidate]:
    """The repeatable products that the shopper bought and that are due: by their own time between purchases.

    Bought once, a product is due after a week; else after half of the usual time between two purchases.
    """
    days: defaultdict[int, list[float]] = defaultdict(list)  # since each purchase, the latest first
    for mark in context.marks:
        if mark.kind == Kind.PURCHASE:
            days[mark.product_id].append(max((context.now - mark.at).total_seconds() / DAY_SECONDS, 0.0))
    due = {pk: how_due(since) for pk, since in days.items()}
    ids = [pk for pk in sorted(due, key=lambda pk: (-due[pk], pk)) if due[pk] > 0]
    rows = _allowed_rows(context, ids=ids)
    rows = rows[context.catalogue.repeatable[rows]][:k]
    return candidates(
        context,
        source="buy_again",
        rows=rows,
        scores=[due[pk] for pk in context.catalogue.product_id[rows].tolist()],
        reason_of=_own_reason(context, kind="again"),
    )


def how_due(days_since: list[float]) -> float:
    """How much a product is due, by the days since each of its purchases, the latest first; 0: not yet."""
    times = len(days_since)
    usual = max((days_since[-1] - days_since[0]) / (times - 1), 1.0) if times > 1 else USUAL_DAYS
    share = days_since[0] / usual
    return 0.0 if share < DUE_FROM else min(share, LATE) * math.log1p(times)


def bought_together(context: Context, k: int) -> list[Candidate]:
    """The products bought with the anchors, else with what the shopper wanted last; one query.

    Lift alone favours what was bought twice by chance: it is believed the more, the more often it was seen.
    """
    anchors = (
        context.anchor_ids
        or tuple(dict.fromkeys(row.product_id for row in context.history if row.kind in WANTED))[:OWN_ANCHORS]
    )
    if not anchors:
        return []
    scores: defaultdict[int, float] = defaultdict(float)
    best: dict[int, tuple[float, int]] = {}
    pairs = CoPurchase.objects.filter(product__in=anchors)
    for anchor, other, support, lift in pairs.values_list("product_id", "other_id", "support", "lift"):
        strength = believed(lift, support=support)
        scores[other] += strength
        best[other] = max(best.get(other, (0.0, anchor)), (strength, anchor))
    ids = sorted(scores, key=lambda pk: (-scores[pk], pk))
    rows = _allowed_rows(context, ids=ids)[:k]
    ids_by_row = dict(zip(rows.tolist(), context.catalogue.product_id[rows].tolist(), strict=True))
    return candidates(
        context,
        source="bought_together",
        rows=rows,
        scores=[scores[pk] for pk in ids_by_row.values()],
        reason_of=lambda row: Reason(kind="bought_with", product_id=best[ids_by_row[row]][1]),
    )


def believed(lift: float, *, support: int) -> float:
    """A lift, shrunk to what its support can bear."""
    return math.log1p(lift) * support / (support + TRUSTED_SUPPORT)


def _allowed_rows(context: Context, *, ids: list[int]) -> np.ndarray:
    rows = context.catalogue.rows_of(np.array(ids, dtype=np.int64))
    rows = rows[rows >= 0]
    return rows[context.allowed[rows]]


def _own_reason(context: Context, *, kind: str) -> ReasonOf:
    ids = context.catalogue.product_id
    return lambda row: Reason(kind=kind, product_id=int(ids[row]))
