"""What a model has to beat: popularity, the category rule, item-kNN and chance. NumPy and SciPy only."""

# B = users of a chunk, U = users, I = items, T = category names

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import sparse

from ml.data import Dataset, EntityTable, Interactions, merge_repeats


class Scorer(Protocol):
    """Anything that ranks the catalogue for users."""

    def scores(self, users: np.ndarray) -> np.ndarray:
        """(B, I) float32 for the users at these indices, higher is better."""


def fit_baselines(dataset: Dataset, *, events: Interactions, seed: int = 0) -> dict[str, Scorer]:
    """Every baseline by name, fitted to `events` alone."""
    wants = positive_matrix(events, num_users=len(dataset.users), num_items=len(dataset.items))
    popularity = np.asarray((wants > 0).sum(axis=0)).ravel().astype(np.float32)
    return {
        "category_rule": CategoryRule.fit(dataset, wants=wants, popularity=popularity),
        "item_knn": ItemKnn.fit(wants),
        "popularity": Popularity(popularity=popularity),
        "random": RandomOrder(num_items=len(dataset.items), seed=seed),
    }


def positive_matrix(events: Interactions, *, num_users: int, num_items: int) -> sparse.csr_matrix:
    """(U, I) the weight of each pair that the user liked."""
    user, item, weight, _ = merge_repeats(events)
    liked = weight > 0
    return sparse.csr_matrix(
        (weight[liked], (user[liked], item[liked])), shape=(num_users, num_items), dtype=np.float32
    )


@dataclass(frozen=True, kw_only=True)
class Popularity:
    """The items that most users liked, the same for everybody."""

    popularity: np.ndarray  # (I,) float32

    def scores(self, users: np.ndarray) -> np.ndarray:
        return np.tile(self.popularity, (len(users), 1))


@dataclass(frozen=True, kw_only=True)
class RandomOrder:
    """Chance: every user's own seeded order."""

    num_items: int
    seed: int

    def scores(self, users: np.ndarray) -> np.ndarray:
        rows = [np.random.default_rng((self.seed, int(user))).random(self.num_items) for user in users]
        return np.array(rows, dtype=np.float32).reshape(len(users), self.num_items)


@dataclass(frozen=True, kw_only=True)
class CategoryRule:
    """Popular items in the categories that the user prefers, or touched most.

    An item scores its popularity times the user's affinity to its category path. The affinity is the share of
    what the user did that fell on a category, plus a bonus for a stated preference.
    """

    affinity: sparse.csr_matrix  # (U, T)
    membership: sparse.csr_matrix  # (I, T)
    popularity: np.ndarray  # (I,)

    @classmethod
    def fit(
        cls, dataset: Dataset, *, wants: sparse.csr_matrix, popularity: np.ndarray, preference: float = 0.5
    ) -> "CategoryRule":
        """The rule over the items' category paths (or category) and the users' preferences."""
        paths = _category_paths(dataset.items)
        code_of = {name: code for code, name in enumerate(sorted({name for path in paths for name in path}))}
        membership = _membership(paths, code_of=code_of)
        stated = _membership(
            dataset.users.multi.get("preferences", [()] * len(dataset.users)), code_of=code_of
        )
        touched = _share_of_rows(wants) @ membership
        return cls(
            affinity=(touched + preference * stated).tocsr(), membership=membership, popularity=popularity
        )

    def scores(self, users: np.ndarray) -> np.ndarray:
        match_BI = (self.affinity[users] @ self.membership.T).toarray()
        # Outside every category of the user, popularity alone breaks the ties.
        return np.asarray(match_BI * (self.popularity + 0.1) + 1e-6 * self.popularity, dtype=np.float32)


@dataclass(frozen=True, kw_only=True)
class ItemKnn:
    """Items that the users of the user's items also liked, by cosine of co-occurrence."""

    wants: sparse.csr_matrix  # (U, I)
    similarity: sparse.csr_matrix  # (I, I), zero on the diagonal

    @classmethod
    def fit(cls, wants: sparse.csr_matrix, *, neighbours: int = 200) -> "ItemKnn":
        """The best `neighbours` of each item; memory grows with items x neighbours."""
        lengths = np.sqrt(np.asarray(wants.multiply(wants).sum(axis=0)).ravel())
        normal = (wants @ sparse.diags(1 / np.maximum(lengths, 1e-12))).tocsc()
        blocks = []
        for start in range(0, wants.shape[1], 1_000):
            block = (normal[:, start : start + 1_000].T @ normal).tocsr()
            blocks.append(_keep_largest(block, first_row=start, count=neighbours))
        return cls(wants=wants, similarity=sparse.vstack(blocks).tocsr())

    def scores(self, users: np.ndarray) -> np.ndarray:
        return np.asarray((self.wants[users] @ self.similarity).toarray(), dtype=np.float32)


def _keep_largest(block: sparse.csr_matrix, *, first_row: int, count: int) -> sparse.csr_matrix:
    """The block with each row's `count` largest values, and none on the diagonal of the whole matrix."""
    rows = np.repeat(np.arange(block.shape[0]), np.diff(block.indptr))
    other = block.indices != rows + first_row
    rows, columns, values = rows[other], block.indices[other], block.data[other]
    order = np.lexsort((-values, rows))
    starts = np.searchsorted(rows[order], np.arange(block.shape[0]))
    kept = order[np.arange(len(order)) - starts[rows[order]] < count]
    return sparse.csr_matrix((values[kept], (rows[kept], columns[kept])), shape=block.shape)


def _category_paths(items: EntityTable) -> Sequence[tuple[str, ...]]:
    if "category_path" in items.multi:
        return items.multi["category_path"]
    column = items.categorical.get("category")
    return [()] * len(items) if column is None else [(name,) if name else () for name in column]


def _membership(rows: Sequence[tuple[str, ...]], *, code_of: dict[str, int]) -> sparse.csr_matrix:
    pairs = [(row, code_of[name]) for row, names in enumerate(rows) for name in names if name in code_of]
    row_index, column_index = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    shape = (len(rows), max(len(code_of), 1))
    return sparse.csr_matrix((np.ones(len(pairs), np.float32), (row_index, column_index)), shape=shape)


def _share_of_rows(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    totals = np.asarray(matrix.sum(axis=1)).ravel()
    return sparse.diags(1 / np.maximum(totals, 1e-12)) @ matrix
