"""Turning a cart into an order: stock is taken under a lock, and all of it or none."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.core import signing
from django.db import transaction

from shop.models import Cart, CartItem, Order, OrderItem, Product
from shop.money import money
from shop.selectors.carts import problem_with
from shop.signals import catalogue_changed, order_placed
from shop.visitors import Visitor

SALT = "shop.checkout"


class CheckoutRefused(ValueError):
    """Nothing was ordered; `problems` says why, a sentence each, for the shopper."""

    def __init__(self, *problems: str) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """Where an order goes."""

    name: str
    address: str
    region: str


def lines_seen(lines: Iterable[CartItem]) -> str:
    """Return the lines and prices that a page showed, as signed text for its form to carry."""
    return signing.dumps(
        [[line.product_id, line.quantity, str(line.product.price)] for line in lines], salt=SALT
    )


@transaction.atomic
def place_order(visitor: Visitor, *, number: uuid.UUID, delivery: Delivery, seen: str) -> Order:
    """Return the order made from the user's cart, the cart now empty.

    `number` comes with the form, so that sending it twice finds the first order. `seen` is what the form
    showed (`lines_seen`). Raises CheckoutRefused, with nothing taken, when the cart is empty, or when a
    price, a quantity or the stock is no longer what the shopper saw.
    """
    assert visitor.user is not None
    cart, _ = Cart.objects.get_or_create(user=visitor.user)
    Cart.objects.select_for_update().get(pk=cart.pk)
    placed = Order.objects.filter(number=number).first()
    if placed is not None:
        return _own(placed, visitor=visitor)
    lines = _locked_lines(cart)
    problems = _problems(lines, visitor=visitor, delivery=delivery, seen=seen)
    if problems:
        raise CheckoutRefused(*problems)
    _take_stock(lines)
    order = _write_order(lines, visitor=visitor, number=number, delivery=delivery)
    cart.items.all().delete()
    order_placed.send(Order, visitor=visitor, order=order)
    return order


def _own(order: Order, *, visitor: Visitor) -> Order:
    if order.user_id != visitor.user_id:
        raise CheckoutRefused("This form is out of date. Check your cart and send it again.")
    return order


def _locked_lines(cart: Cart) -> list[CartItem]:
    """Return the cart's lines, their products locked in one order for all, so that no two buyers deadlock."""
    lines = list(cart.items.order_by("product_id"))
    wanted = [line.product_id for line in lines]
    locked = Product.objects.select_for_update().filter(pk__in=wanted).order_by("pk")
    products = {product.pk: product for product in locked}
    for line in lines:
        line.product = products[line.product_id]
    return lines


def _problems(lines: list[CartItem], *, visitor: Visitor, delivery: Delivery, seen: str) -> list[str]:
    if not lines:
        return ["Your cart is empty: there is nothing to order."]
    problems = [problem_with(line, visitor=visitor) or _region_problem(line, delivery) for line in lines]
    problems += _changes_since(seen, lines=lines)
    return [problem for problem in problems if problem]


def _region_problem(line: CartItem, delivery: Delivery) -> str:
    regions = line.product.regions
    if not regions or delivery.region in regions:
        return ""
    return f"{line.product.name} cannot be sent to {delivery.region}. Remove it or change the address."


def _changes_since(seen: str, *, lines: list[CartItem]) -> list[str]:
    """Return a sentence for each price that moved, or one for a cart that no longer holds what it did."""
    before = _read_seen(seen)
    if {line.product_id: line.quantity for line in lines} != {key: row[0] for key, row in before.items()}:
        return ["Your cart has changed since this page was shown. Check it and order again."]
    priced = [(line.product, before[line.product_id][1]) for line in lines]
    return [
        f"{product.name} now costs {money(product.price)} (it was {money(old)})."
        for product, old in priced
        if product.price != old
    ]


def _read_seen(seen: str) -> dict[int, tuple[int, Decimal]]:
    """Return {product id: (quantity, price)}; empty when the text is not ours, as from a tampered form."""
    try:
        rows = signing.loads(seen, salt=SALT)
    except signing.BadSignature:
        return {}
    return {product_id: (quantity, Decimal(price)) for product_id, quantity, price in rows}


def _take_stock(lines: list[CartItem]) -> None:
    for line in lines:
        line.product.stock -= line.quantity
    Product.objects.bulk_update([line.product for line in lines], ["stock"])
    if not all(line.product.stock for line in lines):
        catalogue_changed.send(Product)


def _write_order(lines: list[CartItem], *, visitor: Visitor, number: uuid.UUID, delivery: Delivery) -> Order:
    assert visitor.user is not None
    order = Order.objects.create(
        number=number,
        user=visitor.user,
        ship_to_name=delivery.name,
        ship_to_address=delivery.address,
        ship_to_region=delivery.region,
        total=sum((line.total for line in lines), Decimal(0)),
    )
    OrderItem.objects.bulk_create(
        OrderItem(
            order=order,
            product=line.product,
            name=line.product.name,
            price=line.product.price,
            quantity=line.quantity,
        )
        for line in lines
    )
    return order
