"""Legs become one list: groups never mix, and inside them reciprocal ranks decide."""

import numpy as np
import pytest

from recommender.search import fusion
from recommender.search.fusion import fuse, shared_ranks
from tests.recommender.search.made_scenes import leg_of


@pytest.fixture(autouse=True)
def _equal_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SURE_WEIGHTS", "NEAR_WEIGHTS"):
        monkeypatch.setattr(fusion, name, {})


def test_nothing_fused_is_nothing() -> None:
    assert len(fuse([]).rows_N) == len(fuse([leg_of("lexical")]).rows_N) == 0


def test_equal_scores_share_a_rank() -> None:
    assert shared_ranks(np.array([9.0, 5.0, 5.0, 5.0, 1.0])).tolist() == [1, 2, 2, 2, 5]


def test_the_rest_is_by_reciprocal_ranks() -> None:
    # 7: 1/61 + 1/62 = .0325; 2: 1/62 + 1/63 = .0320; 8: 1/62 = .0161; 1 is sure, and so first.
    fused = fuse(
        [leg_of("lexical", 1, 2, sure=1), leg_of("dense_text", 7, 8, 2), leg_of("dense_image", 1, 7)]
    )
    assert fused.rows_N.tolist() == [1, 7, 2, 8]
    assert fused.sure_N.tolist() == [True, False, False, False]
    assert fused.scores_N[1] == pytest.approx(1 / 61 + 1 / 62)


def test_vectors_order_what_the_words_leave_equal() -> None:
    words = leg_of("lexical", 1, 2, 3, scores=[1.0, 1.0, 1.0], sure=3)
    assert fuse([words, leg_of("dense_text", 3, 1, 2)]).rows_N.tolist() == [3, 1, 2]


def test_whatever_the_vectors_say_what_is_sure_stays_before_the_rest() -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        words = leg_of("lexical", *rng.permutation(8).tolist(), sure=5)
        dense = [leg_of(name, *rng.permutation(20).tolist()) for name in ("dense_text", "dense_image")]
        fused = fuse([words, *dense])
        assert set(fused.rows_N[:5].tolist()) == set(words.rows_N[:5].tolist())
        assert sorted(fused.rows_N.tolist()) == list(range(20))
        assert fused.sure_N.tolist() == [True] * 5 + [False] * 15


def test_a_leg_that_counts_less_moves_less(monkeypatch: pytest.MonkeyPatch) -> None:
    legs = [leg_of("lexical", 1, 2), leg_of("dense_text", 2, 3)]
    assert fuse(legs).rows_N.tolist() == [2, 1, 3]
    # 1: 1/61 = .01639; 2: 1/62 + .01/61 = .01629.
    monkeypatch.setattr(fusion, "NEAR_WEIGHTS", {"dense_text": 0.01})
    assert fuse(legs).rows_N.tolist() == [1, 2, 3]
