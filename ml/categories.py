"""Which category names each item and each user carries, as sparse matrices."""

# I = items, U = users, T = category names

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ml.data import EntityTable


@dataclass(frozen=True, kw_only=True)
class Categories:
    """The names on the items' category paths, or of their plain categories."""

    code_of: dict[str, int]
    of_items: sparse.csr_matrix  # (I, T) one where an item carries a name; T is at least 1

    @classmethod
    def of(cls, items: EntityTable) -> "Categories":
        """The categories of a table; none when it has neither category_path nor category."""
        paths = _paths(items)
        code_of = {name: code for code, name in enumerate(sorted({name for path in paths for name in path}))}
        return cls(code_of=code_of, of_items=_membership(paths, code_of=code_of))

    def __len__(self) -> int:
        return len(self.code_of)

    def stated(self, users: EntityTable) -> sparse.csr_matrix:
        """(U, T) one where a user's preferences name a category."""
        return _membership(users.multi.get("preferences", [()] * len(users)), code_of=self.code_of)


def share_of_rows(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """The matrix with each row divided by its sum; a row of zeros stays."""
    totals = np.asarray(matrix.sum(axis=1)).ravel()
    return sparse.csr_matrix(sparse.diags(1 / np.maximum(totals, 1e-12)) @ matrix)


def _paths(items: EntityTable) -> Sequence[tuple[str, ...]]:
    if "category_path" in items.multi:
        return items.multi["category_path"]
    column = items.categorical.get("category")
    return [()] * len(items) if column is None else [(name,) if name else () for name in column]


def _membership(rows: Sequence[tuple[str, ...]], *, code_of: dict[str, int]) -> sparse.csr_matrix:
    pairs = [(row, code_of[name]) for row, names in enumerate(rows) for name in names if name in code_of]
    row_index, column_index = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    shape = (len(rows), max(len(code_of), 1))
    return sparse.csr_matrix((np.ones(len(pairs), np.float32), (row_index, column_index)), shape=shape)
