"""What each number does to a list: variety, caps, rotation, exploration; and that none breaks it."""

import time
import uuid
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from recommender import counting, diversity, exposures, redis_door
from recommender.candidates import Candidate
from recommender.interactions import HistoryRow
from recommender.models import Placement
from recommender.rules import PINNED
from shop.visitors import Visitor
from tests.recommender.made_contexts import NOW, candidates_of, made_catalogue, made_context, rows_of
from tests.recommender.redis_states import break_redis, empty_redis, mend_redis

NUMBERS = ("DIVERSITY", "CATEGORY_CAP", "BRAND_CAP", "EXPLORATION_SHARE", "ROTATION_PLACES")


@pytest.fixture(autouse=True)
def _nothing_set(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every number off, so that a test sees the effect of the one that it sets, on lists that fit a line."""
    monkeypatch.setattr(diversity, "LEAST_TO_VARY", 1)
    monkeypatch.setattr(exposures, "_kept", SimpleNamespace(get=frozenset))
    for name in NUMBERS:
        setattr(settings, name, 0)


def vectors(*directions: tuple[float, float], bias: float = 0.0) -> np.ndarray:
    return np.array([(*direction, 0.0, bias) for direction in directions], dtype=np.float32)


def arranged(rows: list[int], **context: Any) -> list[int]:
    return rows_of(diversity.arrange(candidates_of(rows), context=made_context(**context)))


def newcomers(number: int = 40, *, new: range) -> Any:
    released = np.full(number, NOW.timestamp() - 400 * 86_400)
    released[list(new)] = NOW.timestamp() - 86_400
    return made_catalogue(number, released_at=released)


def explored(context: Any, rows: Any = range(30), **arguments: Any) -> list[Candidate]:
    listed = diversity.arrange(candidates_of(rows), context=context, **arguments)
    return [each for each in listed if each.source == diversity.EXPLORE]


def test_with_every_number_at_zero_the_order_stays() -> None:
    assert arranged([5, 3, 9, 1], item_vectors=np.ones((40, 3), np.float32)) == [5, 3, 9, 1]


def test_variety_puts_a_different_product_before_a_twin(settings: Any) -> None:
    # k = 2. Third is unlike the first: relevance 0.5 * (1 - 2/2) = 0, similarity 0, so 0.
    # Second is the first's twin: 0.5 * (1 - 1/2) - 0.5 * 1 = -0.25.
    item_vectors = vectors((1, 0), (1, 0), (0, 1))
    context = {"catalogue": made_catalogue(3), "item_vectors": item_vectors, "k": 2}
    assert arranged([0, 1, 2], **context) == [0, 1]
    settings.DIVERSITY = 0.5
    assert arranged([0, 1, 2], **context) == [0, 2]
    # 0.8 * 0.5 - 0.2 * 1 = 0.2 for the twin, 0 for the other.
    settings.DIVERSITY = 0.2
    assert arranged([0, 1, 2], **context) == [0, 1]


def test_the_popularity_column_does_not_make_products_alike(settings: Any) -> None:
    settings.DIVERSITY = 0.5
    item_vectors = vectors((1, 0), (1, 0), (0, 1), bias=50.0)
    assert arranged([0, 1, 2], catalogue=made_catalogue(3), item_vectors=item_vectors, k=2) == [0, 2]


def test_a_product_without_a_vector_is_no_variety_by_itself(settings: Any) -> None:
    settings.DIVERSITY = 0.5
    item_vectors = vectors((1, 0), (0.8, 0.6), (0, 0))
    assert arranged([0, 1, 2], catalogue=made_catalogue(3), item_vectors=item_vectors) == [0, 1, 2]


def test_what_was_taken_before_counts_and_is_not_repeated(settings: Any) -> None:
    settings.DIVERSITY = 0.5
    context = made_context(made_catalogue(4), item_vectors=vectors((1, 0), (1, 0), (0, 1), (0.6, 0.8)), k=3)
    taken = candidates_of([0])
    assert rows_of(diversity.arrange(candidates_of([0, 1, 2]), context=context, taken=taken)) == [2, 1]
    assert diversity.arrange(candidates_of([1, 2]), context=context, taken=candidates_of([0, 3, 2])) == []


def test_a_category_has_at_most_its_share(settings: Any) -> None:
    catalogue = made_catalogue(12, category_id=np.array([2] * 8 + [5] * 4))
    assert arranged([*range(12)], catalogue=catalogue, k=6) == [0, 1, 2, 3, 4, 5]
    settings.CATEGORY_CAP = 0.5
    assert arranged([*range(12)], catalogue=catalogue, k=6) == [0, 1, 2, 8, 9, 10]


def test_a_brand_has_at_most_its_share_and_products_without_one_have_no_cap(settings: Any) -> None:
    settings.BRAND_CAP = 0.5
    catalogue = made_catalogue(12, brand=np.array([0] * 8 + [1] * 4, dtype=np.int32))
    assert arranged([*range(12)], catalogue=catalogue, k=6) == [0, 1, 2, 8, 9, 10]
    catalogue = made_catalogue(12, brand=np.array([3] * 8 + [1] * 4, dtype=np.int32))
    assert catalogue.brands[3] == ""
    assert arranged([*range(12)], catalogue=catalogue, k=6) == [0, 1, 2, 3, 4, 5]


def test_a_cap_never_makes_a_list_shorter(settings: Any) -> None:
    settings.CATEGORY_CAP = settings.BRAND_CAP = 0.1
    catalogue = made_catalogue(12, category_id=np.full(12, 2), brand=np.zeros(12, dtype=np.int32))
    assert arranged([*range(12)], catalogue=catalogue, k=6) == [0, 1, 2, 3, 4, 5]


def test_similar_products_may_all_be_of_one_category(settings: Any) -> None:
    settings.CATEGORY_CAP = 0.1
    catalogue = made_catalogue(8, category_id=np.array([2] * 6 + [5] * 2))
    assert arranged([*range(8)], catalogue=catalogue, k=6, placement="product_similar") == [*range(6)]


def seen_by_product(**counts: int) -> Any:
    """Counts of products by their rows: r0=3 is three times the product of row 0."""
    by_id = {101 + int(row[1:]): count for row, count in counts.items()}
    return lambda _visitor, product_ids: np.array([by_id.get(each, 0) for each in product_ids])


def test_what_was_seen_often_and_never_clicked_sinks(settings: Any) -> None:
    seen, context = seen_by_product(r0=3, r2=1), made_context()
    assert rows_of(diversity.arrange(candidates_of(range(5)), context=context, seen=seen)) == [0, 1, 2, 3, 4]
    settings.ROTATION_PLACES = 1.25  # row 0 goes to place 3.75, row 2 to 3.25
    assert rows_of(diversity.arrange(candidates_of(range(5)), context=context, seen=seen)) == [1, 3, 2, 0, 4]


def test_rotation_takes_no_notice_of_who_paused_personalisation(settings: Any) -> None:
    settings.ROTATION_PLACES = 5
    context = made_context(visitor=Visitor(id=uuid.UUID(int=7), personalised=False))
    listed = diversity.arrange(candidates_of(range(3)), context=context, seen=seen_by_product(r0=9))
    assert rows_of(listed) == [0, 1, 2]


def test_rotation_goes_by_what_the_consumer_counted(settings: Any) -> None:
    settings.ROTATION_PLACES = 1.5
    empty_redis()
    context = made_context()
    key = f"{counting.prefix()}seen:{counting.actor_of(user_id=None, visitor_id=context.visitor.id)}"
    redis_door.ask(lambda client: client.hset(key, "101", 2))
    assert rows_of(diversity.arrange(candidates_of(range(5)), context=context)) == [1, 2, 0, 3, 4]
    empty_redis()


def test_without_redis_nothing_is_rotated(settings: Any) -> None:
    settings.ROTATION_PLACES = 5
    break_redis()
    try:
        assert arranged([3, 1, 2]) == [3, 1, 2]
    finally:
        mend_redis()


def test_new_products_get_their_share_of_the_places_in_the_second_half(settings: Any) -> None:
    context = made_context(newcomers(new=range(30, 40)))
    assert explored(context) == []
    settings.EXPLORATION_SHARE = 0.25  # three of twelve
    listed = diversity.arrange(candidates_of(range(30)), context=context)
    places = [place for place, each in enumerate(listed) if each.source == "explore"]
    assert len(listed) == 12
    assert len(places) == 3
    assert min(places) >= 6
    assert all(each.row >= 30 and each.reason.kind == "explore" for each in explored(context))


def test_a_share_of_less_than_one_place_is_met_on_average(settings: Any) -> None:
    settings.EXPLORATION_SHARE = 0.05  # 0.6 of a place
    catalogue = newcomers(new=range(30, 40))
    visitors = [Visitor(id=uuid.UUID(int=number)) for number in range(400)]
    lists = [explored(made_context(catalogue, visitor=visitor)) for visitor in visitors]
    assert 0.5 < np.mean([len(each) for each in lists]) < 0.7
    found = Counter(each.row for listed in lists for each in listed)
    assert set(found) == set(range(30, 40))  # every new product has its chance


def test_a_reload_shows_the_same_and_another_hour_or_shopper_another(settings: Any) -> None:
    settings.EXPLORATION_SHARE = 0.25
    context = made_context(newcomers(80, new=range(30, 80)))
    first = rows_of(explored(context))
    assert rows_of(explored(replace(context, now=NOW + timedelta(minutes=59)))) == first
    assert rows_of(explored(replace(context, now=NOW + timedelta(hours=1)))) != first
    assert rows_of(explored(replace(context, visitor=Visitor(id=uuid.UUID(int=8))))) != first
    assert rows_of(explored(replace(context, placement="order_next"))) != first


def test_who_paused_personalisation_explores_what_all_who_paused_do(settings: Any) -> None:
    settings.EXPLORATION_SHARE = 0.25
    catalogue = newcomers(80, new=range(30, 80))
    paused = [Visitor(id=uuid.UUID(int=number), personalised=False) for number in (7, 8)]
    first, second = (rows_of(explored(made_context(catalogue, visitor=each))) for each in paused)
    assert first == second


def test_exploration_tries_what_is_near_the_shopper(settings: Any) -> None:
    settings.EXPLORATION_SHARE = 0.5
    directions = [(1, 0) if row % 2 else (-1, 0) for row in range(200)]
    context = made_context(
        newcomers(200, new=range(60, 200)),
        item_vectors=vectors(*directions),
        user_vector=np.array([1, 0, 1, 1], dtype=np.float32),
    )
    assert {each.row % 2 for each in explored(context)} == {1}


def test_exploration_leaves_out_the_old_the_well_known_the_forbidden_and_the_anchor(settings: Any) -> None:
    settings.EXPLORATION_SHARE = 0.5
    allowed = np.ones(40, dtype=bool)
    allowed[31] = False
    context = made_context(newcomers(new=range(30, 34)), allowed=allowed, anchor_ids=(134,))
    assert {each.row for each in explored(context, well_known=lambda: {133})} == {30}


def test_what_the_shopper_saw_is_not_explored(settings: Any) -> None:
    settings.EXPLORATION_SHARE = 0.5
    viewed = HistoryRow(product_id=131, kind="view", value=None, occurred_at=NOW)
    context = made_context(newcomers(new=range(30, 33)), history=(viewed,))
    assert {each.row for each in explored(context)} == {31, 32}


def test_what_is_sure_to_be_shown_is_not_explored(settings: Any) -> None:
    settings.EXPLORATION_SHARE = 0.5
    assert explored(made_context(newcomers(new=range(12)))) == []


@pytest.mark.parametrize(
    "placement", ["home_recently_viewed", "home_new_arrivals", "home_buy_again", "home_because_you_viewed"]
)
def test_a_list_that_says_what_is_in_it_is_not_explored(settings: Any, placement: str) -> None:
    settings.EXPLORATION_SHARE = 0.5
    assert explored(made_context(newcomers(new=range(30, 40)), placement=placement)) == []


@pytest.mark.parametrize("placement", ["home_recently_viewed", "home_new_arrivals", "home_buy_again"])
def test_lists_whose_order_is_a_fact_stay_as_they_are(settings: Any, placement: str) -> None:
    for name in NUMBERS:
        setattr(settings, name, 0.5)
    context = {"placement": placement, "item_vectors": np.ones((40, 3), np.float32)}
    assert arranged([*range(30)], **context) == [*range(12)]


def test_every_placement_has_a_mix_of_its_own() -> None:
    assert set(diversity.PLACEMENT_MIX) == set(Placement.values)


def test_a_pinned_product_stays_and_counts_for_the_others(settings: Any) -> None:
    settings.DIVERSITY, settings.CATEGORY_CAP, settings.ROTATION_PLACES = 0.5, 0.25, 9
    catalogue = made_catalogue(12, category_id=np.array([2] * 6 + [5] * 6))
    listed = candidates_of(range(12))
    listed[1] = replace(listed[1], source=PINNED)
    context = made_context(catalogue, k=8, item_vectors=np.ones((12, 3), np.float32))
    arranged_rows = rows_of(diversity.arrange(listed, context=context, seen=seen_by_product(r1=50)))
    # Two places for each category: the pin has one of the first, so only one is left to others of it.
    assert arranged_rows[:4] == [0, 1, 6, 7]


def test_without_item_vectors_the_other_numbers_still_work(settings: Any) -> None:
    settings.DIVERSITY = settings.CATEGORY_CAP = 0.5
    catalogue = made_catalogue(12, category_id=np.array([2] * 8 + [5] * 4))
    assert arranged([*range(12)], catalogue=catalogue, k=6) == [0, 1, 2, 8, 9, 10]


def test_a_list_of_a_few_products_holds_what_fits_best(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DIVERSITY, settings.CATEGORY_CAP, settings.BRAND_CAP = 0.5, 0.1, 0.1
    monkeypatch.setattr(diversity, "LEAST_TO_VARY", 6)
    item_vectors = vectors(*[(1, 0) if row % 5 == 0 else (0, 1) for row in range(40)])
    assert arranged([0, 5, 10, 15, 20, 1], k=5, item_vectors=item_vectors) == [0, 5, 10, 15, 20]
    assert arranged([0, 5, 10, 15, 20, 1], k=6, item_vectors=item_vectors)[1] == 1


shares = st.sampled_from([0.0, 0.1, 0.34, 0.5, 0.9])


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    numbers=st.tuples(shares, shares, shares, st.sampled_from([0.0, 0.2, 0.5]), st.sampled_from([0.0, 2.0])),
    rows=st.lists(st.integers(0, 39), max_size=60),
    pins=st.sets(st.integers(0, 59), max_size=4),
    k=st.integers(1, 20),
    forbidden=st.sets(st.integers(0, 39)),
    taken=st.lists(st.integers(0, 39), max_size=5, unique=True),
    placement=st.sampled_from(Placement.values),
    seed=st.integers(0, 2**32),
)
def test_no_numbers_ever_make_a_duplicate_show_the_forbidden_or_lose_a_place(
    settings, numbers, rows, pins, k, forbidden, taken, placement, seed
):
    for name, value in zip(NUMBERS, numbers, strict=True):
        setattr(settings, name, value)
    rng = np.random.default_rng(seed)
    allowed = np.ones(40, dtype=bool)
    allowed[list(forbidden)] = False
    context = made_context(
        newcomers(new=range(20, 40)),
        k=k,
        placement=placement,
        allowed=allowed,
        item_vectors=rng.normal(size=(40, 4)).astype(np.float32),
        user_vector=rng.normal(size=4).astype(np.float32),
        visitor=Visitor(id=uuid.UUID(int=seed)),
    )
    given_list = [
        replace(each, source=PINNED) if place in pins else each
        for place, each in enumerate(candidates_of(list(dict.fromkeys(rows))))
    ]
    before = candidates_of(taken)
    listed = diversity.arrange(given_list, context=context, taken=before, seen=seen_by_product(r0=4, r4=2))
    found = rows_of(listed)
    usable = [each for each in given_list if allowed[each.row] and each.row not in taken]
    assert len(set(found)) == len(found)
    assert not set(found) & (forbidden | set(taken))
    assert len(found) == max(0, min(k - len(taken), len(usable)))
    for place, each in enumerate(usable[: len(found)]):
        assert each.source != PINNED or listed[place] is each
    # The same request gives the same list.
    again = diversity.arrange(given_list, context=context, taken=before, seen=seen_by_product(r0=4, r4=2))
    assert rows_of(again) == found


def test_twelve_of_two_hundred_take_about_a_millisecond(settings: Any) -> None:
    settings.DIVERSITY, settings.CATEGORY_CAP, settings.BRAND_CAP = 0.3, 0.5, 0.34
    settings.EXPLORATION_SHARE = 0.1
    catalogue = newcomers(5_000, new=range(4_500, 5_000))
    rng = np.random.default_rng(3)
    context = made_context(
        catalogue,
        item_vectors=rng.normal(size=(5_000, 65)).astype(np.float32),
        user_vector=rng.normal(size=65).astype(np.float32),
    )
    listed = candidates_of(rng.permutation(4_500)[:200])
    seconds = []
    for _ in range(50):
        started = time.perf_counter()
        diversity.arrange(listed, context=context)
        seconds.append(time.perf_counter() - started)
    assert min(seconds) < 0.002  # about 0.5 ms where nothing else runs; the least of 50, on a busy machine
