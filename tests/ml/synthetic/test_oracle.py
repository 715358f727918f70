"""The oracle knows the tastes, and says so in the shared protocol."""

import numpy as np

from ml.synthetic.oracle import expected_looks, oracle_report, split_time, to_interactions
from ml.synthetic.shop import ShopConfig, SyntheticShop, generate


def test_the_oracle_is_far_above_popularity(shop: SyntheticShop) -> None:
    report = oracle_report(shop)
    assert report["oracle"]["hit@10"] > 0.6
    assert report["oracle"]["recall@10"] > 3 * report["popularity"]["recall@10"]
    assert report["test"]["users"] > 150
    assert report["test"]["positives"] > 2


def test_expected_looks_are_shares_over_what_a_shopper_may_have(shop: SyntheticShop) -> None:
    users = np.arange(40)
    chance = expected_looks(shop, users=users, cut=shop.until - 10)
    assert (chance >= 0).all()
    assert chance.sum(axis=1).max() < 1.001
    child = np.flatnonzero(shop.shoppers.age[users] < 18)
    assert chance[np.ix_(child, np.flatnonzero(shop.catalogue.min_age == 18))].sum() == 0


def test_the_split_leaves_a_fifth_of_the_events_for_the_test(shop: SyntheticShop) -> None:
    interactions = to_interactions(shop)
    assert len(interactions.since(split_time(shop))) / len(interactions) == np.float64(0.2).round(3)


def test_expected_looks_agree_with_what_a_shopper_then_does() -> None:
    # One shopper, many events: the expected share of each product must show in the counts.
    shop = generate(ShopConfig(num_users=1, num_items=130, num_interactions=6_000, seed=1))
    views = shop.events.take(shop.events.kind == 0)
    counts = np.bincount(views.item_index, minlength=130) / len(views)
    first = int(shop.shoppers.signup_at[0])
    expected = expected_looks(shop, users=np.array([0]), cut=first)[0]
    assert np.corrcoef(counts, expected)[0, 1] > 0.8
