import pytest
from django.urls import reverse

from shop.models import CartItem, ProductImage
from shop.signals import cart_item_added

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def add(client, product, **fields):
    return client.post(reverse("shop:cart_add", args=[product.pk]), fields, follow=True)


def update(client, product, quantity):
    url = reverse("shop:cart_update", args=[product.pk])
    return client.post(url, {"quantity": quantity}, follow=True)


def test_a_guest_fills_changes_and_empties_a_cart(client, make_product):
    mug = make_product("Mug", stock=9)
    assert "Mug: 2 in your cart." in add(client, mug, quantity=2).content.decode()
    assert "$20.00" in client.get(reverse("shop:cart")).content.decode()
    assert "$30.00" in update(client, mug, 3).content.decode()
    gone = client.post(reverse("shop:cart_remove", args=[mug.pk]), follow=True).content.decode()
    assert "Your cart is empty" in gone


def test_without_a_quantity_one_is_added(client, make_product):
    add(client, make_product())
    assert CartItem.objects.get().quantity == 1


def test_asking_for_more_than_the_stock_gives_all_of_it_with_a_message(client, make_product):
    mug = make_product(stock=3)
    assert "that is all we have" in add(client, mug, quantity=50).content.decode()
    assert CartItem.objects.get().quantity == 3


@pytest.mark.parametrize("quantity", ["-1", "0", "text", "", "1.5", "10000000000000000000000", "NaN", "\x00"])
def test_a_quantity_that_makes_no_sense_adds_nothing_and_says_so(client, make_product, quantity):
    answer = add(client, make_product(), quantity=quantity)
    assert answer.status_code == 200
    assert "message error" in answer.content.decode()
    assert not CartItem.objects.exists()


@pytest.mark.parametrize("quantity", ["-1", "text", "", "1e3", "10000000000000000000000"])
def test_a_change_that_makes_no_sense_changes_nothing_and_says_so(client, make_product, quantity):
    mug = make_product()
    add(client, mug)
    assert "message error" in update(client, mug, quantity).content.decode()
    assert CartItem.objects.get().quantity == 1


def test_a_change_to_zero_removes_the_line(client, make_product):
    mug = make_product()
    add(client, mug)
    update(client, mug, 0)
    assert not CartItem.objects.exists()


@pytest.mark.parametrize("name", ["cart_update", "cart_remove"])
def test_a_product_that_is_not_in_the_cart_is_said_not_to_be(client, make_product, name):
    answer = client.post(reverse(f"shop:{name}", args=[make_product().pk]), {"quantity": 1}, follow=True)
    assert "not in your cart" in answer.content.decode()


def test_an_unknown_product_adds_nothing(client, db):
    assert client.post("/cart/add/999999/").status_code == 302
    assert client.post(f"/cart/add/{'9' * 60}/").status_code == 302
    assert not CartItem.objects.exists()


@pytest.mark.parametrize("name", ["cart_add", "cart_update", "cart_remove"])
def test_looking_changes_nothing(client, make_product, name):
    assert client.get(reverse(f"shop:{name}", args=[make_product().pk])).status_code == 405


def test_where_the_product_was_found_goes_along(client, make_product, hear):
    heard, impression = hear(cart_item_added), "6f1c1f0c-3f0d-4f0e-8f5c-0a6f5f1e2d3c"
    add(client, make_product(), imp=impression, pl="product_similar")
    assert (str(heard[0]["impression_id"]), heard[0]["placement"]) == (impression, "product_similar")


def test_htmx_gets_the_message_and_the_new_count_alone(client, make_product):
    url = reverse("shop:cart_add", args=[make_product("Mug").pk])
    answer = client.post(url, {"quantity": 2}, headers=HTMX).content.decode()
    assert "Mug: 2 in your cart." in answer
    assert 'id="cart-count"' in answer
    assert ">2<" in answer
    assert "<html" not in answer


def test_htmx_gets_the_changed_cart_alone(client, make_product):
    mug = make_product("Mug")
    add(client, mug)
    url = reverse("shop:cart_update", args=[mug.pk])
    answer = client.post(url, {"quantity": 2}, headers=HTMX).content.decode()
    assert 'id="cart"' in answer
    assert "$20.00" in answer
    assert "<html" not in answer


def test_a_cart_that_can_no_longer_be_bought_says_why(client, make_product):
    mug = make_product("Mug", stock=2)
    add(client, mug, quantity=2)
    type(mug).objects.update(stock=1)
    assert "Only 1 of Mug left" in client.get(reverse("shop:cart")).content.decode()


def test_a_cart_costs_the_same_queries_however_full(client, make_product, django_assert_max_num_queries):
    def fill(count):
        for _ in range(count):
            product = make_product()
            ProductImage.objects.create(product=product, url="https://example.com/a.jpg")
            add(client, product)

    def queries():
        with django_assert_max_num_queries(60) as captured:
            client.get(reverse("shop:cart"))
        return sum("SAVEPOINT" not in query["sql"] for query in captured)

    fill(1)
    client.get(reverse("shop:cart"))  # shows the messages once
    few = queries()
    fill(4)
    client.get(reverse("shop:cart"))
    assert queries() <= few <= 13  # seven of them are the list below the cart
