"""Baselines that count: popularity, popularity of late, the category rule; and chance."""

# B = users of a chunk, U = users, I = items, T = category names, N = days with events

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ml.categories import Categories, share_of_rows
from ml.data import DAY_SECONDS, Dataset, Interactions, merge_repeats
from ml.scorers import Scorer


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
class RecentPopularity:
    """What was liked lately: counts that halve every `half_life` days, up to each user's own moment."""

    by_day: sparse.csr_matrix  # (N, I) positive events
    days: np.ndarray  # (N,) int64 ascending: the days that have some
    day_of_user: np.ndarray  # (U,) int64
    half_life: float
    popularity: np.ndarray  # (I,) orders what nobody liked lately

    @classmethod
    def fit(
        cls,
        events: Interactions,
        *,
        moments: np.ndarray,
        popularity: np.ndarray,
        half_life: float = 14.0,
    ) -> "RecentPopularity":
        """The counts of `events`; `moments` is (U,), the second at which each user is looked at."""
        wants = events.take(events.weight > 0)
        days, row = np.unique(wants.timestamp // DAY_SECONDS, return_inverse=True)
        counts = np.ones(len(wants), dtype=np.float32)
        shape = (len(days), len(popularity))
        return cls(
            by_day=sparse.csr_matrix((counts, (row, wants.item_index)), shape=shape),
            days=days,
            day_of_user=(moments - 1) // DAY_SECONDS,
            half_life=half_life,
            popularity=popularity,
        )

    def scores(self, users: np.ndarray) -> np.ndarray:
        days, row = np.unique(self.day_of_user[users], return_inverse=True)
        age_days = days[:, None] - self.days
        weight = np.where(age_days >= 0, 0.5 ** (np.maximum(age_days, 0) / self.half_life), 0)
        recent = (self.by_day.T @ weight.T.astype(np.float32)).T
        return np.asarray((recent + 1e-6 * self.popularity)[row], dtype=np.float32)


@dataclass(frozen=True, kw_only=True)
class CategoryRule:
    """Popular items in the categories that the user prefers, or touched most.

    An item scores its popularity times the user's affinity to its category path. The affinity is the share of
    what the user did that fell on a category, plus a bonus for a stated preference.
    """

    affinity: sparse.csr_matrix  # (U, T)
    of_items: sparse.csr_matrix  # (I, T)
    popularity: np.ndarray  # (I,)

    @classmethod
    def fit(
        cls, dataset: Dataset, *, wants: sparse.csr_matrix, popularity: np.ndarray, preference: float = 0.5
    ) -> "CategoryRule":
        """The rule over the items' category paths (or category) and the users' preferences."""
        categories = Categories.of(dataset.items)
        touched = share_of_rows(wants) @ categories.of_items
        return cls(
            affinity=(touched + preference * categories.stated(dataset.users)).tocsr(),
            of_items=categories.of_items,
            popularity=popularity,
        )

    def scores(self, users: np.ndarray) -> np.ndarray:
        match_BI = (self.affinity[users] @ self.of_items.T).toarray()
        # Outside every category of the user, popularity alone breaks the ties.
        return np.asarray(match_BI * (self.popularity + 0.1) + 1e-6 * self.popularity, dtype=np.float32)


@dataclass(frozen=True, kw_only=True)
class PopularBelow:
    """A scorer whose items without any score follow by popularity: all of them for who has no history."""

    scorer: Scorer
    popularity: np.ndarray  # (I,)

    def scores(self, users: np.ndarray) -> np.ndarray:
        scores_BI = self.scorer.scores(users)
        return np.where(scores_BI == 0, -1e-3 / (1 + self.popularity), scores_BI).astype(np.float32)
