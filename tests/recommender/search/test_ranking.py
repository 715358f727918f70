"""The last order moves products inside their group only: by kind, by what sells, by who asks."""

import uuid
from dataclasses import replace

import numpy as np
import pytest

from recommender.search import affinity, fusion
from recommender.search.ranking import category_share, groups, order, price_fit
from recommender.search.requests import Filters, Leg, Scene, Understood
from shop.visitors import Visitor
from tests.recommender.search.made_scenes import leg_of, scene_of

UNDERSTOOD = Understood(text="mug", filters=Filters())


def ordered(legs: list[Leg], *, scene: Scene) -> list[int]:
    return order(fusion.fuse(legs), scene=scene, understood=UNDERSTOOD, legs=legs).rows_N.tolist()


def test_nothing_ordered_is_nothing() -> None:
    assert ordered([leg_of("lexical")], scene=scene_of(1)) == []


def test_an_exact_hit_is_first_though_sold_out_and_unpopular() -> None:
    scene = scene_of(4, stock=[0, 5, 5, 5], rating_count=[0, 900, 900, 900])
    words = leg_of("lexical", 0, 1, 2, 3, sure=3, exact=1)
    assert ordered([words], scene=scene)[0] == 0
    assert groups(fusion.fuse([words]), legs=[words]).tolist() == [2, 1, 1, 0]


def test_what_is_sold_out_is_the_last_of_its_group() -> None:
    scene = scene_of(4, stock=[0, 1, 1, 1])
    assert ordered([leg_of("lexical", 0, 1, 2, 3, sure=3)], scene=scene) == [1, 2, 0, 3]


def test_among_equals_what_sells_is_first() -> None:
    scene = scene_of(3, rating_count=[1, 50, 900])
    assert ordered([leg_of("lexical", 0, 1, 2, scores=[1, 1, 1], sure=3)], scene=scene) == [2, 1, 0]


def test_whatever_sells_or_is_liked_groups_never_mix(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        monkeypatch.setattr(affinity, "scores", lambda rows_N, scene: rng.normal(size=len(rows_N)))
        scene = scene_of(12, rating_count=rng.integers(0, 999, 12), category_id=rng.integers(1, 4, 12))
        legs = [leg_of("lexical", *rng.permutation(12).tolist(), sure=6, exact=2)]
        legs.append(leg_of("dense_text", *rng.permutation(12).tolist()))
        found, first = ordered(legs, scene=scene), legs[0].rows_N.tolist()
        assert set(found[:2]) == set(first[:2])
        assert set(found[2:6]) == set(first[2:6])


def test_a_shoppers_affinity_orders_equals_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    likes = np.array([0.0, 6.0, 9.0, np.nan], dtype=np.float32)  # what is not known is as the others
    monkeypatch.setattr(affinity, "scores", lambda rows_N, scene: likes[rows_N])
    scene = scene_of(4)
    assert ordered([leg_of("lexical", 0, 1, 2, 3, scores=[1, 1, 1, 1], sure=4)], scene=scene) == [2, 1, 3, 0]
    # Ten ranks of the words weigh more than all that a taste can say.
    far = scene_of(30)
    monkeypatch.setattr(affinity, "scores", lambda rows_N, scene: (rows_N == 29).astype(float))
    assert ordered([leg_of("lexical", *range(30), sure=30)], scene=far)[:10] == list(range(10))


def test_nobody_is_ranked_for_who_paused_or_without_a_model() -> None:
    scene = scene_of(3)
    assert affinity.scores(np.array([0, 1]), scene=scene) is None
    nobody = replace(scene, visitor=Visitor(id=uuid.UUID(int=2)))
    assert affinity.scores(np.array([], dtype=np.int64), scene=nobody) is None


def test_what_is_of_the_kind_of_the_best_comes_before_what_is_not() -> None:
    # Row 3 is the only one of its category among the best found, and two ranks before row 4.
    scene = scene_of(6, category_id=[1, 1, 1, 2, 1, 1])
    assert ordered([leg_of("lexical", 0, 1, 2, 3, 4, 5)], scene=scene)[-1] == 3


def test_shares_of_categories_count_the_first_most() -> None:
    # 1/5 + 1/7 = .343 against 1/6 = .167, of .510 in all.
    assert category_share(np.array([8, 9, 8])) == pytest.approx([0.673, 0.327, 0.673], abs=0.001)


def test_a_price_fits_the_less_the_further_it_is_from_the_usual() -> None:
    prices = np.array([10.0, 10.0, 10.0, 20.0, 5.0, 1000.0, 0.0])
    # ln 2 = .693.
    assert price_fit(prices) == pytest.approx([1, 1, 1, 1 - 0.693, 1 - 0.693, 0, 0], abs=0.001)
