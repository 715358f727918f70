"""Other people's libraries on the benchmark's files, by its metrics: whichever this Python can import.

Each library wants versions of its own, so give each an environment of its own, outside the project:

    uv venv /tmp/implicit && uv pip install --python /tmp/implicit/bin/python implicit==0.7.3
    /tmp/implicit/bin/python tests/bench/comparators.py --train F --test F

Likewise recbole==1.2.1 with "numpy<2", and LibRecommender==1.5.2 with tensorflow-cpu, tf-keras, torch, pandas
and scikit-learn, which it imports without asking for them. Reads adjacency files only.
"""

# B = users of a chunk, U = users, I = items, M = pairs

import argparse
import contextlib
import importlib
import logging
import os
import resource
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ml.data import ItemSets
from ml.metrics import rank_metrics, top_k

Scores = Callable[[np.ndarray], np.ndarray]
CHUNK = 512
K = 20


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Training and test pairs over one numbering."""

    user: np.ndarray  # (M,) int64
    item: np.ndarray  # (M,) int64
    num_users: int
    num_items: int
    test: ItemSets  # (U,) wanted and not in training

    @property
    def seen(self) -> ItemSets:
        return ItemSets.from_pairs(self.user, item_index=self.item, num_users=self.num_users)


def read(train: Path, test: Path) -> Pairs:
    """The pairs of two adjacency files; users and items are numbered by the first."""
    known, asked = lines_of(train), lines_of(test)
    row_of = {user: row for row, user in enumerate(sorted({user for user, _ in known}))}
    column_of = {item: column for column, item in enumerate(sorted({item for _, item in known}))}
    pairs = sorted({(row_of[user], column_of[item]) for user, item in known})
    unknown = len(column_of)
    wanted = {(row_of[user], column_of.get(item, unknown)) for user, item in asked if user in row_of}
    user, item = np.array(pairs).T
    test_user, test_item = np.array(sorted(wanted - set(pairs))).T
    return Pairs(
        user=user,
        item=item,
        num_users=len(row_of),
        num_items=len(column_of),
        test=ItemSets.from_pairs(test_user, item_index=test_item, num_users=len(row_of)),
    )


def lines_of(path: Path) -> list[tuple[str, str]]:
    rows = (line.split() for line in path.read_text().splitlines() if line.strip())
    return [(user, item) for user, *items in rows for item in items]


def implicit_als(pairs: Pairs, *, epochs: int) -> Scores:
    """iALS, 64 factors, the best of 13 settings on a tenth of ml-1m's training part; epochs are sweeps."""
    from implicit.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    model = AlternatingLeastSquares(
        factors=64, regularization=40.0, alpha=8.0, iterations=epochs, random_state=1
    )
    with threadpool_limits(1, "blas"):  # its own threads and those of BLAS would wait for each other
        model.fit(matrix_of(pairs), show_progress=False)
    return dot(np.asarray(model.user_factors), np.asarray(model.item_factors))


def implicit_bm25(pairs: Pairs, *, epochs: int) -> Scores:
    """Item-kNN with BM25 weights, 100 neighbours; there are no epochs."""
    from implicit.nearest_neighbours import BM25Recommender

    model = BM25Recommender(K=100)
    matrix = matrix_of(pairs)
    model.fit(matrix, show_progress=False)
    similarity = model.similarity.tocsr()
    return lambda users: (matrix[users] @ similarity).toarray()


def recbole_bpr(pairs: Pairs, *, epochs: int) -> Scores:
    """RecBole's BPR at its default settings."""
    import torch
    from recbole.config import Config
    from recbole.data import create_dataset, data_preparation
    from recbole.model.general_recommender import BPR
    from recbole.utils import get_trainer, init_seed

    # It writes its logs into the working folder, whatever it is told.
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        atomic = Path(folder) / "pairs" / "pairs.inter"
        atomic.parent.mkdir()
        rows = (f"{user}\t{item}" for user, item in zip(pairs.user, pairs.item, strict=True))
        atomic.write_text("user_id:token\titem_id:token\n" + "\n".join(rows) + "\n")
        settings = {
            "data_path": folder,
            "checkpoint_dir": folder,
            "load_col": {"inter": ["user_id", "item_id"]},
            "eval_args": {
                "split": {"RS": [1.0, 0.0, 0.0]},
                "group_by": "user",
                "order": "RO",
                "mode": "full",
            },
            "epochs": epochs,
            "use_gpu": False,
            "show_progress": False,
            "state": "ERROR",
            "seed": 1,
        }
        config = Config(model="BPR", dataset="pairs", config_dict=settings)
        init_seed(1, reproducibility=True)
        dataset = create_dataset(config)
        train, _, _ = data_preparation(config, dataset)
        model = BPR(config, train.dataset)
        get_trainer(config["MODEL_TYPE"], "BPR")(config, model).fit(train, saved=False, verbose=False)
        users = dataset.token2id("user_id", [str(user) for user in range(pairs.num_users)])
        items = dataset.token2id("item_id", [str(item) for item in range(pairs.num_items)])
        with torch.no_grad():
            user_vectors = model.user_embedding.weight.numpy()[users]
            item_vectors = model.item_embedding.weight.numpy()[items]
    return dot(user_vectors, item_vectors)


def librecommender_two_tower(pairs: Pairs, *, epochs: int) -> Scores:
    """LibRecommender's TwoTower: softmax loss with its correction, normalised, temperature 0.1."""
    import pandas as pd
    from libreco.algorithms import TwoTower
    from libreco.data import DatasetPure

    frame = pd.DataFrame({"user": pairs.user, "item": pairs.item, "label": 1})
    train, info = DatasetPure.build_trainset(frame)
    model = TwoTower(
        "ranking",
        info,
        loss_type="softmax",
        embed_size=64,
        norm_embed=True,
        n_epochs=epochs,
        lr=1e-3,
        batch_size=2048,
        hidden_units=(128, 64),
        temperature=0.1,
        use_correction=True,
        remove_accidental_hits=True,
        seed=1,
    )
    model.fit(train, neg_sampling=True, verbose=0)  # refuses False without labels of 0
    users = [info.user2id[user] for user in range(pairs.num_users)]
    items = [info.item2id[item] for item in range(pairs.num_items)]
    return dot(np.asarray(model.user_embeds_np)[users], np.asarray(model.item_embeds_np)[items])


METHODS: dict[str, tuple[str, Callable[..., Scores], int]] = {
    "implicit iALS": ("implicit", implicit_als, 15),
    "implicit BM25 item-kNN": ("implicit", implicit_bm25, 0),
    "RecBole BPR": ("recbole", recbole_bpr, 20),
    "LibRecommender TwoTower": ("libreco.algorithms", librecommender_two_tower, 20),
}


def matrix_of(pairs: Pairs) -> Any:
    """(U, I) CSR of ones."""
    from scipy import sparse

    ones = np.ones(len(pairs.user), dtype=np.float32)
    return sparse.csr_matrix((ones, (pairs.user, pairs.item)), shape=(pairs.num_users, pairs.num_items))


def dot(user_vectors: np.ndarray, item_vectors: np.ndarray) -> Scores:
    return lambda users: user_vectors[users] @ item_vectors.T


def judge(scores: Scores, *, pairs: Pairs) -> dict[str, float]:
    """Mean metrics at K over all test users, the training items masked."""
    users = np.flatnonzero(pairs.test.sizes)
    ranked = []
    for part in np.array_split(users, -(-len(users) // CHUNK)):
        scores_BI = np.array(scores(part), dtype=np.float32)
        seen = pairs.seen.take(part)
        scores_BI[seen.rows(), seen.items] = -np.inf
        ranked.append(top_k(scores_BI, k=K))
    metrics = rank_metrics(np.concatenate(ranked), positives=pairs.test.take(users), k=K)
    return {name: float(values.mean()) for name, values in metrics.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--epochs", type=int, help="instead of each method's own number")
    options = parser.parse_args()
    quiet()
    pairs = read(options.train, options.test)
    print(f"{'method':<26}{'recall@20':>10}{'ndcg@20':>10}{'seconds':>10}{'CPU s':>10}")
    for name, (module, fit, own_epochs) in METHODS.items():
        try:
            importlib.import_module(module)
        except ImportError as error:
            print(f"{name:<26}left out: {error}")
            continue
        epochs = options.epochs or own_epochs
        started, cpu = time.perf_counter(), cpu_seconds()
        scores = fit(pairs, epochs=epochs)
        took, spent = time.perf_counter() - started, cpu_seconds() - cpu
        means = judge(scores, pairs=pairs)
        figures = (means[f"recall@{K}"], means[f"ndcg@{K}"])
        print(f"{name:<26}{figures[0]:>10.4f}{figures[1]:>10.4f}{took:>10.1f}{spent:>10.1f}  {epochs} epochs")


def quiet() -> None:
    """Keep the libraries' warnings out of the table; TensorFlow must run as it did before Keras 3."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    os.environ |= {"TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
