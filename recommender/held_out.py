"""How well a model of this shop's earlier events foresees what came after them, beside its baselines."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.data import Dataset, split_by_time
from recommender import datasets

if TYPE_CHECKING:  # torch takes seconds to import, and only training processes need it
    from ml.training import TrainConfig, TrainedModel

TEST_SHARE = 0.2
OnProgress = Callable[[str, float, str], None]
ShouldStop = Callable[[], bool]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """An evaluation, and how long the model that it judged was trained."""

    metrics: dict[str, Any]  # as ml.evaluation.Evaluation.to_dict gives them
    table: str
    best_epoch: int


def evaluate_held_out(
    config: "TrainConfig",
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
    from ml import evaluation, training

    data = datasets.build_dataset()
    training.require_enough(data)
    split = split_by_time(data.interactions, test_share=TEST_SHARE)
    known = datasets.build_dataset(as_of=datetime.fromtimestamp(split.test_cut, tz=UTC))
    model = training.train(known, config, on_progress=on_progress, should_stop=should_stop)
    later = _with_all_events(known, data=data)
    result = evaluation.evaluate(later, split=split, model=model, k=k, seed=seed)
    return Trial(metrics=result.to_dict(), table=result.table(), best_epoch=_best_epoch(model))


def _with_all_events(known: Dataset, *, data: Dataset) -> Dataset:
    """Return what was known at the cut with the events since: those of users and items that it knew."""
    events = data.interactions
    user_rows, user_found = _rows_of(data.users.ids, table_ids=known.users.ids)
    item_rows, item_found = _rows_of(data.items.ids, table_ids=known.items.ids)
    kept = events.take(user_found[events.user_index] & item_found[events.item_index])
    moved = replace(
        kept,
        user_index=user_rows[kept.user_index].astype(np.int32),
        item_index=item_rows[kept.item_index].astype(np.int32),
    )
    return replace(known, interactions=moved)


def _rows_of(ids: np.ndarray, *, table_ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each id's row in the table, and whether it is there."""
    order = np.argsort(table_ids)
    place = order[np.minimum(np.searchsorted(table_ids, ids, sorter=order), len(table_ids) - 1)]
    return place, table_ids[place] == ids


def _best_epoch(model: "TrainedModel") -> int:
    """Return the epoch with the best validation, or the last where nothing was held out for it."""
    checked = [entry for entry in model.history if "ndcg@20" in entry] or list(model.history)
    if "ndcg@20" in checked[0]:
        return int(max(checked, key=lambda entry: entry["ndcg@20"])["epoch"])
    return int(checked[-1]["epoch"])
