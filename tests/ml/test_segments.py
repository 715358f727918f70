"""The parts of a test, worked by hand."""

import numpy as np

from ml.data import ItemSets
from ml.segments import by_history, by_popularity, parts_of, positives_on

POSITIVES = ItemSets.from_pairs(np.array([0, 0, 1]), item_index=np.array([0, 3, 3]), num_users=2)


def test_users_are_told_apart_by_what_they_had_touched():
    parts = by_history(np.array([0, 1, 5, 6, 20, 21, 500]))
    assert {name: rows.tolist() for name, rows in parts.items()} == {
        "0": [0],
        "1-5": [1, 2],
        "6-20": [3, 4],
        "21+": [5, 6],
    }
    assert list(by_history(np.array([7]))) == ["6-20"], "nobody, no part"


def test_the_head_holds_the_first_third_of_all_likes():
    # Of 12 likes item 1 has 6, so half lie before item 0 and three quarters before item 2.
    parts = by_popularity(np.array([3.0, 6.0, 2.0, 1.0]))
    assert {name: np.flatnonzero(items).tolist() for name, items in parts.items()} == {
        "head": [1],
        "middle": [0],
        "tail": [2, 3],
    }
    nothing = by_popularity(np.zeros(2))
    assert nothing["tail"].all()


def test_a_part_of_the_positives_keeps_the_users_who_have_any():
    rows, kept = positives_on(POSITIVES, items=np.array([True, False, False, False]))
    assert rows.tolist() == [0]
    assert kept.of(0).tolist() == [0]


def test_a_part_is_measured_on_its_own_users_and_positives():
    parts = parts_of(POSITIVES, known_items=np.array([3, 30]), popularity=np.array([9.0, 0, 0, 1.0]))
    assert list(parts) == ["history 1-5", "history 21+", "items head", "items tail"]
    lists = np.array([[0, 1], [3, 1]])
    assert parts["history 1-5"].means(lists, k=2)["recall@2"] == 0.5
    assert parts["items head"].means(lists, k=2)["recall@2"] == 1
    # Item 3 is in the list of user 1, not of user 0.
    assert parts["items tail"].means(lists, k=2)["recall@2"] == 0.5
