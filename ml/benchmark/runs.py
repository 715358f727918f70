"""Every method trained and judged on a problem: the model once a seed, each baseline once."""

# E = judged users

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from ml.background import Background
from ml.baselines import RandomOrder, baseline_fits, left_out
from ml.benchmark.measures import Progress, measured
from ml.benchmark.problem import Problem
from ml.data import EntityTable
from ml.evaluation import MODEL, Evaluation, ModelScorer, judge
from ml.intervals import Interval, intervals, paired_interval
from ml.model import TrainedModel
from ml.scorers import Scorer
from ml.training import TrainConfig, train

Row = dict[str, float]
IDS_ONLY = "two_tower_ids"  # the model again, without the features


@dataclass(frozen=True, kw_only=True)
class Results:
    """Means of every method, over seeds where there are several, and what the means hide."""

    rows: dict[str, Row]
    intervals: dict[str, dict[str, Interval]]  # 95 %, over users
    ahead: dict[str, Interval]  # metric -> how far the model is above the best baseline, user by user, 95 %
    best: dict[str, str]  # metric -> that baseline
    segments: dict[str, dict[str, Row]]  # segment -> method -> means, of the first seed
    seeds: dict[str, dict[str, Row]]  # seed -> method -> the row of that seed
    left_out: dict[str, str]
    ks: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


@dataclass(kw_only=True)
class _Judge:
    """Judges scorers on a problem one after the other, and keeps what they took."""

    problem: Problem
    ks: tuple[int, ...]
    progress: Progress
    evaluations: dict[str, list[Evaluation]] = field(default_factory=dict)
    rows: dict[str, list[Row]] = field(default_factory=dict)

    def add(self, name: str, fit: Callable[[], Scorer]) -> None:
        """Fit and judge one method; a second time under the same name is another seed."""
        with measured() as cost:
            scorer = fit()
        self.progress.begin(f"{name}: fitted in {cost.seconds:.1f} s, judging")
        num_items = len(self.problem.dataset.items)
        evaluation = judge(
            {name: scorer},
            test=self.problem.test,
            num_items=num_items,
            ks=self.ks,
            background=self._background,
        )
        row = evaluation.rows[name] | asdict(cost) | {"rank_seconds": evaluation.seconds[name].rank}
        self.evaluations.setdefault(name, []).append(evaluation)
        self.rows.setdefault(name, []).append(row)

    def values(self, name: str) -> dict[str, np.ndarray]:
        """(E,) of each metric, the mean over seeds."""
        columns = [evaluation.values[name] for evaluation in self.evaluations[name]]
        return {metric: np.mean([of_seed[metric] for of_seed in columns], axis=0) for metric in columns[0]}

    @cached_property
    def _background(self) -> Background:
        """What is known, with zeros for the test's items past the catalogue: nobody ever liked them."""
        problem = self.problem
        of_known = Background.of(problem.dataset, known=problem.dataset.interactions, test=problem.test)
        beyond = int(problem.test.positives.items.max()) + 1 - len(of_known.popularity)
        return replace(of_known, popularity=np.pad(of_known.popularity, (0, max(beyond, 0))))


def run(
    problem: Problem,
    *,
    ks: tuple[int, ...],
    seeds: tuple[int, ...],
    progress: Progress,
    extra: Mapping[str, Scorer] | None = None,
) -> Results:
    """Train and judge everything; `extra` are scorers that need no training, such as an oracle."""
    judged = _Judge(problem=problem, ks=ks, progress=progress)
    num_items = len(problem.dataset.items)
    for seed in seeds:
        progress.begin(f"{MODEL}, seed {seed}")
        judged.add(MODEL, partial(fit_model, problem, seed=seed, progress=progress))
        judged.add("random", partial(RandomOrder, num_items=num_items, seed=seed))
    if problem.has_features:
        progress.begin(IDS_ONLY)
        judged.add(IDS_ONLY, partial(fit_model, without_features(problem), seed=seeds[0], progress=progress))
    for name, fit in fits_of(problem, seed=seeds[0]).items():
        if name != "random":
            progress.begin(name)
            judged.add(name, fit)
    baselines = [name for name in judged.rows if name not in (MODEL, IDS_ONLY)]
    for name, scorer in (extra or {}).items():
        judged.add(name, partial(_itself, scorer))
    return _summary(judged, baselines=baselines, seeds=seeds, missing=left_out(num_items))


def _itself(scorer: Scorer) -> Scorer:
    return scorer


def _summary(
    judged: _Judge, *, baselines: list[str], seeds: tuple[int, ...], missing: dict[str, str]
) -> Results:
    rows = {
        name: {metric: float(np.mean([row[metric] for row in of_seeds])) for metric in of_seeds[0]}
        for name, of_seeds in judged.rows.items()
    }
    values = {name: judged.values(name) for name in rows}
    accuracy = [
        metric for metric in values[MODEL] if metric.startswith(("hit@", "recall@", "ndcg@", "mrr", "map@"))
    ]
    best = {metric: max(baselines, key=lambda name: rows[name][metric]) for metric in accuracy}
    first = {name: evaluations[0].segments for name, evaluations in judged.evaluations.items()}
    return Results(
        rows=rows,
        intervals={name: intervals(columns) for name, columns in values.items()},
        ahead={
            metric: paired_interval(values[MODEL][metric], other_E=values[name][metric])
            for metric, name in best.items()
        },
        best=best,
        segments={part: {name: first[name][part].rows[name] for name in rows} for part in first[MODEL]},
        seeds={
            str(seed): {
                name: of_seeds[place] for name, of_seeds in judged.rows.items() if place < len(of_seeds)
            }
            for place, seed in enumerate(seeds)
        },
        left_out=dict(missing),
        ks=judged.ks,
    )


def fit_model(problem: Problem, *, seed: int, progress: Progress) -> Scorer:
    """The model as `ml.training` makes it of the training part, its users as of their moments."""
    return scorer_of(train_model(problem, seed=seed, progress=progress), problem=problem)


def train_model(problem: Problem, *, seed: int, progress: Progress) -> TrainedModel:
    """A model of the training part at default settings; what is left open it settles on `problem.valid`."""
    return train(problem.dataset, TrainConfig(seed=seed), valid=problem.valid, on_progress=progress.report)


def without_features(problem: Problem) -> Problem:
    """The problem of the same users and items, known by their ids alone: what the features are worth."""
    dataset = problem.dataset
    users, items = EntityTable(ids=dataset.users.ids), EntityTable(ids=dataset.items.ids)
    return replace(problem, dataset=replace(dataset, users=users, items=items))


def scorer_of(model: TrainedModel, *, problem: Problem) -> Scorer:
    """The model as a scorer of the problem's users."""
    dataset = problem.dataset
    return ModelScorer.of(model, dataset=dataset, known=dataset.interactions, test=problem.test)


def fits_of(problem: Problem, *, seed: int) -> dict[str, Callable[[], Scorer]]:
    """What fits each baseline, settings chosen within the training part included."""
    return baseline_fits(
        problem.dataset,
        events=problem.dataset.interactions,
        seed=seed,
        valid=problem.valid,
        test=problem.test,
    )
