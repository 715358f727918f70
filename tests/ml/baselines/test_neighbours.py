"""Similarities and tables of co-occurrence, by hand."""

import numpy as np
import pytest

from ml.baselines import DecayedCooccurrence, ItemKnn, OrderedPairs, positive_matrix
from tests.ml.baselines.test_counting import EVERYBODY, LOG
from tests.ml.shops import events

WANTS = positive_matrix(LOG, num_users=3, num_items=4)
EMPTY = LOG.take(slice(0, 0))


def test_item_knn_is_the_cosine_of_co_occurrence():
    knn = ItemKnn.fit(WANTS)
    # Item 0 has two buyers, items 1 and 2 one each, shared with it: 1 / sqrt(2).
    assert knn.similarity.toarray()[0].tolist() == pytest.approx([0, 0.7071, 0.7071, 0], abs=1e-4)
    assert knn.scores(EVERYBODY)[0].tolist() == pytest.approx([0.7071, 0.7071, 0.7071, 0], abs=1e-4)


def test_item_knn_keeps_the_nearest_neighbours_only():
    knn = ItemKnn.fit(WANTS, neighbours=1)
    assert (np.diff(knn.similarity.indptr) <= 1).all()


def test_a_neighbour_kept_is_a_nearest_one():
    rng = np.random.default_rng(0)
    log = events(*((int(u), int(i), "purchase", None, 1) for u, i in rng.integers(0, 12, (60, 2))))
    wants = positive_matrix(log, num_users=12, num_items=12)
    everything = ItemKnn.fit(wants, neighbours=12).similarity.toarray()
    kept = ItemKnn.fit(wants, neighbours=3).similarity.toarray()
    for whole, part in zip(everything, kept, strict=True):
        assert sorted(part)[-3:] == pytest.approx(sorted(whole)[-3:])
        assert (part > 0).sum() <= 3


def test_by_bm25_who_likes_everything_says_little():
    """Users 0 and 1 like items 0 and 1; user 2 likes all of eight, so that 0 and 2 share only user 2."""
    pairs = [(0, 0), (0, 1), (1, 0), (1, 1), *((2, item) for item in range(8))]
    log = events(*((user, item, "purchase", None, 1) for user, item in pairs))
    similarity = ItemKnn.fit(
        positive_matrix(log, num_users=3, num_items=8), weighting="bm25"
    ).similarity.toarray()
    assert similarity[0, 1] > 0
    assert similarity[0, 2] == 0, "ln(8 / (1 + 8)) is below zero: user 2 counts nothing"


def fit(log, *, num_items: int = 4, **setting) -> DecayedCooccurrence:
    counting = {name: setting.pop(name) for name in ("window", "decay") if name in setting}
    pairs = OrderedPairs.count(log, num_users=3, num_items=num_items, **counting)
    return DecayedCooccurrence.fit(pairs, **setting)


def test_what_follows_counts_less_the_later_it_comes():
    """One user buys 0, then 1, then 2: 2 follows 0 at two steps, and each item is bought once."""
    log = events((0, 0, "purchase", None, 1), (0, 1, "purchase", None, 2), (0, 2, "purchase", None, 3))
    follows = fit(log, decay=0.5, flattening=0.0).follows.toarray()
    assert follows[0].tolist() == [0, 1, 0.5, 0]
    assert follows[1].tolist() == [0, 0, 1, 0]
    assert follows[2].tolist() == [0, 0, 0, 0], "nothing follows the last"
    assert fit(log, window=1, flattening=0.0).follows.toarray()[0].tolist() == [0, 1, 0, 0]


def test_the_items_of_one_basket_count_for_each_other():
    log = events((0, 0, "purchase", None, 1), (0, 1, "purchase", None, 1), (0, 2, "purchase", None, 2))
    follows = fit(log, decay=0.5, flattening=0.0).follows.toarray()
    assert follows[0].tolist() == [0, 1, 1, 0], "one step to item 2, whatever the place in the basket"
    assert follows[1].tolist() == [1, 0, 1, 0]


def test_the_latest_items_of_a_user_count_most():
    log = events(
        (0, 0, "purchase", None, 1),
        (0, 1, "purchase", None, 2),
        (0, 3, "dislike", None, 3),
        (1, 2, "purchase", None, 2),
    )
    table = fit(log, recency=0.5)
    assert table.latest.toarray().tolist() == [[0.5, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    only_last = fit(log, recency=0.5, window=1)
    assert only_last.latest.toarray()[0].tolist() == [0, 1, 0, 0]


def test_popular_followers_are_flattened_and_popular_leaders_too():
    """Both users go from 0; item 1 follows twice, item 2 once."""
    log = events(
        (0, 0, "purchase", None, 1),
        (0, 1, "purchase", None, 2),
        (1, 0, "purchase", None, 1),
        (1, 1, "purchase", None, 2),
        (2, 0, "purchase", None, 1),
        (2, 2, "purchase", None, 2),
    )
    row = fit(log, flattening=0.5).follows.toarray()[0]
    # 2 / sqrt(3) / sqrt(2 + 1) and 1 / sqrt(3) / sqrt(1 + 1).
    assert row.tolist() == pytest.approx([0, 0.66667, 0.40825, 0], abs=1e-5)


def test_a_long_log_is_counted_in_blocks_to_the_same_table(monkeypatch):
    rng = np.random.default_rng(1)
    log = events(
        *((int(u) % 3, int(i) % 9, "purchase", None, int(u)) for u, i in rng.integers(0, 99, (80, 2)))
    )
    whole = fit(log, num_items=9).follows.toarray()
    monkeypatch.setattr("ml.baselines.neighbours.PAIRS_AT_ONCE", 5)
    assert np.allclose(fit(log, num_items=9).follows.toarray(), whole)


@pytest.mark.parametrize("log", [EMPTY, LOG.take(slice(0, 1))])
def test_with_no_pair_to_count_every_score_is_zero(log):
    assert fit(log).scores(EVERYBODY).sum() == 0
    wants = positive_matrix(log, num_users=3, num_items=4)
    for weighting in ("cosine", "bm25"):
        assert ItemKnn.fit(wants, weighting=weighting).scores(EVERYBODY).sum() == 0
