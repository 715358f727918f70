"""Short lists of neighbours: the largest of a matrix, summed for candidates, moved to other rows."""

import numpy as np
from scipy import sparse

from ml.ranking.neighbours import Neighbours

# 0 goes with 1 (5), 2 (3) and 3 (1); 1 with 0 (2); the others with nothing
MATRIX = sparse.csr_matrix(
    np.array([[0, 5, 3, 1], [2, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]], dtype=np.float32)
)


def test_only_the_largest_are_kept():
    found = Neighbours.of_matrix(MATRIX, count=2)
    assert found.offsets.tolist() == [0, 2, 3, 3, 3]
    assert found.item_index.tolist() == [1, 2, 0]


def test_candidates_get_the_sum_over_the_history():
    """Candidate 2: 3 x .5 from item 0. Candidate 0: 2 x 2 from item 1. Candidate 3: 1 x .5."""
    found = Neighbours.of_matrix(MATRIX)
    history, strengths = np.array([0, 1, 2]), np.array([0.5, 2.0, 9.0])
    candidates = np.array([3, 2, 0])
    assert found.sums(history, strengths=strengths, candidates=candidates).tolist() == [0.5, 1.5, 4.0]
    assert found.sums(history[:0], strengths=strengths[:0], candidates=candidates).tolist() == [0, 0, 0]
    assert found.sums(history, strengths=strengths, candidates=candidates[:0]).shape == (0,)


def test_moved_to_other_rows_without_what_has_gone():
    """Items 0 to 3 stand in rows 2, 0, gone, 1: only 0 -> 1, 0 -> 3 and 1 -> 0 are left."""
    moved = Neighbours.of_matrix(MATRIX).moved(np.array([2, 0, -1, 1]), num_rows=3)
    assert moved.offsets.tolist() == [0, 1, 1, 3]
    assert moved.item_index.tolist() == [2, 0, 1]
    assert moved.weight.tolist() == [2.0, 5.0, 1.0]


def test_arrays_give_the_same_neighbours():
    found = Neighbours.of_matrix(MATRIX)
    back = Neighbours.from_arrays(found.arrays("x"), name="x")
    assert back.weight.tolist() == found.weight.tolist()
    assert Neighbours.none(3).offsets.tolist() == [0, 0, 0, 0]
