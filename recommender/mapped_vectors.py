"""Stored vectors in memory by the catalogue's rows: one file that all processes map, pgvector behind it."""

# I = products of the catalogue, D = columns of a stored vector, N = rows with a vector

import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from recommender.snapshot import Snapshot

READ_AT_ONCE = 20_000  # products whose vectors are read within the request; more: in the background

logger = logging.getLogger(__name__)
_all: "weakref.WeakSet[MappedVectors]" = weakref.WeakSet()


@dataclass(frozen=True, kw_only=True)
class Source:
    """Vectors in the database: what tells them from others, from what they were, and how to read them."""

    key: Hashable
    file_name: str  # how their file's name begins; "": they have none and stay in this process
    state: Callable[[], str]  # another text when they changed, "" when there are none; one query
    read: Callable[[], tuple[np.ndarray, np.ndarray]]  # (N,) product ids, (N, D) float32


@dataclass(frozen=True, kw_only=True)
class Held:
    """A matrix and the products of its rows, ascending."""

    matrix: np.ndarray  # (I, D) float32, zeros for a product without a vector
    product_id: np.ndarray  # (I,) int64
    ids_digest: str  # of the catalogue that they are the products of


@dataclass(frozen=True, kw_only=True)
class _Kept:
    """What is held, and what it was made of."""

    key: tuple[Hashable, str] | None  # the source and the rows of the catalogue
    state: str
    held: Held | None


class MappedVectors:
    """The matrix of one source at a time, that this process serves from."""

    def __init__(self, *, folder: str, title: str, kept_files: int, recount_seconds: float) -> None:
        self._folder, self._title, self._kept_files = folder, title, kept_files
        self._recount_seconds = recount_seconds
        self.forget()
        _all.add(self)

    def forget(self) -> None:
        """Read the vectors anew for the next request."""
        self._lock = threading.Lock()
        self._kept = _Kept(key=None, state="", held=None)
        self._loading: threading.Thread | None = None
        self.recount_at = 0.0

    def current(self, source: Source, *, catalogue: Snapshot) -> np.ndarray | None:
        """The source's (I, D) float32 vectors by the catalogue's rows, zeros for a product without one.

        None while a large matrix is being read in the background, and for a source without vectors. A file
        under DATA_DIR is mapped, so that the processes of a machine share its pages; pgvector is what it is
        made of, and read again where the file is missing or damaged. Raises DatabaseError.
        """
        key = (source.key, catalogue.ids_digest)
        fresh = self._kept.key == key and time.monotonic() < self.recount_at
        if not fresh and len(catalogue):
            self._renew(source, catalogue=catalogue, key=key)
        kept = self._kept
        return kept.held.matrix if kept.held is not None and kept.key == key and len(catalogue) else None

    def latest(self, source: Source, *, catalogue: Snapshot) -> Held | None:
        """What `current` gives, or the matrix of an earlier catalogue while that is being read."""
        self.current(source, catalogue=catalogue)
        kept = self._kept
        return kept.held if kept.key is not None and kept.key[0] == source.key and len(catalogue) else None

    def has_none(self, source: Source, *, catalogue: Snapshot) -> bool:
        """Whether the source was without vectors when they were counted last; no query."""
        return self._kept.key == (source.key, catalogue.ids_digest) and not self._kept.state

    def prepare(self, source: Source, *, catalogue: Snapshot) -> None:
        """Write the source's file, so that its first request maps it at once."""
        self._matrix_of(source, catalogue=catalogue, state=source.state())

    def _renew(self, source: Source, *, catalogue: Snapshot, key: tuple[Hashable, str]) -> None:
        if connection.in_atomic_block:
            with transaction.atomic():  # a failed query must leave the caller's transaction usable
                self._load(source, catalogue=catalogue)
        elif len(catalogue) <= READ_AT_ONCE and self._kept.key != key:
            with self._lock:
                self._load(source, catalogue=catalogue)
        else:
            self._load_in_background(source, catalogue=catalogue)

    def _load(self, source: Source, *, catalogue: Snapshot) -> None:
        key, state = (source.key, catalogue.ids_digest), source.state()
        if (self._kept.key, self._kept.state) != (key, state):
            matrix = self._matrix_of(source, catalogue=catalogue, state=state)
            held = None if matrix is None else _held(matrix, catalogue=catalogue)
            self._kept = _Kept(key=key, state=state, held=held)  # in one step: other threads are reading
        self.recount_at = time.monotonic() + self._recount_seconds

    def _load_in_background(self, source: Source, *, catalogue: Snapshot) -> None:
        def load() -> None:
            try:
                self._load(source, catalogue=catalogue)
            except (DatabaseError, OSError) as error:
                logger.warning("%s could not be read: %s", self._title, error)
                time.sleep(1.0)  # requests ask again at once
            finally:
                connection.close()  # of this thread, which ends here

        with self._lock:
            if self._loading is None or not self._loading.is_alive():
                self._loading = threading.Thread(target=load, name=f"read {self._title}", daemon=True)
                self._loading.start()

    def _matrix_of(self, source: Source, *, catalogue: Snapshot, state: str) -> np.ndarray | None:
        """The file's rows where there is a sound file, else pgvector's, which are then written to it."""
        if not state:
            return None
        name = f"{source.file_name}-{catalogue.ids_digest}-{state}.npy"
        path = Path(settings.DATA_DIR) / self._folder / name
        mapped = _mapped(path, num_rows=len(catalogue))
        if mapped is not None:
            return mapped
        matrix = aligned(*source.read(), catalogue=catalogue)
        if connection.in_atomic_block or not source.file_name:
            return matrix  # rows that may be rolled back, and sources without a name, stay here
        try:
            self._write(path, matrix=matrix)
        except OSError as error:
            logger.warning("%s are not shared between processes: %s", self._title, error)
            return matrix
        return _mapped(path, num_rows=len(catalogue))

    def _write(self, path: Path, *, matrix: np.ndarray) -> None:
        """Write the file whole or not at all, and remove the oldest ones."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with _draft(path) as draft, draft.open("wb") as file:
            np.save(file, matrix, allow_pickle=False)
        by_age = sorted(path.parent.glob("*.npy"), key=lambda file: file.stat().st_mtime, reverse=True)
        for old in by_age[self._kept_files :]:
            old.unlink(missing_ok=True)  # a process that maps it keeps its pages


def forget_everything() -> None:
    """Read all vectors anew for their next request; for a forked child, and for tests."""
    for vectors in list(_all):
        vectors.forget()


os.register_at_fork(after_in_child=forget_everything)


def _held(matrix: np.ndarray, *, catalogue: Snapshot) -> Held:
    return Held(matrix=matrix, product_id=catalogue.product_id, ids_digest=catalogue.ids_digest)


def aligned(ids_N: np.ndarray, vectors_ND: np.ndarray, *, catalogue: Snapshot) -> np.ndarray:
    """(I, D): each product's vector in its row of the catalogue."""
    # Column by column in memory: the product with one query then takes half the time, as long as Faiss's.
    matrix = np.zeros((len(catalogue), vectors_ND.shape[1]), dtype=np.float32, order="F")
    rows = catalogue.rows_of(ids_N)
    matrix[rows[rows >= 0]] = vectors_ND[rows >= 0]
    return matrix


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


@contextmanager
def _draft(path: Path) -> Iterator[Path]:
    draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
