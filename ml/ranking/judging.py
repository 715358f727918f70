"""Rankers beside the retrieval order: by how much each is better, and whether that is more than chance."""

# E = judged users or lists

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ml.baselines import baseline_fits
from ml.data import Dataset
from ml.evaluation import judge
from ml.intervals import Interval, intervals, paired_interval
from ml.ranking.examples import Examples, RankedScorer
from ml.ranking.lists import ListRanker, RankingLists, ndcg_of
from ml.scorers import Scorer

RETRIEVAL = "two_tower"
BASELINES = ("item_knn", "popularity")
NDCG = "ndcg@10"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What was measured of the retrieval order, of the rankers and of the baselines."""

    source: str  # what the lists are: held_out interactions, or logged impressions
    rows: dict[str, dict[str, float]]  # method -> metric -> mean
    intervals: dict[str, Interval]  # method -> of the mean NDCG@10, 95 %, over users
    ahead: dict[str, Interval]  # ranker -> of its NDCG@10 minus the retrieval order's, user by user, 95 %
    num_lists: int
    seconds: dict[str, float] = field(default_factory=dict)  # ranker -> to fit it

    def beats_retrieval(self, kind: str) -> bool:
        """Whether the ranker is better than chance among users explains."""
        return self.ahead[kind][0] > 0

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    def table(self) -> str:
        """A method a line: NDCG@10, its interval, and how far above the retrieval order it is."""
        lines = [f"{'method':<12} {'NDCG@10':>8}  {'95 %':^17}  {'minus two_tower, 95 %':^21}"]
        for method, row in self.rows.items():
            low, high = self.intervals[method]
            line = f"{method:<12} {row[NDCG]:>8.4f}  {low:8.4f}-{high:<8.4f}"
            if method in self.ahead:
                line += "  {:+9.4f} to {:+.4f}".format(*self.ahead[method])
            lines.append(line)
        return "\n".join([*lines, f"{self.num_lists} lists, {self.source.replace('_', ' ')}"])


def compare(
    rankers: Mapping[str, ListRanker],
    *,
    examples: Examples,
    dataset: Dataset,
    cut: int,
    seed: int = 7,
    seconds: Mapping[str, float] | None = None,
) -> Comparison:
    """The rankers on examples at `cut` that they were not fitted to, beside popularity and item-kNN.

    All methods rank the whole catalogue: what retrieval did not bring counts against it and against them.
    """
    scorers: dict[str, Scorer] = {RETRIEVAL: examples.retrieval}
    scorers |= {kind: RankedScorer.of(ranker, examples=examples) for kind, ranker in rankers.items()}
    fits = baseline_fits(dataset, events=dataset.interactions.before(cut), seed=seed, test=examples.test)
    scorers |= {name: fits[name]() for name in BASELINES}
    found = judge(scorers, test=examples.test, num_items=len(dataset.items), seed=seed)
    return Comparison(
        source="held_out",
        rows=found.rows,
        intervals={method: found.intervals[method][NDCG] for method in found.rows if found.intervals},
        ahead={kind: found.ahead(kind, of=RETRIEVAL, metric=NDCG) for kind in rankers},
        num_lists=len(examples.test),
        seconds=dict(seconds or {}),
    )


def compare_logged(
    rankers: Mapping[str, ListRanker], *, lists: RankingLists, seconds: Mapping[str, float] | None = None
) -> Comparison:
    """The rankers on logged lists that they were not fitted to: how high each puts what was wanted.

    Ranked is only what was shown. Beside them stand the retrieval order and the interest of four weeks.
    """
    telling = lists.with_choice()
    values = {
        RETRIEVAL: ndcg_of(-_column(telling, "retrieval_rank"), lists=telling),
        **{kind: ndcg_of(ranker.score(telling.features), lists=telling) for kind, ranker in rankers.items()},
        "popularity": ndcg_of(_column(telling, "interest_28d"), lists=telling),
    }
    return Comparison(
        source="logged_impressions",
        rows={method: {NDCG: float(of_lists.mean())} for method, of_lists in values.items()},
        intervals=intervals(values),
        ahead={kind: paired_interval(values[kind], other_E=values[RETRIEVAL]) for kind in rankers},
        num_lists=len(telling),
        seconds=dict(seconds or {}),
    )


def _column(lists: RankingLists, name: str) -> np.ndarray:
    return np.nan_to_num(lists.features[:, lists.names.index(name)].astype(np.float64), nan=0.0)
