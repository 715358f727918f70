"""What a model has to beat: counting, co-occurrence, factors, and chance. NumPy and SciPy only."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from scipy import sparse

from ml.baselines.choosing import Grid, Setting, choose
from ml.baselines.counting import (
    CategoryRule,
    PopularBelow,
    Popularity,
    RandomOrder,
    RecentPopularity,
    positive_matrix,
)
from ml.baselines.linear import Ease, Ials
from ml.baselines.neighbours import DecayedCooccurrence, ItemKnn, OrderedPairs
from ml.data import Dataset, Interactions
from ml.scorers import Scorer
from ml.splits import HeldOut, Split

__all__ = [
    "CategoryRule",
    "DecayedCooccurrence",
    "Ease",
    "Ials",
    "ItemKnn",
    "OrderedPairs",
    "Popularity",
    "RandomOrder",
    "RecentPopularity",
    "Scorer",
    "baseline_fits",
    "fit_baselines",
    "left_out",
    "positive_matrix",
]

EASE_MAX_ITEMS = 20_000  # above it the matrix takes gigabytes, and its inverse minutes

# The walk over each grid begins at the default, which is the setting where no validation split is given.
GRIDS: dict[str, Grid] = {
    "item_knn": {"weighting": ("cosine", "bm25"), "neighbours": (20, 50, 100, 200, 400)},
    "decayed_cooccurrence": {"flattening": (0.0, 0.3, 0.5, 0.7), "recency": (0.5, 0.7, 0.85, 0.95)},
    "ials": {
        "background": (1.0, 2.0, 5.0, 10.0, 20.0, 40.0),
        "regularisation": (0.001, 0.002, 0.004, 0.007, 0.012, 0.02, 0.04),
    },
    "ease": {"strength": (0.1, 0.3, 1.0, 2.5, 4.0, 6.0, 10.0, 20.0, 40.0)},
    "recent_popularity": {"half_life": (1.0, 3.0, 7.0, 14.0, 30.0, 90.0)},
}
DEFAULTS: dict[str, Setting] = {
    "item_knn": {"weighting": "bm25", "neighbours": 100},
    "decayed_cooccurrence": {"flattening": 0.5, "recency": 0.7},
    "ials": {"background": 10.0, "regularisation": 0.007},
    "ease": {"strength": 2.5},
    "recent_popularity": {"half_life": 14.0},
}


def fit_baselines(
    dataset: Dataset,
    *,
    events: Interactions,
    seed: int = 0,
    valid: Split | None = None,
    test: HeldOut | None = None,
) -> dict[str, Scorer]:
    """Every baseline by name, fitted to `events` alone; see `baseline_fits`."""
    fits = baseline_fits(dataset, events=events, seed=seed, valid=valid, test=test)
    return {name: fit() for name, fit in fits.items()}


def baseline_fits(
    dataset: Dataset,
    *,
    events: Interactions,
    seed: int = 0,
    valid: Split | None = None,
    test: HeldOut | None = None,
) -> dict[str, Callable[[], Scorer]]:
    """What fits each baseline to `events`, by name, so that a caller can take the time of each.

    With `valid`, a split of the events, the settings of GRIDS are chosen on it first. Of `test` only the
    moments are read at which its users are looked at, for what is popular of late; without it all are looked
    at after the last event. EASE^R is absent from large catalogues: `left_out` says why.
    """
    final = _Material(dataset=dataset, events=events, test=test, seed=seed)
    trial = None
    if valid is not None:
        trial = _Material(dataset=dataset, events=valid.known, test=valid.test, seed=seed)
    names = [name for name in _FITS if name not in left_out(len(dataset.items))]
    return {name: partial(_fit, name, final=final, trial=trial) for name in names}


def left_out(num_items: int) -> dict[str, str]:
    """The baselines that are not fitted to so many items, and why."""
    if num_items <= EASE_MAX_ITEMS:
        return {}
    return {
        "ease": f"EASE^R inverts a matrix of items x items: {num_items:,} items are over {EASE_MAX_ITEMS:,}."
    }


@dataclass(frozen=True, kw_only=True)
class _Material:
    """What the baselines are fitted to, counted once."""

    dataset: Dataset
    events: Interactions
    test: HeldOut | None
    seed: int

    @cached_property
    def wants(self) -> sparse.csr_matrix:
        return positive_matrix(
            self.events, num_users=len(self.dataset.users), num_items=len(self.dataset.items)
        )

    @cached_property
    def popularity(self) -> np.ndarray:
        return np.bincount(self.wants.indices, minlength=self.wants.shape[1]).astype(np.float32)

    @cached_property
    def pairs(self) -> OrderedPairs:
        num_users, num_items = self.wants.shape
        return OrderedPairs.count(self.events, num_users=num_users, num_items=num_items)

    @property
    def moments(self) -> np.ndarray:
        end = int(self.events.timestamp[-1]) + 1 if len(self.events) else 0
        moments = np.full(len(self.dataset.users), end, dtype=np.int64)
        if self.test is not None:
            moments[self.test.users] = self.test.as_of
        return moments


def _fit(name: str, *, final: _Material, trial: _Material | None) -> Scorer:
    fit, setting = _FITS[name], DEFAULTS.get(name, {})
    if trial is not None and trial.test is not None and name in GRIDS:
        setting = choose(
            partial(_FITS[name], trial),
            grid=GRIDS[name],
            start=setting,
            valid=trial.test,
            seed=final.seed,
        )
    return fit(final, **setting)


def _below(scorer: Scorer, *, of: _Material) -> Scorer:
    return PopularBelow(scorer=scorer, popularity=of.popularity)


_FITS: dict[str, Callable[..., Scorer]] = {
    "category_rule": lambda of: CategoryRule.fit(of.dataset, wants=of.wants, popularity=of.popularity),
    "item_knn": lambda of, **setting: _below(ItemKnn.fit(of.wants, **setting), of=of),
    "decayed_cooccurrence": lambda of, **setting: _below(DecayedCooccurrence.fit(of.pairs, **setting), of=of),
    "ials": lambda of, **setting: _below(Ials.fit(of.wants, seed=of.seed, **setting), of=of),
    "ease": lambda of, **setting: _below(Ease.fit(of.wants, **setting), of=of),
    "recent_popularity": lambda of, **setting: RecentPopularity.fit(
        of.events, moments=of.moments, popularity=of.popularity, **setting
    ),
    "popularity": lambda of: Popularity(popularity=of.popularity),
    "random": lambda of: RandomOrder(num_items=of.wants.shape[1], seed=of.seed),
}
