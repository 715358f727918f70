"""The shelf of a data set at a moment, from its item columns and the events before."""

# I = the items of a data set

from collections.abc import Sequence

import numpy as np

from ml.baselines.counting import positive_matrix
from ml.baselines.neighbours import ItemKnn, OrderedPairs
from ml.data import DAY_SECONDS, EntityTable, Interactions
from ml.ranking.features import Shelf, interest_of
from ml.ranking.neighbours import Neighbours

LEAST_HISTORY_SHARE = 0.5  # the power of its popularity by which a product that follows is divided
MAX_EVENTS = 3_000_000  # the newest ones that neighbours are counted from


def neighbours_of(known: Interactions, *, num_users: int, num_items: int) -> tuple[Neighbours, Neighbours]:
    """What follows what, and what the same people like: counted from the newest events."""
    if not len(known):
        return Neighbours.none(num_items), Neighbours.none(num_items)
    events = known.take(slice(max(len(known) - MAX_EVENTS, 0), None))
    pairs = OrderedPairs.count(events, num_users=num_users, num_items=num_items)
    popularity = np.bincount(pairs.item, minlength=num_items).astype(np.float32)
    scale = np.maximum(popularity, 1) ** -LEAST_HISTORY_SHARE
    table = pairs.table.tocsr()
    rows = np.repeat(np.arange(num_items), np.diff(table.indptr))
    table.data = table.data * scale[rows] * scale[table.indices]
    wants = positive_matrix(events, num_users=num_users, num_items=num_items)
    alike = ItemKnn.fit(wants, neighbours=50, weighting="cosine").similarity
    return Neighbours.of_matrix(table), Neighbours.of_matrix(alike)


def shelf_of(
    items: EntityTable,
    *,
    known: Interactions,
    as_of: int,
    vectors: np.ndarray,
    neighbours: tuple[Neighbours, Neighbours],
) -> Shelf:
    """The items as known at `as_of` (seconds), of which the table's numbers and `known` must tell no more.

    Read are the columns log_price, discount, rating, log_rating_count and days_since_release, category (a
    path) and brand, as recommender.datasets gives them; one that is absent is not known of any item.
    """
    count = len(items)
    paths = items.categorical.get("category", np.full(count, "", dtype=object))
    unknown = np.full(count, np.nan, dtype=np.float32)
    follows, alike = neighbours
    return Shelf(
        category=codes_of(paths),
        department=codes_of([str(path).split("/", maxsplit=1)[0] for path in paths]),
        brand=codes_of(items.categorical.get("brand", np.full(count, "", dtype=object))),
        log_price=items.numeric.get("log_price", unknown),
        discount=items.numeric.get("discount", unknown),
        rating=items.numeric.get("rating", unknown),
        log_rating_count=items.numeric.get("log_rating_count", unknown),
        released_at=as_of - items.numeric.get("days_since_release", unknown).astype(np.float64) * DAY_SECONDS,
        interest=interest_of(known, num_items=count, as_of=as_of),
        vectors=vectors,
        follows=follows,
        alike=alike,
    )


def codes_of(names: Sequence[str] | np.ndarray) -> np.ndarray:
    """(I,) int64: equal names have equal codes, "" has -1."""
    code_of = {name: code for code, name in enumerate(sorted({str(name) for name in names if name}))}
    return np.array([code_of.get(str(name), -1) for name in names], dtype=np.int64)
