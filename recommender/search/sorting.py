"""The orders that a shopper may choose for what was found: those of the shop's listings, and relevance."""

# N = products that were found

import numpy as np

from recommender.search.requests import Leg
from recommender.snapshot import Snapshot


def in_order(final: Leg, *, sort: str, catalogue: Snapshot) -> np.ndarray:
    """(N,) the rows in the order chosen; what answers the whole query stays before what is only near.

    Any other order is by relevance.
    """
    rows_N = final.rows_N
    keys = {
        "price": catalogue.price[rows_N],
        "-price": -catalogue.price[rows_N],
        "rating": -np.nan_to_num(catalogue.rating[rows_N], nan=0.0),
        "new": -catalogue.released_at[rows_N],
        "popular": -catalogue.rating_count[rows_N],
    }
    if sort not in keys:
        return rows_N
    return np.asarray(rows_N[np.lexsort((np.arange(len(rows_N)), keys[sort], ~final.sure_N))])
