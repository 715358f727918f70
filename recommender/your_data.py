"""What the shop knows of one visitor: to read, to take along, to delete."""

import json
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.db.models import Count, F, Q, QuerySet, Sum
from django.utils import timezone

from recommender import features, forgetting, revisions
from recommender.interactions import interactions_of
from recommender.ladder import attempt
from recommender.models import Impression, Interaction, Recommendation, SearchQuery, UserEmbedding
from recommender.redis_door import RedisAway
from shop.models import Order, Profile, Review, User
from shop.selectors.carts import items_of
from shop.services import accounts
from shop.visitors import Visitor

BATCH = 1000


@dataclass(frozen=True, kw_only=True)
class Holdings:
    """How much the shop holds of a visitor, beside the events themselves."""

    lists_shown: int
    products_shown: int
    products_seen: int
    searches: int
    vectors: int
    lists_made_ahead: int
    orders: int
    reviews: int


class StoreAway(RuntimeError):
    """The copies in Redis could not be deleted; the message says what to do."""


def events_of(visitor: Visitor) -> QuerySet[Interaction]:
    """Return what the visitor did, newest first, each with its product."""
    return interactions_of(visitor).select_related("product").order_by("-occurred_at", "-id")


def impressions_of(visitor: Visitor) -> QuerySet[Impression]:
    """Return the lists that the account was shown, here as a guest too; of a guest, those of this browser."""
    return Impression.objects.filter(_is_of(visitor))


def searches_of(visitor: Visitor) -> QuerySet[SearchQuery]:
    """Return the searches of the account, here as a guest too; of a guest, those of this browser."""
    return SearchQuery.objects.filter(_is_of(visitor))


def _is_of(visitor: Visitor) -> Q:
    as_guest = Q(visitor_id=visitor.id, user__isnull=True)
    return as_guest | Q(user=visitor.user) if visitor.user else as_guest


def profile_of(user: User) -> Profile | None:
    """Return the account's profile with its preferences; two queries."""
    return Profile.objects.filter(user=user).prefetch_related("preferences").first()


def holdings(visitor: Visitor) -> Holdings:
    """Return the counts; two queries for a guest, six for an account."""
    shown = impressions_of(visitor).aggregate(
        lists=Count("pk"), products=Sum("product_ids__len"), seen=Sum("seen_positions__len")
    )
    user = visitor.user
    return Holdings(
        lists_shown=shown["lists"],
        products_shown=shown["products"] or 0,
        products_seen=shown["seen"] or 0,
        searches=searches_of(visitor).count(),
        vectors=UserEmbedding.objects.filter(user=user).count() if user else 0,
        lists_made_ahead=Recommendation.objects.filter(user=user).count() if user else 0,
        orders=user.orders.count() if user else 0,
        reviews=user.reviews.count() if user else 0,
    )


def delete_event(event_id: uuid.UUID, *, visitor: Visitor) -> bool:
    """Return True when the visitor's own event is gone, False when they have none by this id."""
    deleted, _ = interactions_of(visitor).filter(event_id=event_id).delete()
    revisions.bump(*revisions.names_of(visitor))
    return bool(deleted)


def delete_all(visitor: Visitor) -> int:
    """Return how many events are gone, and with them all that was computed from them, shown or searched for.

    Orders, reviews, the cart, the account and its preferences stay. Raises StoreAway when all is deleted but
    the copies in Redis; calling it again deletes that too.
    """
    with transaction.atomic():
        events, _ = interactions_of(visitor).delete()
        impressions_of(visitor).delete()
        searches_of(visitor).delete()
        if visitor.user:
            UserEmbedding.objects.filter(user=visitor.user).delete()
            Recommendation.objects.filter(user=visitor.user).delete()
        revisions.bump(*revisions.names_of(visitor))
    try:
        forgetting.forget(visitor)
    except RedisAway as error:
        raise StoreAway(
            "What you did is deleted, but a copy of what was worked out from it could not be reached. "
            "Delete once more in a few minutes."
        ) from error
    return events


def personalise(visitor: Visitor, *, on: bool) -> None:
    """Let the account's past shape its lists and be added to, or, paused, neither; a guest has a cookie."""
    if visitor.user is not None:
        accounts.set_personalised(visitor.user, personalised=on)
    revisions.bump(*revisions.names_of(visitor))


def export(visitor: Visitor) -> Iterator[str]:
    """Return all that is known of the visitor as pieces of one JSON object, read while it is sent."""
    parts = {**_small_parts(visitor), **_long_parts(visitor)}
    for number, (name, value) in enumerate(parts.items()):
        yield f"{',' if number else '{'}\n{json.dumps(name)}: "
        yield from _written(value)
    yield "\n}\n"


def _written(value: Any) -> Iterator[str]:
    """Return a value as JSON; a query set's rows one by one."""
    if not isinstance(value, QuerySet):
        yield json.dumps(value, cls=DjangoJSONEncoder)
        return
    yield "["
    for number, row in enumerate(value.iterator(chunk_size=BATCH)):
        yield f"{',' if number else ''}\n  {json.dumps(_plain(row), cls=DjangoJSONEncoder)}"
    yield "]"


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row with its vector as numbers."""
    return {name: value.tolist() if hasattr(value, "tolist") else value for name, value in row.items()}


def _small_parts(visitor: Visitor) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "exported_at": timezone.now(),
        "browser": visitor.id,
        "personalised": visitor.personalised,
    }
    user = visitor.user
    if user is None:
        return {**facts, "account": None}
    profile = profile_of(user)
    account = {"email": user.email, "name": user.name, "signed_up_at": user.date_joined}
    if profile is not None:
        account |= {
            "country": profile.region,
            "birth_date": profile.birth_date,
            "preferences": [category.path for category in profile.preferences.all()],
        }
    return {**facts, "account": account, "features": features.online_user_features([user.pk])}


def _long_parts(visitor: Visitor) -> dict[str, Iterable[Any]]:
    parts: dict[str, Iterable[Any]] = {
        "events": events_of(visitor).values(
            "event_id",
            "kind",
            "value",
            "occurred_at",
            "placement",
            "impression_id",
            sku=F("product__sku"),
            product_name=F("product__name"),
        ),
        "lists_shown": impressions_of(visitor).order_by("created_at").values(),
        "searches": searches_of(visitor).order_by("created_at").values(),
        "cart": items_of(visitor).values("quantity", "added_at", sku=F("product__sku")),
    }
    user = visitor.user
    if user is not None:
        parts |= {
            "vectors": attempt("the vectors of your data", lambda: _vectors(user), otherwise=[]),
            "lists_made_ahead": Recommendation.objects.filter(user=user).values(
                "version_id", "product_ids", "scores", "created_at"
            ),
            "orders": _orders(user),
            "reviews": Review.objects.filter(user=user).values(
                "rating", "title", "text", "created_at", sku=F("product__sku")
            ),
        }
    return parts


def _vectors(user: User) -> list[dict[str, Any]]:
    """Return the account's vectors, one a version: read before they are sent, since pgvector may be gone."""
    rows = UserEmbedding.objects.filter(user=user).values("version_id", "vector")
    return [_plain(dict(row)) for row in rows]


def _orders(user: User) -> Iterable[Any]:
    """Return the lines of the account's orders, oldest first, each with its order."""
    return (
        Order.objects.filter(user=user)
        .order_by("placed_at", "items__pk")
        .values(
            "number",
            "status",
            "placed_at",
            "total",
            "ship_to_name",
            "ship_to_address",
            "ship_to_region",
            product=F("items__name"),
            price=F("items__price"),
            quantity=F("items__quantity"),
        )
    )
