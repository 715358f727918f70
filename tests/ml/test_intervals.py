"""Bootstrap intervals against what theory says of them."""

import numpy as np
import pytest

from ml.intervals import interval, intervals, paired_interval, resampled_means

RNG = np.random.default_rng(2)
HITS = (RNG.random(2_000) < 0.3).astype(float)


def test_the_interval_of_a_share_is_the_textbook_one():
    low, high = interval(HITS)
    # 1.96 sqrt(.3 x .7 / 2000) = .0201 on either side.
    assert high - low == pytest.approx(2 * 0.0201, rel=0.1)
    assert low < HITS.mean() < high
    narrow = interval(HITS, level=0.5)
    assert low < narrow[0] < narrow[1] < high


def test_the_difference_of_two_methods_is_judged_user_by_user():
    """A method that finds one more for a hundred users of 2,000 is better, though the intervals overlap."""
    better = HITS.copy()
    better[np.flatnonzero(HITS == 0)[:40]] = 1
    assert interval(better)[0] < interval(HITS)[1]
    low, high = paired_interval(better, other_E=HITS)
    assert 0 < low < 0.02 < high
    assert paired_interval(HITS, other_E=HITS) == (0, 0)


def test_the_same_seed_gives_the_same_interval():
    assert interval(HITS, seed=3) == interval(HITS, seed=3) != interval(HITS, seed=4)


def test_users_that_could_not_be_measured_are_left_out():
    found = intervals({"known": np.array([1.0, np.nan, 1.0]), "all": np.array([2.0, 2.0, 2.0])})
    assert found == {"known": (1, 1), "all": (2, 2)}


def test_resamples_come_in_blocks_without_a_seam(monkeypatch):
    monkeypatch.setattr("ml.intervals.AT_ONCE", 5_000)
    means = resampled_means(HITS[:, None], resamples=7)
    assert means.shape == (7, 1)
    assert len(np.unique(means)) == 7


def test_nothing_and_the_unlike_are_refused():
    assert intervals({}) == {}
    with pytest.raises(ValueError, match="at least one"):
        interval(np.zeros(0))
    with pytest.raises(ValueError, match="between 0 and 1"):
        interval(HITS, level=95)
    with pytest.raises(ValueError, match="the same users"):
        paired_interval(HITS, other_E=HITS[:5])
