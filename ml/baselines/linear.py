"""Baselines that solve for the whole catalogue: iALS factors and EASE^R weights, in float32."""

# B = users of a chunk, D = factors, I = items, L = longest history of a batch, N = rows, U = users

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.linalg import lapack

BATCH_NUMBERS = 4_000_000  # of one batch of rows: 16 MB, which stays in the cache's reach


@dataclass(frozen=True, kw_only=True)
class Ials:
    """Factors by alternating least squares over all pairs (Hu, Koren & Volinsky, 2008).

    The loss is sum over liked of c (1 - w_u . v_i)^2 + alpha sum over all (w_u . v_i)^2, with the
    regularisation of each row scaled by its share of the loss (Rendle, Krichene, Zhang & Koren, 2021). All
    pairs together weigh `background` times as much as the liked ones do by number, in dense and sparse logs.
    """

    users_UD: np.ndarray
    items_ID: np.ndarray

    @classmethod
    def fit(
        cls,
        wants: sparse.csr_matrix,
        *,
        dim: int = 64,
        background: float = 10.0,
        regularisation: float = 0.007,
        sweeps: int = 8,
        seed: int = 0,
    ) -> "Ials":
        """The factors of (U, I) weights after `sweeps`; one takes about a second a million pairs."""
        by_item = wants.T.tocsr()
        alpha = background * wants.nnz / max(wants.shape[0] * wants.shape[1], 1)
        rng = np.random.default_rng(seed)
        items_ID = rng.normal(0, 0.1 / np.sqrt(dim), (wants.shape[1], dim)).astype(np.float32)
        for _ in range(sweeps):
            users_UD = _solve(wants, other_ID=items_ID, alpha=alpha, regularisation=regularisation)
            items_ID = _solve(by_item, other_ID=users_UD, alpha=alpha, regularisation=regularisation)
        users_UD = _solve(wants, other_ID=items_ID, alpha=alpha, regularisation=regularisation)
        return cls(users_UD=users_UD, items_ID=items_ID)

    def scores(self, users: np.ndarray) -> np.ndarray:
        return np.asarray(self.users_UD[users] @ self.items_ID.T)


def _solve(
    weights: sparse.csr_matrix, *, other_ID: np.ndarray, alpha: float, regularisation: float
) -> np.ndarray:
    """(N, D) the best factors of each row of `weights` for the other side's; zero for an empty row."""
    num_other, dim = other_ID.shape
    everything_DD = alpha * (other_ID.T @ other_ID)
    diagonal = np.arange(dim)
    factors_ND = np.zeros((weights.shape[0], dim), dtype=np.float32)
    for rows in _even_batches(np.diff(weights.indptr), dim=dim):
        weight_BL, index_BL = _padded(weights, rows=rows)
        other_BLD = other_ID[index_BL]
        weighted_BLD = other_BLD * weight_BL[:, :, None]
        gram_BDD = weighted_BLD.transpose(0, 2, 1) @ other_BLD + everything_DD
        share_B = regularisation * (weight_BL.sum(axis=1) + alpha * num_other)
        gram_BDD[:, diagonal, diagonal] += share_B[:, None]
        factors_ND[rows] = np.linalg.solve(gram_BDD, weighted_BLD.sum(axis=1)[:, :, None])[:, :, 0]
    return factors_ND


def _even_batches(sizes: np.ndarray, *, dim: int) -> list[np.ndarray]:
    """The rows that are not empty, in batches of similar length, so that little of the padding is wasted."""
    order = np.argsort(sizes, kind="stable")
    order = order[sizes[order] > 0]
    ascending = sizes[order]
    batches, start = [], 0
    while start < len(order):
        longest = max(int(ascending[start] * 1.25), int(ascending[start]) + 4)
        end = int(np.searchsorted(ascending, longest, side="right"))
        end = min(end, start + max(1, BATCH_NUMBERS // (longest * dim + dim * dim)))
        batches.append(order[start:end])
        start = end
    return batches


def _padded(weights: sparse.csr_matrix, *, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(B, L) weights and columns of the rows, filled up with weight zero."""
    sizes = weights.indptr[rows + 1] - weights.indptr[rows]
    place = np.arange(sizes.max())
    there = place < sizes[:, None]
    position = np.where(there, weights.indptr[rows][:, None] + place, 0)
    return np.where(there, weights.data[position], 0).astype(np.float32), weights.indices[position]


@dataclass(frozen=True, kw_only=True)
class Ease:
    """A linear autoencoder with a zero diagonal, in closed form (Steck, 2019)."""

    wants: sparse.csr_matrix  # (U, I)
    weights_II: np.ndarray

    @classmethod
    def fit(cls, wants: sparse.csr_matrix, *, strength: float = 2.5) -> "Ease":
        """The weights of (U, I) wants; time grows with items cubed, memory with items squared.

        Regularised by `strength` times the mean of the Gram matrix's diagonal, so that one value suits small
        and large logs.
        """
        gram_II = (wants.T @ wants).toarray().astype(np.float32)
        diagonal = np.diag_indices_from(gram_II)
        gram_II[diagonal] += strength * max(float(gram_II[diagonal].mean()), 1e-6)
        # By Cholesky: half the work of inv, and the matrix is positive definite by its regularisation.
        factor_II, failed = lapack.spotrf(gram_II, overwrite_a=1)
        inverse_II, failed_too = lapack.spotri(factor_II, overwrite_c=1)
        if failed or failed_too:
            raise ValueError("EASE^R cannot invert its matrix; use a strength above 0.")
        inverse_II = np.triu(inverse_II) + np.triu(inverse_II, 1).T
        weights_II = inverse_II / -np.diag(inverse_II)
        weights_II[diagonal] = 0
        return cls(wants=wants, weights_II=weights_II)

    def scores(self, users: np.ndarray) -> np.ndarray:
        return np.asarray(self.wants[users] @ self.weights_II)
