"""Shoppers have tastes that are sparse, stated, and drift."""

import numpy as np

from ml.synthetic.products import DAY
from ml.synthetic.shop import SyntheticShop
from ml.synthetic.taxonomy import SEPARATOR


def test_every_address_is_unique_and_at_a_reserved_domain(shop: SyntheticShop) -> None:
    assert len(set(shop.shoppers.email)) == len(shop.shoppers) == 300
    assert all(
        email.split("@")[1] in {"example.com", "example.org", "example.net"} for email in shop.shoppers.email
    )


def test_a_shopper_looks_at_few_types_most_of_the_time(shop: SyntheticShop) -> None:
    users = np.arange(300)
    shares = shop.shoppers.tastes.type_shares(
        users, times=np.full(300, shop.until), taxonomy=shop.catalogue.taxonomy
    )
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-5)
    assert np.median(np.sort(shares, axis=1)[:, -6:].sum(axis=1)) > 0.75


def test_tastes_drift_slowly(shop: SyntheticShop) -> None:
    tastes, users = shop.shoppers.tastes, np.arange(300)
    first, later, last = (
        tastes.vectors_at(users, times=np.full(300, when))
        for when in (tastes.knots[0], tastes.knots[1], tastes.knots[-1])
    )
    near, far = (np.linalg.norm(other - first, axis=1).mean() for other in (later, last))
    assert 0 < near < far < np.linalg.norm(first, axis=1).mean()


def test_between_two_knots_a_taste_is_halfway(shop: SyntheticShop) -> None:
    tastes = shop.shoppers.tastes
    middle = (tastes.knots[0] + tastes.knots[1]) // 2
    expected = (tastes.vectors[5, 0] + tastes.vectors[5, 1]) / 2
    np.testing.assert_allclose(
        tastes.vectors_at(np.array([5]), times=np.array([middle]))[0], expected, atol=1e-4
    )


def test_some_shoppers_find_a_new_favourite_on_the_way(shop: SyntheticShop) -> None:
    weights = shop.shoppers.tastes.weights
    assert (weights[:, 0, -1] == 0).all()
    assert 0.2 < (weights[:, -1, -1] > 0).mean() < 0.5


def test_stated_preferences_are_category_paths_that_mostly_tell_the_truth(shop: SyntheticShop) -> None:
    types, people = shop.catalogue.taxonomy.types, shop.shoppers
    known = {SEPARATOR.join(kind.path.split(SEPARATOR)[:depth]) for kind in types for depth in (1, 2, 3)}
    truths = []
    for user, stated in enumerate(people.preferences):
        favourites = [types[slot].path for slot in people.tastes.slots[user]]
        for path in filter(None, stated.split("|")):
            assert path in known
            truths.append(any(favourite.startswith(path) for favourite in favourites))
    assert np.mean(truths) > 0.85
    assert 0.03 < np.mean([not stated for stated in people.preferences]) < 0.3


def test_ages_agree_with_birth_dates_and_unknown_ones_count_as_zero(shop: SyntheticShop) -> None:
    people = shop.shoppers
    unknown = np.isnat(people.birth_date)
    assert (people.age[unknown] == 0).all()
    years = (np.datetime64(shop.until, "s").astype("M8[D]") - people.birth_date[~unknown]).astype(
        int
    ) / 365.25
    assert (people.age[~unknown] <= years).all()
    assert (years - people.age[~unknown] < 1.1).all()


def test_shoppers_sign_up_over_time_and_before_the_end(shop: SyntheticShop) -> None:
    assert shop.shoppers.signup_at.max() <= shop.until - 2 * DAY
    assert np.ptp(shop.shoppers.signup_at) > 300 * DAY
