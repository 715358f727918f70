"""Metrics of ranked lists, one value a user where they are of users; the caller averages. Without torch."""

# B = users of a chunk, U = users, I = items, K = length of the ranked list, T = features (categories, vector)

import numpy as np
from scipy import sparse

from ml.data import ItemSets

CHUNK = 2_048  # users whose categories are spread out at once


def hits(ranked_UK: np.ndarray, *, positives: ItemSets) -> np.ndarray:
    """(U, K) bool: whether each recommended item is among that user's positives; -1 in a list is no item."""
    width = int(max(ranked_UK.max(initial=0), positives.items.max(initial=0))) + 1
    wanted = positives.rows().astype(np.int64) * width + positives.items
    asked = np.arange(len(ranked_UK), dtype=np.int64)[:, None] * width + ranked_UK
    return np.isin(asked, wanted) & (ranked_UK >= 0)


def rank_metrics(ranked_UK: np.ndarray, *, positives: ItemSets, k: int = 10) -> dict[str, np.ndarray]:
    """hit@k, recall@k, ndcg@k, map@k and mrr of ranked lists, each (U,) float64.

    Recall and average precision divide by all of the user's positives (as trec_eval does), and the ideal DCG
    runs over min(k, positives), as LightGCN computes them. The reciprocal rank looks at the whole list, which
    may be longer than k. Every user must have a positive.
    """
    _require_k(k)
    if len(ranked_UK) != len(positives):
        raise ValueError(f"{len(ranked_UK)} lists for {len(positives)} users; give one list a user.")
    if (positives.sizes == 0).any():
        raise ValueError("A user without positives cannot be measured; leave such users out.")
    if not ranked_UK.shape[1]:
        raise ValueError("The lists are empty: there is no item to recommend.")
    hits_UK = hits(ranked_UK, positives=positives)
    found_UK = hits_UK[:, :k]
    discounts_K = 1 / np.log2(np.arange(2, k + 2))
    ideal_U = np.cumsum(discounts_K)[np.minimum(positives.sizes, k) - 1]
    first_U = hits_UK.argmax(axis=1) + 1
    precision_UK = found_UK.cumsum(axis=1) / np.arange(1, found_UK.shape[1] + 1)
    return {
        f"hit@{k}": found_UK.any(axis=1).astype(np.float64),
        f"recall@{k}": found_UK.sum(axis=1) / positives.sizes,
        f"ndcg@{k}": found_UK @ discounts_K[: found_UK.shape[1]] / ideal_U,
        f"map@{k}": (precision_UK * found_UK).sum(axis=1) / positives.sizes,
        "mrr": np.where(hits_UK.any(axis=1), 1 / first_U, 0.0),
    }


def coverage(ranked_UK: np.ndarray, *, num_items: int) -> float:
    """The share of the catalogue that at least one list shows."""
    shown = np.unique(ranked_UK[ranked_UK >= 0])
    return len(shown) / num_items if num_items else 0.0


def gini(ranked_UK: np.ndarray, *, num_items: int) -> float:
    """How unevenly the lists show the catalogue: 0 = every item as often, near 1 = a few items always."""
    shown = np.sort(np.bincount(ranked_UK[ranked_UK >= 0], minlength=num_items))
    total = int(shown.sum())
    if not total:
        return 0.0
    rank = np.arange(1, len(shown) + 1)
    return float(((2 * rank - len(shown) - 1) * shown).sum() / (len(shown) * total))


def novelty(ranked_UK: np.ndarray, *, popularity: np.ndarray, num_users: int) -> np.ndarray:
    """(U,) the mean self-information of the shown items in bits, -log2 of the share of users who liked each.

    `popularity` is (I,), how many of `num_users` liked an item; one that nobody liked counts as liked by one.
    An empty list is NaN (Zhou et al., 2010).
    """
    share_I = np.maximum(popularity, 1) / max(num_users, 1)
    return _mean_of_shown(ranked_UK, values_I=-np.log2(np.minimum(share_I, 1)))


def diversity(ranked_UK: np.ndarray, *, features: sparse.csr_matrix | np.ndarray) -> np.ndarray:
    """(U,) one minus the mean cosine of the pairs of each list; NaN for a list of fewer than two items.

    `features` is (I, T): category names or vectors. Items without any count as unlike all others.
    """
    matrix_IT = sparse.csr_matrix(features, dtype=np.float64)
    length_I = np.sqrt(np.asarray(matrix_IT.multiply(matrix_IT).sum(axis=1)).ravel())
    normal_IT = sparse.diags(1 / np.where(length_I > 0, length_I, 1)) @ matrix_IT
    lists_UI = shown_matrix(ranked_UK, num_items=matrix_IT.shape[0])
    total_UT = lists_UI @ normal_IT
    # The squared length of a sum of unit vectors is their number plus twice the sum of the cosines of pairs.
    squared_U = np.asarray(total_UT.multiply(total_UT).sum(axis=1)).ravel()
    twice_cosines_U = squared_U - lists_UI @ (length_I > 0).astype(np.float64)
    count_U = np.diff(lists_UI.indptr)
    pairs_U = count_U * (count_U - 1)
    return np.where(pairs_U > 0, 1 - twice_cosines_U / np.maximum(pairs_U, 1), np.nan)


def calibration(
    ranked_UK: np.ndarray, *, taste: sparse.csr_matrix, of_items: sparse.csr_matrix, mix: float = 0.01
) -> np.ndarray:
    """(U,) how far the categories of each list are from the user's own: 0 = the same shares (Steck, 2018).

    The Kullback-Leibler divergence, in nats, from the shares of (U, T) `taste` to those of the list by (I, T)
    `of_items`, of which `mix` is taken from the taste so that it stays finite. NaN without taste or list.
    """
    lists_UI = shown_matrix(ranked_UK, num_items=of_items.shape[0])
    shown_UT = (lists_UI @ _row_shares(of_items)).tocsr()
    parts = [
        _divergence(
            taste[start : start + CHUNK].toarray(),
            shown_BT=shown_UT[start : start + CHUNK].toarray(),
            mix=mix,
        )
        for start in range(0, len(ranked_UK), CHUNK)
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def _divergence(wished_BT: np.ndarray, *, shown_BT: np.ndarray, mix: float) -> np.ndarray:
    wished_BT, shown_BT = _shares(wished_BT), _shares(shown_BT)
    mixed_BT = (1 - mix) * shown_BT + mix * wished_BT
    there_BT = wished_BT > 0
    ratio_BT = np.where(there_BT, wished_BT, 1) / np.where(there_BT, mixed_BT, 1)
    known_B = there_BT.any(axis=1) & (shown_BT.sum(axis=1) > 0)
    return np.where(known_B, (wished_BT * np.log(ratio_BT)).sum(axis=1), np.nan)


def top_k(scores_UI: np.ndarray, *, k: int) -> np.ndarray:
    """(U, k) the indices of the best scores, best first; -inf scores and missing ranks are -1.

    Ties within the list go to the lower index.
    """
    _require_k(k)
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


def shown_matrix(ranked_UK: np.ndarray, *, num_items: int) -> sparse.csr_matrix:
    """(U, I) one where a list shows an item."""
    row, place = np.nonzero(ranked_UK >= 0)
    ones = np.ones(len(row), dtype=np.float64)
    return sparse.csr_matrix((ones, (row, ranked_UK[row, place])), shape=(len(ranked_UK), num_items))


def _mean_of_shown(ranked_UK: np.ndarray, *, values_I: np.ndarray) -> np.ndarray:
    there_UK = ranked_UK >= 0
    count_U = there_UK.sum(axis=1)
    total_U = np.where(there_UK, values_I[ranked_UK], 0).sum(axis=1)
    return np.where(count_U > 0, total_U / np.maximum(count_U, 1), np.nan)


def _shares(values_UT: np.ndarray) -> np.ndarray:
    totals_U1 = values_UT.sum(axis=1, keepdims=True)
    return values_UT / np.where(totals_U1 > 0, totals_U1, 1)


def _row_shares(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    totals = np.asarray(matrix.sum(axis=1)).ravel()
    return sparse.diags(1 / np.where(totals > 0, totals, 1)) @ matrix


def _require_k(k: int) -> None:
    if k < 1:
        raise ValueError(f"k is the length of a list: 1 or more, not {k}.")
