"""Retrieval alone: ours beside pgvector, NumPy and Faiss, in one run, with what each finds.

`python -m tests.bench.retrieval` asks for the 20 best of 5,000, 100,000 and 1,000,000 products, on one
thread, with vectors such as towers give. The ways take turns at every query, so that a busy moment hits all
of them. Prints a table and writes .bench/retrieval.json. pgvector is asked up to 100,000 products; its index
over a million takes a quarter of an hour to build, and is measured with --full.
"""

# I = products, D = columns of a stored vector

import argparse
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import faiss
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
SIZES = (5_000, 100_000, 1_000_000)
PGVECTOR_UP_TO = 100_000
K = 20
QUERIES = 200
FILTERS = (0.01, 0.05, 0.2)
Way = Callable[[np.ndarray], np.ndarray]  # the rows that are found for a query


def main() -> None:
    """Measure in a data folder of its own, which is removed at the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--queries", type=int, default=QUERIES)
    parser.add_argument("--full", action="store_true", help="pgvector at every size")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="shop-bench-"))
    folder.chmod(0o711)  # PostgreSQL started by root runs as another user, which must be able to enter
    os.environ["DATA_DIR"] = str(folder / "data")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    sys.path.insert(0, str(ROOT))
    try:
        import django

        django.setup()
        largest = max(options.sizes) if options.full else PGVECTOR_UP_TO
        rows = measure(options.sizes, num_queries=options.queries, pgvector_up_to=largest)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    report(rows)
    out = ROOT / ".bench" / "retrieval.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps({"machine": machine(), "k": K, "retrieval": rows}, indent=2))


def measure(
    sizes: Sequence[int], *, num_queries: int = QUERIES, pgvector_up_to: int = PGVECTOR_UP_TO
) -> dict[str, dict[str, float | None]]:
    """Return milliseconds and recall of every way by size; Django is set up, and its database is ours alone.

    None stands for what was not measured.
    """
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    return {
        str(size): measure_size(size, num_queries=num_queries, pgvector_up_to=pgvector_up_to)
        for size in sizes
    }


def measure_size(size: int, *, num_queries: int, pgvector_up_to: int) -> dict[str, float | None]:
    """Return the figures of one size; what was written to the database is rolled back."""
    from django.db import transaction

    from tests.recommender.large_shop import tower_vectors, user_vectors

    tell(f"{size:,} products")
    vectors, queries = tower_vectors(size, seed=1), user_vectors(num_queries, seed=2)
    ways = {"ours": ours(vectors), "numpy": numpy_exact(vectors), **faiss_ways(vectors)}
    if size > pgvector_up_to:
        return figures(ways, queries=queries, vectors=vectors) | {
            "pgvector_ms": None,
            "pgvector_recall": None,
        }
    with transaction.atomic():
        ways["pgvector"] = pgvector(vectors)
        row = figures(ways, queries=queries, vectors=vectors)
        transaction.set_rollback(True)
    return row


def ours(vectors: np.ndarray) -> Way:
    from recommender.item_matrix import nearest_rows

    matrix, everything = np.asfortranarray(vectors), np.ones(len(vectors), dtype=bool)
    return lambda query: nearest_rows(matrix, query_D=query, allowed_I=everything, k=K)[0]


def numpy_exact(vectors: np.ndarray) -> Way:
    def find(query: np.ndarray) -> np.ndarray:
        scores = vectors @ query
        best = np.argpartition(scores, len(scores) - K)[-K:]
        return best[np.argsort(-scores[best])]

    return find


def faiss_ways(vectors: np.ndarray) -> dict[str, Way]:
    flat = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(vectors)
    tell("Faiss HNSW")
    faiss.omp_set_num_threads(os.cpu_count() or 1)
    graph = faiss.IndexHNSWFlat(vectors.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
    graph.hnsw.efConstruction = 100
    graph.add(vectors)
    graph.hnsw.efSearch = 128
    faiss.omp_set_num_threads(1)
    return {
        "faiss_flat": lambda query: flat.search(query[None], K)[1][0],
        "faiss_hnsw": lambda query: graph.search(query[None], K)[1][0],
    }


def pgvector(vectors: np.ndarray) -> Way:
    from recommender import embeddings, snapshot
    from recommender.retrieval.nearest import nearest_in_database
    from tests.recommender.large_shop import make_products, make_version

    tell("pgvector")
    version = make_version(make_products(len(vectors)), vectors=vectors)
    embeddings.create_index(version, width=vectors.shape[1])
    snapshot.forget()
    catalogue = snapshot.current()
    everything = np.ones(len(catalogue), dtype=bool)
    return lambda query: nearest_in_database(
        version, catalogue=catalogue, query=query, allowed=everything, k=K
    )[0]


def figures(ways: dict[str, Way], *, queries: np.ndarray, vectors: np.ndarray) -> dict[str, float | None]:
    """Return the median milliseconds and the mean recall of each way, which take turns at each query."""
    tell("measuring")
    times: dict[str, list[float]] = {name: [] for name in ways}
    recalls: dict[str, list[float]] = {name: [] for name in ways}
    for query in queries:
        scores = vectors.astype(np.float64) @ query if len(vectors) <= 100_000 else vectors @ query
        exact = set(np.argsort(-scores, kind="stable")[:K].tolist())
        for name, find in ways.items():
            started = time.perf_counter()
            rows = find(query)
            times[name].append(1000 * (time.perf_counter() - started))
            recalls[name].append(len(exact & set(rows.tolist())) / K)
    row: dict[str, float | None] = {}
    for name in ways:
        row[f"{name}_ms"] = round(statistics.median(times[name]), 4)
        row[f"{name}_recall"] = round(statistics.mean(recalls[name]), 4)
    return row | {"recall": row["ours_recall"]} | filtered(vectors, queries=queries[:50])


def filtered(vectors: np.ndarray, *, queries: np.ndarray) -> dict[str, float | None]:
    """Return our median milliseconds under filters that leave 1, 5 and 20 % of the products."""
    from recommender.item_matrix import nearest_rows

    matrix, rng = np.asfortranarray(vectors), np.random.default_rng(3)
    row: dict[str, float | None] = {}
    for share in FILTERS:
        times = []
        for query in queries:
            allowed = rng.random(len(vectors)) < share
            started = time.perf_counter()
            nearest_rows(matrix, query_D=query, allowed_I=allowed, k=K)
            times.append(1000 * (time.perf_counter() - started))
        row[f"ours_{share:.0%}_ms"] = round(statistics.median(times), 4)
    return row


def report(rows: dict[str, dict[str, float | None]]) -> None:
    """Print a line for each figure and a column for each size."""
    print(f"\n{machine()}, top {K}, one thread, medians")
    print(f"{'products':<22}" + "".join(f"{int(size):>12,}" for size in rows))
    for name in next(iter(rows.values())):
        values = (row.get(name) for row in rows.values())
        print(
            f"{name:<22}"
            + "".join("           -" if value is None else f"{value:>12.3f}" for value in values)
        )


def machine() -> str:
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"


def tell(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
