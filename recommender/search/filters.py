"""What filters let through: masks over the catalogue, one for each thing to narrow by."""

# I = products of the catalogue

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

import numpy as np

from recommender.search import attribute_codes
from recommender.search.requests import Filters
from recommender.snapshot import Snapshot

CATEGORY, BRAND, PRICE, RATING, ON_SALE, IN_STOCK = (
    "category",
    "brand",
    "price",
    "rating",
    "on_sale",
    "in_stock",
)
OWN_NAMES = frozenset({CATEGORY, BRAND, PRICE, RATING, ON_SALE, IN_STOCK})


def mask(filters: Filters, *, catalogue: Snapshot) -> np.ndarray:
    """Return (I,) bool: the products that the filters let through; all of them where nothing is set."""
    parts = masks(filters, catalogue=catalogue).values()
    return np.logical_and.reduce([np.ones(len(catalogue), dtype=bool), *parts])


def masks(filters: Filters, *, catalogue: Snapshot) -> dict[str, np.ndarray]:
    """Return a mask (I,) for each thing that the filters narrow by, under the name of its facet."""
    found: dict[str, np.ndarray] = {}
    if filters.category:
        found[CATEGORY] = in_category(filters.category, catalogue=catalogue)
    if filters.brands:
        found[BRAND] = of_brands(filters.brands, catalogue=catalogue)
    if filters.price_from is not None or filters.price_to is not None:
        found[PRICE] = priced(catalogue, lowest=filters.price_from, highest=filters.price_to)
    if filters.rating_from is not None:
        found[RATING] = catalogue.rating >= filters.rating_from  # no rating, which is NaN, is below all
    if filters.on_sale:
        found[ON_SALE] = catalogue.discount > 0
    if filters.in_stock:
        found[IN_STOCK] = catalogue.stock > 0
    return found | _of_attributes(filters, catalogue=catalogue)


def in_category(path: str, *, catalogue: Snapshot) -> np.ndarray:
    """Return (I,) bool: the products of the category and of all below it."""
    within = [
        pk for pk, other in catalogue.category_path.items() if other == path or other.startswith(f"{path}/")
    ]
    return np.isin(catalogue.category_id, np.array(within, dtype=np.int64))


def of_brands(brands: Iterable[str], *, catalogue: Snapshot) -> np.ndarray:
    """Return (I,) bool: the products of one of the brands, in whichever case they are written."""
    wanted = {brand.casefold() for brand in brands}
    codes = [code for code, brand in enumerate(catalogue.brands) if brand and brand.casefold() in wanted]
    return np.isin(catalogue.brand, codes)


def priced(catalogue: Snapshot, *, lowest: Decimal | None, highest: Decimal | None) -> np.ndarray:
    """Return (I,) bool: the products whose price is neither below the lowest nor above the highest."""
    fits = np.ones(len(catalogue), dtype=bool)
    # A price of the catalogue is a float32; the same decimal is the same float32.
    if lowest is not None:
        fits &= catalogue.price >= np.float32(lowest)
    if highest is not None:
        fits &= catalogue.price <= np.float32(highest)
    return fits


def _of_attributes(filters: Filters, *, catalogue: Snapshot) -> dict[str, np.ndarray]:
    values: dict[str, list[str]] = {}
    for name, value in filters.attributes:
        values.setdefault(name.lower(), []).append(value.lower())
    columns = attribute_codes.of(catalogue) if values else {}
    nothing = np.zeros(len(catalogue), dtype=bool)
    return {name: columns[name].has(of) if name in columns else nothing for name, of in values.items()}


def both(chosen: Filters, meant: Filters) -> Filters:
    """Return the chosen filters with what words meant: values of one name are alternatives."""
    return replace(
        chosen,
        category=chosen.category or meant.category,
        brands=tuple(dict.fromkeys([*chosen.brands, *meant.brands])),
        attributes=tuple(dict.fromkeys([*chosen.attributes, *meant.attributes])),
    )
