"""What the number of events of a user says: how sharply the vector points, how much popularity counts."""

# B = users of a batch

import numpy as np

BREADTH_AT = 54.0  # events of a user whose vector has length 1
POPULARITY_COLUMNS = 2  # at the end of stored vectors; what comes before says where an item points
FEW_EVENTS = 10  # below this the length stays: a newcomer is no specialist


def breadth_scale(num_events: int, *, breadth: float) -> float:
    """The length of the vector of a user with so many events in the history."""
    return float(((1 + max(num_events, FEW_EVENTS)) / (1 + BREADTH_AT)) ** -breadth)


def popularity_columns(num_events: np.ndarray | int, *, fading: float) -> np.ndarray:
    """(B, 2) float32, or (2,): how much of what is popular of late counts for users of so many events, and 1.

    All of it where nothing is known, and with each event `fading` times as much.
    """
    share_B = fading ** np.asarray(num_events, dtype=np.float64)
    return np.stack([share_B, np.ones_like(share_B)], axis=-1).astype(np.float32)


def without_popularity(vector: np.ndarray) -> np.ndarray:
    """(V,) float32: a stored vector by which the near are found, not the near and popular."""
    near = np.array(vector, dtype=np.float32)
    near[-POPULARITY_COLUMNS:] = 0.0
    return near
