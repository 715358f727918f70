import re
import uuid

import pytest
from django.urls import reverse

from shop.models import Order, Product

pytestmark = pytest.mark.django_db
URL = "/checkout/"
ADDRESS = {"name": "Alice", "address": "1 Main Street", "region": "US"}


def hidden_fields(page):
    """Return what the form of the page carries along."""
    found = re.findall(r'name="(number|seen)" value="([^"]*)"', page.content.decode())
    return dict(found)


@pytest.fixture
def mug(alice, make_product, cart_holding):
    product = make_product("Mug", stock=5)
    cart_holding(alice, product, 2)
    return product


def test_a_guest_logs_in_first_and_comes_back_with_the_cart(client, alice, make_product):
    client.post(reverse("shop:cart_add", args=[make_product("Mug").pk]))
    asked = client.get(URL)
    assert asked.url == f"{reverse('shop:login')}?next={URL}"
    login = {"username": alice.email, "password": "correct-horse-battery", "next": URL}
    assert "Mug" in client.post(reverse("shop:login"), login, follow=True).content.decode()


def test_an_order_is_placed_and_shown(alice_client, mug):
    form = hidden_fields(alice_client.get(URL))
    answer = alice_client.post(URL, {**ADDRESS, **form}, follow=True)
    assert "Thank you. Your order is placed." in answer.content.decode()
    assert "1 Main Street" in answer.content.decode()
    assert Order.objects.get().total == 20
    assert Product.objects.get().stock == 3


def test_sending_twice_shows_the_one_order(alice_client, mug):
    form = {**ADDRESS, **hidden_fields(alice_client.get(URL))}
    first, second = (alice_client.post(URL, form) for _ in range(2))
    assert first.url == second.url == Order.objects.get().get_absolute_url()
    assert Product.objects.get().stock == 3


def test_an_empty_cart_has_nothing_to_order(alice_client, db):
    answer = alice_client.get(URL, follow=True)
    assert "there is nothing to order" in answer.content.decode()
    form = {**ADDRESS, "number": uuid.uuid4(), "seen": ""}
    assert "there is nothing to order" in alice_client.post(URL, form, follow=True).content.decode()
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"address": " "},
        {"region": ""},
        {"region": "XX"},
        {"name": "a" * 151},
        {"address": "a" * 501},
        {"name": "a\x00"},
        {"number": "nonsense"},
        {"number": ""},
    ],
)
def test_a_form_with_a_mistake_comes_back_and_orders_nothing(alice_client, mug, wrong):
    form = {**ADDRESS, **hidden_fields(alice_client.get(URL)), **wrong}
    answer = alice_client.post(URL, form)
    assert answer.status_code == 200
    uuid.UUID(hidden_fields(answer)["number"])  # the form can be sent again
    assert not Order.objects.exists()


def test_a_price_that_moved_is_said_and_the_next_try_orders_at_it(alice_client, mug):
    form = {**ADDRESS, **hidden_fields(alice_client.get(URL))}
    Product.objects.update(price=12)
    refused = alice_client.post(URL, form)
    assert refused.status_code == 409
    assert "Mug now costs $12.00 (it was $10.00)" in refused.content.decode()
    assert Product.objects.get().stock == 5
    alice_client.post(URL, {**ADDRESS, **hidden_fields(refused)})
    assert Order.objects.get().total == 24


def test_the_last_address_is_offered_again(alice_client, alice, mug):
    alice.orders.create(ship_to_name="A. Lice", ship_to_address="9 Elm", ship_to_region="FR", total=1)
    page = alice_client.get(URL).content.decode()
    assert "A. Lice" in page
    assert "9 Elm" in page
    assert '<option value="FR" selected>' in page
