"""What a batch hides and shows, and how often candidates are drawn."""

from dataclasses import replace

import numpy as np
import pytest

from ml.sampling import CandidateSampler, HidingPlan, UserPairs, draw_batch
from tests.ml.shops import events, two_taste_shop

RANDOM = HidingPlan(history_drop=0, next_share=0, hide_share=0.5, recent_half_life_days=0)
LOG = events(
    (0, 1, "purchase", None, 10),
    (0, 2, "purchase", None, 20),
    (0, 3, "dislike", None, 30),
    (0, 4, "purchase", None, 40),
    (2, 5, "view", None, 50),
)
PAIRS = UserPairs.from_interactions(LOG, num_users=3)


def draw(plan: HidingPlan, *, users: tuple[int, ...] = (0, 2), seed: int = 0):
    return draw_batch(PAIRS, users=np.array(users), plan=plan, rng=np.random.default_rng(seed))


def test_users_without_a_positive_are_not_trained_on():
    assert PAIRS.trainable_users.tolist() == [0, 2]
    assert PAIRS.popularity(6).tolist() == [0, 1, 1, 0, 1, 1]


def test_an_item_is_either_in_the_history_or_a_target_never_both():
    shop = two_taste_shop()
    pairs = UserPairs.from_interactions(shop.interactions, num_users=60)
    plan = replace(RANDOM, history_drop=0.2, next_share=0.4)
    batch = draw_batch(pairs, users=pairs.trainable_users, plan=plan, rng=np.random.default_rng(1))
    shown = set(zip(batch.history_row.tolist(), batch.history_item.tolist(), strict=True))
    wanted = set(zip(batch.target_row.tolist(), batch.target_item.tolist(), strict=True))
    assert not shown & wanted
    assert len(shown) + len(wanted) == len(pairs.item)


def test_every_user_has_a_target_and_their_weights_sum_to_one():
    for seed in range(20):
        batch = draw(RANDOM, seed=seed)
        totals = np.bincount(batch.target_row, weights=batch.target_weight, minlength=2)
        assert totals.tolist() == pytest.approx([1, 1])
        assert batch.target_item[batch.target_row == 1].tolist() == [5]


def test_a_dropped_history_leaves_everything_as_target():
    batch = draw(replace(RANDOM, history_drop=1.0))
    assert len(batch.history_item) == 0
    assert batch.target_item.tolist() == [1, 2, 4, 5]
    # Three purchases weigh 3, one view .2: a heavy user counts the square root.
    assert batch.row_weight.tolist() == pytest.approx([3**0.5, 0.2**0.5])


def test_a_cut_in_time_shows_the_past_and_asks_for_the_future():
    for seed in range(20):
        batch = draw(replace(RANDOM, next_share=1.0), users=(0,), seed=seed)
        seen, wanted = batch.history_item.tolist(), batch.target_item.tolist()
        assert max(seen) < min(wanted)
        assert (batch.history_age >= 0).all()
        assert 4 in wanted


def test_a_dislike_is_never_a_target_but_a_negative():
    for seed in range(10):
        batch = draw(RANDOM, seed=seed)
        assert 3 not in batch.target_item
        assert batch.negative_item.tolist() == [3]
        assert batch.negative_row.tolist() == [0]


def test_old_targets_count_less_with_a_half_life():
    batch = draw(replace(RANDOM, history_drop=1.0, recent_half_life_days=10 / 86_400), users=(0,))
    # Newest data at second 50: ages 40, 30 and 10 halve 4, 3 and 1 times: 1/16, 1/8, 1/2 of 11/16.
    assert batch.target_weight.tolist() == pytest.approx([1 / 11, 2 / 11, 8 / 11], abs=1e-6)


def test_candidates_hold_every_target_once_with_its_log_expected_count():
    sampler = CandidateSampler(popularity=np.array([6.0, 2.0, 2.0]), num_samples=0, popular_share=1.0)
    candidates, log_q = sampler.draw(np.array([2, 0, 0]), rng=np.random.default_rng(0))
    assert candidates.tolist() == [0, 2]
    # In three draws by popularity item 0 (.6) is met with 1 - .4^3 = .936, item 2 (.2) with 1 - .8^3 = .488.
    assert np.exp(log_q).tolist() == pytest.approx([0.936, 0.488], abs=1e-4)


def test_uniform_draws_reach_unpopular_items_and_popular_ones_do_not():
    popularity = np.concatenate([np.full(10, 100.0), np.zeros(90)])
    rng = np.random.default_rng(0)
    uniform = CandidateSampler(popularity=popularity, num_samples=200, popular_share=0.0)
    popular = CandidateSampler(popularity=popularity, num_samples=200, popular_share=1.0)
    none = np.zeros(0, dtype=np.int64)
    assert (uniform.draw(none, rng=rng)[0] >= 10).sum() > 50
    assert (popular.draw(none, rng=rng)[0] >= 10).sum() == 0


def test_expected_counts_match_what_is_drawn():
    sampler = CandidateSampler(popularity=np.array([50.0, 30.0, 15.0, 5.0]), num_samples=4, popular_share=0.5)
    rng = np.random.default_rng(5)
    met = np.zeros(4)
    expected = np.zeros(4)
    for _ in range(3000):
        candidates, log_q = sampler.draw(np.zeros(0, dtype=np.int64), rng=rng)
        met[candidates] += 1
        expected[candidates] = np.exp(log_q)
    assert (met / 3000).tolist() == pytest.approx(expected.tolist(), abs=0.03)
