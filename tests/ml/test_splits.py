"""Splits of small logs, worked by hand."""

import numpy as np
import pytest

from ml.data import Interactions
from ml.splits import HeldOut, by_time, cold_items, cold_users, given, last_out
from tests.ml.shops import events

# User 0 buys 0, then 1, then a basket of 2 and 3 (and 0 again), then looks away; user 1 buys once; user 2's
# last moment holds nothing new; user 3 only dislikes.
LOG = events(
    (0, 0, "purchase", None, 1),
    (1, 1, "purchase", None, 2),
    (2, 2, "purchase", None, 3),
    (0, 1, "purchase", None, 4),
    (0, 2, "purchase", None, 7),
    (0, 3, "purchase", None, 7),
    (0, 0, "purchase", None, 7),
    (2, 2, "purchase", None, 8),
    (3, 3, "dislike", None, 9),
    (0, 4, "dislike", None, 10),
)


def pairs(log: Interactions) -> list[tuple[int, int]]:
    return list(zip(log.user_index.tolist(), log.item_index.tolist(), strict=True))


def wanted(test: HeldOut) -> dict[int, list[int]]:
    return {int(user): test.positives.of(row).tolist() for row, user in enumerate(test.users)}


def test_by_time_everybody_is_looked_at_at_the_cut():
    split = by_time(LOG, num_users=4, cut=4)
    assert pairs(split.known) == [(0, 0), (1, 1), (2, 2)]
    assert wanted(split.test) == {0: [1, 2, 3]}
    assert split.test.as_of.tolist() == [4]


def test_the_last_basket_is_held_out_whole_and_what_follows_is_not_known():
    split = last_out(LOG, num_users=4)
    assert wanted(split.test) == {0: [2, 3]}
    assert split.test.as_of.tolist() == [7]
    assert split.test.seen.of(0).tolist() == [0, 1]
    # Users 1 (nothing before), 2 (nothing new) and 3 (wants nothing) are not judged: all they did is known.
    assert pairs(split.known) == [(0, 0), (1, 1), (2, 2), (0, 1), (2, 2), (3, 3)]


def test_each_user_of_a_last_out_test_has_a_moment_of_their_own():
    log = events(
        (0, 0, "purchase", None, 1),
        (0, 1, "purchase", None, 2),
        (1, 0, "purchase", None, 5),
        (1, 1, "purchase", None, 9),
    )
    split = last_out(log, num_users=3)
    assert split.test.as_of.tolist() == [2, 9]
    moments = split.test.moments(3)
    assert moments.tolist()[:2] == [2, 9]
    assert moments[2] < 0, "who is not judged is looked at before all time"


def test_given_files_judge_every_user_with_a_new_pair():
    train = events((0, 0, "purchase", None, 1), (0, 1, "purchase", None, 2))
    test = events((0, 1, "purchase", None, 3), (0, 2, "purchase", None, 3), (1, 0, "purchase", None, 3))
    split = given(train, test, num_users=2)
    assert wanted(split.test) == {0: [2], 1: [0]}
    assert split.test.as_of.tolist() == [3, 3], "the second after the last known event"
    assert len(given(train.take(slice(0, 0)), test, num_users=2).test) == 2


def test_cold_items_are_unknown_and_the_only_ones_ranked():
    cold = np.array([False, False, True, False, False])
    split = cold_items(by_time(LOG, num_users=4, cut=4), items=cold)
    assert pairs(split.known) == [(0, 0), (1, 1)]
    assert wanted(split.test) == {0: [2]}
    scores = split.test.mask(np.ones((1, 5)), rows=np.array([0]))
    assert np.isfinite(scores[0]).tolist() == cold.tolist()


def test_a_cold_user_keeps_their_latest_events_and_the_test_stays():
    warm = last_out(LOG, num_users=4)
    cold = np.array([True, False, False, False])
    for num_events, kept in ((0, []), (1, [1]), (9, [0, 1])):
        split = cold_users(warm, users=cold, num_events=num_events)
        assert [item for user, item in pairs(split.known) if user == 0] == kept
        assert wanted(split.test) == {0: [2, 3]}
        assert split.test.seen.of(0).tolist() == [0, 1]
    with pytest.raises(ValueError, match="0 or more"):
        cold_users(warm, users=cold, num_events=-1)


def test_a_test_can_be_narrowed_to_some_of_its_users():
    test = given(LOG.take(slice(0, 0)), LOG, num_users=4).test
    assert test.users.tolist() == [0, 1, 2]
    assert wanted(test.take(np.array([1, 2]))) == {1: [1], 2: [2]}
