"""How well a model of this shop's earlier events foresees what came after them, beside its baselines."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from django.utils import timezone

from ml import evaluation
from ml.config import TrainConfig
from ml.data import KINDS, Dataset, cut_in_time
from recommender import copying, datasets

if TYPE_CHECKING:  # torch takes seconds to import, and web processes import this module through the admin
    from ml.training import TrainedModel

TEST_SHARE = 0.2
OnProgress = Callable[[str, float, str], None]
ShouldStop = Callable[[], bool]


@dataclass(frozen=True, kw_only=True)
class Held:
    """A model of what was before the cut, and all data, with features as of the cut."""

    data: Dataset
    cut: int  # seconds
    model: "TrainedModel"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """An evaluation, and the settings that the model it judged was trained by."""

    metrics: dict[str, Any]  # as ml.evaluation.Evaluation.to_dict gives them
    table: str
    config: TrainConfig  # with what the trial settled: half-life and number of epochs
    held: Held | None = None  # what was judged, for whoever has more to ask of it


def evaluate_held_out(
    config: TrainConfig,
    *,
    k: int = 10,
    seed: int = 7,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
) -> Trial:
    """Return the trial of a model trained on the first 80 % of events in time, judged on the rest.

    Features are as of the cut. Raises NotEnoughData and TrainingCancelled of ml.training.
    """
    # Training needs torch, which takes seconds to import; web processes import this module through the admin.
    from ml import training

    report = on_progress or (lambda stage, fraction, message: None)
    now = timezone.now()
    cut = _cut(now)
    data = datasets.build_dataset(
        as_of=now,
        features_as_of=datetime.fromtimestamp(cut, tz=UTC),
        on_progress=lambda fraction, message: report("data", 0.1 * fraction, message),
    )
    training.require_enough(data)
    known = replace(data, interactions=data.interactions.before(cut))
    model = training.train(
        known,
        config,
        on_progress=lambda stage, fraction, message: report(stage, _overall(stage, fraction), message),
        should_stop=should_stop,
    )
    report("evaluate", 0.9, "Judging the model beside its baselines")
    result = evaluation.evaluate(data, cut=cut, model=model, k=k, seed=seed)
    return Trial(
        metrics=result.to_dict(),
        table=result.table(),
        config=TrainConfig.from_dict(model.config),
        held=Held(data=data, cut=cut, model=model),
    )


def _cut(now: datetime) -> int:
    """Return the second at which the last fifth of the events begins; now when there are none."""
    timestamps = np.sort(copying.read_interactions(before=now, kinds=KINDS)["timestamp"])
    return cut_in_time(timestamps, last_share=TEST_SHARE) if len(timestamps) else int(now.timestamp())


def _overall(stage: str, fraction: float) -> float:
    """Return the part of the whole trial: the search for the number of epochs, then the fit for as long."""
    return 0.1 + 0.5 * fraction if stage == "train" else 0.6 + 0.3 * fraction
