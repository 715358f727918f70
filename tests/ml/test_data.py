"""Interaction weights, tables, splits by time and histories."""

import numpy as np
import pytest

from ml.data import (
    KINDS,
    Dataset,
    EntityTable,
    Histories,
    Interactions,
    ItemSets,
    cut_in_time,
    distinct,
    is_among,
    merge_repeats,
    moments_ago,
    weight_of,
    weights_of,
)
from tests.ml.shops import events


def test_weights_rise_from_a_look_to_a_purchase():
    assert weight_of("view", None) < weight_of("click", None) < weight_of("cart_add", None)
    assert weight_of("cart_add", None) < weight_of("purchase", None)


def test_a_dislike_and_a_rating_below_three_are_negative():
    assert weight_of("dislike", None) < 0
    assert [weight_of("rating", stars) < 0 for stars in (1, 2, 3, 4, 5)] == [True, True, False, False, False]
    assert weight_of("rating", 2) > weight_of("rating", 1)


def test_a_rating_without_stars_says_a_little_and_a_cart_removal_nothing():
    assert 0 < weight_of("rating", None) < weight_of("rating", 5)
    assert weight_of("cart_remove", 3) == 0


def test_the_vectorised_weights_are_the_single_ones():
    codes = np.arange(len(KINDS), dtype=np.int8)
    values = np.full(len(KINDS), 4, dtype=np.float32)
    assert weights_of(codes, values).tolist() == pytest.approx([weight_of(kind, 4) for kind in KINDS])


@pytest.mark.parametrize(
    ("value", "weight"),
    [(1e30, 1.0), (-1e30, -1.0), (np.inf, 0.25), (-np.inf, 0.25), (np.nan, 0.25), (0.0, -1.0)],
)
def test_absurd_stars_count_as_the_nearest_or_as_none(value, weight):
    assert weight_of("rating", value) == weight
    assert weight_of("purchase", value) == 1.0, "only a rating has stars"


def test_an_unknown_kind_is_named_with_the_known_ones():
    with pytest.raises(ValueError, match=r"'stare'; use one of view, click"):
        weight_of("stare", None)


def test_a_table_refuses_columns_of_another_length_and_repeated_ids():
    with pytest.raises(ValueError, match="'age' has 1 rows for 2 ids"):
        EntityTable(ids=np.array([1, 2]), numeric={"age": np.array([3.0])})
    with pytest.raises(ValueError, match="repeats a key"):
        EntityTable(ids=np.array([1, 1]))
    with pytest.raises(ValueError, match="integer database keys"):
        EntityTable(ids=np.array(["a"]))


def test_taking_rows_of_a_table_keeps_every_column_aligned():
    table = EntityTable(
        ids=np.array([7, 8, 9]),
        numeric={"price": np.array([1.0, 2.0, 3.0])},
        multi={"tags": [("a",), (), ("b", "c")]},
        vectors={"text": np.eye(3, dtype=np.float32)},
    )
    taken = table.take(np.array([2, 0]))
    assert taken.ids.tolist() == [9, 7]
    assert taken.numeric["price"].tolist() == [3.0, 1.0]
    assert taken.multi["tags"] == [("b", "c"), ("a",)]
    assert taken.vectors["text"].tolist() == [[0, 0, 1], [1, 0, 0]]


def test_interactions_must_be_in_time_order_and_from_columns_sorts_them():
    columns = {
        "item_index": np.array([0, 1]),
        "kind": np.array([0, 0]),
        "value": np.array([np.nan, np.nan]),
        "timestamp": np.array([9, 5]),
    }
    with pytest.raises(ValueError, match="sorted by timestamp"):
        Interactions(user_index=np.array([0, 1]), **columns)
    assert Interactions.from_columns(np.array([0, 1]), **columns).timestamp.tolist() == [5, 9]


def test_interactions_refuse_unknown_codes_and_ragged_columns():
    good = events((0, 0, "view", None, 1))
    with pytest.raises(ValueError, match="codes from 0 to 6"):
        Interactions(**{**vars(good), "kind": np.array([9], dtype=np.int8)})
    with pytest.raises(ValueError, match="differ in length"):
        Interactions(**{**vars(good), "value": np.zeros(2, dtype=np.float32)})


def test_a_dataset_refuses_an_interaction_past_its_tables():
    one = EntityTable(ids=np.array([1]))
    with pytest.raises(ValueError, match="points past"):
        Dataset(users=one, items=one, interactions=events((0, 3, "view", None, 1)))


def test_before_and_since_share_the_events_at_the_moment_of_the_cut():
    log = events((0, 0, "view", None, 1), (0, 1, "view", None, 2), (0, 2, "view", None, 3))
    assert log.before(2).item_index.tolist() == [0]
    assert log.since(2).item_index.tolist() == [1, 2]


def test_the_newest_events_are_after_the_cut_and_none_of_them_before():
    seconds = np.arange(10)
    assert cut_in_time(seconds, last_share=0.2) == 8  # 8 and 9
    assert cut_in_time(seconds, last_share=0) == 10


def test_events_of_one_second_stay_on_one_side_of_the_cut():
    log = events((0, 0, "view", None, 1), *((0, item, "view", None, 5) for item in range(1, 4)))
    cut = cut_in_time(log.timestamp, last_share=0.25)
    assert log.since(cut).item_index.tolist() == [1, 2, 3]
    assert log.before(cut).item_index.tolist() == [0]


@pytest.mark.parametrize("values", [[], [3], [5, 1, 5, -2, 1], [7, 7, 7], [2**40, 0, 2**40]])
def test_distinct_and_among_are_numpys(values):
    array = np.array(values, dtype=np.int64)
    assert distinct(array).tolist() == np.unique(array).tolist()
    for wanted in ([], [5], [1, 9, -2, 7], values):
        wanted_array = np.array(wanted, dtype=np.int64)
        assert is_among(array, wanted=wanted_array).tolist() == np.isin(array, wanted_array).tolist()


def test_moments_ago_counts_the_moments_of_a_row_and_baskets_once():
    age = np.array([90, 50, 50, 10, 10, 10, 0, 0, 7], dtype=np.float32)
    # Rows: a basket of three after one of two after a single event; an empty row; a basket; one event.
    offsets = np.array([0, 6, 6, 8, 9])
    assert moments_ago(age, offsets=offsets).tolist() == [2, 1, 1, 0, 0, 0, 0, 0, 0]
    assert moments_ago(age[:0], offsets=np.array([0, 0])).tolist() == []


def test_moments_ago_does_not_run_on_into_the_next_row():
    age = np.array([9, 1, 5, 1], dtype=np.float32)
    assert moments_ago(age, offsets=np.array([0, 2, 4])).tolist() == [1, 0, 1, 0]


def test_repeated_pairs_are_one_by_user_then_by_the_time_of_their_last_event():
    log = events(
        (1, 3, "view", None, -(10**9)),
        (0, 7, "view", None, 5),
        (1, 2, "purchase", None, 6),
        (0, 7, "purchase", None, 8),
        (0, 1, "view", None, 8),
        (1, 3, "rating", 2, 2 * 10**9),
    )
    user, item, weight, time = merge_repeats(log)
    assert user.tolist() == [0, 0, 1, 1]
    assert item.tolist() == [1, 7, 2, 3], "of one second, the lower index is first"
    assert weight.tolist() == pytest.approx([0.2, 1.0, 1.0, -0.5])
    assert time.tolist() == [8, 8, 6, 2 * 10**9]
    assert [len(column) for column in merge_repeats(log.before(-(10**10)))] == [0, 0, 0, 0]


@pytest.mark.parametrize("second", [1, 10**9, 10**16])
def test_pairs_stay_in_order_whatever_the_unit_of_time(second):
    rows = [(user, user % 7, "view", None, (97 - user) * second) for user in range(97)]
    user, item, _, time = merge_repeats(events(*rows, (96, 8, "view", None, 90 * second)))
    assert user.tolist() == [*range(97), 96]
    assert item.tolist() == [number % 7 for number in range(97)] + [8]
    assert time[-2:].tolist() == [second, 90 * second]


def test_cutting_nothing_says_so():
    with pytest.raises(ValueError, match="no interactions to split"):
        cut_in_time(np.zeros(0, dtype=np.int64), last_share=0.2)


def test_item_sets_are_unique_sorted_and_by_user():
    sets = ItemSets.from_pairs(np.array([2, 0, 2, 2]), item_index=np.array([5, 1, 3, 5]), num_users=4)
    assert [sets.of(user).tolist() for user in range(4)] == [[1], [], [3, 5], []]
    assert sets.take(np.array([2, 1])).sizes.tolist() == [2, 0]
    assert sets.rows().tolist() == [0, 2, 2]


def test_a_history_counts_an_item_once_with_its_strongest_weight_and_latest_time():
    log = events(
        (0, 4, "view", None, 10),
        (0, 4, "purchase", None, 20),
        (0, 4, "view", None, 30),
        (0, 2, "view", None, 25),
    )
    history = Histories.from_interactions(log, num_users=2, as_of=40)
    assert history.item_index.tolist() == [2, 4]
    assert history.weight.tolist() == pytest.approx([weight_of("view", None), 1.0])
    assert history.age_seconds.tolist() == [15, 10]
    assert history.offsets.tolist() == [0, 2, 2]


def test_a_bad_rating_outweighs_the_purchase_before_it():
    log = events((0, 4, "purchase", None, 10), (0, 4, "rating", 2, 20))
    assert Histories.from_interactions(log, num_users=1, as_of=30).weight.tolist() == [-0.5]


def test_a_history_holds_the_latest_items_before_the_moment_alone():
    log = events(*((0, second, "view", None, second) for second in range(6)))
    history = Histories.from_interactions(log, num_users=1, as_of=5, max_length=2)
    assert history.item_index.tolist() == [3, 4]
    assert Histories.empty(3).take(np.array([1])).offsets.tolist() == [0, 0]


def test_cart_removals_leave_no_trace_in_a_history():
    log = events((0, 1, "cart_remove", 1, 3))
    assert len(Histories.from_interactions(log, num_users=1, as_of=9).item_index) == 0


def test_each_user_can_be_looked_at_at_a_moment_of_their_own():
    log = events((0, 0, "purchase", None, 1), (1, 0, "purchase", None, 1), (1, 1, "purchase", None, 5))
    history = Histories.from_interactions(log, num_users=2, as_of=np.array([1, 7]))
    assert history.offsets.tolist() == [0, 0, 2], "what happens at the moment itself is not known"
    assert history.age_seconds.tolist() == [6, 2]
