"""Choices follow utility: what is not allowed is never drawn, what matches better is drawn more often."""

from dataclasses import replace

import numpy as np
import pytest

from ml.synthetic.choices import Looks, choose_items, may_buy, taste_and_utility
from ml.synthetic.products import DAY
from ml.synthetic.shop import SyntheticShop


def _looks(
    shop: SyntheticShop, *, user: int, kind: str, count: int, views: int = 2, exploring: bool = False
) -> Looks:
    return Looks(
        user_index=np.full(count, user),
        type_index=np.full(count, shop.catalogue.taxonomy.index[kind]),
        time=np.full(count, shop.until),
        num_views=np.full(count, views),
        exploring=np.full(count, exploring),
    )


def _adult(shop: SyntheticShop) -> int:
    return int(np.flatnonzero((shop.shoppers.age >= 18) & (np.array(shop.shoppers.region) == "GB"))[0])


def _choose(shop: SyntheticShop, looks: Looks) -> tuple[np.ndarray, np.ndarray]:
    return choose_items(looks, catalogue=shop.catalogue, shoppers=shop.shoppers, rng=np.random.default_rng(1))


def test_items_of_one_look_are_different_and_of_the_type_that_was_asked(shop: SyntheticShop) -> None:
    chosen, _ = _choose(shop, _looks(shop, user=_adult(shop), kind="mug", count=50, views=3))
    assert chosen.shape == (50, 3)
    assert all(len(set(row)) == 3 for row in chosen)
    assert {shop.catalogue.type_of(item).key for item in chosen.ravel()} == {"mug"}


def test_a_look_shows_no_more_items_than_it_wanted(shop: SyntheticShop) -> None:
    looks = _looks(shop, user=_adult(shop), kind="mug", count=2)
    chosen, _ = _choose(shop, replace(looks, num_views=np.array([1, 3])))
    assert (chosen >= 0).sum(axis=1).tolist() == [1, 3]


def test_a_child_gets_no_wine(shop: SyntheticShop) -> None:
    child = int(np.flatnonzero(shop.shoppers.age < 18)[0])
    chosen, _ = _choose(shop, _looks(shop, user=child, kind="wine", count=20))
    assert (chosen == -1).all()


def test_what_is_not_released_yet_has_no_chance(shop: SyntheticShop) -> None:
    items = np.arange(len(shop.catalogue))
    moment = int(np.median(shop.catalogue.released_at))
    _, rest = taste_and_utility(
        np.array([_adult(shop)]),
        times=np.array([moment]),
        items=items,
        catalogue=shop.catalogue,
        shoppers=shop.shoppers,
    )
    assert np.isneginf(rest[0, shop.catalogue.released_at > moment]).all()


def test_a_new_arrival_draws_more_than_the_same_product_a_year_on(shop: SyntheticShop) -> None:
    user, item = np.array([_adult(shop)]), np.array([shop.catalogue.taxonomy.index["mug"]])
    released = shop.catalogue.released_at[item]

    def rest(days: int) -> float:
        _, utility = taste_and_utility(
            user, times=released + days * DAY, items=item, catalogue=shop.catalogue, shoppers=shop.shoppers
        )
        return float(utility[0, 0])

    assert rest(1) - rest(365) == pytest.approx(0.8 * np.exp(-1 / 30), abs=0.01)


def test_who_explores_follows_taste_less(shop: SyntheticShop) -> None:
    user = _adult(shop)
    _, usual = _choose(shop, _looks(shop, user=user, kind="tshirt", count=400))
    _, roaming = _choose(shop, _looks(shop, user=user, kind="tshirt", count=400, exploring=True))
    assert usual.mean() > roaming.mean() + 0.2


def test_a_restricted_item_is_for_its_regions_only(shop: SyntheticShop) -> None:
    item = next(row for row, regions in enumerate(shop.catalogue.regions) if regions)
    region = shop.catalogue.regions[item].split("|")[0]
    at_home = shop.shoppers.region.index(region)
    elsewhere = next(
        user
        for user, code in enumerate(shop.shoppers.region)
        if code not in shop.catalogue.regions[item].split("|")
    )
    grown_up = replace(shop.shoppers, age=np.full(len(shop.shoppers), 40, dtype=np.int16))
    allowed = may_buy(
        np.array([at_home, elsewhere]), items=np.array([item]), catalogue=shop.catalogue, shoppers=grown_up
    )
    assert allowed[:, 0].tolist() == [True, False]
