"""Which products go with which, as a short list of neighbours of each: what a page can look up at once."""

# I = items, N = neighbours of all items together, H = entries of a history, C = candidates

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import sparse

NUM_NEIGHBOURS = 50


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """For each item those that go with it, as CSR, each with how well."""

    offsets: np.ndarray  # (I + 1,) int64
    item_index: np.ndarray  # (N,) int32
    weight: np.ndarray  # (N,) float32

    @classmethod
    def of_matrix(cls, matrix: sparse.csr_matrix, *, count: int = NUM_NEIGHBOURS) -> "Neighbours":
        """The `count` largest entries of each row."""
        matrix = matrix.tocsr()
        matrix.sort_indices()
        rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
        order = np.lexsort((matrix.indices, -matrix.data, rows))
        place = np.arange(len(order)) - np.repeat(matrix.indptr[:-1], np.diff(matrix.indptr))
        kept = np.sort(order[place < count])
        sizes = np.minimum(np.diff(matrix.indptr), count)
        return cls(
            offsets=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            item_index=matrix.indices[kept].astype(np.int32),
            weight=matrix.data[kept].astype(np.float32),
        )

    @classmethod
    def none(cls, num_items: int) -> "Neighbours":
        """Nothing goes with anything."""
        return cls(
            offsets=np.zeros(num_items + 1, dtype=np.int64),
            item_index=np.zeros(0, dtype=np.int32),
            weight=np.zeros(0, dtype=np.float32),
        )

    def sums(self, items: np.ndarray, *, strengths: np.ndarray, candidates: np.ndarray) -> np.ndarray:
        """(C,) how well each candidate goes with `items` (H,), each counting by its (H,) strength."""
        total = np.zeros(len(candidates))
        sizes = self.offsets[items + 1] - self.offsets[items]
        ends = np.cumsum(sizes)
        if not len(ends) or not ends[-1] or not len(candidates):
            return total
        entries = np.arange(ends[-1]) + np.repeat(self.offsets[items] - (ends - sizes), sizes)
        order = np.argsort(candidates, kind="stable")
        wanted = candidates[order]
        place = np.minimum(np.searchsorted(wanted, self.item_index[entries]), len(wanted) - 1)
        found = wanted[place] == self.item_index[entries]
        weights = (self.weight[entries] * np.repeat(strengths, sizes))[found]
        total[order] = np.bincount(place[found], weights=weights, minlength=len(wanted))
        return total

    def moved(self, row_of_item: np.ndarray, *, num_rows: int) -> "Neighbours":
        """The neighbours by other rows: (I,) the new row of each item, -1 for one that has gone."""
        first = np.repeat(row_of_item, np.diff(self.offsets))
        second = row_of_item[self.item_index]
        kept = np.flatnonzero((first >= 0) & (second >= 0))
        order = kept[np.argsort(first[kept], kind="stable")]
        sizes = np.bincount(first[kept], minlength=num_rows)
        return Neighbours(
            offsets=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            item_index=second[order].astype(np.int32),
            weight=self.weight[order],
        )

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """The arrays under names that begin with `name`, to be saved."""
        return {
            f"{name}.offsets": self.offsets,
            f"{name}.item_index": self.item_index,
            f"{name}.weight": self.weight,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], *, name: str) -> "Neighbours":
        """The neighbours that `arrays` gave; KeyError when they are not there."""
        return cls(
            offsets=arrays[f"{name}.offsets"],
            item_index=arrays[f"{name}.item_index"],
            weight=arrays[f"{name}.weight"],
        )
