"""The catalogue as arrays: what every request needs to know of every product, held in memory."""

# I = products of the catalogue, on sale or not

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """Columns of all products, in the order of their ids."""

    revision: str  # changes whenever a product does
    product_id: np.ndarray  # (I,) int64, ascending
    category_id: np.ndarray  # (I,) int64
    category_path: dict[int, str]  # by category id
    brand: np.ndarray  # (I,) int32 code into `brands`
    brands: tuple[str, ...]
    price: np.ndarray  # (I,) float32
    discount: np.ndarray  # (I,) float32, the share off the list price; 0 when there is none
    rating: np.ndarray  # (I,) float32, NaN without one
    rating_count: np.ndarray  # (I,) int32
    stock: np.ndarray  # (I,) int32
    active: np.ndarray  # (I,) bool
    repeatable: np.ndarray  # (I,) bool
    min_age: np.ndarray  # (I,) int16
    regions: np.ndarray  # (I,) uint64: bit r is set where region_names[r] may buy; all bits: everywhere
    region_names: tuple[str, ...]
    released_at: np.ndarray  # (I,) float64, seconds since 1970
    attributes: tuple[tuple[str, ...], ...]  # of each product, as "name=value" in lower case

    def __len__(self) -> int:
        return len(self.product_id)

    def rows_of(self, product_ids: np.ndarray) -> np.ndarray:
        """The rows of product ids, -1 for one that is not here."""
        wanted = np.asarray(product_ids, dtype=np.int64)
        if not len(self):
            return np.full(len(wanted), -1, dtype=np.int64)
        place = np.minimum(np.searchsorted(self.product_id, wanted), len(self) - 1)
        return np.where(self.product_id[place] == wanted, place, -1)
