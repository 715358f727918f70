"""What a ranker sees of a candidate, worked out by hand on four products."""

import time
from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from ml.ranking.features import DECIMALS, FEATURES, WINDOWS, Past, Shelf, features_of, interest_of
from ml.ranking.neighbours import Neighbours
from tests.ml.shops import DAY, events

# Four products: 0 and 1 of one category, 2 of another in the same department, 3 alone. 0 goes with 1 and 2.
TOGETHER = sparse.csr_matrix(
    np.array([[0, 3, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]], dtype=np.float32)
)
SHELF = Shelf(
    category=np.array([7, 7, 8, 9]),
    department=np.array([1, 1, 1, 2]),
    brand=np.array([0, -1, 0, -1]),
    log_price=np.array([1.0, 2.0, np.nan, 4.0], dtype=np.float32),
    discount=np.array([0.0, 0.5, 0.0, 0.0], dtype=np.float32),
    rating=np.array([np.nan, 4.5, 3.0, 2.0], dtype=np.float32),
    log_rating_count=np.zeros(4, dtype=np.float32),
    released_at=np.array([0.0, 90.0, 99.0, 200.0]) * DAY,
    interest=np.array([[0, 0, 0], [1, 1, 1], [3, 1, 0], [0, 0, 0]], dtype=np.float32),
    vectors=np.array([[1, 0, 0.1], [0.6, 0.8, 0.2], [0, 1, 0.3], [-1, 0, 0.4]], dtype=np.float32),
    follows=Neighbours.of_matrix(TOGETHER),
    alike=Neighbours.of_matrix(TOGETHER),
)
USER = np.array([1.0, 0.0, 1.0], dtype=np.float32)
# Bought 3 ten days ago, then 0 one day ago.
PAST = Past(
    rows=np.array([3, 0]),
    weight=np.array([1.0, 1.0], dtype=np.float32),
    age_seconds=np.array([10 * DAY, DAY], dtype=np.float32),
)
NOBODY = Past(rows=np.zeros(0, np.int64), weight=np.zeros(0, np.float32), age_seconds=np.zeros(0, np.float32))


def seen(rows=(1, 2), past=PAST, **more):
    found = features_of(SHELF, rows=np.array(rows), user_vector=USER, past=past, moment=100.0 * DAY, **more)
    assert found.dtype == np.float32
    return {name: found[:, place].tolist() for place, name in enumerate(FEATURES)}


def test_the_score_is_that_of_retrieval():
    """Product 1: 0.6 + 0.2. Product 2: 0 + 0.3."""
    got = seen()
    assert got["retrieval_score"] == pytest.approx([0.8, 0.3])
    assert got["retrieval_z"] == pytest.approx([1, -1])
    assert got["retrieval_rank"] == pytest.approx([0, np.log(2)], abs=1e-5)
    assert got["item_bias"] == pytest.approx([0.2, 0.3])


def test_nearness_to_what_was_done_last():
    """Product 0, the newest, is (1, 0); 3 is (-1, 0). Follows: .7 ** 0 moments x 3, and x 1."""
    got = seen()
    assert got["near_latest"] == pytest.approx([0.6, 0.0])
    assert got["near_recent"] == pytest.approx([0.6, 0.0])
    assert got["follows"] == pytest.approx([np.log1p(3), np.log1p(1)], abs=1e-5)
    assert got["alike"] == pytest.approx([np.log1p(3 / 2**0.5), np.log1p(1 / 2**0.5)], abs=1e-5)


def test_category_department_and_brand_shares_of_the_history():
    got = seen()
    assert got["latest_category"] == [1.0, 0.0]
    assert got["category_share"] == [0.5, 0.0]
    assert got["department_share"] == [0.5, 0.5]
    assert got["brand_share"] == [0.0, 0.5]  # no brand is not the same brand
    assert got["category_days"][0] == pytest.approx(np.log1p(1), abs=1e-5)
    assert np.isnan(got["category_days"][1])


def test_prices_beside_what_the_shopper_pays():
    """Paid were log prices 4 and 1, 2.5 in the mean; the price of product 2 is not known."""
    got = seen()
    assert got["price_gap"][0] == pytest.approx(-0.5)
    assert np.isnan(got["price_gap"][1])
    assert got["discount"] == [0.5, 0.0]
    assert got["days_since_release"] == pytest.approx([np.log(11), np.log(2)], abs=1e-5)


def test_an_unreleased_product_has_no_age_below_zero():
    assert seen(rows=(3,))["days_since_release"] == [0.0]


def test_interest_and_its_rise():
    got = seen()
    assert got["interest_1d"] == pytest.approx([np.log(2), np.log(4)], abs=1e-5)
    assert got["rising"] == pytest.approx([0.0, np.log(4)], abs=1e-5)


def test_nothing_is_known_of_a_newcomer():
    got = seen(past=NOBODY)
    for name in (
        "near_latest",
        "near_recent",
        "latest_category",
        "category_share",
        "price_gap",
        "history_days",
    ):
        assert np.isnan(got[name]).all(), name
    assert got["history_size"] == [0, 0]
    assert got["follows"] == [0, 0]


def test_dislikes_draw_nobody_nearer():
    disliked = replace(PAST, weight=np.array([1.0, -1.0], dtype=np.float32))
    got = seen(past=disliked)
    assert got["near_recent"][0] == pytest.approx(-0.6)  # of product 3 alone
    assert got["follows"] == [0, 0]
    assert got["category_share"] == [0, 0]


def test_sources_and_windows_where_they_are_at_hand():
    got = seen()
    assert got["from_two_tower"] == [1, 1]
    assert all(np.isnan(got[name]).all() for name in WINDOWS)
    got = seen(sources=np.array([3, -1]), windows={"views_5m": np.array([4, 0])})
    assert got["from_two_tower"] == [0, 0]
    assert got["from_popular_in_category"] == [1, 0]
    assert got["views_5m"] == [4, 0]


def test_values_are_short_decimals():
    got = features_of(SHELF, rows=np.array([1, 2]), user_vector=USER, past=PAST, moment=100.0 * DAY)
    known = got[np.isfinite(got)]
    assert np.array_equal(known.astype(np.float64).round(DECIMALS).astype(np.float32), known)


def test_interest_halves_and_forgets():
    """Product 0 now and 7 days ago; 1 disliked; 2 is 91 days ago. The mean is that of product 0."""
    log = events(
        (0, 2, "view", None, 9 * DAY),
        (0, 0, "view", None, 93 * DAY),
        (0, 0, "purchase", None, 100 * DAY),
        (0, 1, "dislike", None, 100 * DAY),
        (1, 1, "view", None, 101 * DAY),
    )
    interest = interest_of(log, num_items=3, as_of=100 * DAY + 1)
    assert interest[:, 1].tolist() == [1.0, 0.0, 0.0]
    twice = events((0, 0, "view", None, 93 * DAY), (0, 1, "view", None, 100 * DAY))
    half = interest_of(twice, num_items=2, as_of=100 * DAY + 1)[:, 1]
    assert half[1] / half[0] == pytest.approx(2, rel=1e-3)


def test_two_hundred_candidates_take_little_time():
    rng = np.random.default_rng(1)
    rows, past = (
        rng.integers(0, 4, 200),
        Past(
            rows=rng.integers(0, 4, 200), weight=np.ones(200, np.float32), age_seconds=np.arange(200, 0, -1.0)
        ),
    )
    taken = []
    for _ in range(20):
        started = time.perf_counter()
        features_of(SHELF, rows=rows, user_vector=USER, past=past, moment=100.0 * DAY)
        taken.append(time.perf_counter() - started)
    assert min(taken) < 0.005  # about 0.5 ms on an idle machine
