"""The same seed and moment make the same shop; a shop that cannot be is refused."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from ml.synthetic.shop import ShopConfig, generate

TINY = ShopConfig(
    num_users=20, num_items=90, num_interactions=500, seed=5, until=datetime(2026, 1, 31, tzinfo=UTC)
)


def test_the_same_seed_and_moment_make_the_same_shop_row_for_row() -> None:
    one, two = generate(TINY), generate(TINY)
    assert one.catalogue.name == two.catalogue.name
    assert one.catalogue.description == two.catalogue.description
    assert one.shoppers.preferences == two.shoppers.preferences
    for column, values in vars(one.events).items():
        np.testing.assert_array_equal(values, getattr(two.events, column))


def test_another_seed_makes_another_shop() -> None:
    assert generate(TINY).catalogue.name != generate(replace(TINY, seed=6)).catalogue.name


def test_more_interactions_leave_catalogue_and_shoppers_as_they_are() -> None:
    small, large = generate(TINY), generate(replace(TINY, num_interactions=700))
    assert small.catalogue.name == large.catalogue.name
    assert small.shoppers.email == large.shoppers.email
    assert (len(small.events), len(large.events)) == (500, 700)


def test_progress_rises_to_one() -> None:
    heard: list[float] = []
    generate(TINY, on_progress=heard.append)
    assert heard == sorted(heard)
    assert heard[-1] == 1.0


def test_one_user_one_product_and_one_interaction_are_enough() -> None:
    shop = generate(replace(TINY, num_users=1, num_items=1, num_interactions=1))
    assert (len(shop.shoppers), len(shop.catalogue), len(shop.events)) == (1, 1, 1)


@pytest.mark.parametrize("name", ["num_users", "num_items", "num_interactions"])
def test_a_size_below_one_is_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        ShopConfig(**{name: 0})


def test_a_negative_seed_and_a_moment_without_a_zone_are_refused() -> None:
    with pytest.raises(ValueError, match="seed"):
        ShopConfig(seed=-1)
    with pytest.raises(ValueError, match="time zone"):
        ShopConfig(until=datetime(2026, 1, 31))  # noqa: DTZ001
