"""What results can be narrowed by, and the mask of what a request's filters let through."""

# I = products of the catalogue, N = products that were found

import numpy as np

from recommender.search.requests import Facet, Filters, Scene
from recommender.snapshot import Snapshot


def mask(filters: Filters, *, catalogue: Snapshot) -> np.ndarray:
    """(I,) bool: the products that the filters let through; all of them where nothing is set."""
    allowed = np.ones(len(catalogue), dtype=bool)
    if filters.category:
        ids = [pk for pk, path in catalogue.category_path.items() if path == filters.category]
        allowed &= catalogue.rows_in(ids)
    if filters.price_from is not None:
        allowed &= catalogue.price >= float(filters.price_from)
    if filters.price_to is not None:
        allowed &= catalogue.price <= float(filters.price_to)
    if filters.in_stock:
        allowed &= catalogue.stock > 0
    return allowed


def count(rows_N: np.ndarray, *, scene: Scene, filters: Filters) -> tuple[Facet, ...]:
    """Return the facets of the products found; none."""
    return ()
