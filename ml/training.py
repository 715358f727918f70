"""Trains a two-tower model: the number of epochs found on the newest events, then a fit on all of them."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from ml.config import TrainConfig
from ml.data import Dataset, Interactions, cut_in_time
from ml.evaluation import HeldOut, held_out
from ml.fitting import Fit, Hooks, OnProgress, ShouldStop, TrainingCancelled
from ml.model import TrainedModel

__all__ = ["NotEnoughData", "TrainConfig", "TrainedModel", "TrainingCancelled", "train"]

MIN_POSITIVES = 20
MIN_ENTITIES = 2


class NotEnoughData(ValueError):
    """There is too little to learn from; the message says what is missing."""


def train(
    dataset: Dataset,
    config: TrainConfig,
    *,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
    checkpoint_dir: Path | None = None,
) -> TrainedModel:
    """A model of all the dataset's events.

    The number of epochs is found on the newest part of the events, held out; then the towers are fitted anew
    on everything for that long. Same data, config and machine give the same model, bit for bit on the CPU.
    Raises NotEnoughData and TrainingCancelled.
    """
    require_enough(dataset)
    hooks = Hooks(on_progress=on_progress, should_stop=should_stop, checkpoint_dir=checkpoint_dir)
    earlier, valid = inner_split(dataset, config)
    if not len(valid.users):
        fit = Fit(dataset, events=dataset.interactions, config=config)
        fit.run(config.max_epochs, hooks=hooks, stage="train")
        return fit.finish()
    search = Fit(dataset, events=earlier, config=config)
    best_epoch = search.run(config.max_epochs, hooks=hooks, stage="train", valid=valid)
    if not config.refit:
        return search.finish()
    final = Fit(dataset, events=dataset.interactions, config=config)
    final.run(best_epoch, hooks=hooks, stage="refit")
    return replace(final.finish(), history=tuple(search.history))


def require_enough(dataset: Dataset) -> None:
    """Raise NotEnoughData when there is too little to learn from."""
    events = dataset.interactions.take(dataset.interactions.weight > 0)
    missing = []
    if len(events) < MIN_POSITIVES:
        missing.append(f"{MIN_POSITIVES} positive interactions (there are {len(events)})")
    for name, column in (("users", events.user_index), ("items", events.item_index)):
        count = len(np.unique(column))
        if count < MIN_ENTITIES:
            missing.append(f"{MIN_ENTITIES} {name} with positive interactions (there are {count})")
    if missing:
        raise NotEnoughData(
            "Training needs at least " + " and ".join(missing) + "; log or import more first."
        )


def inner_split(dataset: Dataset, config: TrainConfig) -> tuple[Interactions, HeldOut]:
    """The events to find the number of epochs on, and their test: by time, or at random if time is flat."""
    events = dataset.interactions
    cut = cut_in_time(events.timestamp, last_share=config.valid_share)
    earlier = events.before(cut)
    valid = held_out(events, cut=cut, num_users=len(dataset.users))
    if len(valid.users) < MIN_ENTITIES:
        earlier, valid = _random_split(events, num_users=len(dataset.users), config=config)
    rng = np.random.default_rng(config.seed)
    if len(valid.users) > config.valid_users:
        kept = np.sort(rng.choice(len(valid.users), size=config.valid_users, replace=False))
        valid = replace(
            valid, users=valid.users[kept], seen=valid.seen.take(kept), positives=valid.positives.take(kept)
        )
    return earlier, valid


def _random_split(
    events: Interactions, *, num_users: int, config: TrainConfig
) -> tuple[Interactions, HeldOut]:
    """Hold out a random share of the events: moved past the end of time, they are the future."""
    held = np.random.default_rng(config.seed).random(len(events)) < config.valid_share
    end = int(events.timestamp[-1]) + 1
    order = np.concatenate([np.flatnonzero(~held), np.flatnonzero(held)])
    moved = Interactions(
        user_index=events.user_index[order],
        item_index=events.item_index[order],
        kind=events.kind[order],
        value=events.value[order],
        timestamp=np.concatenate([events.timestamp[~held], np.full(held.sum(), end, dtype=np.int64)]),
    )
    return moved.before(end), held_out(moved, cut=end, num_users=num_users)
