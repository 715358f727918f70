"""What the number of events of a user says: how sharply the vector points, how much popularity counts."""

# B = users of a batch

import numpy as np

BREADTH_AT = 54.0  # events of a user whose vector has length 1
FEW_EVENTS = 10  # below this the length stays: a newcomer is no specialist


def breadth_scale(num_events: int, *, breadth: float) -> float:
    """The length of the vector of a user with so many events in the history."""
    return float(((1 + max(num_events, FEW_EVENTS)) / (1 + BREADTH_AT)) ** -breadth)


def popularity_columns(num_events: np.ndarray | int) -> np.ndarray:
    """(B, 2) float32, or (2,): how much of what is popular of late counts for users of so many events, and 1.

    All of it where nothing is known, half of that with each event.
    """
    share_B = 0.5 ** np.asarray(num_events, dtype=np.float64)
    return np.stack([share_B, np.ones_like(share_B)], axis=-1).astype(np.float32)
