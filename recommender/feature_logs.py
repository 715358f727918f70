"""Feature values as an impression keeps them: what a ranker saw, read back to the last bit."""

# F = the features of a candidate

from collections.abc import Sequence
from typing import Any

import numpy as np

from ml.ranking.features import DECIMALS
from recommender.candidates import RankedList


def to_log(ranked: RankedList, *, product_ids: Sequence[int]) -> dict[str, Any] | None:
    """Return what an impression keeps of the features: names, and a row for each position; None for none.

    A position that the ranker did not see has null for a row. `from_log` reads the very same values back.
    """
    if not ranked.features:
        return None
    rows = [ranked.features.get(product_id) for product_id in product_ids]
    return {
        "names": list(ranked.feature_names),
        "rows": [None if row is None else _as_json(row) for row in rows],
    }


def from_log(logged: dict[str, Any]) -> tuple[tuple[str, ...], list[np.ndarray | None]]:
    """Return the names, and of each position the (F,) float32 that `to_log` kept, or None."""
    rows = [None if row is None else np.array(row, dtype=np.float32) for row in logged["rows"]]
    return tuple(logged["names"]), rows


def _as_json(row: np.ndarray) -> list[float | None]:
    """Return the values as short decimals, from which the same float32 comes back; null for NaN."""
    values = row.astype(np.float64).round(DECIMALS).tolist()
    return [value if value == value else None for value in values]  # noqa: PLR0124 - NaN is not itself
