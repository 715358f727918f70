"""Products as cards show them: as the database has them now, and read from it only where they changed."""

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from recommender import cards, snapshot
from shop.models import Product, ProductImage
from shop.visitors import Visitor

pytestmark = pytest.mark.django_db


def read(products: list[Product], *, visitor: Visitor) -> tuple[dict[int, Product], int]:
    """The cards of those that can be bought, and the queries that they took."""
    with CaptureQueriesContext(connection) as queries:
        found = cards.buyable([product.pk for product in products], visitor=visitor)
    return found, len(queries)


def test_what_did_not_change_takes_the_one_query_that_confirms_it(
    visitor: Visitor, make_product: Any
) -> None:
    mugs = [make_product(f"Mug {number}") for number in range(3)]
    assert read(mugs, visitor=visitor)[1] == 3
    found, num_queries = read(mugs, visitor=visitor)
    assert num_queries == 1
    assert {pk: product.name for pk, product in found.items()} == {mug.pk: mug.name for mug in mugs}


@pytest.mark.parametrize("change", [{"price": 42}, {"name": "Cup"}, {"rating": 5, "rating_count": 1}])
def test_a_written_product_is_read_anew_at_once(
    change: dict[str, Any], visitor: Visitor, make_product: Any
) -> None:
    mug = make_product("Mug")
    read([mug], visitor=visitor)
    Product.objects.filter(pk=mug.pk).update(**change)
    found, _ = read([mug], visitor=visitor)
    assert all(getattr(found[mug.pk], name) == value for name, value in change.items())


def test_a_new_changed_or_removed_picture_is_seen_at_once(visitor: Visitor, make_product: Any) -> None:
    mug = make_product("Mug")
    ProductImage.objects.filter(product=mug).delete()
    assert read([mug], visitor=visitor)[0][mug.pk].picture is None
    image = ProductImage.objects.create(product=mug, url="https://example.org/1.png", alt="A mug")
    assert read([mug], visitor=visitor)[0][mug.pk].picture == image
    ProductImage.objects.filter(pk=image.pk).update(alt="A blue mug")
    found, num_queries = read([mug], visitor=visitor)
    assert found[mug.pk].picture.alt == "A blue mug"  # type: ignore[union-attr]
    assert num_queries == 3
    image.delete()
    assert read([mug], visitor=visitor)[0][mug.pk].picture is None


def test_suggestions_and_lists_share_what_is_kept(visitor: Visitor, make_product: Any) -> None:
    mug = make_product("Mug")
    read([mug], visitor=visitor)
    snapshot.forget()
    catalogue = snapshot.current()
    with CaptureQueriesContext(connection) as queries:
        (product,) = cards.of(np.array([0]), catalogue=catalogue)
    assert (product.pk, len(queries)) == (mug.pk, 0)


@pytest.mark.parametrize("region", ["", "DE", "FR", "JP"])
def test_what_can_be_bought_is_what_the_shop_says(region: str, visitor: Visitor, make_product: Any) -> None:
    chance = random.Random(5)
    now = timezone.now()
    products = [
        make_product(
            f"Thing {number}",
            stock=chance.choice([0, 3]),
            active=chance.random() < 0.8,
            released_at=now + timedelta(days=chance.choice([-3, 3])),
            min_age=chance.choice([0, 0, 18]),
            regions=chance.choice([[], [], ["DE"], ["DE", "FR"]]),
        )
        for number in range(60)
    ]
    for age in (None, 17, 18):
        shopper = replace(visitor, region=region, age=age)
        allowed = Product.objects.available().eligible(region=region, age=age)
        assert set(read(products, visitor=shopper)[0]) == set(allowed.values_list("pk", flat=True))


def test_no_more_are_kept_than_the_limit(
    visitor: Visitor, make_product: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cards, "MOST_KEPT", 2)
    mugs = [make_product(f"Mug {number}") for number in range(4)]
    assert len(read(mugs, visitor=visitor)[0]) == 4
    assert len(cards._kept) == 2
