"""Writes to a cart. Each sends its signal inside its transaction: cart and listeners, both or neither."""

import uuid
from dataclasses import dataclass

from django.db import transaction

from shop.models import Cart, CartItem, Product
from shop.selectors.catalogue import is_shown_to, listed_product
from shop.signals import cart_item_added, cart_item_removed
from shop.visitors import Visitor

MAX_QUANTITY = 99


class NotForSale(ValueError):
    """The product cannot be put in this cart; the message says why, for the shopper."""


@dataclass(frozen=True, kw_only=True)
class CartChange:
    """What came of a change: the quantity now in the cart, and how much of the wish had to be cut."""

    product: Product
    quantity: int
    capped: bool

    @property
    def message(self) -> str:
        if self.quantity == 0:
            return f"{self.product.name} removed from your cart."
        if not self.capped:
            return f"{self.product.name}: {self.quantity} in your cart."
        reason = "that is all we have" if self.quantity == self.product.stock else "the most for one order"
        return f"{self.product.name}: {self.quantity} in your cart, {reason}."


@transaction.atomic
def add(
    visitor: Visitor,
    *,
    product_id: int,
    quantity: int = 1,
    placement: str = "",
    impression_id: uuid.UUID | None = None,
) -> CartChange:
    """Put more of a product in the cart, up to what is in stock; raise NotForSale when none can be."""
    product = _buyable(product_id, visitor=visitor)
    cart = _locked_cart(visitor)
    line = cart.items.filter(product=product).first() or CartItem(cart=cart, product=product, quantity=0)
    wanted = line.quantity + quantity
    granted = max(line.quantity, min(wanted, product.stock, MAX_QUANTITY))
    added = granted - line.quantity
    if added:
        line.quantity = granted
        line.save()
        cart_item_added.send(
            Cart,
            visitor=visitor,
            product=product,
            quantity=added,
            placement=placement,
            impression_id=impression_id,
        )
    return CartChange(product=product, quantity=granted, capped=granted < wanted)


@transaction.atomic
def set_quantity(visitor: Visitor, *, product_id: int, quantity: int) -> CartChange:
    """Make the cart hold this many of a product that is in it, up to what is in stock; 0 removes it."""
    line = _locked_cart(visitor).items.filter(product_id=product_id).select_related("product").first()
    if line is None:
        raise NotForSale("That product is not in your cart.")
    granted = max(0, min(quantity, line.product.stock, MAX_QUANTITY))
    change = granted - line.quantity
    line.quantity = granted
    if granted:
        line.save(update_fields=["quantity"])
    else:
        line.delete()
    if change > 0:
        cart_item_added.send(
            Cart, visitor=visitor, product=line.product, quantity=change, placement="", impression_id=None
        )
    elif change < 0:
        cart_item_removed.send(Cart, visitor=visitor, product=line.product, quantity=-change)
    return CartChange(product=line.product, quantity=granted, capped=granted < quantity)


def remove(visitor: Visitor, *, product_id: int) -> CartChange:
    """Take a product out of the cart."""
    return set_quantity(visitor, product_id=product_id, quantity=0)


@transaction.atomic
def merge_guest_cart(visitor: Visitor) -> None:
    """Move what the browser's guest cart holds into the account's cart; the larger quantity stays.

    No signal is sent: the guest's own additions are in the history that joins the account.
    """
    assert visitor.user is not None
    guest = Cart.objects.select_for_update().filter(visitor_id=visitor.id, user=None).first()
    if guest is None:
        return
    cart = _locked_cart(visitor)
    held = {line.product_id: line for line in cart.items.all()}
    for line in guest.items.all():
        mine = held.get(line.product_id)
        if mine is None:
            line.cart = cart
            line.save(update_fields=["cart"])
        elif mine.quantity < line.quantity:
            mine.quantity = line.quantity
            mine.save(update_fields=["quantity"])
    guest.delete()


def _buyable(product_id: int, *, visitor: Visitor) -> Product:
    product = listed_product(product_id)
    if product is None:
        raise NotForSale("That product is no longer sold.")
    if not is_shown_to(product, visitor=visitor):
        raise NotForSale(f"{product.name} cannot be sold to you: it is for other regions or ages.")
    if not product.in_stock:
        raise NotForSale(f"{product.name} is sold out.")
    return product


def _locked_cart(visitor: Visitor) -> Cart:
    """Return the visitor's cart, made when there is none, locked until the transaction ends."""
    owner = {"user": visitor.user} if visitor.user else {"visitor_id": visitor.id}
    Cart.objects.get_or_create(**owner)
    return Cart.objects.select_for_update().get(**owner)
