"""What ranks a catalogue for users, and the lists of new items that it gives."""

# B = users of a chunk, E = evaluated users, I = items, K = length of the ranked list

from typing import Protocol

import numpy as np

from ml.metrics import top_k
from ml.splits import HeldOut

CHUNK = 512


class Scorer(Protocol):
    """Anything that ranks the catalogue for users."""

    def scores(self, users: np.ndarray) -> np.ndarray:
        """(B, I) float32 for the users at these indices, higher is better; the caller may change them."""


def rank_unseen(scorer: Scorer, *, test: HeldOut, depth: int) -> np.ndarray:
    """(E, K) the best items that each evaluated user has not touched, best first, in chunks of users.

    Raises ValueError where a score is no number: a sort would put it anywhere.
    """
    ranked = []
    for start in range(0, len(test.users), CHUNK):
        rows = np.arange(start, min(start + CHUNK, len(test.users)))
        scores_BI = scorer.scores(test.users[rows])
        if np.isnan(scores_BI).any():
            row = int(np.isnan(scores_BI).any(axis=1).argmax())
            raise ValueError(
                f"{type(scorer).__name__} gives user {test.users[rows[row]]} a score of NaN; "
                "look for NaN in the features or weights it was fitted to."
            )
        ranked.append(top_k(test.mask(scores_BI, rows=rows), k=depth))
    return np.concatenate(ranked) if ranked else np.zeros((0, depth), dtype=np.int64)
