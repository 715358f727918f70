"""Lists of unseen items, in chunks."""

import numpy as np
import pytest

from ml import scorers
from ml.scorers import rank_unseen
from ml.splits import cold_items, given
from tests.ml.shops import events

TRAIN = events(*((user, user % 3, "purchase", None, 1) for user in range(5)))
TEST = events(*((user, 3, "purchase", None, 2) for user in range(5)))
SPLIT = given(TRAIN, TEST, num_users=5)


class ByUser:
    """Scores that depend on the user: item i has (i + user) mod 4."""

    def scores(self, users: np.ndarray) -> np.ndarray:
        return ((np.arange(4) + users[:, None]) % 4).astype(np.float32)


def test_lists_are_the_same_whatever_the_chunk(monkeypatch):
    whole = rank_unseen(ByUser(), test=SPLIT.test, depth=3)
    # User 0 has item 0; of the others 3 scores 3, 2 scores 2. User 1 has item 1: 2 scores 3, 0 scores 1.
    assert whole[:2].tolist() == [[3, 2, 1], [2, 0, 3]]
    monkeypatch.setattr(scorers, "CHUNK", 2)
    assert np.array_equal(rank_unseen(ByUser(), test=SPLIT.test, depth=3), whole)


def test_cold_items_are_ranked_among_themselves():
    cold = cold_items(SPLIT, items=np.array([False, False, False, True])).test
    assert rank_unseen(ByUser(), test=cold, depth=2).tolist() == [[3, -1]] * 5


def test_a_test_without_users_has_no_lists():
    nobody = SPLIT.test.take(np.zeros(0, dtype=int))
    assert rank_unseen(ByUser(), test=nobody, depth=3).shape == (0, 3)


def test_a_score_of_nan_is_refused_with_its_user():
    class Broken:
        def scores(self, users: np.ndarray) -> np.ndarray:
            return np.where(users[:, None] == 3, np.nan, np.ones((len(users), 4)))

    with pytest.raises(ValueError, match="Broken gives user 3 a score of NaN"):
        rank_unseen(Broken(), test=SPLIT.test, depth=3)
