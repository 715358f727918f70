"""What is bought together: counted by baskets, held against chance."""

import io
import uuid
from datetime import timedelta

import numpy as np
import pytest
from django.core.management import call_command
from django.utils import timezone

from recommender import co_purchases
from recommender.models import CoPurchase, Interaction
from shop.models import User


@pytest.fixture
def buy(db):
    """Return a function that lets a new shopper buy products, each so many days ago."""

    def buy(*products, days_ago=None):
        user = User.objects.create_user(f"{uuid.uuid4()}@example.com", "correct-horse-battery")
        for index, product in enumerate(products):
            then = timezone.now() - timedelta(days=days_ago[index] if days_ago else 1)
            Interaction.objects.create(user=user, product=product, kind="purchase", value=1, occurred_at=then)

    return buy


def pairs():
    return {
        (pair.product.name, pair.other.name): (pair.support, pytest.approx(pair.lift))
        for pair in CoPurchase.objects.select_related("product", "other")
    }


def test_support_and_lift_are_counted_over_baskets(buy, make_product):
    mug, plate, lamp = make_product("Mug"), make_product("Plate"), make_product("Lamp")
    for _ in range(3):
        buy(mug, plate)
    buy(mug, lamp)
    buy(lamp)
    # 5 baskets: 3 with both, 4 with a mug, 3 with a plate; lift = 3 x 5 / (4 x 3). Mug and lamp: once.
    assert co_purchases.recompute() == 2
    assert pairs() == {("Mug", "Plate"): (3, 1.25), ("Plate", "Mug"): (3, 1.25)}


def test_purchases_months_apart_are_two_baskets(buy, make_product):
    mug, plate = make_product("Mug"), make_product("Plate")
    for _ in range(3):
        buy(mug, plate, days_ago=[90, 1])
    assert co_purchases.recompute() == 0
    for _ in range(2):
        buy(mug, plate, days_ago=[28, 1])
    co_purchases.recompute()
    assert pairs()[("Mug", "Plate")][0] == 2


def test_a_basket_begins_with_its_first_purchase():
    shopper = np.array([2, 1, 1, 1, 1, 2])
    day = np.array([5, 0, 29, 30, 59, 4])
    # shopper 1: days 0 and 29, then 30 and 59; shopper 2: days 4 and 5
    assert co_purchases.baskets_of(shopper, day=day).tolist() == [2, 0, 0, 1, 1, 2]


def test_a_new_count_takes_the_place_of_the_one_before(buy, make_product):
    mug, plate = make_product("Mug"), make_product("Plate")
    for _ in range(2):
        buy(mug, plate)
    co_purchases.recompute()
    Interaction.objects.all().delete()
    assert co_purchases.recompute() == 0
    assert not CoPurchase.objects.exists()


def test_each_product_keeps_only_its_nearest(monkeypatch):
    monkeypatch.setattr(co_purchases, "MAX_NEIGHBOURS", 2)
    # products 1, 2, 3 each three times with product 0, and the less often alone the larger their lift
    baskets = [[0, 1]] * 3 + [[0, 2]] * 3 + [[0, 3]] * 3 + [[1]] * 9 + [[2]] * 4
    basket = np.repeat(np.arange(len(baskets)), [len(basket) for basket in baskets])
    product = np.concatenate(baskets)
    first, other, support, lift = co_purchases.count_pairs(basket, product=product, num_products=4)
    assert other[first == 0].tolist() == [3, 2]
    assert support[first == 0].tolist() == [3, 3]
    assert lift[first == 0].tolist() == pytest.approx([3 * 22 / (9 * 3), 3 * 22 / (9 * 7)])


def test_the_count_is_the_same_in_parts(monkeypatch):
    rng = np.random.default_rng(1)
    basket, product = rng.integers(0, 200, 3_000), rng.integers(0, 50, 3_000)
    whole = co_purchases.count_pairs(basket, product=product, num_products=50)
    monkeypatch.setattr(co_purchases, "PAIRS_AT_ONCE", 2_000)
    parts = co_purchases.count_pairs(basket, product=product, num_products=50)
    assert len(whole[0]) > 100
    for one, other in zip(whole, parts, strict=True):
        assert np.array_equal(one, other)


def test_a_basket_too_large_tells_nothing(monkeypatch):
    monkeypatch.setattr(co_purchases, "MAX_BASKET", 3)
    basket, product = np.repeat(np.arange(3), 4), np.tile(np.arange(4), 3)
    first, *_ = co_purchases.count_pairs(basket, product=product, num_products=4)
    assert len(first) == 0


@pytest.mark.django_db
def test_a_shop_without_purchases_has_no_pairs():
    out = io.StringIO()
    call_command("co_purchases", stdout=out)
    assert out.getvalue() == "0 pairs of products are bought together.\n"
