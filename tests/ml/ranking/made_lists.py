"""Lists that are easy to rank: what is wanted is told by one column, against another."""

import numpy as np

from ml.ranking.lists import RankingLists


def easy_lists(count: int = 60, *, size: int = 12, seed: int = 1) -> RankingLists:
    """The two with the largest `told` of each list are wanted; retrieval_z is noise, `quiet` never known."""
    rng = np.random.default_rng(seed)
    told = rng.normal(size=(count, size))
    labels = np.zeros((count, size), dtype=np.int32)
    order = np.argsort(-told, axis=1)
    np.put_along_axis(labels, order[:, :1], 3, axis=1)
    np.put_along_axis(labels, order[:, 1:2], 1, axis=1)
    told[rng.random(told.shape) < 0.02] = np.nan
    columns = [rng.normal(size=told.shape), told, np.full(told.shape, np.nan)]
    return RankingLists(
        names=("retrieval_z", "told", "quiet"),
        offsets=np.arange(count + 1, dtype=np.int64) * size,
        features=np.stack(columns, axis=-1).reshape(-1, 3).astype(np.float32),
        labels=labels.ravel(),
    )
