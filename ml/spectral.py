"""Where training starts: item vectors from the leading directions of who liked what."""

# U = users, I = items, D = embedding dimension, R = rank, S = the smaller of U and I, N = rows, W = inputs

import numpy as np
import torch
from scipy import sparse
from scipy.linalg import svd
from scipy.sparse.linalg import LinearOperator, eigsh

RIDGE = 0.01  # of the mean diagonal, in fit_linear


def spectral_vectors(
    wants: sparse.csr_matrix, *, dim: int, rng: np.random.Generator, power: float = 0.5
) -> np.ndarray:
    """(I, D) float32 L2-normal vectors of items: their right singular vectors, scaled by the values' power.

    Of the (U, I) matrix with both degrees taken out. Items that nobody wanted are left to chance; dimensions
    beyond the rank are 0. Training from here needs a third of the epochs that it needs from random vectors,
    and ends better (docs/model.md).
    """
    normal = _without_degrees(wants)
    rank = min(dim, *(side - 1 for side in normal.shape))
    vectors_ID = np.zeros((normal.shape[1], dim), dtype=np.float32)
    if rank > 0 and normal.nnz:
        values_R, right_IR = _leading(normal, rank=rank, rng=rng)
        vectors_ID[:, :rank] = right_IR * np.maximum(values_R, 0.0) ** power
    return _of_length_one(vectors_ID, rng=rng)


def _leading(
    matrix_UI: sparse.csr_matrix, *, rank: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """(R,) the largest singular values, ascending, and (I, R) their right vectors.

    As scipy's svds, which keeps its `rng` from eigsh: a matrix of a lower rank came out anew in every call.
    """
    tall = matrix_UI.shape[0] >= matrix_UI.shape[1]
    smaller_S = matrix_UI.T if tall else matrix_UI
    larger = smaller_S.T

    def gram(vectors: np.ndarray) -> np.ndarray:
        return np.asarray(smaller_S @ (larger @ vectors))

    side = smaller_S.shape[0]
    operator = LinearOperator((side, side), matvec=gram, matmat=gram, dtype=np.float32)
    start_S = rng.standard_normal(side, dtype=np.float32)
    _, vectors_SR = eigsh(operator, k=rank, v0=start_S, rng=rng)
    vectors_SR, _ = np.linalg.qr(vectors_SR)
    left, values_R, right_RR = svd(larger @ vectors_SR, full_matrices=False)
    right_IR = vectors_SR @ right_RR.T if tall else left
    return values_R[::-1], right_IR[:, ::-1]


def _without_degrees(wants: sparse.csr_matrix) -> sparse.csr_matrix:
    matrix = (wants > 0).astype(np.float32)
    users = np.asarray(matrix.sum(axis=1)).ravel()
    items = np.asarray(matrix.sum(axis=0)).ravel()
    left = sparse.diags(1 / np.sqrt(np.maximum(users, 1)), dtype=np.float32)
    right = sparse.diags(1 / np.sqrt(np.maximum(items, 1)), dtype=np.float32)
    return (left @ matrix @ right).tocsr().astype(np.float32)


def _of_length_one(vectors_ID: np.ndarray, *, rng: np.random.Generator) -> np.ndarray:
    rows, dim = vectors_ID.shape
    lengths_I1 = np.linalg.norm(vectors_ID, axis=1, keepdims=True)
    chance_ID = rng.standard_normal((rows, dim), dtype=np.float32) * np.float32(dim**-0.5)
    return np.where(lengths_I1 < 1e-6, chance_ID, vectors_ID / np.maximum(lengths_I1, 1e-6))


def fit_linear(layer: torch.nn.Linear, inputs_NW: torch.Tensor, *, targets_ND: torch.Tensor) -> None:
    """Set a layer to the ridge regression of the targets on its inputs."""
    ones_N1 = inputs_NW.new_ones(len(inputs_NW), 1)
    with_one_NW = torch.cat([inputs_NW, ones_N1], dim=1).double()
    gram_WW = with_one_NW.T @ with_one_NW
    gram_WW.diagonal().add_(RIDGE * gram_WW.diagonal().mean())
    solved_WD = torch.linalg.solve(gram_WW, with_one_NW.T @ targets_ND.double()).float()
    layer.weight.copy_(solved_WD[:-1].T)
    layer.bias.copy_(solved_WD[-1])
