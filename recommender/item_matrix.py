"""The active version's item vectors in memory, one copy for all processes, and their exact top k."""

# I = products of the catalogue, D = columns of a stored vector, N = rows with a vector, B = blocks of rows

import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from ml.folders import ArtifactError
from recommender import copying
from recommender.models import ItemEmbedding, ModelVersion
from recommender.snapshot import Snapshot

FOLDER = "item_vectors"
KEPT_FILES = 3  # what processes that have not switched yet, or a roll back, still want
READ_AT_ONCE = 20_000  # products whose vectors are read within the request; more: in the background
RECOUNT_SECONDS = 30.0  # how soon vectors of new products are noticed
GATHER_BELOW = 0.02  # of the rows allowed: copying them out first is faster than scoring all
BLOCK = 64

logger = logging.getLogger(__name__)


class _Kept:
    """The matrix that this process serves from, and what it was made of."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.key: tuple[int, str] | None = None  # the version and the rows of the catalogue
        self.matrix: np.ndarray | None = None
        self.num_vectors = -1
        self.recount_at = 0.0
        self.loading: threading.Thread | None = None


_kept = _Kept()
_with_vector: tuple[Callable[[], np.ndarray | None], np.ndarray] = (lambda: None, np.empty(0, dtype=bool))


def current(version: ModelVersion, *, catalogue: Snapshot) -> np.ndarray | None:
    """The version's (I, D) float32 vectors by the catalogue's rows, zeros for a product without one.

    None while a large matrix is being read in the background, and for a version without vectors. A file
    under DATA_DIR is mapped, so that the processes of a machine share its pages; pgvector is what it is
    made of, and read again where the file is missing or damaged. Raises DatabaseError.
    """
    key = (version.pk, catalogue.ids_digest)
    fresh = _kept.key == key and time.monotonic() < _kept.recount_at
    if fresh or not len(catalogue):
        return _kept.matrix if fresh else None
    if connection.in_atomic_block:
        with transaction.atomic():  # a failed query must leave the caller's transaction usable
            _load(version, catalogue=catalogue)
    elif len(catalogue) <= READ_AT_ONCE and _kept.key != key:
        with _kept.lock:
            _load(version, catalogue=catalogue)
    else:
        _load_in_background(version, catalogue=catalogue)
    return _kept.matrix if _kept.key == key else None


def rows_with_vector(vectors_ID: np.ndarray) -> np.ndarray:
    """(I,) bool: the rows that are not all zeros; worked out once for a matrix."""
    global _with_vector  # noqa: PLW0603 - one for the process
    held, mask = _with_vector
    if held() is not vectors_ID:
        mask = np.asarray(vectors_ID.any(axis=1))
        _with_vector = (weakref.ref(vectors_ID), mask)
    return mask


def prepare(version: ModelVersion, *, catalogue: Snapshot) -> None:
    """Write the version's file, so that its first request after the activation maps it at once."""
    _matrix_of(version, catalogue=catalogue, num_vectors=_count(version))


def forget() -> None:
    """Read the vectors anew for the next request."""
    global _kept  # noqa: PLW0603 - one for the process
    _kept = _Kept()


os.register_at_fork(after_in_child=forget)


def _load(version: ModelVersion, *, catalogue: Snapshot) -> None:
    key, num_vectors = (version.pk, catalogue.ids_digest), _count(version)
    if (_kept.key, _kept.num_vectors) != (key, num_vectors):
        matrix = _matrix_of(version, catalogue=catalogue, num_vectors=num_vectors)
        _kept.key, _kept.matrix, _kept.num_vectors = key, matrix, num_vectors
    _kept.recount_at = time.monotonic() + RECOUNT_SECONDS


def _load_in_background(version: ModelVersion, *, catalogue: Snapshot) -> None:
    def load() -> None:
        try:
            _load(version, catalogue=catalogue)
        except (DatabaseError, OSError) as error:
            logger.warning("the item vectors of %s could not be read: %s", version, error)
            time.sleep(1.0)  # requests ask again at once
        finally:
            connection.close()  # of this thread, which ends here

    with _kept.lock:
        if _kept.loading is None or not _kept.loading.is_alive():
            _kept.loading = threading.Thread(target=load, name="read item vectors", daemon=True)
            _kept.loading.start()


def _count(version: ModelVersion) -> int:
    return ItemEmbedding.objects.filter(version=version).count()


def _matrix_of(version: ModelVersion, *, catalogue: Snapshot, num_vectors: int) -> np.ndarray | None:
    """The file's rows where there is a sound file, else pgvector's, which are then written to the file."""
    if not num_vectors:
        return None
    # The weights' checksum names the file too: version numbers start again in a new database.
    name = f"v{version.pk}-{version.artifact_sha256[:12]}-{catalogue.ids_digest}-{num_vectors}.npy"
    path = Path(settings.DATA_DIR) / FOLDER / name
    mapped = _mapped(path, num_rows=len(catalogue))
    if mapped is not None:
        return mapped
    matrix = aligned(*copying.read_item_vectors(version.pk), catalogue=catalogue)
    if connection.in_atomic_block or not version.artifact_sha256:
        return matrix  # rows that may be rolled back, and versions without a name of their own, stay here
    try:
        _write(path, matrix=matrix)
    except OSError as error:
        logger.warning("the item vectors are not shared between processes: %s", error)
        return matrix
    return _mapped(path, num_rows=len(catalogue))


def _mapped(path: Path, *, num_rows: int) -> np.ndarray | None:
    try:
        matrix = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError) as error:
        logger.warning("%s is damaged and is written again from pgvector: %s", path.name, error)
        return None
    if matrix.ndim != 2 or len(matrix) != num_rows or matrix.dtype != np.float32:
        logger.warning("%s is not what its name says and is written again from pgvector", path.name)
        return None
    return np.asarray(matrix)  # a plain array over the same pages: memmap's own indexing is slower


def aligned(ids_N: np.ndarray, vectors_ND: np.ndarray, *, catalogue: Snapshot) -> np.ndarray:
    """(I, D): each product's vector in its row of the catalogue."""
    # Column by column in memory: the product with one query then takes half the time, as long as Faiss's.
    matrix = np.zeros((len(catalogue), vectors_ND.shape[1]), dtype=np.float32, order="F")
    rows = catalogue.rows_of(ids_N)
    matrix[rows[rows >= 0]] = vectors_ND[rows >= 0]
    return matrix


def _write(path: Path, *, matrix: np.ndarray) -> None:
    """Write the file whole or not at all, and remove the oldest ones."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _draft(path) as draft, draft.open("wb") as file:
        np.save(file, matrix, allow_pickle=False)
    by_age = sorted(path.parent.glob("*.npy"), key=lambda file: file.stat().st_mtime, reverse=True)
    for old in by_age[KEPT_FILES:]:
        old.unlink(missing_ok=True)  # a process that maps it keeps its pages


@contextmanager
def _draft(path: Path) -> Iterator[Path]:
    draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


# Top k


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
