"""Reads of a visitor's cart."""

from dataclasses import dataclass
from decimal import Decimal

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from shop.models import CartItem
from shop.selectors.catalogue import is_shown_to
from shop.visitors import Visitor

_COUNT = """
    SELECT coalesce(sum(quantity), 0) FROM shop_cartitem
    WHERE cart_id IN (SELECT id FROM shop_cart WHERE {owner} = %s)
"""


@dataclass(frozen=True, kw_only=True)
class CartView:
    """The lines of a cart, as a page shows them."""

    lines: list[CartItem]

    @property
    def count(self) -> int:
        return sum(line.quantity for line in self.lines)

    @property
    def total(self) -> Decimal:
        return sum((line.total for line in self.lines), Decimal(0))


def items_of(visitor: Visitor) -> QuerySet[CartItem]:
    """Return the lines of the account's cart, or of the browser's when nobody is logged in."""
    if visitor.user is not None:
        return CartItem.objects.filter(cart__user=visitor.user)
    return CartItem.objects.filter(cart__visitor_id=visitor.id)


def count_items(visitor: Visitor) -> int:
    """Return how many things are in the cart; one query."""
    owner, value = ("user_id", visitor.user_id) if visitor.user else ("visitor_id", visitor.id)
    with connection.cursor() as cursor:  # of every page, and by the ORM twice the time
        cursor.execute(_COUNT.format(owner=owner), [value])
        return int(cursor.fetchone()[0])


def cart(visitor: Visitor) -> CartView:
    """Return the cart, each line with `.problem`: why it cannot be bought so, or ''. Two queries."""
    lines = list(items_of(visitor).select_related("product").prefetch_related("product__images"))
    for line in lines:
        line.problem = problem_with(line, visitor=visitor)  # type: ignore[attr-defined]
    return CartView(lines=lines)


def problem_with(line: CartItem, *, visitor: Visitor) -> str:
    """Return what stands in the way of buying this line, in words for the shopper; '' when nothing does."""
    product = line.product
    if not product.active or product.released_at > timezone.now():
        return f"{product.name} is no longer sold. Remove it to go on."
    if not is_shown_to(product, visitor=visitor):
        return f"{product.name} cannot be sold to you: it is for other regions or ages. Remove it to go on."
    if product.stock == 0:
        return f"{product.name} is sold out. Remove it to go on."
    if line.quantity > product.stock:
        return f"Only {product.stock} of {product.name} left. Lower the quantity to go on."
    return ""
