"""Settles, on the newest events held out, how fast the past fades, how long to train, what is in demand."""

from dataclasses import dataclass, replace

import numpy as np

from ml.config import TrainConfig
from ml.data import Dataset, EntityTable, Interactions
from ml.fitting import Fit, Hooks
from ml.sampling import recency
from ml.splits import HeldOut
from ml.validating import metrics_of

TREND_STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
NEWCOMER_HALF_LIVES = (1.0, 3.0, 7.0, 14.0, 30.0, 90.0, 0.0)
NEWCOMER_TRUSTS = (1.0, 0.5, 0.25, 0.0)  # in the vector of a profile, beside what is popular of late
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
    """The best of what the config leaves open, each try at its best epoch; None without positives.

    First how fast the past fades (where all events are of one moment nothing fades), then, where items have
    features, whether these speak for known items too or only for new ones.
    """
    newcomers = newcomer_half_life_of(config, events=events, num_items=len(dataset.items), valid=valid)
    config = replace(config, newcomer_half_life_days=newcomers)
    tries = [
        replace(config, recent_half_life_days=half_life) for half_life in half_lives_of(config, events=events)
    ]
    by_content = config.known_by_content is None and has_features(dataset.items)
    best: Search | None = None
    for place in range(num_tries := len(tries) + by_content):
        part = hooks.part(place / num_tries, (place + 1) / num_tries)
        if place < len(tries):
            tried = _tried(dataset, tries[place], events=events, valid=valid, hooks=part)
        elif best is not None:
            without = replace(best.config, known_by_content=False, stop_epoch=0)
            tried = _tried(dataset, without, events=events, valid=valid, hooks=part)
        if tried is None:
            return None
        if best is None or tried.score > best.score:
            best = tried
    return None if best is None else _with_trust(_with_trend(best, valid=valid), valid=valid)


def _tried(
    dataset: Dataset, config: TrainConfig, *, events: Interactions, valid: HeldOut, hooks: Hooks
) -> Search | None:
    fit = Fit(dataset, events=events, config=config)
    if not len(fit.pairs.trainable_users):
        return None
    epoch = fit.run(config.max_epochs, hooks=hooks, stage="train", valid=valid)
    score = max((entry.get("ndcg@20", 0.0) for entry in fit.history), default=0.0)
    fit.config = replace(config, stop_epoch=epoch, known_by_content=config.known_by_content is not False)
    return Search(fit=fit, config=fit.config, score=score)


def has_features(table: EntityTable) -> bool:
    """Whether a table says anything beside ids."""
    return any((table.numeric, table.categorical, table.multi, table.vectors))


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


def _with_trust(found: Search, *, valid: HeldOut) -> Search:
    """The search with as much trust in newcomers' profiles as ranks the held-out users best as newcomers."""
    fit, share = found.fit, found.config.newcomer_trust
    if share is None and has_features(fit.dataset.users):
        scores = []
        for tried in NEWCOMER_TRUSTS:
            fit.trust_newcomers(tried)
            scores.append(fit.validate(valid, as_newcomers=True)["ndcg@20"])
        share = NEWCOMER_TRUSTS[int(np.argmax(scores))]
    share = 1.0 if share is None else share
    fit.trust_newcomers(share)
    fit.config = replace(found.config, newcomer_trust=share)
    return replace(found, config=fit.config)


def newcomer_half_life_of(
    config: TrainConfig, *, events: Interactions, num_items: int, valid: HeldOut
) -> float:
    """The half-life by which popularity alone ranks the held-out events best."""
    half_lives = newcomer_half_lives_of(config, events=events)
    if len(half_lives) == 1:
        return half_lives[0]
    liked = events.take(events.weight > 0)

    def score_of(half_life: float) -> float:
        weight = recency(liked.timestamp, newest=events.timestamp, half_life_days=half_life)
        popular_I = np.bincount(liked.item_index, weights=weight, minlength=num_items).astype(np.float32)
        metrics = metrics_of(
            valid, num_items=num_items, score=lambda rows: np.tile(popular_I, (len(rows), 1))
        )
        return metrics["ndcg@20"]

    return max(half_lives, key=score_of)


def newcomer_half_lives_of(config: TrainConfig, *, events: Interactions) -> tuple[float, ...]:
    """The half-lives to try of what is popular with newcomers; the last is plainest."""
    if config.newcomer_half_life_days is not None:
        return (config.newcomer_half_life_days,)
    return (0.0,) if is_flat(events) else NEWCOMER_HALF_LIVES


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
