"""A model judged beside its baselines on a held-out test, with intervals, segments and seconds."""

# B = users of a chunk, D = embedding dimension, E = evaluated users, I = items, K = length of the ranked list

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np

from ml.background import Background
from ml.baselines import baseline_fits, left_out
from ml.data import MAX_HISTORY, Dataset, EntityTable, Histories, Interactions
from ml.intervals import Interval, intervals, paired_interval
from ml.metrics import coverage, gini, rank_metrics
from ml.scorers import Scorer, rank_unseen
from ml.segments import Part, parts_of
from ml.splits import HeldOut, held_out

__all__ = [
    "Evaluation",
    "HeldOut",
    "Model",
    "ModelScorer",
    "Seconds",
    "evaluate",
    "held_out",
    "judge",
    "rank_unseen",
]

DEPTH = 100  # how far down the reciprocal rank looks
MODEL = "two_tower"
Rows = dict[str, dict[str, float]]  # method -> metric -> mean
Values = dict[str, dict[str, np.ndarray]]  # method -> metric -> (E,), NaN = cannot be measured


class Model(Protocol):
    """What evaluate needs of ml.model.TrainedModel."""

    def encode_items(self, items: EntityTable) -> np.ndarray: ...
    def encode_users(
        self, users: EntityTable, histories: Histories, *, item_ids: np.ndarray | None = None
    ) -> np.ndarray: ...
    @property
    def config(self) -> dict[str, Any]: ...


@dataclass(frozen=True, kw_only=True)
class Seconds:
    """How long a method took to be fitted (None = elsewhere) and to rank the catalogue for the test."""

    fit: float | None = None
    rank: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Mean metrics of every method on a part of the test."""

    num_users: int
    rows: Rows


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Mean metrics of every method, and what they were measured on."""

    rows: Rows
    num_users: int
    num_positives: int
    k: int
    values: Values = field(default_factory=dict)
    intervals: dict[str, dict[str, Interval]] = field(default_factory=dict)  # 95 %, of the means over users
    segments: dict[str, Segment] = field(default_factory=dict)
    seconds: dict[str, Seconds] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)  # baseline -> why it is not there

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, without those of single users."""
        return {
            "rows": self.rows,
            "num_users": self.num_users,
            "num_positives": self.num_positives,
            "k": self.k,
            "intervals": {
                method: {metric: list(ends) for metric, ends in metrics.items()}
                for method, metrics in self.intervals.items()
            },
            "segments": {name: asdict(segment) for name, segment in self.segments.items()},
            "seconds": {method: asdict(seconds) for method, seconds in self.seconds.items()},
            "left_out": self.left_out,
        }

    def ahead(self, method: str, *, of: str, metric: str) -> Interval:
        """The 95 % interval of how far one method's mean is above another's, user by user."""
        return paired_interval(self.values[method][metric], other_E=self.values[of][metric])

    def table(self) -> str:
        """The rows as text, a method a line, with the interval of NDCG and the seconds."""
        lines = _aligned([self._heads(), *(self._cells(method) for method in self.rows)])
        lines += [f"{name} left out: {reason}" for name, reason in self.left_out.items()]
        lines.append(f"{self.num_users} users, {self.num_positives} held-out items")
        return "\n".join(lines)

    def segment_table(self, metric: str) -> str:
        """One metric in every segment as text, a method a line; the users of each segment below."""
        names = list(self.segments)
        lines = [["method", *names]]
        for method in self.rows:
            rows = (segment.rows[method] for segment in self.segments.values())
            lines.append([method, *(f"{row[metric]:.4f}" for row in rows)])
        lines.append(["users", *(str(segment.num_users) for segment in self.segments.values())])
        return "\n".join(_aligned(lines))

    def _heads(self) -> list[str]:
        names = list(next(iter(self.rows.values()), {}))
        between = [f"{self._main} 95 %"] if self.intervals else []
        return ["method", *names, *between, *(["fit s", "rank s"] if self.seconds else [])]

    def _cells(self, method: str) -> list[str]:
        row = self.rows[method]
        names = next(iter(self.rows.values()))
        cells = [method, *(f"{row[name]:.4f}" if name in row else "-" for name in names)]
        if self.intervals:
            low, high = self.intervals[method][self._main]
            cells.append(f"{low:.4f}-{high:.4f}")
        if self.seconds:
            took = self.seconds[method]
            cells += ["" if took.fit is None else f"{took.fit:.1f}", f"{took.rank:.1f}"]
        return cells

    @property
    def _main(self) -> str:
        return f"ndcg@{self.k}"


def _aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    return [
        line[0].ljust(widths[0])
        + "".join("  " + cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))
        for line in lines
    ]


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
    scorers: dict[str, Scorer] = {MODEL: ModelScorer.of(model, dataset=dataset, known=known, test=test)}
    fit_seconds = {}
    for name, fit in baseline_fits(dataset, events=known, seed=seed, test=test).items():
        started = time.perf_counter()
        scorers[name] = fit()
        fit_seconds[name] = time.perf_counter() - started
    return judge(
        scorers,
        test=test,
        num_items=len(dataset.items),
        ks=(k,),
        background=Background.of(dataset, known=known, test=test),
        fit_seconds=fit_seconds,
        missing=left_out(len(dataset.items)),
        seed=seed,
    )


def judge(
    scorers: Mapping[str, Scorer],
    *,
    test: HeldOut,
    num_items: int,
    ks: Sequence[int] = (10,),
    background: Background | None = None,
    fit_seconds: Mapping[str, float] | None = None,
    missing: Mapping[str, str] | None = None,
    seed: int = 0,
) -> Evaluation:
    """Every scorer's lists of unseen items measured: accuracy at each k, the rest at the first.

    With a background come novelty, diversity and calibration, and the segments. Raises ValueError for a k
    below 1 and for scores that are NaN.
    """
    if not ks or min(ks) < 1:
        raise ValueError(f"ks are the lengths of the lists that count, each at least 1; not {list(ks)}.")
    ranked, seconds = {}, {}
    for name, scorer in scorers.items():
        started = time.perf_counter()
        ranked[name] = rank_unseen(scorer, test=test, depth=max(*ks, DEPTH)).astype(np.int32)
        seconds[name] = Seconds(fit=(fit_seconds or {}).get(name), rank=time.perf_counter() - started)
    values = {
        name: _of_users(lists, test=test, ks=ks, background=background) for name, lists in ranked.items()
    }
    return Evaluation(
        rows={
            name: _means(values[name]) | _of_all_lists(lists[:, : ks[0]], num_items=num_items)
            for name, lists in ranked.items()
        },
        num_users=len(test),
        num_positives=len(test.positives.items),
        k=ks[0],
        values=values,
        intervals={name: intervals(columns, seed=seed) for name, columns in values.items() if columns},
        segments=_segments(ranked, parts=_parts(test, background=background), k=ks[0]),
        seconds=seconds,
        left_out=dict(missing or {}),
    )


def _means(values: Mapping[str, np.ndarray]) -> dict[str, float]:
    return {metric: float(np.nanmean(of_users)) for metric, of_users in values.items()}


def _of_all_lists(ranked_EK: np.ndarray, *, num_items: int) -> dict[str, float]:
    return {
        "coverage": coverage(ranked_EK, num_items=num_items),
        "gini": gini(ranked_EK, num_items=num_items),
    }


def _segments(ranked: Mapping[str, np.ndarray], *, parts: Mapping[str, Part], k: int) -> dict[str, Segment]:
    return {
        name: Segment(
            num_users=len(part.rows),
            rows={method: part.means(lists, k=k) for method, lists in ranked.items()},
        )
        for name, part in parts.items()
    }


def _parts(test: HeldOut, *, background: Background | None) -> dict[str, Part]:
    if background is None or not len(test):
        return {}
    return parts_of(test.positives, known_items=background.known_items, popularity=background.popularity)


def _of_users(
    ranked_EK: np.ndarray, *, test: HeldOut, ks: Sequence[int], background: Background | None
) -> dict[str, np.ndarray]:
    if not len(test):
        return {}
    values: dict[str, np.ndarray] = {}
    for k in ks:
        values |= rank_metrics(ranked_EK, positives=test.positives, k=k)
    reciprocal = values.pop("mrr")
    beyond = background.metrics(ranked_EK[:, : ks[0]]) if background is not None else {}
    return {**values, "mrr": reciprocal, **beyond}


@dataclass(frozen=True, kw_only=True)
class ModelScorer:
    """A trained model as a scorer, each of its users as of their moment."""

    vectors: np.ndarray  # (E, D + 1), of the evaluated users
    row_of_user: np.ndarray  # (U,)
    item_vectors: np.ndarray  # (I, D + 1)

    @classmethod
    def of(cls, model: Model, *, dataset: Dataset, known: Interactions, test: HeldOut) -> "ModelScorer":
        """The scorer of the test's users, encoded from what was known at their moments."""
        histories = Histories.from_interactions(
            known,
            num_users=len(dataset.users),
            as_of=test.moments(len(dataset.users)),
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
