"""Ranking metrics against cases worked by hand, and against a library."""

import ir_measures
import numpy as np
import pytest
from ir_measures import AP, RR, R, Success, nDCG
from scipy import sparse

from ml.data import ItemSets
from ml.metrics import calibration, coverage, diversity, gini, hits, novelty, rank_metrics, top_k

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
    # The one hit stands at a precision of 1/2, and one of two positives is found: (1/2) / 2.
    assert metrics["map@3"].tolist() == [0.25, 1, 0]
    assert metrics["mrr"].tolist() == [0.5, 1, 0]


def test_only_the_first_k_count_but_the_reciprocal_rank_looks_at_the_whole_list():
    metrics = rank_metrics(RANKED, positives=POSITIVES, k=1)
    assert metrics["hit@1"].tolist() == [0, 1, 0]
    assert metrics["map@1"].tolist() == [0, 1, 0]
    assert metrics["mrr"].tolist() == [0.5, 1, 0]


def test_a_list_shorter_than_k_is_measured_as_it_is():
    metrics = rank_metrics(RANKED[:, :2], positives=POSITIVES, k=10)
    assert metrics["recall@10"].tolist() == [0.5, 1, 0]


@pytest.mark.parametrize("k", [1, 5, 20])
def test_random_lists_measure_the_same_as_with_a_library(k):
    """ir-measures, over trec_eval's own code; its ideal DCG runs over min(k, positives) too."""
    rng = np.random.default_rng(5)
    num_users, num_items, length = 40, 60, 30
    ranked = np.array([rng.permutation(num_items)[:length] for _ in range(num_users)])
    sizes = rng.integers(1, 12, num_users)
    wanted = [rng.choice(num_items, size=size, replace=False) for size in sizes]
    positives = ItemSets.from_pairs(
        np.repeat(np.arange(num_users), sizes), item_index=np.concatenate(wanted), num_users=num_users
    )
    ours = rank_metrics(ranked, positives=positives, k=k)
    wants = {str(user): {str(item): 1 for item in wanted[user]} for user in range(num_users)}
    lists = {
        str(user): {str(item): float(length - rank) for rank, item in enumerate(ranked[user])}
        for user in range(num_users)
    }
    theirs = {f"hit@{k}": Success @ k, f"recall@{k}": R @ k, f"ndcg@{k}": nDCG @ k, f"map@{k}": AP @ k}
    for name, measure in (theirs | {"mrr": RR}).items():
        found = {int(row.query_id): row.value for row in ir_measures.iter_calc([measure], wants, lists)}
        assert ours[name].tolist() == pytest.approx([found[user] for user in range(num_users)]), name


def test_an_empty_place_in_a_list_hits_nothing():
    wants_last = ItemSets.from_pairs(np.array([0]), item_index=np.array([4]), num_users=1)
    assert not hits(np.array([[-1, -1]]), positives=wants_last).any()


def test_users_without_positives_and_missing_lists_are_refused():
    nothing = ItemSets.from_pairs(np.array([0]), item_index=np.array([1]), num_users=2)
    with pytest.raises(ValueError, match="without positives"):
        rank_metrics(RANKED[:2], positives=nothing)
    with pytest.raises(ValueError, match="3 lists for 2 users"):
        rank_metrics(RANKED, positives=nothing)
    with pytest.raises(ValueError, match="no item to recommend"):
        rank_metrics(np.zeros((3, 0), dtype=int), positives=POSITIVES)


def test_a_list_of_no_length_is_refused():
    with pytest.raises(ValueError, match="1 or more, not 0"):
        rank_metrics(RANKED, positives=POSITIVES, k=0)
    with pytest.raises(ValueError, match="1 or more, not -1"):
        top_k(np.zeros((1, 3)), k=-1)


def test_coverage_counts_each_shown_item_once():
    assert coverage(np.array([[0, 1], [1, -1]]), num_items=4) == 0.5
    assert coverage(np.zeros((0, 2), dtype=int), num_items=0) == 0


def test_gini_is_zero_for_even_lists_and_high_for_one_and_the_same():
    assert gini(np.array([[0, 1], [2, 3]]), num_items=4) == 0
    # Shown 0, 0, 0, 2 times: sum of (2 rank - 5) x shown = 3 x 2; over 4 items x 2 shown.
    assert gini(np.array([[3], [3]]), num_items=4) == pytest.approx(0.75)
    assert gini(np.full((2, 2), -1), num_items=4) == 0


def test_novelty_is_the_bits_that_an_item_is_worth():
    # Of 8 users 8, 2 and none liked the items: 0, 2 and (as if one had) 3 bits.
    values = novelty(np.array([[0, 1], [2, -1], [-1, -1]]), popularity=np.array([8, 2, 0]), num_users=8)
    assert values[:2].tolist() == [1, 3]
    assert np.isnan(values[2])


def test_diversity_is_one_minus_the_mean_cosine_of_pairs():
    features = np.array([[2.0, 0.0], [1.0, 0.0], [0.0, 3.0], [0.0, 0.0]])
    values = diversity(
        np.array([[0, 1, -1], [0, 2, -1], [0, 1, 2], [0, 3, -1], [0, -1, -1]]), features=features
    )
    # The same direction; square; cosines 1, 0, 0 of three pairs; an item of which nothing is known.
    assert values[:4].tolist() == pytest.approx([0, 1, 2 / 3, 1])
    assert np.isnan(values[4]), "one item is no pair"
    as_sparse = diversity(np.array([[0, 1, 2]]), features=sparse.csr_matrix(features))
    assert as_sparse.tolist() == pytest.approx([2 / 3])


def test_calibration_is_the_divergence_from_the_users_own_categories():
    of_items = sparse.csr_matrix(np.array([[1.0, 0.0], [0.0, 1.0]]))
    taste = sparse.csr_matrix(np.array([[3.0, 3.0], [2.0, 0.0], [0.0, 0.0]]))
    values = calibration(np.array([[0, 1], [1, -1], [0, 1]]), taste=taste, of_items=of_items)
    assert values[0] == pytest.approx(0)
    # All of category 0 is wished for and .01 of it is in the mixed list: 1 x ln(1 / .01).
    assert values[1] == pytest.approx(np.log(100))
    assert np.isnan(values[2]), "no taste, nothing to be calibrated to"
    halves = calibration(np.array([[0, -1]]), taste=taste[:1], of_items=of_items)
    # .5 ln(.5 / (.99 + .005)) + .5 ln(.5 / .005) = -.34407 + 2.30259
    assert halves.tolist() == pytest.approx([1.95852], abs=1e-5)


def test_top_k_is_best_first_and_leaves_masked_items_out():
    scores = np.array([[0.1, 0.9, -np.inf, 0.5], [-np.inf, -np.inf, 0.2, -np.inf]])
    assert top_k(scores, k=3).tolist() == [[1, 3, 0], [2, -1, -1]]
    assert top_k(scores, k=9).shape == (2, 4)
