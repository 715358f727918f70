"""What a large catalogue costs: seconds, interactions a second and peak memory at three sizes.

Run by `make bench-large`. Each size runs in a process of its own, so that its peak is its own: it makes
interactions of shoppers with tastes, trains one epoch on them and encodes every user. The last figure is what
one more user, item and interaction cost between one size and the next: equal figures are a linear growth.
Prints a table and writes the same to .bench/large.json.
"""

# U = users, I = items, M = interactions in all, B = users of a chunk

import argparse
import itertools
import json
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from ml.data import DAY_SECONDS, KINDS, Dataset, EntityTable, Histories, Interactions, cut_in_time
from ml.metrics import rank_metrics, top_k
from ml.model import TrainedModel
from ml.splits import held_out
from ml.training import TrainConfig, train

ROOT = Path(__file__).resolve().parents[2]
FULL = {"users": 1_000_000, "items": 200_000, "interactions": 20_000_000}
SIZES = (0.1, 1 / 3, 1.0)
# One epoch, once; the softmax sampled at all three sizes, or they would not be one line.
SETTINGS = {"max_epochs": 1, "evaluate_every": 1, "refit": False, "full_softmax_limit": 10_000}
CLUSTERS = 400
BREADTH = 20  # clusters of one category: content alone does not tell them apart
DAYS = 365
CHUNK = 8_192


def main() -> None:
    """Run every size in a process of its own, the small one first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=float, nargs="+", default=SIZES, help="shares of the full size")
    parser.add_argument("--config", type=json.loads, default={}, help="settings of TrainConfig as JSON")
    parser.add_argument("--child", action="store_true", help="measure the one size here")
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(options.sizes[0], settings=options.config)))
        return
    rows = [run(size, settings=options.config) for size in sorted(options.sizes)]
    report(rows)


def run(size: float, *, settings: dict[str, object]) -> dict[str, float]:
    """The figures of one size, from a child process."""
    command = [sys.executable, "-m", "tests.bench.large", "--child", "--sizes", str(size)]
    command += ["--config", json.dumps(settings)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure(size: float, *, settings: dict[str, object]) -> dict[str, float]:
    """Make the data, train for an epoch and encode every user, in this process."""
    row: dict[str, float] = {"imported_mb": peak_mb()}
    started = time.perf_counter()
    dataset = make_dataset(**{name: max(1, round(size * count)) for name, count in FULL.items()})
    row |= {"users": len(dataset.users), "items": len(dataset.items)}
    row |= {"interactions": len(dataset.interactions), "make_s": time.perf_counter() - started}
    row["made_mb"] = peak_mb()
    cut = cut_in_time(dataset.interactions.timestamp, last_share=0.02)
    known = dataset.interactions.before(cut)
    learned = Dataset(users=dataset.users, items=dataset.items, interactions=known)
    config = TrainConfig.from_dict({**SETTINGS, **settings})
    started, worked = time.perf_counter(), time.process_time()
    model = train(learned, config, on_progress=tell)
    row["train_s"] = time.perf_counter() - started
    row["train_cpu_s"] = time.process_time() - worked  # what is left when others use the machine too
    row["interactions_per_s"] = config.max_epochs * len(known) / row["train_s"]
    row["trained_mb"] = peak_mb()
    started = time.perf_counter()
    encode_everybody(model, dataset=dataset, known=known, as_of=cut)
    row["encode_users_per_s"] = len(dataset.users) / (time.perf_counter() - started)
    row["peak_mb"] = peak_mb()
    return row | quality(model, dataset=dataset, known=known, cut=cut)


def make_dataset(*, users: int, items: int, interactions: int, seed: int = 7) -> Dataset:
    """Shoppers who mostly buy in two clusters of items, each cluster with a few favourites and a long tail.

    Columns are drawn whole; the tuples of preferences and paths are shared by all rows that have them.
    """
    rng = np.random.default_rng(seed)
    clusters = max(4, min(CLUSTERS, items // 50))
    tastes_U2 = rng.integers(0, clusters, size=(users, 2), dtype=np.int32)
    activity_U = rng.lognormal(sigma=0.8, size=users)
    user_M = rng.choice(users, size=interactions, p=activity_U / activity_U.sum()).astype(np.int32)
    draw_M = rng.random(interactions, dtype=np.float32)
    cluster_M = np.where(draw_M < 0.6, tastes_U2[user_M, 0], tastes_U2[user_M, 1])
    anywhere_M = draw_M >= 0.9
    cluster_M[anywhere_M] = rng.integers(0, clusters, size=anywhere_M.sum())
    item_M = item_of(cluster_M, clusters=clusters, items=items, rng=rng)
    names = [f"category {cluster // BREADTH}" for cluster in range(clusters)]
    paths = [(name,) for name in names]
    time_M = np.sort(rng.integers(0, DAYS * DAY_SECONDS, size=interactions))
    return Dataset(
        users=EntityTable(
            ids=np.arange(users, dtype=np.int64),
            multi={"preferences": [paths[cluster] for cluster in tastes_U2[:, 0].tolist()]},
        ),
        items=EntityTable(
            ids=np.arange(items, dtype=np.int64),
            numeric={"log_price": rng.normal(size=items).astype(np.float32)},
            categorical={"category": np.array(names, dtype=object)[np.arange(items) % clusters]},
            multi={"category_path": [paths[item % clusters] for item in range(items)]},
        ),
        interactions=Interactions(
            user_index=user_M,
            item_index=item_M,
            kind=np.full(interactions, KINDS.index("purchase"), dtype=np.int8),
            value=np.full(interactions, np.nan, dtype=np.float32),
            timestamp=time_M,
        ),
    )


def item_of(cluster_M: np.ndarray, *, clusters: int, items: int, rng: np.random.Generator) -> np.ndarray:
    """(M,) an item of each cluster: the one of rank r with a probability that falls as 1 / (r + 20)."""
    size = items // clusters
    rank_M = 20 * np.expm1(rng.random(len(cluster_M), dtype=np.float32) * np.log1p(size / 20))
    return np.minimum(rank_M.astype(np.int32), size - 1) * np.int32(clusters) + cluster_M


def encode_everybody(model: TrainedModel, *, dataset: Dataset, known: Interactions, as_of: int) -> None:
    """The vectors of all users in chunks, as publishing writes them."""
    histories = Histories.from_interactions(known, num_users=len(dataset.users), as_of=as_of)
    for start in range(0, len(dataset.users), CHUNK):
        rows = np.arange(start, min(start + CHUNK, len(dataset.users)))
        model.encode_users(dataset.users.take(rows), histories.take(rows))


def quality(model: TrainedModel, *, dataset: Dataset, known: Interactions, cut: int) -> dict[str, float]:
    """recall@20 of the model and of popularity on 1,000 users' next events: that it learned at all."""
    num_users, num_items = len(dataset.users), len(dataset.items)
    test = held_out(dataset.interactions, cut=cut, num_users=num_users)
    kept = np.arange(min(1_000, len(test.users)))
    test = test.take(kept)
    histories = Histories.from_interactions(known, num_users=num_users, as_of=cut).take(test.users)
    vectors = model.encode_users(dataset.users.take(test.users), histories)
    popularity = np.bincount(known.item_index, minlength=num_items).astype(np.float32)
    found: dict[str, list[np.ndarray]] = {"model_recall@20": [], "popularity_recall@20": []}
    for rows in np.array_split(kept, -(-len(kept) // 100)):
        for name, scores_BI in (
            ("model_recall@20", vectors[rows] @ model.item_vectors.T),
            ("popularity_recall@20", np.tile(popularity, (len(rows), 1))),
        ):
            best = top_k(test.mask(scores_BI, rows=rows), k=20)
            metrics = rank_metrics(best, positives=test.positives.take(rows), k=20)
            found[name].append(metrics["recall@20"])
    return {name: float(np.concatenate(values).mean()) for name, values in found.items()}


def peak_mb() -> float:
    """The most memory that this process has held so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def tell(stage: str, fraction: float, message: str) -> None:
    print(f"{stage} {fraction:.0%}: {message}", file=sys.stderr, flush=True)


def report(rows: list[dict[str, float]]) -> None:
    """Print the rows as columns, a size each, and write them."""
    for smaller, larger in itertools.pairwise(rows):
        grown = sum(larger[name] - smaller[name] for name in FULL)
        larger["bytes_per_entity_added"] = 1024**2 * (larger["peak_mb"] - smaller["peak_mb"]) / grown
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    print(f"\n{machine}")
    for name in rows[-1]:
        print(f"{name:<24}" + "".join(f"{row.get(name, float('nan')):>16,.3f}" for row in rows))
    out = ROOT / ".bench" / "large.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps({"machine": machine, "sizes": rows}, indent=2))


if __name__ == "__main__":
    main()
