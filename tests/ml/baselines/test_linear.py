"""iALS and EASE^R against their own equations."""

import numpy as np
import pytest
from scipy import sparse

from ml.baselines import Ease, Ials

RNG = np.random.default_rng(4)
WANTS = sparse.csr_matrix((RNG.random((30, 12)) < 0.3) * RNG.choice([0.2, 1.0], (30, 12)), dtype=np.float32)


def test_ease_solves_its_two_by_two_case():
    """Both users like both items: G = [[2, 2], [2, 2]], plus 1 x the mean of its diagonal: [[4, 2], [2, 4]].

    Its inverse is [[4, -2], [-2, 4]] / 12; off the diagonal -(-2/12) / (4/12) = .5.
    """
    ease = Ease.fit(sparse.csr_matrix(np.ones((2, 2), dtype=np.float32)), strength=1.0)
    assert ease.weights_II.tolist() == [[0, pytest.approx(0.5)], [pytest.approx(0.5), 0]]
    assert ease.scores(np.array([1])).tolist() == [[pytest.approx(0.5)] * 2]


def test_ease_is_the_best_of_its_loss():
    ease = Ease.fit(WANTS, strength=1.5)
    wants = WANTS.toarray().astype(np.float64)
    penalty = 1.5 * np.diag(wants.T @ wants).mean()

    def loss(weights: np.ndarray) -> float:
        return float(((wants - wants @ weights) ** 2).sum() + penalty * (weights**2).sum())

    best = loss(ease.weights_II)
    for _ in range(20):
        step = RNG.normal(0, 0.01, ease.weights_II.shape)
        np.fill_diagonal(step, 0)
        assert loss(ease.weights_II + step) > best


def ials_loss(users: np.ndarray, *, items: np.ndarray, alpha: float, regularisation: float) -> float:
    wants = WANTS.toarray().astype(np.float64)
    scores = users @ items.T
    loss = (wants * (1 - scores) ** 2).sum() + alpha * (scores**2).sum()
    per_user = regularisation * (wants.sum(axis=1) + alpha * wants.shape[1])
    per_item = regularisation * (wants.sum(axis=0) + alpha * wants.shape[0])
    return float(loss + per_user @ (users**2).sum(axis=1) + per_item @ (items**2).sum(axis=1))


def test_ials_ends_at_a_minimum_of_its_loss():
    model = Ials.fit(WANTS, dim=3, background=2.0, regularisation=0.05, sweeps=200)
    settings = {"alpha": 2.0 * WANTS.nnz / 360, "regularisation": 0.05}
    best = ials_loss(model.users_UD, items=model.items_ID, **settings)
    for _ in range(20):
        users = model.users_UD + RNG.normal(0, 0.02, model.users_UD.shape)
        items = model.items_ID + RNG.normal(0, 0.02, model.items_ID.shape)
        assert ials_loss(users, items=model.items_ID, **settings) > best
        assert ials_loss(model.users_UD, items=items, **settings) > best


def test_ials_gives_who_did_nothing_no_scores_and_is_seeded():
    wants = sparse.vstack([WANTS, sparse.csr_matrix((1, 12), dtype=np.float32)]).tocsr()
    first, again = (Ials.fit(wants, dim=4, sweeps=2, seed=3) for _ in range(2))
    assert first.scores(np.array([30])).tolist() == [[0] * 12]
    assert np.array_equal(first.users_UD, again.users_UD)
    assert np.isfinite(first.scores(np.arange(31))).all()


def test_ials_finds_the_same_factors_in_batches_of_any_size(monkeypatch):
    whole = Ials.fit(WANTS, dim=4, sweeps=2).scores(np.arange(30))
    monkeypatch.setattr("ml.baselines.linear.BATCH_NUMBERS", 1)
    assert np.allclose(Ials.fit(WANTS, dim=4, sweeps=2).scores(np.arange(30)), whole, atol=1e-4)


@pytest.mark.parametrize("method", [Ials, Ease])
def test_a_log_without_a_like_gives_scores_of_zero(method):
    scorer = method.fit(sparse.csr_matrix((3, 5), dtype=np.float32))
    assert np.abs(scorer.scores(np.arange(3))).sum() == 0
