"""The held-out protocol, and a model judged beside its baselines on it."""

# B = users of a chunk, E = evaluated users, I = items, K = length of the ranked list

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ml.baselines import Scorer, fit_baselines
from ml.data import MAX_HISTORY, Dataset, EntityTable, Histories, Interactions, ItemSets
from ml.metrics import coverage, rank_metrics, top_k

CHUNK = 512
DEPTH = 100  # how far down the reciprocal rank looks


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """What there is to find: for each evaluated user the items touched before the cut and wanted after it."""

    users: np.ndarray  # (E,) the evaluated users' indices, ascending
    seen: ItemSets  # of those E users: masked for every method
    positives: ItemSets  # of those E users: new items with a positive event since the cut
    cut: int  # seconds


def held_out(interactions: Interactions, *, cut: int, num_users: int) -> HeldOut:
    """The test of a cut in time: users with an event before it and a positive on an untouched item since.

    Every kind of event touches an item; a positive is an event with a weight above zero.
    """
    before, since = interactions.before(cut), interactions.since(cut)
    since = since.take(since.weight > 0)
    seen = ItemSets.from_pairs(before.user_index, item_index=before.item_index, num_users=num_users)
    width = int(interactions.item_index.max(initial=0)) + 1
    touched = before.user_index.astype(np.int64) * width + before.item_index
    new = ~np.isin(since.user_index.astype(np.int64) * width + since.item_index, touched)
    positives = ItemSets.from_pairs(
        since.user_index[new], item_index=since.item_index[new], num_users=num_users
    )
    users = np.flatnonzero((seen.sizes > 0) & (positives.sizes > 0))
    return HeldOut(users=users, seen=seen.take(users), positives=positives.take(users), cut=cut)


class Model(Protocol):
    """What evaluate needs of ml.model.TrainedModel."""

    def encode_items(self, items: EntityTable) -> np.ndarray: ...
    def encode_users(
        self, users: EntityTable, histories: Histories, *, item_ids: np.ndarray | None = None
    ) -> np.ndarray: ...
    @property
    def config(self) -> dict[str, Any]: ...


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Mean metrics of every method, and what they were measured on."""

    rows: dict[str, dict[str, float]]
    num_users: int
    num_positives: int
    k: int

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "rows": self.rows,
            "num_users": self.num_users,
            "num_positives": self.num_positives,
            "k": self.k,
        }

    def table(self) -> str:
        """The rows as text, a method a line."""
        names = list(next(iter(self.rows.values()), {}))
        width = max((len(method) for method in self.rows), default=6)
        lines = [f"{'method':<{width}} " + " ".join(f"{name:>10}" for name in names)]
        for method, metrics in self.rows.items():
            lines.append(f"{method:<{width}} " + " ".join(f"{metrics[name]:>10.4f}" for name in names))
        lines.append(f"{self.num_users} users, {self.num_positives} held-out items")
        return "\n".join(lines)


def evaluate(
    dataset: Dataset,
    *,
    cut: int,
    model: Model,
    k: int = 10,
    seed: int = 0,
) -> Evaluation:
    """The model beside its baselines, all knowing only what was before the cut.

    The model must have been trained on the events before `cut` (seconds) alone. Features of the dataset
    should be as of the cut: a popularity that knows the test would help the model that reads it.
    """
    known = dataset.interactions.before(cut)
    test = held_out(dataset.interactions, cut=cut, num_users=len(dataset.users))
    scorers: dict[str, Scorer] = {"two_tower": ModelScorer.of(model, dataset=dataset, known=known, test=test)}
    scorers |= fit_baselines(dataset, events=known, seed=seed)
    return judge(scorers, test=test, num_items=len(dataset.items), k=k)


def judge(scorers: Mapping[str, Scorer], *, test: HeldOut, num_items: int, k: int = 10) -> Evaluation:
    """Mean hit, recall, NDCG at k, reciprocal rank and coverage of each scorer, the seen items masked."""
    rows = {}
    for name, scorer in scorers.items():
        ranked = rank_unseen(scorer, test=test, depth=max(k, DEPTH))
        metrics = rank_metrics(ranked, positives=test.positives, k=k) if len(test.users) else {}
        rows[name] = {metric: float(values.mean()) for metric, values in metrics.items()}
        rows[name]["coverage"] = coverage(ranked[:, :k], num_items=num_items)
    return Evaluation(rows=rows, num_users=len(test.users), num_positives=len(test.positives.items), k=k)


def rank_unseen(scorer: Scorer, *, test: HeldOut, depth: int) -> np.ndarray:
    """(E, K) the best items that each evaluated user has not touched, best first, in chunks of users."""
    ranked = []
    for start in range(0, len(test.users), CHUNK):
        rows = np.arange(start, min(start + CHUNK, len(test.users)))
        scores_BI = scorer.scores(test.users[rows])
        seen = test.seen.take(rows)
        scores_BI[seen.rows(), seen.items] = -np.inf
        ranked.append(top_k(scores_BI, k=depth))
    return np.concatenate(ranked) if ranked else np.zeros((0, depth), dtype=np.int64)


@dataclass(frozen=True, kw_only=True)
class ModelScorer:
    """A trained model as a scorer, its users as of the cut."""

    vectors: np.ndarray  # (E, D + 1), of the evaluated users
    row_of_user: np.ndarray  # (U,)
    item_vectors: np.ndarray  # (I, D + 1)

    @classmethod
    def of(cls, model: Model, *, dataset: Dataset, known: Interactions, test: HeldOut) -> "ModelScorer":
        """The scorer of the test's users, encoded from what was known at the cut."""
        histories = Histories.from_interactions(
            known,
            num_users=len(dataset.users),
            as_of=test.cut,
            max_length=int(model.config.get("max_history", MAX_HISTORY)),
        )
        row_of_user = np.full(len(dataset.users), -1, dtype=np.int64)
        row_of_user[test.users] = np.arange(len(test.users))
        return cls(
            vectors=model.encode_users(
                dataset.users.take(test.users), histories.take(test.users), item_ids=dataset.items.ids
            ),
            row_of_user=row_of_user,
            item_vectors=model.encode_items(dataset.items),
        )

    def scores(self, users: np.ndarray) -> np.ndarray:
        """(B, I) the product of stored vectors."""
        return self.vectors[self.row_of_user[users]] @ self.item_vectors.T
