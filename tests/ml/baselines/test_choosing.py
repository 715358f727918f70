"""The walk over a grid, on a problem whose best setting is known."""

from dataclasses import dataclass

import numpy as np

from ml.baselines.choosing import choose
from ml.splits import given
from tests.ml.shops import events

TRAIN = events((0, 0, "purchase", None, 1))
TEST = given(TRAIN, events((0, 11, "purchase", None, 2)), num_users=1).test


@dataclass
class NearMiss:
    """Ranks item 11 the lower, the farther its setting is from (4, 2)."""

    left: int
    right: int

    def scores(self, users: np.ndarray) -> np.ndarray:
        miss = abs(self.left - 4) + abs(self.right - 2)
        row = np.arange(12, 0, -1, dtype=np.float32)
        row[11] = 11.5 - miss  # item 0, at 12, is seen
        return np.tile(row, (len(users), 1))


def test_the_walk_climbs_to_the_best_setting_and_leaves_most_of_the_grid_alone():
    tried = []

    def fit(left: int, right: int) -> NearMiss:
        tried.append((left, right))
        return NearMiss(left, right)

    grid = {"left": range(9), "right": range(9)}
    best = choose(fit, grid=grid, start={"left": 2, "right": 5}, valid=TEST)
    assert best == {"left": 4, "right": 2}
    assert len(tried) == len(set(tried)) < 20


def test_without_anybody_to_judge_the_start_stays():
    nobody = given(TRAIN, TRAIN, num_users=1).test
    start = {"left": 2, "right": 5}
    assert choose(NearMiss, grid={}, start=start, valid=nobody) == start
