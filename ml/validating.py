"""How well held-out users are ranked, in chunks."""

# B = users of a chunk, I = items

from collections.abc import Callable

import numpy as np

from ml.metrics import rank_metrics, top_k
from ml.splits import HeldOut

SCORES_AT_ONCE = 20_000_000


def metrics_of(
    valid: HeldOut, *, num_items: int, score: Callable[[np.ndarray], np.ndarray]
) -> dict[str, float]:
    """Mean metrics at 20 on the held-out users, of whose rows `score` gives the (B, I) scores."""
    at_once = -(-len(valid) * num_items // SCORES_AT_ONCE)
    ranked = [
        top_k(valid.mask(score(rows), rows=rows), k=20)
        for rows in np.array_split(np.arange(len(valid)), at_once)
    ]
    metrics = rank_metrics(np.concatenate(ranked), positives=valid.positives, k=20)
    return {name: float(values.mean()) for name, values in metrics.items()}
