"""Several ways of looking made one list: weighted reciprocal rank fusion inside groups that never mix."""

# I = products of the catalogue, N = products that a leg found, M = products that any leg found

from collections.abc import Sequence

import numpy as np

from recommender.search.requests import Leg

RRF_K = 60.0  # Cormack, Clarke and Buettcher (2009)
# How much each leg's ranks count among what holds every word, and among the rest. Fitted on one half of the
# judged queries, by tests/bench/search/tune.py.
SURE_WEIGHTS = {"lexical": 1.0, "dense_text": 0.5, "dense_image": 0.2}
NEAR_WEIGHTS = {"lexical": 1.0, "dense_text": 0.25, "dense_image": 0.5}


def fuse(legs: Sequence[Leg]) -> Leg:
    """Return what any leg found, best first: what is sure, then the rest, each by reciprocal ranks.

    Equal scores of a leg share a rank, so that a leg without an opinion has no say.
    """
    if not legs:
        return Leg(name="fused", rows_N=_NO_ROWS, scores_N=_NO_SCORES, sure_N=_NO_ROWS.astype(bool))
    rows_M, place_of = np.unique(np.concatenate([leg.rows_N for leg in legs]), return_inverse=True)
    sure_scores_M, near_scores_M = np.zeros(len(rows_M)), np.zeros(len(rows_M))
    sure_M = np.zeros(len(rows_M), dtype=bool)
    start = 0
    for leg in legs:
        places = place_of[start : start + len(leg.rows_N)]
        start += len(leg.rows_N)
        sure_M[places] |= leg.sure_N
        reciprocal_N = 1 / (RRF_K + shared_ranks(leg.scores_N))
        sure_scores_M[places] += SURE_WEIGHTS.get(leg.name, 1.0) * reciprocal_N
        near_scores_M[places] += NEAR_WEIGHTS.get(leg.name, 1.0) * reciprocal_N
    scores_M = np.where(sure_M, sure_scores_M, near_scores_M)
    best = np.lexsort((rows_M, -scores_M, ~sure_M))
    return Leg(
        name="fused",
        rows_N=rows_M[best],
        scores_N=scores_M[best].astype(np.float32),
        sure_N=sure_M[best],
    )


def shared_ranks(scores_N: np.ndarray) -> np.ndarray:
    """(N,) the rank of each score of a list that is best first, from 1; equal scores share the first's."""
    changes = np.flatnonzero(np.diff(scores_N, prepend=np.inf) != 0)
    return np.asarray(np.repeat(changes, np.diff(changes, append=len(scores_N))) + 1)


_NO_ROWS = np.empty(0, dtype=np.int64)
_NO_SCORES = np.empty(0, dtype=np.float32)
