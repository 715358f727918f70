"""What shoppers do has the marks of real behaviour, and follows from their tastes."""

from dataclasses import fields

import numpy as np

from ml.data import KINDS as MODEL_KINDS
from ml.synthetic.events import (
    CART_ADD,
    CART_REMOVE,
    CLICK,
    DISLIKE,
    KINDS,
    PURCHASE,
    RATING,
    VIEW,
    Events,
)
from ml.synthetic.products import DAY
from ml.synthetic.shop import SyntheticShop


def _of(shop: SyntheticShop, *kinds: int) -> Events:
    return shop.events.take(np.isin(shop.events.kind, kinds))


def test_kinds_have_the_codes_that_models_read() -> None:
    assert KINDS == MODEL_KINDS


def test_there_are_exactly_as_many_rows_as_asked_sorted_by_time(shop: SyntheticShop) -> None:
    assert len(shop.events) == 20_000
    assert (np.diff(shop.events.timestamp) >= 0).all()
    assert {len(getattr(shop.events, field.name)) for field in fields(Events)} == {20_000}


def test_nothing_happens_before_sign_up_or_release_or_after_the_end(shop: SyntheticShop) -> None:
    events = shop.events
    assert (events.timestamp >= shop.shoppers.signup_at[events.user_index]).all()
    assert (events.timestamp >= shop.catalogue.released_at[events.item_index]).all()
    assert events.timestamp.max() <= shop.until


def test_nobody_gets_what_they_may_not_have(shop: SyntheticShop) -> None:
    events, goods, people = shop.events, shop.catalogue, shop.shoppers
    assert (people.age[events.user_index] >= goods.min_age[events.item_index]).all()
    for user, item in zip(events.user_index, events.item_index, strict=True):
        assert not goods.regions[item] or people.region[user] in goods.regions[item].split("|")


def test_every_kind_occurs_and_the_funnel_narrows(shop: SyntheticShop) -> None:
    counts = np.bincount(shop.events.kind, minlength=len(KINDS))
    assert (counts > 0).all()
    assert counts[VIEW] > counts[CART_ADD] > counts[CART_REMOVE]
    assert counts[VIEW] > counts[CLICK]
    assert counts[PURCHASE] > counts[RATING]
    assert counts[DISLIKE] < 0.05 * counts[VIEW]


def test_ratings_carry_stars_purchases_a_quantity_and_views_nothing(shop: SyntheticShop) -> None:
    assert set(np.unique(_of(shop, RATING).value)) <= {1, 2, 3, 4, 5}
    assert (_of(shop, PURCHASE, CART_ADD).value >= 1).all()
    assert np.isnan(_of(shop, VIEW, CLICK, DISLIKE, CART_REMOVE).value).all()


def test_a_tenth_of_the_products_gets_a_third_of_the_views_or_more(shop: SyntheticShop) -> None:
    counts = np.sort(np.bincount(_of(shop, VIEW).item_index, minlength=800))[::-1]
    assert counts[:80].sum() / counts.sum() > 0.33


def test_favourite_types_get_most_of_a_shoppers_views(shop: SyntheticShop) -> None:
    views = _of(shop, VIEW)
    favourite = shop.shoppers.tastes.slots[views.user_index]
    seen = shop.catalogue.type_index[views.item_index]
    assert (favourite == seen[:, None]).any(axis=1).mean() > 0.6


def test_within_a_type_shoppers_look_at_what_matches_their_taste(shop: SyntheticShop) -> None:
    views, goods = _of(shop, VIEW), shop.catalogue
    vectors = shop.shoppers.tastes.vectors_at(views.user_index, times=views.timestamp)
    chosen = (vectors * goods.latent[views.item_index]).sum(axis=1)
    means = np.stack([goods.latent[goods.type_index == kind].mean(axis=0) for kind in range(64)])
    usual = (vectors * means[goods.type_index[views.item_index]]).sum(axis=1)
    assert (chosen - usual).mean() > 1.0


def test_shoppers_who_like_dear_things_buy_dearer_ones(shop: SyntheticShop) -> None:
    views = _of(shop, VIEW)
    wanted = shop.shoppers.tastes.price_level[views.user_index]
    assert np.corrcoef(wanted, shop.catalogue.price_level[views.item_index])[0, 1] > 0.15


def test_purchases_match_tastes_better_than_dislikes_do(shop: SyntheticShop) -> None:
    def match(events: Events) -> float:
        vectors = shop.shoppers.tastes.vectors_at(events.user_index, times=events.timestamp)
        return float((vectors * shop.catalogue.latent[events.item_index]).sum(axis=1).mean())

    assert match(_of(shop, PURCHASE)) > match(_of(shop, VIEW)) > match(_of(shop, DISLIKE))


def test_complements_are_bought_in_one_session_more_often_than_chance(shop: SyntheticShop) -> None:
    buys, taxonomy = _of(shop, PURCHASE), shop.catalogue.taxonomy
    bought = np.zeros((shop.events.session.max() + 1, len(taxonomy.types)), dtype=bool)
    bought[buys.session, shop.catalogue.type_index[buys.item_index]] = True
    bought = bought[bought.any(axis=1)].astype(float)
    share = bought.mean(axis=0)
    together = bought.T @ bought / len(bought)
    pairs = (taxonomy.complements > 0) & (share[:, None] > 0) & (share > 0)
    assert together[pairs].sum() / np.outer(share, share)[pairs].sum() > 2


def test_consumables_are_bought_again_at_about_their_interval(shop: SyntheticShop) -> None:
    buys, goods = _of(shop, PURCHASE), shop.catalogue
    key = buys.user_index.astype(np.int64) * 1000 + buys.item_index
    order = np.lexsort((buys.timestamp, key))
    again = np.diff(key[order]) == 0
    gap_days = (np.diff(buys.timestamp[order]) / DAY)[again]
    items = buys.item_index[order][1:][again]
    consumable = goods.repeatable[items]
    usual = np.array([goods.type_of(item).repeat_days for item in items[consumable]])
    assert consumable.mean() > 0.6
    assert 0.7 < np.median(gap_days[consumable] / usual) < 1.2


def test_sessions_follow_the_hours_of_the_day(shop: SyntheticShop) -> None:
    hours = np.bincount(_of(shop, VIEW).timestamp // 3600 % 24, minlength=24)
    assert hours[18:22].mean() > 4 * hours[1:5].mean()


def test_interests_at_the_end_differ_from_those_at_the_start(shop: SyntheticShop) -> None:
    tastes, users = shop.shoppers.tastes, np.arange(len(shop.shoppers))
    early, late = (
        tastes.type_shares(users, times=np.full(len(users), when), taxonomy=shop.catalogue.taxonomy)
        for when in (tastes.knots[0], tastes.knots[-1])
    )
    moved = np.abs(early - late).sum(axis=1) / 2
    assert 0.1 < moved.mean() < 0.6
