"""The vectors and the top-k lists of one version: written in bulk, read back as arrays.

Vectors travel in PostgreSQL's binary COPY format: every row of a version has the same size, so a block of
rows is one NumPy record array, and 100,000 vectors cross in about a second either way.
"""

import time
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from django.db import connection
from django.utils import timezone

from recommender.models import ModelVersion

# I = items, U = users, N = either, D = embedding dimension, K = products in a list

COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)  # signature, no flags, no header extension
COPY_TRAILER = b"\xff\xff"
ROWS_PER_BLOCK = 10_000
# Products embedded after the version was made (embed_missing_items) appear in a process this soon.
MATRIX_FRESH_SECONDS = 300


def write_item_embeddings(version: ModelVersion, *, ids: np.ndarray, vectors: np.ndarray) -> int:
    """Write the (I,) product ids' (I, D) vectors under the version; return how many. The rows must be new."""
    return _copy_in(
        "recommender_itemembedding (version_id, product_id, vector)",
        version=version,
        ids_N=ids,
        vectors_ND=vectors,
    )


def write_user_embeddings(version: ModelVersion, *, ids: np.ndarray, vectors: np.ndarray) -> int:
    """Write the (U,) user ids' (U, D) vectors under the version; return how many. The rows must be new."""
    return _copy_in(
        "recommender_userembedding (version_id, user_id, vector)",
        version=version,
        ids_N=ids,
        vectors_ND=vectors,
    )


def write_recommendations(
    version: ModelVersion, *, user_ids: np.ndarray, product_ids: np.ndarray, scores: np.ndarray
) -> int:
    """Write each user's list, (U, K) product ids with (U, K) scores, best first; return how many.

    An entry whose score is not finite is no recommendation and is left out. The rows must be new.
    """
    if not len(user_ids) == len(product_ids) == len(scores):
        raise ValueError("user_ids, product_ids and scores need one row for each user.")
    now = timezone.now()
    statement = (
        "COPY recommender_recommendation (version_id, user_id, product_ids, scores, created_at) FROM STDIN"
    )
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(["int8", "int8", "int8[]", "float8[]", "timestamptz"])
        for user_id, products_K, scores_K in zip(user_ids.tolist(), product_ids, scores, strict=True):
            kept_K = np.isfinite(scores_K)
            copy.write_row((version.pk, user_id, products_K[kept_K].tolist(), scores_K[kept_K].tolist(), now))
    return len(user_ids)


def item_matrix(version_id: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (product_ids (I,) int64 ascending, vectors (I, D) float32), kept for five minutes.

    The arrays are shared by all callers and cannot be written. The first call reads the whole version.
    """
    return _read_item_matrix(version_id, int(time.monotonic()) // MATRIX_FRESH_SECONDS)


@lru_cache(maxsize=2)
def _read_item_matrix(version_id: int, _period: int) -> tuple[np.ndarray, np.ndarray]:
    wanted = f"version_id = {int(version_id)}"  # COPY takes no parameters
    rows = f"SELECT version_id, product_id, vector FROM recommender_itemembedding WHERE {wanted}"  # noqa: S608
    statement = f"COPY ({rows} ORDER BY product_id) TO STDOUT (FORMAT BINARY)"
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(statement) as copy:
        body = b"".join(bytes(block) for block in copy)[len(COPY_HEADER) : -len(COPY_TRAILER)]
    if not body:
        return np.empty(0, dtype=np.int64), np.empty((0, 0), dtype=np.float32)
    rows_N = np.frombuffer(body, dtype=_row_type(_dimension_of_first(body)))
    ids_I, vectors_ID = rows_N["id"].astype(np.int64), rows_N["vector"].astype(np.float32)
    ids_I.setflags(write=False)
    vectors_ID.setflags(write=False)
    return ids_I, vectors_ID


def forget_item_matrices() -> None:
    """Drop what this process kept, so that the next item_matrix() reads the database."""
    _read_item_matrix.cache_clear()


def _copy_in(table: str, *, version: ModelVersion, ids_N: np.ndarray, vectors_ND: np.ndarray) -> int:
    """Copy rows into the table and columns named by `table`."""
    if vectors_ND.ndim != 2 or len(ids_N) != len(vectors_ND):
        raise ValueError(f"Give one vector for each id: got {len(ids_N)} ids and vectors {vectors_ND.shape}.")
    if not np.isfinite(vectors_ND).all():
        raise ValueError("Some vectors hold NaN or infinity: the model is broken; train it again.")
    statement = f"COPY {table} FROM STDIN (FORMAT BINARY)"
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(COPY_HEADER)
        for block in _blocks(version.pk, ids_N=ids_N, vectors_ND=vectors_ND):
            copy.write(block)
        copy.write(COPY_TRAILER)
    return len(ids_N)


def _blocks(version_id: int, *, ids_N: np.ndarray, vectors_ND: np.ndarray) -> Iterator[bytes]:
    dimension = vectors_ND.shape[1]
    row_type = _row_type(dimension)
    for start in range(0, len(ids_N), ROWS_PER_BLOCK):
        part = slice(start, start + ROWS_PER_BLOCK)
        rows = np.zeros(len(ids_N[part]), dtype=row_type)
        rows["fields"] = 3
        rows["version_bytes"] = rows["id_bytes"] = 8
        rows["version"] = version_id
        rows["id"] = ids_N[part]
        rows["vector_bytes"] = 4 + 4 * dimension
        rows["dimension"] = dimension
        rows["vector"] = vectors_ND[part]
        yield rows.tobytes()


def _row_type(dimension: int) -> np.dtype:
    """Return the layout of one row (version_id, id, vector) of a binary COPY; pgvector sends float32."""
    return np.dtype(
        [
            ("fields", ">i2"),
            ("version_bytes", ">i4"),
            ("version", ">i8"),
            ("id_bytes", ">i4"),
            ("id", ">i8"),
            ("vector_bytes", ">i4"),
            ("dimension", ">i2"),
            ("unused", ">i2"),
            ("vector", ">f4", (dimension,)),
        ]
    )


def _dimension_of_first(body: bytes) -> int:
    return int(np.frombuffer(body[: _row_type(0).itemsize], dtype=_row_type(0))["dimension"][0])
