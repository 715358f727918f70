"""Which new products need no exploration any more."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError
from django.utils import timezone

from recommender import exposures
from recommender.models import Impression
from shop.models import Product

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _three_lists_are_enough(settings: Any) -> None:
    settings.EXPLORATION_IMPRESSIONS, settings.EXPLORATION_DAYS = 3, 30


def shown(*products: Product, lists: int, days_ago: int = 0) -> None:
    Impression.objects.bulk_create(
        Impression(
            placement="home_for_you",
            visitor_id=uuid.uuid4(),
            source="explore",
            product_ids=[product.pk for product in products],
            created_at=timezone.now() - timedelta(days=days_ago),
        )
        for _ in range(lists)
    )


def test_a_new_product_is_well_known_once_enough_lists_showed_it(
    make_product: Callable[..., Product],
) -> None:
    often, seldom = make_product(), make_product()
    shown(often, seldom, lists=2)
    shown(often, lists=1)
    assert exposures.well_known() == {often.pk}


def test_lists_before_its_time_and_old_products_do_not_count(make_product: Callable[..., Product]) -> None:
    new = make_product()
    old = make_product(released_at=timezone.now() - timedelta(days=31))
    shown(new, lists=3, days_ago=31)
    shown(old, lists=3)
    assert exposures.well_known() == set()


def test_a_count_that_fails_holds_nobody_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise DatabaseError("gone")

    monkeypatch.setattr(exposures._kept, "get", fail)
    assert exposures.well_known() == set()
