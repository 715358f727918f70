import uuid

import pytest

from shop.models import Cart, CartItem
from shop.selectors.carts import items_of
from shop.services import carts
from shop.services.carts import NotForSale
from shop.signals import cart_item_added, cart_item_removed
from shop.visitors import Visitor

pytestmark = pytest.mark.django_db


def quantities(visitor):
    return {item.product.name: item.quantity for item in items_of(visitor).select_related("product")}


def test_adding_twice_adds_up_and_says_each_time_how_many(visitor, make_product, hear):
    mug = make_product("Mug", stock=5)
    heard, impression = hear(cart_item_added), uuid.uuid4()
    carts.add(visitor, product_id=mug.pk, placement="home_for_you", impression_id=impression)
    change = carts.add(visitor, product_id=mug.pk, quantity=2)
    assert quantities(visitor) == {"Mug": 3}
    assert (change.quantity, change.capped) == (3, False)
    assert [(fact["quantity"], fact["placement"], fact["impression_id"]) for fact in heard] == [
        (1, "home_for_you", impression),
        (2, "", None),
    ]
    assert heard[0]["sender"] is Cart
    assert heard[0]["visitor"] is visitor


def test_a_cart_never_holds_more_than_the_stock_and_says_so(visitor, make_product, hear):
    mug = make_product("Mug", stock=3)
    heard = hear(cart_item_added)
    change = carts.add(visitor, product_id=mug.pk, quantity=9)
    again = carts.add(visitor, product_id=mug.pk, quantity=1)
    assert quantities(visitor) == {"Mug": 3}
    assert change.capped
    assert "3 in your cart, that is all we have" in change.message
    assert again.capped
    assert [fact["quantity"] for fact in heard] == [3]  # nothing was added the second time


def test_one_line_holds_at_most_99(visitor, make_product):
    mug = make_product(stock=500)
    change = carts.add(visitor, product_id=mug.pk, quantity=98)
    change = carts.add(visitor, product_id=mug.pk, quantity=98)
    assert change.quantity == 99
    assert "the most for one order" in change.message


def test_adding_does_not_take_away_what_the_stock_no_longer_covers(visitor, make_product):
    mug = make_product("Mug", stock=4)
    carts.add(visitor, product_id=mug.pk, quantity=4)
    type(mug).objects.update(stock=1)
    carts.add(visitor, product_id=mug.pk, quantity=1)
    assert quantities(visitor) == {"Mug": 4}  # the cart page shows the problem; the shopper decides


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"stock": 0}, "sold out"),
        ({"active": False}, "no longer sold"),
        ({"min_age": 18}, "cannot be sold to you"),
        ({"regions": ["JP"]}, "cannot be sold to you"),
    ],
)
def test_what_may_not_be_bought_is_not_added(visitor, make_product, fields, reason):
    product = make_product(**fields)
    with pytest.raises(NotForSale, match=reason):
        carts.add(visitor, product_id=product.pk)
    assert quantities(visitor) == {}


def test_an_unknown_product_is_not_added(visitor, db):
    with pytest.raises(NotForSale):
        carts.add(visitor, product_id=10**30)


def test_setting_a_quantity_tells_the_difference(visitor, make_product, hear):
    mug = make_product("Mug", stock=9)
    carts.add(visitor, product_id=mug.pk, quantity=4)
    added, removed = hear(cart_item_added), hear(cart_item_removed)
    carts.set_quantity(visitor, product_id=mug.pk, quantity=6)
    carts.set_quantity(visitor, product_id=mug.pk, quantity=6)
    carts.set_quantity(visitor, product_id=mug.pk, quantity=1)
    assert quantities(visitor) == {"Mug": 1}
    assert [fact["quantity"] for fact in added] == [2]
    assert [fact["quantity"] for fact in removed] == [5]


def test_removing_and_a_quantity_of_zero_empty_the_line(visitor, make_product, hear):
    mug, jug = make_product("Mug"), make_product("Jug")
    carts.add(visitor, product_id=mug.pk, quantity=2)
    carts.add(visitor, product_id=jug.pk)
    removed = hear(cart_item_removed)
    assert carts.remove(visitor, product_id=mug.pk).message == "Mug removed from your cart."
    carts.set_quantity(visitor, product_id=jug.pk, quantity=0)
    assert quantities(visitor) == {}
    assert [(fact["product"].name, fact["quantity"]) for fact in removed] == [("Mug", 2), ("Jug", 1)]


def test_what_is_not_in_the_cart_cannot_be_changed(visitor, make_product):
    with pytest.raises(NotForSale, match="not in your cart"):
        carts.remove(visitor, product_id=make_product().pk)


def test_two_visitors_have_two_carts(visitor, make_product):
    carts.add(visitor, product_id=make_product("Mug").pk)
    assert quantities(Visitor(id=uuid.uuid4())) == {}


def test_a_listener_that_fails_takes_the_change_back(visitor, make_product, break_listener):
    mug = make_product("Mug")
    carts.add(visitor, product_id=mug.pk)
    break_listener(cart_item_added)
    break_listener(cart_item_removed)
    with pytest.raises(RuntimeError):
        carts.add(visitor, product_id=mug.pk)
    with pytest.raises(RuntimeError):
        carts.remove(visitor, product_id=mug.pk)
    assert quantities(visitor) == {"Mug": 1}


def test_merging_keeps_the_larger_quantity_and_leaves_no_guest_cart(visitor, alice, make_product):
    mug, jug, cup = make_product("Mug"), make_product("Jug"), make_product("Cup")
    mine = Visitor(id=visitor.id, user=alice)
    for owner, product, quantity in ((visitor, mug, 1), (visitor, jug, 4), (mine, mug, 3), (mine, cup, 1)):
        carts.add(owner, product_id=product.pk, quantity=quantity)
    carts.merge_guest_cart(mine)
    assert quantities(mine) == {"Mug": 3, "Jug": 4, "Cup": 1}
    assert Cart.objects.count() == 1
    assert CartItem.objects.count() == 3


def test_merging_without_a_guest_cart_makes_none(alice):
    carts.merge_guest_cart(Visitor(id=uuid.uuid4(), user=alice))
    assert Cart.objects.count() == 0
