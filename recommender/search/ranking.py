"""The last order of a search: how well products answer, then what sells, what is there, and who asks."""

# N = products that were found, F = features

from collections.abc import Sequence

import numpy as np

from recommender.search import affinity
from recommender.search.requests import Leg, Scene, Understood

# Among what holds every word, and among the rest. Fitted by NDCG@10 on one half of the judged queries
# (tests/bench/search/tune.py): vectors and prices add nothing to what fusion and kind say. `sold_out` is a
# decision; `popularity` and `affinity`, which no judgement knows, are as large as lowers it by .001 at most.
NEAR_WEIGHTS = {
    "fused": 1.0,
    "lexical": 0.05,
    "dense_text": 0.0,
    "dense_image": 0.0,
    "category": 1.5,
    "price": 0.0,
    "popularity": 0.05,
    "sold_out": -10.0,
    "affinity": 0.03,
}
SURE_WEIGHTS = NEAR_WEIGHTS | {"lexical": 0.0, "category": 0.0}
FEATURES = tuple(NEAR_WEIGHTS)
TYPICAL_OF = 20  # the best found, which tell of what kind the things are that the query means
EARLY = 5.0  # how much the first of them tell more than the others
LARGEST_Z = 2.0  # affinity beyond it counts as this much, so that one odd score moves nothing far


def order(fused: Leg, *, scene: Scene, understood: Understood, legs: Sequence[Leg]) -> Leg:
    """Return the fused list in its last order.

    Groups never mix: an exact name or SKU, then every word of the query, then the rest. Only inside them
    products move, the sold out to the end.
    """
    if not len(fused.rows_N):
        return Leg(name="final", rows_N=fused.rows_N, scores_N=fused.scores_N, sure_N=fused.sure_N)
    scores_N = weighted(features(fused, scene=scene, legs=legs), sure_N=fused.sure_N)
    best = np.lexsort((np.arange(len(scores_N)), -scores_N, -groups(fused, legs=legs)))
    return Leg(
        name="final",
        rows_N=fused.rows_N[best],
        scores_N=scores_N[best].astype(np.float32),
        sure_N=fused.sure_N[best],
    )


def groups(fused: Leg, *, legs: Sequence[Leg]) -> np.ndarray:
    """(N,) 2 for an exact name or SKU, 1 for what else is sure, 0 for the rest."""
    exact = [leg.rows_N[leg.exact_N] for leg in legs if leg.exact_N is not None]
    is_exact_N = np.isin(fused.rows_N, np.concatenate([*exact, np.empty(0, dtype=np.int64)]))
    return np.asarray(fused.sure_N.astype(np.int8) + (is_exact_N & fused.sure_N))


def weighted(values_NF: np.ndarray, *, sure_N: np.ndarray) -> np.ndarray:
    """(N,) the sum of each row's features, by the weights of its group."""
    near_F, sure_F = (np.array([by[name] for name in FEATURES]) for by in (NEAR_WEIGHTS, SURE_WEIGHTS))
    return np.asarray(np.where(sure_N, values_NF @ sure_F, values_NF @ near_F))


def features(fused: Leg, *, scene: Scene, legs: Sequence[Leg]) -> np.ndarray:
    """(N, F) float32 of the fused rows, in the order of FEATURES; each is 0 to 1, affinity -1 to 1."""
    rows_N, catalogue = fused.rows_N, scene.catalogue
    by_name = {leg.name: leg for leg in legs}
    most = max(float(catalogue.rating_count.max()), 1.0)
    columns = {
        "fused": fused.scores_N / max(float(fused.scores_N.max()), 1e-9),
        "category": category_share(catalogue.category_id[rows_N]),
        "price": price_fit(catalogue.price[rows_N]),
        "popularity": np.log1p(catalogue.rating_count[rows_N]) / np.log1p(most),
        "sold_out": catalogue.stock[rows_N] <= 0,
        "affinity": _standardised(affinity.scores(rows_N, scene=scene), number=len(rows_N)),
    }
    for name in ("lexical", "dense_text", "dense_image"):
        columns[name] = _spread(by_name.get(name), rows_N=rows_N)
    return np.stack([columns[name] for name in FEATURES], axis=1).astype(np.float32)


def price_fit(prices_N: np.ndarray) -> np.ndarray:
    """(N,) 1 for what costs as much as the best found usually do, down to 0 from e times that on."""
    usual = max(float(np.median(prices_N[:TYPICAL_OF])), 0.01)
    return np.asarray(1.0 - np.minimum(np.abs(np.log(np.maximum(prices_N, 0.01) / usual)), 1.0))


def category_share(categories_N: np.ndarray) -> np.ndarray:
    """(N,) the share of the best found that are in each row's category, the first of them counting most."""
    _, category_of = np.unique(categories_N, return_inverse=True)
    told = np.zeros(len(categories_N))
    told[:TYPICAL_OF] = 1 / (EARLY + np.arange(min(TYPICAL_OF, len(told))))
    shares = np.bincount(category_of, weights=told) / told.sum()
    return np.asarray(shares[category_of])


def _spread(leg: Leg | None, *, rows_N: np.ndarray) -> np.ndarray:
    """(N,) the leg's scores from .1 for its worst to 1, and 0 for what it did not find."""
    if leg is None or not len(leg.rows_N):
        return np.zeros(len(rows_N), dtype=np.float32)
    low, high = float(leg.scores_N.min()), float(leg.scores_N.max())
    spread = 0.1 + 0.9 * (leg.scores_N - low) / max(high - low, 1e-9)
    by_row = np.argsort(leg.rows_N)
    place_N = np.minimum(np.searchsorted(leg.rows_N, rows_N, sorter=by_row), len(by_row) - 1)
    found_N = leg.rows_N[by_row[place_N]] == rows_N
    return np.where(found_N, spread[by_row[place_N]], 0.0)


def _standardised(scores_N: np.ndarray | None, *, number: int) -> np.ndarray:
    """(N,) scores as standard deviations from their mean, halved to -1 to 1; 0 where nothing is known."""
    if scores_N is None or not np.isfinite(scores_N).any():
        return np.zeros(number, dtype=np.float32)
    z_N = (scores_N - np.nanmean(scores_N)) / max(float(np.nanstd(scores_N)), 1e-6)
    return np.nan_to_num(np.clip(z_N, -LARGEST_Z, LARGEST_Z) / LARGEST_Z)
