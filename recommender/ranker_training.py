"""A new ranker from what shoppers did with their lists, or from held-out interactions while few did."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from django.conf import settings
from django.utils import timezone

from ml.config import TrainConfig
from ml.data import KINDS, Dataset, cut_in_time
from ml.ranking import judging
from ml.ranking import rankers as second_stages
from ml.ranking.examples import Examples, examples_at
from ml.ranking.judging import Comparison
from ml.ranking.lists import ListRanker, RankingLists, joined
from ml.ranking.rankers import SecondStage
from ml.ranking.shelves import neighbours_of
from recommender import copying, datasets, ranker_lists, rankers, versions
from recommender.held_out import Held
from recommender.models import ModelVersion, Ranker

TEST_SHARE = 0.2  # of the events, or of the logged lists: the last of them, on which rankers are judged
LEARN_SHARE = 0.2  # of the events before those: the last of them, which rankers learn from
ALL = "all"

OnProgress = Callable[[str, float, str], None]
logger = logging.getLogger(__name__)


class NoVersion(ValueError):
    """No model version is active, whose candidates a ranker could order."""


@dataclass(frozen=True, kw_only=True)
class Trained:
    """The new rankers, best first, what was measured of them, and the one that is used from now on."""

    rankers: list[Ranker]
    comparison: Comparison
    activated: Ranker | None


@dataclass(frozen=True, kw_only=True)
class _Material:
    """Rankers judged on lists that they did not see, and all lists, to be fitted to."""

    comparison: Comparison
    lists: RankingLists


def train(
    *,
    kinds: Sequence[str] = second_stages.KINDS,
    activate: bool = True,
    seed: int = 7,
    held: Held | None = None,
    on_progress: OnProgress | None = None,
) -> Trained:
    """Return new rankers of these kinds for the active version, each registered beside its comparison.

    Where enough logged lists have an outcome (RANKER_LEAST_IMPRESSIONS), rankers learn from them, by the
    feature values that the impressions kept. Else two trials of the two-tower model stand for the past: one
    of the first 64 % of events brings the candidates that rankers learn from, by what shoppers did next; one
    of the first 80 % (`held`, where there is one already) those that they are judged on. Then each is fitted
    to both. What does not beat the retrieval order beyond chance is rejected; of the others the best is
    activated, if `activate` says so.

    Raises NoVersion, TooFewLists, NotEnoughData and ArtifactError; the ranker before is used on.
    """
    report = on_progress or (lambda stage, fraction, message: None)
    version = versions.active_version()
    if version is None:
        raise NoVersion("No model version is active; train one first: manage.py train.")
    report("Reading impressions", 0.0, "")
    logged = ranker_lists.logged_lists(now=timezone.now())
    enough = len(logged) >= settings.RANKER_LEAST_IMPRESSIONS
    if enough:
        material, data = _of_impressions(logged, kinds=kinds, seed=seed), datasets.build_dataset()
    else:
        material, data = _of_interactions(version, kinds=kinds, seed=seed, held=held, report=report)
    report("Fitting to all lists", 0.9, "")
    stages = _fit_all(kinds, lists=material.lists, data=data, seed=seed)
    made = [_register(stage, version=version, material=material) for stage in stages]
    best_first = sorted(made, key=lambda ranker: -material.comparison.rows[ranker.kind][judging.NDCG])
    activated = _activate_best(best_first) if activate else None
    return Trained(
        rankers=[activated if ranker == activated else ranker for ranker in best_first],
        comparison=material.comparison,
        activated=activated,
    )


def train_after_version(held: Held | None) -> Trained | None:
    """Return the ranker trained for a version that has just been activated; None where none is wanted.

    `held` is the trial of its training, which saves a trial of our own.
    """
    wanted = settings.RANKER_AFTER_TRAINING
    if wanted == "none":
        return None
    return train(kinds=second_stages.KINDS if wanted == ALL else (wanted,), held=held)


def _of_impressions(lists: RankingLists, *, kinds: Sequence[str], seed: int) -> _Material:
    """Learn from the earlier lists, judge on the last fifth of them."""
    earlier, later = lists.split(last_share=TEST_SHARE)
    fitted, seconds = _fitted(kinds, lists=earlier, seed=seed)
    return _Material(comparison=judging.compare_logged(fitted, lists=later, seconds=seconds), lists=lists)


def _of_interactions(
    version: ModelVersion, *, kinds: Sequence[str], seed: int, held: Held | None, report: OnProgress
) -> tuple[_Material, Dataset]:
    now = timezone.now()
    config = TrainConfig.from_dict(ModelVersion.objects.get(pk=version.pk).config)
    first, second = _cuts(now, second=held.cut if held else None)
    report("First trial", 0.05, "Candidates to learn from")
    earlier = _examples(_held(config, cut=first, now=now), until=second)
    fitted, seconds = _fitted(kinds, lists=earlier.lists, seed=seed)
    report("Second trial", 0.45, "Candidates to judge by")
    held = held or _held(config, cut=second, now=now)
    later = _examples(held, until=None)
    comparison = judging.compare(
        fitted, examples=later, dataset=held.data, cut=second, seed=seed, seconds=seconds
    )
    return _Material(comparison=comparison, lists=joined([earlier.lists, later.lists])), held.data


def _cuts(now: datetime, *, second: int | None) -> tuple[int, int]:
    """Return the seconds at which the lists to learn from, and those to judge by, are looked at."""
    times = copying.read_interactions(before=now, kinds=KINDS)["timestamp"]
    times.sort()
    second = cut_in_time(times, last_share=TEST_SHARE) if second is None else second
    return cut_in_time(times[times < second], last_share=LEARN_SHARE), second


def _held(config: TrainConfig, *, cut: int, now: datetime) -> Held:
    """Return a model of what was before the cut, by settled settings, and the data with features as of it."""
    # Training needs torch, which takes seconds to import; web processes import this module through the admin.
    from ml import training

    data = datasets.build_dataset(as_of=now, features_as_of=datetime.fromtimestamp(cut, tz=UTC))
    model = training.train(replace(data, interactions=data.interactions.before(cut)), config)
    return Held(data=data, cut=cut, model=model)


def _examples(held: Held, *, until: int | None) -> Examples:
    return examples_at(held.data, model=held.model, cut=held.cut, until=until)


def _fitted(
    kinds: Sequence[str], *, lists: RankingLists, seed: int
) -> tuple[dict[str, ListRanker], dict[str, float]]:
    fitted, seconds = {}, {}
    for kind in kinds:
        started = time.perf_counter()
        fitted[kind] = second_stages.fit(kind, lists, seed=seed)
        seconds[kind] = time.perf_counter() - started
    return fitted, seconds


def _fit_all(kinds: Sequence[str], *, lists: RankingLists, data: Dataset, seed: int) -> list[SecondStage]:
    follows, alike = neighbours_of(data.interactions, num_users=len(data.users), num_items=len(data.items))
    return [
        SecondStage(
            ranker=second_stages.fit(kind, lists, seed=seed),
            item_ids=data.items.ids,
            follows=follows,
            alike=alike,
        )
        for kind in kinds
    ]


def _register(stage: SecondStage, *, version: ModelVersion, material: _Material) -> Ranker:
    comparison = material.comparison
    origin = rankers.Origin(
        version=version,
        metrics=comparison.to_dict(),
        num_lists=len(material.lists),
        better=comparison.beats_retrieval(stage.ranker.kind),
        config={"learnt_from": comparison.source},
    )
    return rankers.register(stage, origin=origin)


def _activate_best(best_first: Sequence[Ranker]) -> Ranker | None:
    """Return the first ranker that is no reject, now in use."""
    for ranker in best_first:
        if ranker.status != Ranker.Status.REJECTED:
            return rankers.activate(ranker)
    logger.warning("no ranker beats the retrieval order; pages keep that order")
    return None
