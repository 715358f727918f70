"""What a batch hides and shows, and how often candidates are drawn."""

from dataclasses import replace

import numpy as np
import pytest

from ml.sampling import CandidateSampler, HidingPlan, UserPairs, draw_batch, trend
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
SHOP_PAIRS = UserPairs.from_interactions(two_taste_shop().interactions, num_users=60)


def draw(plan: HidingPlan, *, users: tuple[int, ...] = (0, 2), seed: int = 0):
    return draw_batch(PAIRS, users=np.array(users), plan=plan, rng=np.random.default_rng(seed))


def test_users_without_a_positive_are_not_trained_on():
    assert PAIRS.trainable_users.tolist() == [0, 2]
    assert PAIRS.popularity(6).tolist() == [0, 1, 1, 0, 1, 1]


def test_what_users_want_is_one_row_each_of_their_positives_alone():
    wants = PAIRS.wants(6)
    assert wants.shape == (3, 6)
    expected = np.zeros((3, 6))
    expected[0, [1, 2, 4]] = 1.0
    expected[2, 5] = 0.2
    assert wants.toarray() == pytest.approx(expected)


def test_who_is_split_at_a_moment_has_each_item_in_the_history_or_as_target_never_both():
    shown, wanted = shown_and_wanted(replace(RANDOM, next_share=1.0))
    assert not shown & wanted
    assert len(shown) + len(wanted) == len(SHOP_PAIRS.item)


def test_everybody_else_has_all_positives_as_targets_and_a_part_of_them_in_the_history():
    shown, wanted = shown_and_wanted(RANDOM)
    assert len(wanted) == len(SHOP_PAIRS.item)
    assert shown < wanted
    assert len(shown) == pytest.approx(len(wanted) / 2, rel=0.15)


def test_what_was_shown_and_is_no_target_is_known_and_no_negative():
    for seed in range(20):
        batch = draw(replace(RANDOM, next_share=1.0), users=(0,), seed=seed)
        assert batch.known_item.tolist() == batch.history_item.tolist(), "all that was before the moment"
        assert not set(batch.known_item.tolist()) & set(batch.target_item.tolist())
        batch = draw(replace(RANDOM, hide_share=0.0), users=(0,), seed=seed)
        assert batch.history_item.tolist() == [1, 2, 3, 4]
        assert batch.target_item.tolist() == [1, 2, 4]
        assert batch.known_item.tolist() == [3], "the dislike has a loss of its own"
        assert batch.known_row.tolist() == [0]


def shown_and_wanted(plan: HidingPlan) -> tuple[set[tuple[int, int]], set[tuple[int, int]]]:
    """The (row, item) pairs of histories and of targets, in a shop where nobody dislikes anything."""
    users = SHOP_PAIRS.trainable_users
    batch = draw_batch(SHOP_PAIRS, users=users, plan=plan, rng=np.random.default_rng(1))
    history_row = np.repeat(np.arange(len(users)), np.diff(batch.history_offsets))
    shown = zip(history_row.tolist(), batch.history_item.tolist(), strict=True)
    return set(shown), set(zip(batch.target_row.tolist(), batch.target_item.tolist(), strict=True))


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


def test_the_last_positive_is_hidden_from_who_has_nothing_else_to_find():
    """A purchase, then a dislike: after the only moment to split at there is nothing to find."""
    log = events((0, 1, "purchase", None, 10), (0, 2, "dislike", None, 20))
    pairs = UserPairs.from_interactions(log, num_users=1)
    plan = replace(RANDOM, next_share=1.0)
    batch = draw_batch(pairs, users=np.array([0]), plan=plan, rng=np.random.default_rng(0))
    assert batch.target_item.tolist() == [1]
    assert batch.history_item.tolist() == []
    assert batch.known_item.tolist() == []


def test_without_an_order_in_time_nobody_is_split():
    log = events(*((0, item, "purchase", None, 7) for item in range(6)))
    pairs = UserPairs.from_interactions(log, num_users=1)
    plan = replace(RANDOM, next_share=1.0)
    batch = draw_batch(pairs, users=np.array([0]), plan=plan, rng=np.random.default_rng(0))
    assert sorted(batch.target_item.tolist()) == list(range(6)), "all are targets, shown or hidden"


def test_a_dislike_is_never_a_target_but_a_negative():
    for seed in range(10):
        batch = draw(RANDOM, seed=seed)
        assert 3 not in batch.target_item
        assert batch.negative_item.tolist() == [3]
        assert batch.negative_row.tolist() == [0]


def test_targets_count_by_the_weight_of_their_kind_to_a_power():
    log = events((0, 1, "purchase", None, 10), (0, 2, "view", None, 20))
    pairs = UserPairs.from_interactions(log, num_users=1)
    drawn = [
        draw_batch(
            pairs,
            users=np.array([0]),
            plan=replace(RANDOM, history_drop=1.0, kind_power=power),
            rng=np.random.default_rng(0),
        )
        for power in (1.0, 0.0, 2.0)
    ]
    # A purchase weighs 1 and a view .2: of 1.2, of 2, of 1.04.
    expected = [[1 / 1.2, 0.2 / 1.2], [0.5, 0.5], [1 / 1.04, 0.04 / 1.04]]
    assert [batch.target_weight.tolist() for batch in drawn] == [pytest.approx(row) for row in expected]


def test_users_count_by_their_targets_to_a_power():
    totals = [
        draw(replace(RANDOM, history_drop=1.0, heavy_power=power)).row_weight.tolist()
        for power in (0.0, 0.5, 1.0)
    ]
    # Three purchases weigh 3, one view .2.
    expected = [[1, 1], [3**0.5, 0.2**0.5], [3, 0.2]]
    assert totals == [pytest.approx(row) for row in expected]


def test_old_targets_count_less_with_a_half_life():
    batch = draw(replace(RANDOM, history_drop=1.0, recent_half_life_days=10 / 86_400), users=(0,))
    # Newest data at second 50: ages 40, 30 and 10 halve 4, 3 and 1 times: 1/16, 1/8, 1/2 of 11/16.
    assert batch.target_weight.tolist() == pytest.approx([1 / 11, 2 / 11, 8 / 11], abs=1e-6)


def test_users_whose_targets_are_thousands_of_half_lives_old_still_have_weights():
    batch = draw(replace(RANDOM, history_drop=1.0, recent_half_life_days=1e-3 / 86_400))
    assert np.bincount(batch.target_row, weights=batch.target_weight).tolist() == pytest.approx([1, 1])
    assert np.isfinite(batch.row_weight).all()
    assert batch.row_weight[0] < 1e-3 * batch.row_weight[1]


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


def test_the_trend_is_the_log_of_how_much_a_share_has_grown():
    day = 86_400
    log = events((0, 0, "purchase", None, 0), (1, 0, "purchase", None, 0), (2, 1, "purchase", None, 3 * day))
    pairs = UserPairs.from_interactions(log, num_users=3)
    # Of all time, one added to each: 3 and 2 of 5. Half-life of 3 days: item 0 has 2 x 1/2, so 2 and 2 of 4.
    rising = trend(pairs, num_items=2, short_days=3.0, long_days=0.0)
    assert rising == pytest.approx([np.log(0.5 / 0.6), np.log(0.5 / 0.4)], abs=1e-6)
