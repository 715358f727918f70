"""Ranking metrics against cases worked by hand."""

import numpy as np
import pytest

from ml.data import ItemSets
from ml.metrics import coverage, hits, rank_metrics, top_k

# User 0 wants 3 and 5 and sees 3 second; user 1 wants 1 and sees it first; user 2 wants 9, never shown.
RANKED = np.array([[7, 3, 2], [1, 0, 2], [0, 1, 2]])
POSITIVES = ItemSets.from_pairs(np.array([0, 0, 1, 2]), item_index=np.array([3, 5, 1, 9]), num_users=3)


def test_hits_mark_the_users_own_positives_only():
    assert hits(RANKED, positives=POSITIVES).tolist() == [
        [False, True, False],
        [True, False, False],
        [False, False, False],
    ]


def test_metrics_give_one_value_a_user_as_worked_by_hand():
    metrics = rank_metrics(RANKED, positives=POSITIVES, k=3)
    assert metrics["hit@3"].tolist() == [1, 1, 0]
    assert metrics["recall@3"].tolist() == [0.5, 1, 0]
    # DCG of rank 2 is 1/log2(3) = .63093; the ideal of two positives is 1 + .63093.
    assert metrics["ndcg@3"].tolist() == pytest.approx([0.63093 / 1.63093, 1, 0], abs=1e-5)
    assert metrics["mrr"].tolist() == [0.5, 1, 0]


def test_only_the_first_k_count_but_the_reciprocal_rank_looks_at_the_whole_list():
    metrics = rank_metrics(RANKED, positives=POSITIVES, k=1)
    assert metrics["hit@1"].tolist() == [0, 1, 0]
    assert metrics["mrr"].tolist() == [0.5, 1, 0]


def test_an_empty_place_in_a_list_hits_nothing():
    wants_last = ItemSets.from_pairs(np.array([0]), item_index=np.array([4]), num_users=1)
    assert not hits(np.array([[-1, -1]]), positives=wants_last).any()


def test_users_without_positives_and_missing_lists_are_refused():
    nothing = ItemSets.from_pairs(np.array([0]), item_index=np.array([1]), num_users=2)
    with pytest.raises(ValueError, match="without positives"):
        rank_metrics(RANKED[:2], positives=nothing)
    with pytest.raises(ValueError, match="3 lists for 2 users"):
        rank_metrics(RANKED, positives=nothing)


def test_coverage_counts_each_shown_item_once():
    assert coverage(np.array([[0, 1], [1, -1]]), num_items=4) == 0.5
    assert coverage(np.zeros((0, 2), dtype=int), num_items=0) == 0


def test_top_k_is_best_first_and_leaves_masked_items_out():
    scores = np.array([[0.1, 0.9, -np.inf, 0.5], [-np.inf, -np.inf, 0.2, -np.inf]])
    assert top_k(scores, k=3).tolist() == [[1, 3, 0], [2, -1, -1]]
    assert top_k(scores, k=9).shape == (2, 4)
