import uuid

import pytest

from shop.selectors import orders

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(alice, make_product):
    made = alice.orders.create(ship_to_name="A", ship_to_address="B", ship_to_region="US", total=30)
    for quantity in (1, 2):
        made.items.create(product=make_product(), name="Mug", price=10, quantity=quantity)
    return made


def test_orders_say_how_many_things_they_hold(alice, order):
    assert [(found, found.things) for found in orders.orders_of(alice)] == [(order, 3)]


def test_an_order_is_its_owners_alone(alice, bob, order):
    assert orders.order_of(alice, number=order.number) == order
    assert orders.order_of(bob, number=order.number) is None
    assert orders.order_of(alice, number=uuid.uuid4()) is None
    assert list(orders.orders_of(bob)) == []


def test_the_last_order_is_the_newest(alice, bob, order):
    newer = alice.orders.create(ship_to_name="A", ship_to_address="C", ship_to_region="US", total=1)
    assert orders.last_order_of(alice) == newer
    assert orders.last_order_of(bob) is None
