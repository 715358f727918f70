import threading
import time
import uuid
from decimal import Decimal

import pytest
from django.db import connection

from shop.models import Order, Product
from shop.selectors.carts import cart
from shop.services import checkout
from shop.services.checkout import CheckoutRefused, Delivery, lines_seen, place_order
from shop.signals import order_placed
from shop.visitors import Visitor

HERE = Delivery(name="Alice", address="1 Main Street", region="US")


def buy(visitor, **changes):
    """Order what is in the cart, as a page just shown would."""
    fields = {"number": uuid.uuid4(), "delivery": HERE, "seen": lines_seen(cart(visitor).lines), **changes}
    return place_order(visitor, **fields)


def stock_of(product):
    return Product.objects.get(pk=product.pk).stock


@pytest.mark.django_db
def test_an_order_holds_todays_prices_takes_the_stock_and_empties_the_cart(
    shopper, alice, make_product, cart_holding, hear
):
    mug = make_product("Mug", price=Decimal("4.50"), stock=5)
    jug = make_product("Jug", price=Decimal("20.00"), stock=1)
    cart_holding(alice, mug, 2)
    cart_holding(alice, jug, 1)
    heard = hear(order_placed)
    order = buy(shopper)
    assert order.total == Decimal("29.00")  # 2 x 4.50 + 20.00
    lines = {(item.name, item.price, item.quantity) for item in order.items.all()}
    assert lines == {("Mug", Decimal("4.50"), 2), ("Jug", Decimal("20.00"), 1)}
    assert (stock_of(mug), stock_of(jug)) == (3, 0)
    assert cart(shopper).lines == []
    assert [(fact["sender"], fact["order"], fact["visitor"]) for fact in heard] == [(Order, order, shopper)]


@pytest.mark.django_db
def test_sending_the_same_form_twice_finds_the_first_order(shopper, alice, make_product, cart_holding, hear):
    mug = make_product(stock=5)
    cart_holding(alice, mug, 2)
    heard, number, seen = hear(order_placed), uuid.uuid4(), lines_seen(cart(shopper).lines)
    first = buy(shopper, number=number, seen=seen)
    again = buy(shopper, number=number, seen=seen)
    assert again == first
    assert Order.objects.count() == len(heard) == 1
    assert stock_of(mug) == 3


@pytest.mark.django_db
def test_the_number_of_somebody_elses_order_opens_nothing(shopper, alice, bob, make_product, cart_holding):
    mug = make_product(stock=5)
    cart_holding(alice, mug)
    order = buy(shopper)
    cart_holding(bob, mug)
    with pytest.raises(CheckoutRefused, match="out of date"):
        buy(Visitor(id=uuid.uuid4(), user=bob), number=order.number)
    assert bob.orders.count() == 0


@pytest.mark.django_db
def test_an_empty_cart_orders_nothing(shopper):
    with pytest.raises(CheckoutRefused, match="cart is empty"):
        buy(shopper)
    assert Order.objects.count() == 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"price": Decimal("12.00")}, r"Mug now costs \$12.00 \(it was \$10.00\)"),
        ({"stock": 1}, "Only 1 of Mug left"),
        ({"stock": 0}, "Mug is sold out"),
        ({"active": False}, "Mug is no longer sold"),
        ({"min_age": 18}, "Mug cannot be sold to you"),
    ],
)
def test_what_changed_since_the_page_was_shown_is_said_and_nothing_is_taken(
    shopper, alice, make_product, cart_holding, change, reason
):
    mug, jug = make_product("Mug", stock=5), make_product("Jug", stock=5)
    cart_holding(alice, mug, 2)
    cart_holding(alice, jug, 1)
    seen = lines_seen(cart(shopper).lines)
    Product.objects.filter(pk=mug.pk).update(**change)
    with pytest.raises(CheckoutRefused, match=reason):
        buy(shopper, seen=seen)
    assert Order.objects.count() == 0
    assert stock_of(jug) == 5
    assert len(cart(shopper).lines) == 2


@pytest.mark.django_db
@pytest.mark.parametrize("seen", ["", "nonsense", "1:1:1.00", "\x00"])
def test_a_form_that_does_not_say_what_it_showed_orders_nothing(
    shopper, alice, make_product, cart_holding, seen
):
    cart_holding(alice, make_product())
    with pytest.raises(CheckoutRefused, match="Your cart has changed"):
        buy(shopper, seen=seen)


@pytest.mark.django_db
def test_a_cart_changed_in_another_window_is_shown_again(shopper, alice, make_product, cart_holding):
    cart_holding(alice, make_product())
    seen = lines_seen(cart(shopper).lines)
    cart_holding(alice, make_product("Jug"))
    with pytest.raises(CheckoutRefused, match="Your cart has changed"):
        buy(shopper, seen=seen)


@pytest.mark.django_db
def test_a_product_of_one_country_is_not_sent_to_another(alice, make_product, cart_holding):
    german = Visitor(id=uuid.uuid4(), user=alice, region="DE")
    cart_holding(alice, make_product("Schnaps", regions=["DE"]))
    with pytest.raises(CheckoutRefused, match="Schnaps cannot be sent to US"):
        buy(german)
    assert buy(german, delivery=Delivery(name="A", address="B", region="DE")).total == Decimal("10.00")


@pytest.mark.django_db
def test_a_listener_that_fails_takes_the_order_back(
    shopper, alice, make_product, cart_holding, break_listener
):
    mug = make_product(stock=5)
    cart_holding(alice, mug, 2)
    break_listener(order_placed)
    with pytest.raises(RuntimeError):
        buy(shopper)
    assert Order.objects.count() == 0
    assert stock_of(mug) == 5
    assert len(cart(shopper).lines) == 1


def run_together(*jobs):
    """Run the jobs in threads that start at once; return what each gave or raised."""
    results, barrier = [None] * len(jobs), threading.Barrier(len(jobs))

    def work(index, job):
        try:
            barrier.wait(timeout=10)
            results[index] = job()
        except Exception as error:  # noqa: BLE001 - handed to the test
            results[index] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(index, job)) for index, job in enumerate(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    return results


@pytest.mark.django_db(transaction=True)
def test_two_buyers_of_the_last_one_make_one_order(alice, bob, make_product, cart_holding, monkeypatch):
    take_stock = checkout._take_stock

    def take_late(lines):
        time.sleep(0.3)  # without its lock, both have read by now that there is one
        take_stock(lines)

    monkeypatch.setattr(checkout, "_take_stock", take_late)
    last, other = make_product("Last", stock=1), make_product("Other", stock=9)
    buyers = [Visitor(id=uuid.uuid4(), user=user) for user in (alice, bob)]
    cart_holding(alice, last)
    cart_holding(alice, other)
    cart_holding(bob, other)  # the other way round: a lock in the order of the lines would deadlock
    cart_holding(bob, last)
    results = run_together(*[lambda buyer=buyer: buy(buyer) for buyer in buyers])
    assert sorted(type(result).__name__ for result in results) == ["CheckoutRefused", "Order"]
    refusal = next(result for result in results if isinstance(result, CheckoutRefused))
    assert "Last is sold out" in str(refusal)
    assert (stock_of(last), stock_of(other)) == (0, 8)
    assert Order.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_double_click_makes_one_order(shopper, alice, make_product, cart_holding):
    mug = make_product(stock=5)
    cart_holding(alice, mug)
    number, seen = uuid.uuid4(), lines_seen(cart(shopper).lines)
    first, second = run_together(*[lambda: buy(shopper, number=number, seen=seen)] * 2)
    assert first == second
    assert isinstance(first, Order)
    assert stock_of(mug) == 4
