"""Settles, on the newest events held out, how fast the past fades, how long to train, what trends."""

from dataclasses import dataclass, replace

import numpy as np

from ml.config import TrainConfig
from ml.data import Dataset, Interactions
from ml.fitting import Fit, Hooks
from ml.splits import HeldOut

TREND_STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
HALF_LIVES = (15.0, 60.0, 0.0)  # days in which a target comes to count half; 0 = the past never fades


@dataclass(frozen=True, kw_only=True)
class Search:
    """The fit that ranked the held-out events best, and the settings that it settles."""

    fit: Fit
    config: TrainConfig
    score: float  # NDCG@20


def search(
    dataset: Dataset, config: TrainConfig, *, events: Interactions, valid: HeldOut, hooks: Hooks
) -> Search | None:
    """The best of the half-lives that the config leaves open, each at its best epoch; None without positives.

    Where all events are of one moment nothing fades, and one fit is enough.
    """
    best: Search | None = None
    half_lives = half_lives_of(config, events=events)
    for place, half_life in enumerate(half_lives):
        settled = replace(config, recent_half_life_days=half_life)
        fit = Fit(dataset, events=events, config=settled)
        if not len(fit.pairs.trainable_users):
            return None
        part = hooks.part(place / len(half_lives), (place + 1) / len(half_lives))
        epoch = fit.run(config.max_epochs, hooks=part, stage="train", valid=valid)
        score = max((entry.get("ndcg@20", 0.0) for entry in fit.history), default=0.0)
        if best is None or score > best.score:
            settled = replace(settled, stop_epoch=epoch)
            fit.config = settled
            best = Search(fit=fit, config=settled, score=score)
    return None if best is None else _with_trend(best, valid=valid)


def _with_trend(found: Search, *, valid: HeldOut) -> Search:
    """The search with as much of the latest trend in the biases as ranks the held-out events best."""
    strengths = trend_strengths_of(found.config, events=found.fit.events)
    scores, added = [], 0.0
    for strength in strengths:
        found.fit.follow_trend(strength - added)
        added = strength
        scores.append(found.fit.validate(valid)["ndcg@20"] if len(strengths) > 1 else found.score)
    best = int(np.argmax(scores))
    found.fit.follow_trend(strengths[best] - added)
    settled = replace(found.config, trend_strength=strengths[best])
    found.fit.config = settled
    return Search(fit=found.fit, config=settled, score=scores[best])


def trend_strengths_of(config: TrainConfig, *, events: Interactions) -> tuple[float, ...]:
    """The strengths of the trend to try; the first is none."""
    if config.trend_strength is not None:
        return (config.trend_strength,)
    return (0.0,) if is_flat(events) else TREND_STRENGTHS


def half_lives_of(config: TrainConfig, *, events: Interactions) -> tuple[float, ...]:
    """The half-lives to try."""
    if config.recent_half_life_days is not None:
        return (config.recent_half_life_days,)
    return (0.0,) if is_flat(events) else HALF_LIVES


def is_flat(events: Interactions) -> bool:
    """Whether all events are of one moment, as where times are unknown."""
    return not len(events) or bool(events.timestamp[0] == events.timestamp[-1])
