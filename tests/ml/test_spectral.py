"""Item vectors from who liked what: by hand, told apart by block, and the same every time."""

import numpy as np
import pytest
from scipy import sparse

from ml.spectral import spectral_vectors

TWO_BLOCKS = np.kron(np.eye(2), np.ones((4, 3)))  # users 0-3 like items 0-2, users 4-7 items 3-5


def vectors(liked: np.ndarray, *, dim: int, seed: int = 0, power: float = 0.5) -> np.ndarray:
    wants = sparse.csr_matrix(liked, dtype=np.float32)
    return spectral_vectors(wants, dim=dim, rng=np.random.default_rng(seed), power=power)


def test_items_of_a_block_share_a_direction_and_other_blocks_have_their_own():
    made = vectors(TWO_BLOCKS, dim=2)
    expected = np.kron(np.eye(2), np.ones((3, 3)))
    assert made @ made.T == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(("power", "cosine"), [(0.0, 0.0), (0.5, 0.171573), (1.0, 1 / 3)])
def test_directions_count_by_their_singular_value_to_the_power(power, cosine):
    """User 0 likes items 0 and 2, user 1 item 0, user 2 item 2.

    Without the degrees the rows are (1/2, 1/2), (1/sqrt 2, 0), (0, 1/sqrt 2), and their products (3/4, 1/4;
    1/4, 3/4): 1 along (1, 1) and 1/2 along (1, -1). So the singular values are s = 1 and t = .707107, and the
    cosine of the items is (s^2p - t^2p) / (s^2p + t^2p): 0, .292893 / 1.707107, .5 / 1.5.
    """
    made = vectors(np.array([[1, 0, 1], [1, 0, 0], [0, 0, 1]]), dim=2, power=power)
    assert made[0] @ made[2] == pytest.approx(cosine, abs=1e-5)


def test_how_much_was_liked_and_how_often_does_not_turn_the_vectors():
    assert np.array_equal(vectors(TWO_BLOCKS, dim=2), vectors(TWO_BLOCKS * 0.2, dim=2))


@pytest.mark.parametrize("dim", [1, 2, 5, 128])
def test_they_are_the_same_every_time_also_where_the_rank_is_lower_than_the_dimension(dim):
    first = vectors(TWO_BLOCKS, dim=dim)
    assert first.shape == (6, dim)
    assert first.dtype == np.float32
    assert all(np.array_equal(first, vectors(TWO_BLOCKS, dim=dim)) for _ in range(5))
    assert np.linalg.norm(first, axis=1) == pytest.approx(np.ones(6), abs=1e-5)


def test_dimensions_beyond_the_rank_say_next_to_nothing():
    """Everybody likes everything: one direction, whatever the dimension."""
    made = vectors(np.ones((9, 6)), dim=4)
    assert made @ made.T == pytest.approx(np.ones((6, 6)), abs=1e-3)


def test_more_items_than_users_and_more_users_than_items_find_the_same_blocks():
    wide = vectors(np.kron(np.eye(2), np.ones((2, 6))), dim=2)
    tall = vectors(np.kron(np.eye(2), np.ones((12, 6))), dim=2)
    assert wide @ wide.T == pytest.approx(tall @ tall.T, abs=1e-3)


def test_an_item_that_nobody_wants_is_left_to_chance():
    liked = np.column_stack([TWO_BLOCKS, np.zeros(8)])
    first, other = vectors(liked, dim=4), vectors(liked, dim=4, seed=1)
    assert np.linalg.norm(first[6]) > 0.1
    assert not np.array_equal(first[6], other[6])
    assert abs(first[0] @ first[1]) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 2), (5, 0), (0, 5), (5, 5)])
@pytest.mark.parametrize("liked", [0.0, 1.0])
def test_one_user_one_item_or_nobody_who_likes_anything_still_gets_vectors(shape, liked):
    made = vectors(np.full(shape, liked), dim=3)
    assert made.shape == (shape[1], 3)
    assert np.isfinite(made).all()
    assert (np.linalg.norm(made, axis=1) > 0).all()
