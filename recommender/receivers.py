"""What the shop tells, written down: one signal, one call."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

from django.dispatch import Signal

from recommender import interactions, revisions
from recommender.interactions import Kind, record_interaction
from shop import signals
from shop.models import Order, Product, Review
from shop.visitors import Visitor


def connect() -> None:
    """Listen to the shop; calling it again changes nothing."""
    listeners: dict[Signal, Callable[..., None]] = {
        signals.product_viewed: on_product_viewed,
        signals.product_clicked: on_product_clicked,
        signals.cart_item_added: on_cart_item_added,
        signals.cart_item_removed: on_cart_item_removed,
        signals.order_placed: on_order_placed,
        signals.review_submitted: on_review_submitted,
        signals.visitor_logged_in: on_visitor_logged_in,
        signals.catalogue_changed: on_catalogue_changed,
        signals.account_changed: on_account_changed,
    }
    for signal, listener in listeners.items():
        signal.connect(listener, dispatch_uid=f"recommender.{listener.__name__}")


def on_product_viewed(
    *,
    visitor: Visitor,
    product: Product,
    event_id: UUID,
    placement: str = "",
    impression_id: UUID | None = None,
    **_: Any,
) -> None:
    record_interaction(
        event_id=event_id,
        visitor=visitor,
        product_id=product.pk,
        kind=Kind.VIEW,
        placement=placement,
        impression_id=impression_id,
    )


def on_product_clicked(
    *,
    visitor: Visitor,
    product: Product,
    event_id: UUID,
    placement: str = "",
    impression_id: UUID | None = None,
    **_: Any,
) -> None:
    record_interaction(
        event_id=event_id,
        visitor=visitor,
        product_id=product.pk,
        kind=Kind.CLICK,
        placement=placement,
        impression_id=impression_id,
    )


def on_cart_item_added(
    *,
    visitor: Visitor,
    product: Product,
    quantity: int,
    placement: str = "",
    impression_id: UUID | None = None,
    **_: Any,
) -> None:
    record_interaction(
        event_id=uuid4(),
        visitor=visitor,
        product_id=product.pk,
        kind=Kind.CART_ADD,
        value=quantity,
        placement=placement,
        impression_id=impression_id,
    )


def on_cart_item_removed(*, visitor: Visitor, product: Product, quantity: int, **_: Any) -> None:
    record_interaction(
        event_id=uuid4(),
        visitor=visitor,
        product_id=product.pk,
        kind=Kind.CART_REMOVE,
        value=quantity,
    )


def on_order_placed(*, visitor: Visitor, order: Order, **_: Any) -> None:
    interactions.record_order(order, visitor=visitor)


def on_review_submitted(*, visitor: Visitor, review: Review, **_: Any) -> None:
    interactions.record_review(review, visitor=visitor)


def on_visitor_logged_in(*, visitor: Visitor, **_: Any) -> None:
    interactions.join_guest_history(visitor)


def on_catalogue_changed(**_: Any) -> None:
    revisions.bump(revisions.CATALOGUE)


def on_account_changed(*, user_id: int, **_: Any) -> None:
    revisions.bump(revisions.name_of_user(user_id))
