"""What the metrics beyond accuracy compare a list with: popularity, categories, the users' tastes."""

# E = evaluated users, I = items, T = category names or columns of a vector

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ml.categories import Categories
from ml.data import Dataset, Interactions, merge_repeats
from ml.metrics import calibration, diversity, novelty
from ml.splits import HeldOut


@dataclass(frozen=True, kw_only=True)
class Background:
    """What was known when the lists were made; what a data set has nothing of is None and not measured."""

    popularity: np.ndarray  # (I,) float32: how many users liked each item
    num_users: int  # who liked anything
    known_items: np.ndarray  # (E,) int64: how many items each evaluated user had touched
    features: sparse.csr_matrix | np.ndarray | None = None  # (I, T), of which diversity is
    of_items: sparse.csr_matrix | None = None  # (I, T) the items' categories
    taste: sparse.csr_matrix | None = None  # (E, T) the categories of what each evaluated user liked

    @classmethod
    def of(cls, dataset: Dataset, *, known: Interactions, test: HeldOut) -> "Background":
        """The background of a test: counted over `known`, by the categories of the items or else a vector."""
        num_users, num_items = len(dataset.users), len(dataset.items)
        user, item, weight, _ = merge_repeats(known)
        touched = np.bincount(user, minlength=num_users)
        user, item, weight = (column[weight > 0] for column in (user, item, weight))
        popularity = np.bincount(item, minlength=num_items).astype(np.float32)
        categories = Categories.of(dataset.items)
        of_items = taste = None
        if len(categories):
            of_items = categories.of_items
            wants = sparse.csr_matrix((weight, (user, item)), shape=(num_users, num_items))
            taste = (wants[test.users] @ of_items).tocsr()
        vectors = next(iter(dataset.items.vectors.values()), None)
        return cls(
            popularity=popularity,
            num_users=len(np.unique(user)),
            known_items=touched[test.users],
            features=vectors if of_items is None else of_items,
            of_items=of_items,
            taste=taste,
        )

    def metrics(self, ranked_EK: np.ndarray) -> dict[str, np.ndarray]:
        """novelty, diversity and calibration of the lists as far as they can be measured, each (E,)."""
        measured = {"novelty": novelty(ranked_EK, popularity=self.popularity, num_users=self.num_users)}
        if self.features is not None:
            measured["diversity"] = diversity(ranked_EK, features=self.features)
        if self.taste is not None and self.of_items is not None:
            measured["calibration"] = calibration(ranked_EK, taste=self.taste, of_items=self.of_items)
        return {name: values for name, values in measured.items() if np.isfinite(values).any()}
