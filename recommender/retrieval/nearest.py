"""The nearest products to a vector: from memory, else from pgvector, exactly or by its index."""

# I = products of the catalogue, D = columns of a stored vector

from collections.abc import Sequence

import numpy as np
from django.db import connection, transaction
from psycopg import sql

from recommender import embeddings, item_matrix
from recommender.context import Context
from recommender.models import ModelVersion
from recommender.snapshot import Snapshot
from recommender.versions import ArtifactError

# So few allowed products are compared one by one, in about 10 ms; among more the index is faster.
EXACT_BELOW = 20_000
OVER_FETCH = 1.5  # times what a filter of this selectivity needs on average
LEAST_FETCHED = 100
SEARCH_WIDTH = 200  # hnsw.ef_search: of 100,000 products recall@20 is then above .99
MOST_SEARCHED = 1_000  # the widest that pgvector takes
_TABLE = sql.Identifier("recommender_itemembedding")
Found = tuple[np.ndarray, np.ndarray]  # rows of the catalogue, best first, and their scores


def nearest(context: Context, *, query: np.ndarray, k: int, allowed: np.ndarray) -> Found:
    """The k allowed rows with the largest inner product with the (D,) query, best first, and their scores.

    Fewer only where fewer allowed products have a vector. From the matrix in memory at no query, else from
    pgvector at one or two. Raises ArtifactError when the query is of another width than the vectors.
    """
    if context.item_vectors is None:
        assert context.version is not None
        return nearest_in_database(
            context.version, catalogue=context.catalogue, query=query, allowed=allowed, k=k
        )
    if context.item_vectors.shape[1] != len(query):
        raise ArtifactError(
            f"The weights give {len(query)} columns and the stored vectors have "
            f"{context.item_vectors.shape[1]}; train a new version."
        )
    known = item_matrix.rows_with_vector(context.item_vectors)
    return item_matrix.nearest_rows(context.item_vectors, query_D=query, allowed_I=allowed & known, k=k)


def nearest_in_database(
    version: ModelVersion, *, catalogue: Snapshot, query: np.ndarray, allowed: np.ndarray, k: int
) -> Found:
    """The same from pgvector: exact for a small or selective set, by the version's index for a large one.

    What the index returns is filtered here; it is asked for more until k are found, and the exact search
    answers where it does not find them. Raises DatabaseError.
    """
    num_allowed = int(np.count_nonzero(allowed))
    if not num_allowed or k < 1:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
    if num_allowed > EXACT_BELOW and embeddings.has_index(version):
        found = nearest_by_index(version, catalogue=catalogue, query=query, allowed=allowed, k=k)
        if len(found[0]) == k:
            return found
    return nearest_exactly(version, catalogue=catalogue, query=query, allowed=allowed, k=k)


def nearest_exactly(
    version: ModelVersion, *, catalogue: Snapshot, query: np.ndarray, allowed: np.ndarray, k: int
) -> Found:
    """The k nearest of the allowed rows by comparing every one; one query."""
    statement = sql.SQL(
        "SELECT product_id, vector <#> {query} FROM {table}"
        " WHERE version_id = {version} AND product_id = ANY({ids}) ORDER BY 2, 1 LIMIT {limit}"
    )
    ids = catalogue.product_id[allowed].tolist()
    with connection.cursor() as cursor:
        cursor.execute(
            statement.format(
                query=_literal(query), table=_TABLE, version=version.pk, ids=sql.Literal(ids), limit=k
            ).as_string(connection.connection)
        )
        return _as_found(cursor.fetchall(), catalogue=catalogue)


def nearest_by_index(
    version: ModelVersion, *, catalogue: Snapshot, query: np.ndarray, allowed: np.ndarray, k: int
) -> Found:
    """Up to k of the allowed rows from the version's index: over-fetched, and four times more if too few."""
    share = np.count_nonzero(allowed) / len(allowed)
    limit = min(int(OVER_FETCH * k / share) + LEAST_FETCHED, len(allowed))
    rows, scores = _from_index(version, catalogue=catalogue, query=query, limit=limit)
    kept = allowed[rows]
    if np.count_nonzero(kept) < k and limit < len(allowed):
        rows, scores = _from_index(version, catalogue=catalogue, query=query, limit=4 * limit)
        kept = allowed[rows]
    return rows[kept][:k], scores[kept][:k]


def _from_index(version: ModelVersion, *, catalogue: Snapshot, query: np.ndarray, limit: int) -> Found:
    """About `limit` rows nearest to the query, whether allowed or not; two queries in one transaction."""
    width = min(max(limit, SEARCH_WIDTH), MOST_SEARCHED)
    typed = sql.SQL("vector({width})").format(width=len(query))
    statement = sql.SQL(
        "SELECT product_id, (vector::{typed}) <#> {query}::{typed} FROM {table}"
        " WHERE version_id = {version} ORDER BY (vector::{typed}) <#> {query}::{typed} LIMIT {limit}"
    ).format(typed=typed, query=_literal(query), table=_TABLE, version=version.pk, limit=limit)
    with transaction.atomic(), connection.cursor() as cursor:
        # LOCAL, so that no other query of this connection is planned by them. Past its first `ef_search`
        # rows the index goes on searching; without that it returned the rows that it had, and no more.
        cursor.execute(
            "SELECT set_config('hnsw.ef_search', %s, true),"
            " set_config('hnsw.iterative_scan', 'relaxed_order', true),"
            " set_config('hnsw.max_scan_tuples', %s, true), set_config('enable_sort', 'off', true)",
            [str(width), str(max(20_000, 10 * limit))],
        )
        cursor.execute(statement.as_string(connection.connection))
        found = cursor.fetchall()
    return _as_found(sorted(found, key=lambda row: (row[1], row[0])), catalogue=catalogue)


def _as_found(rows: Sequence[tuple[int, float]], *, catalogue: Snapshot) -> Found:
    """The catalogue's rows and the inner products; pgvector returns them negated."""
    places = catalogue.rows_of(np.array([row[0] for row in rows], dtype=np.int64))
    scores = -np.array([row[1] for row in rows], dtype=np.float32)
    return places[places >= 0], scores[places >= 0]


def _literal(query: np.ndarray) -> sql.Composed:
    return sql.SQL("{text}::vector").format(text="[" + ",".join(map(str, query.tolist())) + "]")
