import uuid

import pytest
from django.test import Client
from django.urls import reverse

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(alice, make_product):
    made = alice.orders.create(ship_to_name="A", ship_to_address="1 Main", ship_to_region="US", total=20)
    made.items.create(product=make_product("Mug"), name="Mug", price=10, quantity=2)
    return made


def test_an_owner_sees_the_list_and_each_order(alice_client, order):
    assert order.short_number in alice_client.get(reverse("shop:orders")).content.decode()
    page = alice_client.get(order.get_absolute_url()).content.decode()
    for text in ("Mug", "2 × $10.00", "$20.00", "United States"):
        assert text in page


def test_somebody_elses_order_is_not_found(bob, order):
    client = Client()
    client.force_login(bob)
    assert client.get(order.get_absolute_url()).status_code == 404
    assert order.short_number not in client.get(reverse("shop:orders")).content.decode()


def test_an_unknown_order_is_not_found(alice_client):
    assert alice_client.get(reverse("shop:order", args=[uuid.uuid4()])).status_code == 404
    assert alice_client.get("/orders/nonsense/").status_code == 404


def test_a_guest_logs_in_first(client, order):
    for url in (reverse("shop:orders"), order.get_absolute_url()):
        assert client.get(url).url == f"{reverse('shop:login')}?next={url}"


def test_no_orders_and_bad_pages_are_fine(alice_client):
    answer = alice_client.get(reverse("shop:orders"), {"page": "9" * 30})
    assert "No orders yet" in answer.content.decode()


def test_a_product_no_longer_sold_stays_in_the_order_without_a_dead_link(alice_client, order):
    product = order.items.get().product
    product.active = False
    product.save()
    page = alice_client.get(order.get_absolute_url()).content.decode()
    assert "Mug" in page
    assert reverse("shop:review", args=[product.pk]) not in page
