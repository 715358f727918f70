"""Lists of candidates: cut, joined and measured without losing which candidate is whose."""

import numpy as np
import pytest

from ml.ranking.lists import RankingLists, joined, ndcg_of


def lists_of(*labels):
    sizes = [len(part) for part in labels]
    flat = np.concatenate([np.array(part, dtype=np.int32) for part in labels])
    return RankingLists(
        names=("place",),
        offsets=np.cumsum([0, *sizes]),
        features=np.arange(len(flat), dtype=np.float32)[:, None],
        labels=flat,
    )


def one_list(*, names=("b",), offsets=(0, 1)):
    return RankingLists(
        names=names,
        offsets=np.array(offsets),
        features=np.zeros((1, 1), dtype=np.float32),
        labels=np.zeros(1, dtype=np.int32),
    )


def test_taking_lists_takes_their_candidates_in_that_order():
    taken = lists_of([0, 1], [2], [0, 0, 3]).take(np.array([2, 0]))
    assert taken.labels.tolist() == [0, 0, 3, 0, 1]
    assert taken.features[:, 0].tolist() == [3, 4, 5, 0, 1]
    assert taken.offsets.tolist() == [0, 3, 5]


def test_lists_without_a_choice_are_left_out():
    assert lists_of([0, 0], [1], [2, 0], []).with_choice().labels.tolist() == [2, 0]


def test_a_split_leaves_a_list_on_either_side():
    first, last = lists_of([0, 1], [1, 0]).split(last_share=0.01)
    assert (first.labels.tolist(), last.labels.tolist()) == ([0, 1], [1, 0])


def test_joined_lists_keep_their_bounds():
    assert joined([lists_of([0, 1], [2]), lists_of([3, 0])]).offsets.tolist() == [0, 2, 3, 5]


def test_columns_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="every candidate a row"):
        RankingLists(
            names=("a", "b"), offsets=np.array([0, 1]), features=np.zeros((1, 1)), labels=np.zeros(1)
        )
    with pytest.raises(ValueError, match="run from 0"):
        one_list(offsets=(0, 2))
    with pytest.raises(ValueError, match="lists of one kind"):
        joined([lists_of([1]), one_list()])


def test_ndcg_by_hand():
    """Gains 2^2 - 1 = 3 at the second place, 1 at the first: (1 + 3 / log2 3) / (3 + 1 / log2 3)."""
    values = ndcg_of(np.array([0.9, 0.5, 0.1, 5.0, 4.0]), lists=lists_of([1, 2, 0], [0, 1]))
    third = 1 / np.log2(3)
    assert values == pytest.approx([(1 + 3 * third) / (3 + third), third])
