"""What visitors did: the only writer of live Interaction rows, and their readers."""

import math
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from recommender import revisions, streams
from recommender.models import Interaction
from shop.models import Order, Product, Review
from shop.visitors import Visitor

Kind = Interaction.Kind

# A live event may arrive late (a page kept open, a queue), but not from another day.
OLDEST_LIVE_EVENT = timedelta(hours=24)
MAX_PLACEMENT = 40  # characters that the column holds
QUANTITY_KINDS = frozenset({Kind.CART_ADD, Kind.CART_REMOVE, Kind.PURCHASE})
# interactions_of() for statements that are written out.
OF_GUEST, OF_ACCOUNT = "visitor_id = %(whose)s AND user_id IS NULL", "user_id = %(whose)s"
EVENT_NAMESPACE = uuid.UUID("6f0b3d1e-4a55-5c0e-9a3c-2f6f1c8f0a11")

# Selecting the product in the same statement makes an unknown one visible at once: the foreign key
# is deferred, so that it would fail only at the commit, far from the caller.
INSERT = """
    INSERT INTO recommender_interaction
        (event_id, visitor_id, user_id, product_id, kind, value, placement, impression_id,
         occurred_at, created_at)
    SELECT %s, %s, %s, id, %s, %s, %s, %s, %s, %s FROM shop_product WHERE id = %s
    ON CONFLICT (event_id) DO NOTHING
"""


@dataclass(frozen=True)
class HistoryRow:
    """One interaction as the user tower reads it."""

    product_id: int
    kind: str
    value: float | None
    occurred_at: datetime


def record_interaction(
    *,
    event_id: uuid.UUID,
    visitor: Visitor,
    product_id: int,
    kind: str,
    value: float | None = None,
    placement: str = "",
    impression_id: uuid.UUID | None = None,
    occurred_at: datetime | None = None,
) -> bool:
    """Return True when the event is saved, False when its id was seen before. One query.

    Of a visitor who paused personalisation only purchases are saved, which the orders hold anyway.
    The row belongs to the caller's transaction: it is saved with the caller's rows or not at all.
    Raises ValueError, naming the cure, for an unknown kind or product or a value that the kind cannot have.
    """
    now = timezone.now()
    happened = _clamped(occurred_at, now=now)
    values = [
        event_id,
        visitor.id,
        visitor.user_id,
        _checked_kind(kind),
        _checked_value(kind, value=value),
        placement[:MAX_PLACEMENT],
        impression_id,
        happened,
        now,
        product_id,
    ]
    if not visitor.personalised and kind != Kind.PURCHASE:
        return False
    with connection.cursor() as cursor:
        cursor.execute(INSERT, values)
        inserted = cursor.rowcount == 1
    if inserted:
        streams.publish(
            event_id=event_id, visitor=visitor, product_id=product_id, kind=kind, occurred_at=happened
        )
    elif not Product.objects.filter(pk=product_id).exists():
        raise ValueError(f"There is no product {product_id}; record only products that the shop has.")
    return inserted


def record_order(order: Order, *, visitor: Visitor) -> int:
    """Return how many of the order's lines were saved as purchases; a repeat of the order saves none."""
    return sum(
        record_interaction(
            event_id=event_id_of("order", str(order.number), str(item.product_id)),
            visitor=visitor,
            product_id=item.product_id,
            kind=Kind.PURCHASE,
            value=item.quantity,
        )
        for item in order.items.all()
    )


def record_review(review: Review, *, visitor: Visitor) -> bool:
    """Return True when the review's stars are saved; the same stars sent twice are one rating."""
    return record_interaction(
        event_id=event_id_of("review", str(review.pk), str(review.rating), review.created_at.isoformat()),
        visitor=visitor,
        product_id=review.product_id,
        kind=Kind.RATING,
        value=review.rating,
    )


def record_dislike(
    product_id: int, *, visitor: Visitor, placement: str = "", impression_id: uuid.UUID | None = None
) -> uuid.UUID:
    """Return the id of the one event that keeps the product from the visitor's lists until it is withdrawn.

    Raises ValueError for an unknown product.
    """
    owner = f"user/{visitor.user_id}" if visitor.user else f"visitor/{visitor.id}"
    event_id = event_id_of("dislike", owner, str(product_id))
    record_interaction(
        event_id=event_id,
        visitor=visitor,
        product_id=product_id,
        kind=Kind.DISLIKE,
        placement=placement,
        impression_id=impression_id,
    )
    return event_id


def withdraw(event_id: uuid.UUID, *, visitor: Visitor) -> bool:
    """Return True when the visitor's own dislike is gone, False when they had none by this id. One query."""
    deleted, _ = interactions_of(visitor).filter(event_id=event_id, kind=Kind.DISLIKE).delete()
    revisions.bump(*revisions.names_of(visitor))
    return bool(deleted)


def event_id_of(*parts: str) -> uuid.UUID:
    """Return the same id for the same parts, so that an event told twice is one row."""
    return uuid.uuid5(EVENT_NAMESPACE, "/".join(parts))


def join_guest_history(visitor: Visitor) -> int:
    """Return how many of the browser's anonymous rows now belong to the user who logged in on it."""
    if visitor.user is None:
        raise ValueError("A guest has nobody to give the history to; call this after the log-in.")
    streams.publish_join(visitor)
    return interactions_of(Visitor(id=visitor.id)).update(user=visitor.user)


def interactions_of(visitor: Visitor) -> QuerySet[Interaction]:
    """Return the account's interactions, or those of this browser as a guest."""
    if visitor.user is None:
        return Interaction.objects.filter(visitor_id=visitor.id, user__isnull=True)
    return Interaction.objects.filter(user=visitor.user)


def whose(visitor: Visitor) -> str:
    """Return the value of `whose` in OF_ACCOUNT, or in OF_GUEST while nobody is logged in."""
    return str(visitor.user_id) if visitor.user else visitor.id.hex


def _checked_kind(kind: str) -> str:
    if kind not in Kind.values:
        raise ValueError(f"Unknown kind {kind!r}; use one of {', '.join(Kind.values)}.")
    return str(kind)


def _checked_value(kind: str, *, value: float | None) -> float | None:
    if kind == Kind.RATING:
        if value is None or not 1 <= value <= 5:
            raise ValueError(f"A rating is 1 to 5 stars, not {value}.")
        return float(value)
    if kind in QUANTITY_KINDS:
        if value is None:
            return 1.0
        if not (math.isfinite(value) and value >= 1):
            raise ValueError(f"The quantity of a {kind} is 1 or more, not {value}.")
        return float(value)
    if value is not None:
        raise ValueError(f"A {kind} has no value; leave it out instead of {value}.")
    return None


def _clamped(occurred_at: datetime | None, *, now: datetime) -> datetime:
    if occurred_at is None:
        return now
    if timezone.is_naive(occurred_at):
        raise ValueError(
            "occurred_at needs a time zone; pass django.utils.timezone.now() or an aware datetime."
        )
    return max(now - OLDEST_LIVE_EVENT, min(occurred_at, now))
