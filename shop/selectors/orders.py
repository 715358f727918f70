"""Reads of a shopper's own orders."""

import uuid

from django.db.models import QuerySet, Sum

from shop.models import Order, User


def orders_of(user: User) -> QuerySet[Order]:
    """Return the user's orders, newest first, each with `.things`: how many things it holds."""
    return user.orders.annotate(things=Sum("items__quantity")).order_by("-placed_at", "-id")


def order_of(user: User, *, number: uuid.UUID) -> Order | None:
    """Return the user's own order with its lines and their pictures; None for anybody else's."""
    orders = user.orders.prefetch_related("items__product__images")
    return orders.filter(number=number).first()


def last_order_of(user: User) -> Order | None:
    return user.orders.first()
