"""Parts of a test: users by how much they did before, positives by how popular their items are."""

# E = evaluated users, I = items, K = length of the ranked list

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ml.data import ItemSets
from ml.metrics import rank_metrics

# Name -> the fewest items that the user had touched.
HISTORY_SEGMENTS: Mapping[str, int] = {"0": 0, "1-5": 1, "6-20": 6, "21+": 21}
# Name -> the share of all likes that fall on items more popular than its own.
POPULARITY_SEGMENTS: Mapping[str, float] = {"head": 0.0, "middle": 1 / 3, "tail": 2 / 3}


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some evaluated users, and what is to be found of theirs."""

    rows: np.ndarray  # of the test
    positives: ItemSets  # of those rows

    def means(self, ranked_EK: np.ndarray, *, k: int) -> dict[str, float]:
        """The mean metrics of the part from the lists of the whole test."""
        metrics = rank_metrics(ranked_EK[self.rows], positives=self.positives, k=k)
        return {name: float(values.mean()) for name, values in metrics.items()}


def parts_of(positives: ItemSets, *, known_items: np.ndarray, popularity: np.ndarray) -> dict[str, Part]:
    """The parts of a test that hold anybody: users by history, then positives by popularity.

    `known_items` is (E,), what each user had touched; `popularity` is (I,).
    """
    parts = {
        f"history {name}": Part(rows=rows, positives=positives.take(rows))
        for name, rows in by_history(known_items).items()
    }
    for name, items in by_popularity(popularity).items():
        rows, kept = positives_on(positives, items=items)
        if len(rows):
            parts[f"items {name}"] = Part(rows=rows, positives=kept)
    return parts


def by_history(sizes_E: np.ndarray) -> dict[str, np.ndarray]:
    """The rows of the users in each segment, by the number of items they had touched; empty ones left out."""
    starts = np.array(list(HISTORY_SEGMENTS.values()))
    code_E = np.searchsorted(starts, sizes_E, side="right") - 1
    rows = {name: np.flatnonzero(code_E == code) for code, name in enumerate(HISTORY_SEGMENTS)}
    return {name: found for name, found in rows.items() if len(found)}


def by_popularity(popularity_I: np.ndarray) -> dict[str, np.ndarray]:
    """(I,) bool for each segment: the most liked items, a third of all likes; the next third; the rest."""
    order = np.argsort(-popularity_I, kind="stable")
    liked = popularity_I[order].cumsum() - popularity_I[order]
    share = np.empty(len(popularity_I))
    share[order] = liked / max(float(popularity_I.sum()), 1e-12)
    starts = np.array(list(POPULARITY_SEGMENTS.values()))
    code_I = np.searchsorted(starts, share, side="right") - 1
    # What nobody liked is no head of anything, also where nothing was liked at all.
    code_I[popularity_I == 0] = len(starts) - 1
    return {name: code_I == code for code, name in enumerate(POPULARITY_SEGMENTS)}


def positives_on(positives: ItemSets, *, items: np.ndarray) -> tuple[np.ndarray, ItemSets]:
    """The rows of the users with a positive among `items` ((I,) bool), and those positives."""
    inside = items[positives.items]
    kept = ItemSets.from_pairs(
        positives.rows()[inside], item_index=positives.items[inside], num_users=len(positives)
    )
    rows = np.flatnonzero(kept.sizes > 0)
    return rows, kept.take(rows)
