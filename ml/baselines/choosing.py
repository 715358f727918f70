"""Chooses the settings of a baseline: a walk over a small grid, judged on a validation split."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ml.metrics import rank_metrics
from ml.scorers import Scorer, rank_unseen
from ml.splits import HeldOut

Setting = dict[str, Any]
Grid = Mapping[str, Sequence[Any]]

MAX_USERS = 2_000  # judged for each setting
DEPTH = 20


def choose(
    fit: Callable[..., Scorer], *, grid: Grid, start: Setting, valid: HeldOut, seed: int = 0
) -> Setting:
    """The setting with the best NDCG@20 on the validation users; `fit` is called with one by keywords.

    One value after the other is moved to its neighbours on the grid for as long as that helps, until none
    does: a handful of fits where the whole grid would take dozens.
    """
    if not len(valid):
        return start
    rng = np.random.default_rng(seed)
    some = np.sort(rng.choice(len(valid), size=min(MAX_USERS, len(valid)), replace=False))
    valid = valid.take(some)
    tried: dict[tuple[Any, ...], float] = {}

    def worth(setting: Setting) -> float:
        key = tuple(setting.values())
        if key not in tried:
            tried[key] = _ndcg(fit(**setting), valid=valid)
        return tried[key]

    best, before = dict(start), None
    while best != before:
        before = best
        for name, values in grid.items():
            best = _climb(best, name=name, values=values, worth=worth)
    return best


def _climb(best: Setting, *, name: str, values: Sequence[Any], worth: Callable[[Setting], float]) -> Setting:
    for step in (1, -1):
        place = values.index(best[name]) + step
        while 0 <= place < len(values):
            candidate = {**best, name: values[place]}
            if worth(candidate) <= worth(best):
                break
            best, place = candidate, place + step
    return best


def _ndcg(scorer: Scorer, *, valid: HeldOut) -> float:
    ranked = rank_unseen(scorer, test=valid, depth=DEPTH)
    return float(rank_metrics(ranked, positives=valid.positives, k=DEPTH)[f"ndcg@{DEPTH}"].mean())
