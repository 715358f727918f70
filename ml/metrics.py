"""Ranking metrics, one value a user; the caller averages. NumPy only."""

# U = users, K = length of the ranked list

import numpy as np

from ml.data import ItemSets


def hits(ranked_UK: np.ndarray, *, positives: ItemSets) -> np.ndarray:
    """(U, K) bool: whether each recommended item is among that user's positives; -1 in a list is no item."""
    width = int(max(ranked_UK.max(initial=0), positives.items.max(initial=0))) + 1
    wanted = positives.rows().astype(np.int64) * width + positives.items
    asked = np.arange(len(ranked_UK), dtype=np.int64)[:, None] * width + ranked_UK
    return np.isin(asked, wanted) & (ranked_UK >= 0)


def rank_metrics(ranked_UK: np.ndarray, *, positives: ItemSets, k: int = 10) -> dict[str, np.ndarray]:
    """hit@k, recall@k, ndcg@k and mrr of ranked lists, each (U,) float64.

    Recall divides by all of the user's positives and the ideal DCG runs over min(k, positives), as LightGCN
    computes them. The reciprocal rank looks at the whole list, which may be longer than k. Every user must
    have a positive.
    """
    if len(ranked_UK) != len(positives):
        raise ValueError(f"{len(ranked_UK)} lists for {len(positives)} users; give one list a user.")
    if (positives.sizes == 0).any():
        raise ValueError("A user without positives cannot be measured; leave such users out.")
    hits_UK = hits(ranked_UK, positives=positives)
    found_UK = hits_UK[:, :k]
    discounts_K = 1 / np.log2(np.arange(2, k + 2))
    ideal_U = np.cumsum(discounts_K)[np.minimum(positives.sizes, k) - 1]
    first_U = hits_UK.argmax(axis=1) + 1
    return {
        f"hit@{k}": found_UK.any(axis=1).astype(np.float64),
        f"recall@{k}": found_UK.sum(axis=1) / positives.sizes,
        f"ndcg@{k}": found_UK @ discounts_K[: found_UK.shape[1]] / ideal_U,
        "mrr": np.where(hits_UK.any(axis=1), 1 / first_U, 0.0),
    }


def coverage(ranked_UK: np.ndarray, *, num_items: int) -> float:
    """The share of the catalogue that at least one list shows."""
    shown = np.unique(ranked_UK[ranked_UK >= 0])
    return len(shown) / num_items if num_items else 0.0


def top_k(scores_UI: np.ndarray, *, k: int) -> np.ndarray:
    """(U, k) the indices of the best scores, best first; -inf scores and missing ranks are -1.

    Ties within the list go to the lower index.
    """
    k = min(k, scores_UI.shape[1])
    pool_UP = np.argpartition(-scores_UI, k - 1, axis=1)[:, :k] if k < scores_UI.shape[1] else None
    if pool_UP is None:
        order_UK = np.argsort(-scores_UI, axis=1, kind="stable")
    else:
        pool_UP.sort(axis=1)
        within = np.argsort(-np.take_along_axis(scores_UI, pool_UP, axis=1), axis=1, kind="stable")
        order_UK = np.take_along_axis(pool_UP, within, axis=1)
    best_UK = np.take_along_axis(scores_UI, order_UK, axis=1)
    return np.where(np.isneginf(best_UK), -1, order_UK)
