"""The vectors and the top-k lists of one version, written in bulk."""

from collections.abc import Iterator

import numpy as np
from django.db import connection, transaction
from django.utils import timezone
from psycopg import sql

from recommender import copying
from recommender.models import ModelVersion

# I = items, U = users, N = either, D = embedding dimension, K = products in a list

ROWS_PER_BLOCK = 10_000
INDEX_PREFIX = "item_embedding_hnsw_v"
INDEX_ABOVE = 20_000  # vectors; fewer are compared one by one in some milliseconds
INDEX_LINKS, INDEX_EFFORT = 16, 100  # HNSW's m and ef_construction


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


def create_index(version: ModelVersion, *, width: int) -> bool:
    """Index the version's vectors of `width` columns by HNSW; False for so few that none is needed.

    100,000 vectors take about half a minute, in which the table is read as before but not written. Indexes
    of versions that are gone are dropped first.
    """
    drop_orphaned_indexes()
    if version.item_embeddings.count() <= INDEX_ABOVE:
        return False
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL maintenance_work_mem = '512MB'")
        cursor.execute(
            sql.SQL(
                "CREATE INDEX IF NOT EXISTS {name} ON recommender_itemembedding"
                " USING hnsw ((vector::vector({width})) vector_ip_ops)"
                " WITH (m = {links}, ef_construction = {effort}) WHERE version_id = {version}"
            )
            .format(
                name=sql.Identifier(index_name(version.pk)),
                width=width,
                links=INDEX_LINKS,
                effort=INDEX_EFFORT,
                version=version.pk,
            )
            .as_string(connection.connection)
        )
    return True


def drop_orphaned_indexes() -> list[str]:
    """Return the names of the indexes, now dropped, whose version is gone."""
    kept = {index_name(pk) for pk in ModelVersion.objects.values_list("pk", flat=True)}
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexname FROM pg_indexes WHERE indexname LIKE %s", [f"{INDEX_PREFIX}%"])
        orphans = sorted({name for (name,) in cursor.fetchall()} - kept)
        for name in orphans:
            cursor.execute(f"DROP INDEX IF EXISTS {connection.ops.quote_name(name)}")
    return orphans


def has_index(version: ModelVersion) -> bool:
    """Return whether the version's vectors are indexed; one short query."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [index_name(version.pk)])
        return bool(cursor.fetchone()[0])


def index_name(version_id: int) -> str:
    return f"{INDEX_PREFIX}{version_id}"


def _copy_in(table: str, *, version: ModelVersion, ids_N: np.ndarray, vectors_ND: np.ndarray) -> int:
    """Copy rows into the table and columns named by `table`."""
    if vectors_ND.ndim != 2 or len(ids_N) != len(vectors_ND):
        raise ValueError(f"Give one vector for each id: got {len(ids_N)} ids and vectors {vectors_ND.shape}.")
    if not np.isfinite(vectors_ND).all():
        raise ValueError("Some vectors hold NaN or infinity: the model is broken; train it again.")
    copying.write_rows(_blocks(version.pk, ids_N=ids_N, vectors_ND=vectors_ND), into=table)
    return len(ids_N)


def _blocks(version_id: int, *, ids_N: np.ndarray, vectors_ND: np.ndarray) -> Iterator[np.ndarray]:
    width = vectors_ND.shape[1]
    fields = [("version", ">i8"), ("id", ">i8"), ("vector", copying.vector_type(width))]
    for start in range(0, len(ids_N), ROWS_PER_BLOCK):
        part = slice(start, start + ROWS_PER_BLOCK)
        rows = copying.new_rows(fields, count=len(ids_N[part]))
        rows["version"] = version_id
        rows["id"] = ids_N[part]
        rows["vector"]["dimension"] = width
        rows["vector"]["values"] = vectors_ND[part]
        yield rows
