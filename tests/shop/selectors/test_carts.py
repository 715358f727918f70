import uuid
from decimal import Decimal

import pytest

from shop.models import Cart, Product
from shop.selectors.carts import cart, count_items
from shop.visitors import Visitor

pytestmark = pytest.mark.django_db


def test_a_cart_counts_things_and_adds_up(shopper, alice, make_product, cart_holding):
    cart_holding(alice, make_product(price=Decimal("1.50")), 3)
    cart_holding(alice, make_product(price=Decimal("2.00")), 1)
    found = cart(shopper)
    assert (found.count, found.total) == (4, Decimal("6.50"))
    assert count_items(shopper) == 4


def test_a_guest_sees_the_browsers_cart_and_nobody_elses(visitor, alice, make_product, cart_holding):
    cart_holding(alice, make_product())
    assert cart(visitor).lines == []
    assert count_items(visitor) == 0
    guest_cart = Cart.objects.create(visitor_id=visitor.id)
    guest_cart.items.create(product=make_product(), quantity=2)
    assert count_items(visitor) == 2
    assert count_items(Visitor(id=uuid.uuid4())) == 0


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({}, ""),
        ({"stock": 1}, "Only 1 of Mug left"),
        ({"stock": 0}, "sold out"),
        ({"active": False}, "no longer sold"),
        ({"min_age": 18}, "cannot be sold to you"),
    ],
)
def test_a_line_says_what_stands_in_its_way(shopper, alice, make_product, cart_holding, change, problem):
    mug = make_product("Mug")
    cart_holding(alice, mug, 2)
    Product.objects.filter(pk=mug.pk).update(**change)
    line = cart(shopper).lines[0]
    assert problem in line.problem
    assert bool(line.problem) == bool(problem)
