"""Trains a two-tower model: what depends on the data is settled on the newest events, then all are fitted."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from ml.config import TrainConfig
from ml.data import Dataset, Interactions, cut_in_time
from ml.fitting import Fit, Hooks, OnProgress, ShouldStop, TrainingCancelled, users_at_once
from ml.model import TrainedModel
from ml.searching import half_lives_of, newcomer_half_lives_of, search
from ml.splits import HeldOut, Split, held_out

__all__ = ["NotEnoughData", "OutOfDeviceMemory", "TrainConfig", "TrainedModel", "TrainingCancelled", "train"]

MIN_POSITIVES = 20
MIN_ENTITIES = 2


class NotEnoughData(ValueError):
    """There is too little to learn from; the message says what is missing."""


class OutOfDeviceMemory(RuntimeError):
    """The device's memory did not suffice, nor for batches of half the size."""


def train(
    dataset: Dataset,
    config: TrainConfig,
    *,
    valid: Split | None = None,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
    checkpoint_dir: Path | None = None,
) -> TrainedModel:
    """A model of all the dataset's events.

    What depends on the data (ml.searching) is settled on the newest part of the events, held out, or on
    `valid`, a split of the dataset's events; then the towers are fitted anew on everything. A device that
    runs out of memory is tried once more with half as many users a batch. The model's config says what was
    settled and halved. Same data, config and machine give the same model, bit for bit on the CPU.

    Raises NotEnoughData, TrainingCancelled and OutOfDeviceMemory.
    """
    require_enough(dataset)
    hooks = Hooks(on_progress=on_progress, should_stop=should_stop, checkpoint_dir=checkpoint_dir)
    try:
        return _train(dataset, config, valid=valid, hooks=hooks)
    except torch.cuda.OutOfMemoryError:
        smaller = _with_half_batches(dataset, config)
    # Out here the failed fit's tensors have gone with its traceback.
    torch.cuda.empty_cache()
    hooks.report("train", 0.0, f"out of device memory; again with batch_users {smaller.batch_users}")
    try:
        return _train(dataset, smaller, valid=valid, hooks=hooks)
    except torch.cuda.OutOfMemoryError as error:
        raise OutOfDeviceMemory(
            f"The device ran out of memory, also with batch_users {smaller.batch_users}; set a lower "
            "batch_users or num_samples, a full_softmax_limit below the number of items, or device=cpu."
        ) from error


def _train(dataset: Dataset, config: TrainConfig, *, valid: Split | None, hooks: Hooks) -> TrainedModel:
    if config.stop_epoch:
        return _fit_all(dataset, config, hooks=hooks, stage="train")
    earlier, test = inner_split(dataset, config) if valid is None else (valid.known, valid.test)
    test = _at_most(test, config=config)
    found = search(dataset, config, events=earlier, valid=test, hooks=hooks) if len(test.users) else None
    if found is None:
        return _fit_all(dataset, config, hooks=hooks, stage="train")
    if not config.refit:
        return found.fit.finish()
    model = _fit_all(dataset, found.config, hooks=hooks, stage="refit")
    return replace(model, history=tuple(found.fit.history))


def _with_half_batches(dataset: Dataset, config: TrainConfig) -> TrainConfig:
    events = dataset.interactions.take(dataset.interactions.weight > 0)
    num_users = len(np.unique(events.user_index))
    return replace(config, batch_users=max(1, users_at_once(config, num_users=num_users) // 2))


def _fit_all(dataset: Dataset, config: TrainConfig, *, hooks: Hooks, stage: str) -> TrainedModel:
    """A model of all events by settled settings; what is left open takes its plainest value."""
    if config.recent_half_life_days is None:
        config = replace(config, recent_half_life_days=half_lives_of(config, events=dataset.interactions)[-1])
    newcomers = newcomer_half_lives_of(config, events=dataset.interactions)[-1]
    config = replace(config, trend_strength=config.trend_strength or 0.0, newcomer_half_life_days=newcomers)
    fit = Fit(dataset, events=dataset.interactions, config=config)
    if not len(fit.pairs.trainable_users):
        raise NotEnoughData("Whatever a user liked, the same user disliked too; log or import more first.")
    fit.run(config.stop_epoch or config.max_epochs, hooks=hooks, stage=stage)
    fit.follow_trend(config.trend_strength or 0.0)
    fit.trust_newcomers(1.0 if config.newcomer_trust is None else config.newcomer_trust)
    return fit.finish()


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
    return earlier, valid


def _at_most(valid: HeldOut, *, config: TrainConfig) -> HeldOut:
    """The test on no more than valid_users of its users, drawn by the seed."""
    if len(valid.users) <= config.valid_users:
        return valid
    rng = np.random.default_rng(config.seed)
    return valid.take(np.sort(rng.choice(len(valid.users), size=config.valid_users, replace=False)))


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
