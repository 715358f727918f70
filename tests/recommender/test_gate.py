"""Which versions the promotion gate lets serve."""

import pytest

from recommender.gate import Rows, judge, tolerance


def rows(model: float, popularity: float = 0.10, random: float = 0.01) -> Rows:
    """The same value for both metrics of each method."""
    values = {"two_tower": model, "popularity": popularity, "random": random}
    return {method: {"hit@10": value, "recall@10": value} for method, value in values.items()}


def test_the_first_version_passes_when_it_beats_counting() -> None:
    verdict = judge(rows(0.11))
    assert verdict.passed
    assert not verdict.forced


def test_a_version_that_loses_to_popularity_is_rejected_and_told_by_how_much() -> None:
    verdict = judge(rows(0.09))
    assert not verdict.passed
    assert "hit@10 0.0900 is below popularity's 0.1000" in verdict.reasons[0]
    assert len(verdict.reasons) == 2  # once for hit@10, once for recall@10


def test_a_version_that_loses_to_random_is_rejected() -> None:
    verdict = judge(rows(0.02, popularity=0.0, random=0.03))
    assert not verdict.passed
    assert "random" in verdict.reasons[0]


def test_a_small_fall_below_the_active_version_is_noise_and_a_clear_one_is_not() -> None:
    # The bar is 0.30 less 10 % = 0.27.
    assert judge(rows(0.28), active=rows(0.30)).passed
    verdict = judge(rows(0.26), active=rows(0.30))
    assert not verdict.passed
    assert "at least 0.2700 was expected" in verdict.reasons[0]


def test_where_few_users_are_judged_chance_widens_the_tolerance() -> None:
    # 2 x sqrt(0.6 / (0.4 x 150)) = 0.2, so the bar is 0.4 x 0.8 = 0.32.
    assert tolerance(0.4, num_users=150) == pytest.approx(0.2)
    assert tolerance(0.4, num_users=100_000) == 0.1
    assert judge(rows(0.33), active=rows(0.40), num_users=150).passed
    assert not judge(rows(0.31), active=rows(0.40), num_users=150).passed
    assert not judge(rows(0.33), active=rows(0.40), num_users=100_000).passed


def test_a_harder_split_lowers_the_bar_and_an_easier_one_does_not_raise_it() -> None:
    # Popularity found half as much as then, so the bar is 0.30 x 0.5 x 0.9 = 0.135.
    assert judge(rows(0.14, popularity=0.05), active=rows(0.30, popularity=0.10)).passed
    assert not judge(rows(0.13, popularity=0.05), active=rows(0.30, popularity=0.10)).passed
    assert judge(rows(0.28, popularity=0.20), active=rows(0.30, popularity=0.10)).passed


def test_an_active_version_without_recorded_metrics_sets_no_bar() -> None:
    assert judge(rows(0.11), active={}).passed


def test_force_lets_it_pass_and_keeps_the_objections() -> None:
    verdict = judge(rows(0.05), force=True)
    assert verdict.passed
    assert verdict.forced
    assert verdict.to_dict()["reasons"]
