"""The active version's item vectors in memory, one copy for all processes, and the exact top k of any."""

# I = products of the catalogue, D = columns of a stored vector, B = blocks of rows

import weakref
from collections.abc import Callable

import numpy as np

from ml.folders import ArtifactError
from recommender import copying
from recommender.mapped_vectors import MappedVectors, Source, aligned
from recommender.models import ItemEmbedding, ModelVersion
from recommender.snapshot import Snapshot

__all__ = [
    "aligned",
    "best_allowed",
    "current",
    "forget",
    "largest",
    "nearest_rows",
    "prepare",
    "rows_with_vector",
    "scores_of",
]

FOLDER = "item_vectors"
KEPT_FILES = 3  # what processes that have not switched yet, or a roll back, still want
RECOUNT_SECONDS = 30.0  # how soon vectors of new products are noticed
GATHER_BELOW = 0.02  # of the rows allowed: copying them out first is faster than scoring all
BLOCK = 64

_kept = MappedVectors(
    folder=FOLDER, title="the item vectors", kept_files=KEPT_FILES, recount_seconds=RECOUNT_SECONDS
)
_with_vector: dict[int, tuple[Callable[[], np.ndarray | None], np.ndarray]] = {}


def current(version: ModelVersion, *, catalogue: Snapshot) -> np.ndarray | None:
    """The version's (I, D) float32 vectors by the catalogue's rows, zeros for a product without one.

    None while a large matrix is being read in the background, and for a version without vectors. Raises
    DatabaseError.
    """
    return _kept.current(_source(version), catalogue=catalogue)


def prepare(version: ModelVersion, *, catalogue: Snapshot) -> None:
    """Write the version's file, so that its first request after the activation maps it at once."""
    _kept.prepare(_source(version), catalogue=catalogue)


def forget() -> None:
    """Read the vectors anew for the next request."""
    _kept.forget()


def _source(version: ModelVersion) -> Source:
    # The weights' checksum names the file too: version numbers start again in a new database.
    sha256 = version.artifact_sha256
    return Source(
        key=version.pk,
        file_name=f"v{version.pk}-{sha256[:12]}" if sha256 else "",
        state=lambda: str(ItemEmbedding.objects.filter(version=version).count() or ""),
        read=lambda: copying.read_item_vectors(version.pk),
    )


# Top k


def rows_with_vector(vectors_ID: np.ndarray) -> np.ndarray:
    """(I,) bool: the rows that are not all zeros; worked out once for a matrix."""
    held, mask = _with_vector.get(id(vectors_ID), (None, None))
    if held is None or held() is not vectors_ID or mask is None:
        mask = np.asarray(vectors_ID.any(axis=1))
        for key in [key for key, (before, _) in list(_with_vector.items()) if before() is None]:
            _with_vector.pop(key, None)
        _with_vector[id(vectors_ID)] = (weakref.ref(vectors_ID), mask)
    return mask


def nearest_rows(
    vectors_ID: np.ndarray, *, query_D: np.ndarray, allowed_I: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """The k allowed rows with the largest inner product, best first, and their scores; exact.

    Fewer only when fewer of the allowed have a vector. Equal scores come in the order of the rows.
    """
    num_allowed = int(np.count_nonzero(allowed_I))
    if not num_allowed or k < 1:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
    if num_allowed >= GATHER_BELOW * len(allowed_I):
        return best_allowed(scores_of(vectors_ID, query_D=query_D), allowed_I=allowed_I, k=k)
    rows = np.flatnonzero(allowed_I & rows_with_vector(vectors_ID))
    scores = np.asarray(query_D, dtype=np.float32) @ vectors_ID.T[:, rows]
    best = largest(scores, k=k)
    return rows[best], scores[best]


def scores_of(vectors_ID: np.ndarray, *, query_D: np.ndarray) -> np.ndarray:
    """(I,) float32 inner products with the query, -inf for rows without a vector.

    Raises ArtifactError when the query is of another width than the vectors.
    """
    if vectors_ID.shape[1] != len(query_D):
        raise ArtifactError(
            f"The weights give {len(query_D)} columns and the stored vectors have {vectors_ID.shape[1]}; "
            "train a new version."
        )
    scores = vectors_ID @ np.asarray(query_D, dtype=np.float32)
    known = rows_with_vector(vectors_ID)
    if not known.all():
        scores[~known] = -np.inf
    return scores


def best_allowed(scores: np.ndarray, *, allowed_I: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k allowed rows with the largest finite scores, best first, and the scores."""
    masked = np.where(allowed_I, scores, np.float32(-np.inf))
    rows = largest(masked, k=k)
    rows = rows[masked[rows] > -np.inf]
    return rows, scores[rows]


def largest(scores: np.ndarray, *, k: int) -> np.ndarray:
    """The indices of the k largest, the largest first, equal ones in their order; a tenth of a sort's time.

    The k largest lie in the k blocks whose own largest are the largest: only those are looked into.
    """
    k = min(k, len(scores))
    if k < 1:
        return np.empty(0, dtype=np.int64)
    num_blocks = len(scores) // BLOCK
    if num_blocks <= 2 * k:
        return _largest_of(scores, indices=np.arange(len(scores)), k=k)
    blocks = scores[: num_blocks * BLOCK].reshape(num_blocks, BLOCK)
    tops = blocks.max(axis=1)
    # Blocks that tie with the last one stay in, or an equal score of an earlier row would be lost.
    limit = tops[np.argpartition(tops, num_blocks - k)[num_blocks - k]]
    chosen = np.flatnonzero(tops >= limit)
    inside = (chosen[:, None] * BLOCK + np.arange(BLOCK)).ravel()
    rest = np.arange(num_blocks * BLOCK, len(scores))
    return _largest_of(scores, indices=np.concatenate([inside, rest]), k=k)


def _largest_of(scores: np.ndarray, *, indices: np.ndarray, k: int) -> np.ndarray:
    values = scores[indices]
    if k < len(values):
        limit = values[np.argpartition(values, len(values) - k)[len(values) - k]]
        kept = values >= limit
        indices, values = indices[kept], values[kept]
    return indices[np.lexsort((indices, -values))[:k]]
