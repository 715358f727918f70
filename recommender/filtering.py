"""Which products a visitor may be shown: availability, eligibility and history."""

# I = products of the catalogue

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter

import numpy as np
from django.db import connection

from ml.data import MAX_HISTORY
from recommender.interactions import OF_ACCOUNT, OF_GUEST, HistoryRow, whose
from recommender.models import Interaction
from recommender.snapshot import EVERYWHERE, Snapshot
from shop.visitors import Visitor

SEEN_WINDOW = timedelta(days=30)  # a product looked at this recently is no discovery
MAX_MARKS = 5_000  # the newest purchases and dislikes of one shopper that are read for a page
IN_CART = "in_cart"
Kind = Interaction.Kind


# Written out, since to have the ORM build it took as long as the database to answer it.
_PAST = """
    (SELECT true, product_id, kind, value, occurred_at FROM recommender_interaction
     WHERE {mine} ORDER BY occurred_at DESC, id DESC LIMIT %(events)s)
    UNION ALL
    (SELECT false, product_id, kind, value, occurred_at FROM recommender_interaction
     WHERE {mine} AND kind IN ('purchase', 'dislike', 'rating') ORDER BY occurred_at DESC LIMIT %(marks)s)
    UNION ALL
    (SELECT false, product_id, 'in_cart', NULL, added_at FROM shop_cartitem
     WHERE cart_id IN (SELECT id FROM shop_cart WHERE {cart}) LIMIT %(marks)s)
"""
_GUESTS_PAST = _PAST.format(mine=OF_GUEST, cart="visitor_id = %(whose)s")
_ACCOUNTS_PAST = _PAST.format(mine=OF_ACCOUNT, cart="user_id = %(whose)s")


@dataclass(frozen=True)
class Mark:
    """A purchase, a dislike, a rating or a line of the cart: what a list must know of a product."""

    product_id: int
    kind: str  # a kind of interaction, or IN_CART
    value: float | None
    at: datetime

    @property
    def is_dislike(self) -> bool:
        return self.kind == Kind.DISLIKE or (
            self.kind == Kind.RATING and self.value is not None and self.value < 3
        )


@dataclass(frozen=True, kw_only=True)
class Past:
    """What a shopper did, as the user tower reads it and as lists must know it."""

    history: list[HistoryRow]
    marks: list[Mark]


def allowed_mask(
    catalogue: Snapshot, *, visitor: Visitor, marks: Sequence[Mark], now: datetime, hides_bought: bool = True
) -> np.ndarray:
    """(I,) bool: what can be bought now and what the visitor, with these marks, may and might buy.

    With `hides_bought` off, what was bought for good and what is in the cart stay in.
    """
    allowed = buyable_mask(catalogue, visitor=visitor, now=now)
    allowed[rows_marked(catalogue, marks=marks, hides_bought=hides_bought)] = False
    return allowed


def buyable_mask(catalogue: Snapshot, *, visitor: Visitor, now: datetime) -> np.ndarray:
    """(I,) bool: what is listed, in stock and open to the visitor's age and region."""
    return np.asarray(listed_mask(catalogue, visitor=visitor, now=now) & (catalogue.stock > 0))


def listed_mask(catalogue: Snapshot, *, visitor: Visitor, now: datetime) -> np.ndarray:
    """(I,) bool: what is active, released and open to the visitor's age and region, sold out or not."""
    allowed = catalogue.active & (catalogue.released_at <= now.timestamp())
    allowed &= catalogue.min_age <= (visitor.age or 0)
    if visitor.region in catalogue.region_names:
        bit = np.uint64(1 << min(catalogue.region_names.index(visitor.region), 63))
        allowed &= (catalogue.regions & bit) > 0
    else:
        allowed &= catalogue.regions == np.uint64(EVERYWHERE)
    return np.asarray(allowed)


def past_of(visitor: Visitor, *, num_events: int = MAX_HISTORY) -> Past:
    """Return what the visitor did last, newest first, and their marks; one query, none if paused.

    At most `num_events` of what they did: as many as the histories of training have, so that a page sees the
    user whom the model learnt. A guest has only what this browser did as a guest.
    """
    if not visitor.personalised:
        return Past(history=[], marks=[])
    query = _ACCOUNTS_PAST if visitor.user else _GUESTS_PAST
    with connection.cursor() as cursor:
        cursor.execute(query, {"whose": whose(visitor), "events": num_events, "marks": MAX_MARKS})
        rows = sorted(cursor.fetchall(), key=itemgetter(4), reverse=True)
    return Past(
        history=[HistoryRow(*row) for is_event, *row in rows if is_event],
        marks=[Mark(*row) for is_event, *row in rows if not is_event],
    )


def rows_marked(catalogue: Snapshot, *, marks: Sequence[Mark], hides_bought: bool = True) -> np.ndarray:
    """The rows that marks keep out of a list: disliked, rated below 3, bought for good, in the cart.

    With `hides_bought` off, only what was disliked or rated below 3.
    """
    bought = [mark.product_id for mark in marks if hides_bought and mark.kind == Kind.PURCHASE]
    out = [mark.product_id for mark in marks if mark.is_dislike or (hides_bought and mark.kind == IN_CART)]
    bought_rows = catalogue.rows_of(np.array(bought, dtype=np.int64))
    bought_rows = bought_rows[bought_rows >= 0]
    out_rows = catalogue.rows_of(np.array(out, dtype=np.int64))
    return np.concatenate([bought_rows[~catalogue.repeatable[bought_rows]], out_rows[out_rows >= 0]])
