"""How much of the exact answer each way of retrieval finds, and how long it takes."""

# I = products of the catalogue, D = columns of a stored vector, Q = queries

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ml.breadth import without_popularity
from recommender import copying, embeddings, item_matrix
from recommender.models import ModelVersion, UserEmbedding
from recommender.retrieval.nearest import (
    Found,
    nearest_by_index,
    nearest_exactly,
    nearest_in_database,
)
from recommender.snapshot import Snapshot

Search = Callable[[np.ndarray, np.ndarray], Found]  # of a query and the allowed rows


@dataclass(frozen=True, kw_only=True)
class Case:
    """One question and its answer."""

    query: np.ndarray  # (D,)
    allowed: np.ndarray  # (I,) bool
    exact: np.ndarray  # the best allowed rows


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One way of retrieval at one selectivity."""

    way: str
    selectivity: float  # the share of the products that the filter leaves
    recall: float  # of the exact answer's products, the mean over the queries
    fewest: int  # rows that came back for any query
    median_ms: float


def measure(
    version: ModelVersion, *, catalogue: Snapshot, k: int, num_queries: int, selectivities: Sequence[float]
) -> Iterator[Measured]:
    """Yield every way at every selectivity, asked with users' vectors and filters drawn by chance.

    Raises ValueError for a version without vectors.
    """
    ids, vectors = copying.read_item_vectors(version.pk)
    if not len(ids):
        raise ValueError(f"{version} has no item vectors; train a model first.")
    matrix = item_matrix.aligned(ids, vectors, catalogue=catalogue)
    queries = _queries(version, vectors=vectors, number=num_queries)
    rng, known = np.random.default_rng(7), item_matrix.rows_with_vector(matrix)
    for selectivity in selectivities:
        cases = []
        for query in queries:
            allowed = known & (rng.random(len(catalogue)) < selectivity)
            exact = exact_rows(matrix, query=query, allowed=allowed, k=k)
            cases.append(Case(query=query, allowed=allowed, exact=exact))
        for way, search in _ways(version, catalogue=catalogue, matrix=matrix, k=k).items():
            yield _measured(way, search=search, selectivity=selectivity, cases=cases)


def exact_rows(matrix: np.ndarray, *, query: np.ndarray, allowed: np.ndarray, k: int) -> np.ndarray:
    """The k best allowed rows by sorting every score: what the other ways are held against."""
    scores = matrix.astype(np.float64) @ query.astype(np.float64)
    rows = np.flatnonzero(allowed)
    return rows[np.argsort(-scores[rows], kind="stable")[:k]]


def recall_of(found: np.ndarray, *, exact: np.ndarray) -> float:
    """The share of the exact rows that were found; 1 where there are none."""
    return len(np.intersect1d(found, exact)) / len(exact) if len(exact) else 1.0


def _ways(version: ModelVersion, *, catalogue: Snapshot, matrix: np.ndarray, k: int) -> dict[str, Search]:
    def in_memory(query: np.ndarray, allowed: np.ndarray) -> Found:
        return item_matrix.nearest_rows(matrix, query_D=query, allowed_I=allowed, k=k)

    def by(search: Callable[..., Found]) -> Search:
        return lambda query, allowed: search(version, catalogue=catalogue, query=query, allowed=allowed, k=k)

    ways = {
        "in memory": in_memory,
        "pgvector, planned": by(nearest_in_database),
        "pgvector, exact": by(nearest_exactly),
    }
    if embeddings.has_index(version):
        ways["pgvector, HNSW"] = by(nearest_by_index)
    return ways


def _measured(way: str, *, search: Search, selectivity: float, cases: Sequence[Case]) -> Measured:
    recalls, counts, times = [], [], []
    for case in cases:
        started = time.perf_counter()
        rows, _ = search(case.query, case.allowed)
        times.append(time.perf_counter() - started)
        recalls.append(recall_of(rows, exact=case.exact))
        counts.append(len(rows))
    return Measured(
        way=way,
        selectivity=selectivity,
        recall=float(np.mean(recalls)),
        fewest=min(counts),
        median_ms=1000 * float(np.median(times)),
    )


def _queries(version: ModelVersion, *, vectors: np.ndarray, number: int) -> list[np.ndarray]:
    """Users' vectors of the version; products' own, without their popularity, where there are no users."""
    found = UserEmbedding.objects.filter(version=version).order_by("pk").values_list("vector", flat=True)
    queries = [np.array(vector, dtype=np.float32) for vector in found[:number]]
    if not queries:
        queries = [without_popularity(vector) for vector in vectors[:number]]
    return queries
