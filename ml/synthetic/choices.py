"""How a shopper chooses among the products of one type: the utility, and draws from it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ml.synthetic.products import DAY, LATENT_DIM, Catalogue
from ml.synthetic.shoppers import Shoppers

# E = looks (one user, one type, one moment), J = items of the type, V = views of a look, D = latent dimension
TASTE_STRENGTH = 2.1
PRICE_STRENGTH = 0.45
NEW_STRENGTH = 0.8
NEW_DAYS = 30
EXPLORING = 0.15  # how much taste is left when a shopper looks around
MAX_CELLS = 4_000_000  # of one (E, J) block, about 16 MB


@dataclass(frozen=True, kw_only=True)
class Looks:
    """Moments at which a user looks at several products of one type; row = look."""

    user_index: np.ndarray  # (E,) int64
    type_index: np.ndarray  # (E,) int64
    time: np.ndarray  # (E,) int64, seconds
    num_views: np.ndarray  # (E,) int64, 1 to V
    exploring: np.ndarray  # (E,) bool

    def __len__(self) -> int:
        return len(self.user_index)


def choose_items(
    looks: Looks, *, catalogue: Catalogue, shoppers: Shoppers, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return (E, V) item indices, -1 where there is none, and (E, V) how well each matches the user's taste.

    Items are drawn without replacement in proportion to exp(utility): the Gumbel top-k trick.
    """
    width = int(looks.num_views.max(initial=1))
    chosen = np.full((len(looks), width), -1, dtype=np.int64)
    match = np.zeros((len(looks), width), dtype=np.float32)
    for rows, items in _blocks(looks.type_index, catalogue=catalogue):
        taste_EJ, utility_EJ = _utilities(
            looks, rows=rows, items=items, catalogue=catalogue, shoppers=shoppers
        )
        utility_EJ += rng.gumbel(size=utility_EJ.shape).astype(np.float32)
        count = min(width, len(items))
        top = np.argsort(-utility_EJ, axis=1)[:, :count]
        allowed = np.isfinite(np.take_along_axis(utility_EJ, top, axis=1))
        wanted = np.arange(count) < looks.num_views[rows, None]
        chosen[rows, :count] = np.where(allowed & wanted, items[top], -1)
        match[rows, :count] = np.take_along_axis(taste_EJ, top, axis=1)
    return chosen, match


def may_buy(
    user_index: np.ndarray, *, items: np.ndarray, catalogue: Catalogue, shoppers: Shoppers
) -> np.ndarray:
    """Return (E, J) bool: the user is old enough and the item is sold in the user's region."""
    allowed = shoppers.age[user_index, None] >= catalogue.min_age[items]
    limited = [position for position, item in enumerate(items) if catalogue.regions[item]]
    region = np.array([shoppers.region[user] for user in user_index])
    for position in limited:
        allowed[:, position] &= np.isin(region, catalogue.regions[items[position]].split("|"))
    return allowed


def taste_and_utility(
    user_index: np.ndarray, *, times: np.ndarray, items: np.ndarray, catalogue: Catalogue, shoppers: Shoppers
) -> tuple[np.ndarray, np.ndarray]:
    """Return (E, J) taste, about standard normal over all pairs, and (E, J) the rest of the utility.

    The rest is what needs no taste: appeal, novelty, and -inf for what the user may not have (yet).
    """
    vectors_ED = shoppers.tastes.vectors_at(user_index, times=times)
    taste_EJ = vectors_ED @ catalogue.latent[items].T / np.sqrt(np.float32(LATENT_DIM))
    gap_EJ = shoppers.tastes.price_level[user_index, None] - catalogue.price_level[items]
    taste_EJ -= PRICE_STRENGTH / TASTE_STRENGTH * (gap_EJ**2 - 1)
    age_EJ = (times[:, None] - catalogue.released_at[items]).astype(np.float32)
    rest_EJ = catalogue.appeal[items] + NEW_STRENGTH * np.exp(-np.maximum(age_EJ, 0) / (NEW_DAYS * DAY))
    allowed = may_buy(user_index, items=items, catalogue=catalogue, shoppers=shoppers) & (age_EJ >= 0)
    return taste_EJ, np.where(allowed, rest_EJ, -np.inf).astype(np.float32)


def _utilities(
    looks: Looks, *, rows: np.ndarray, items: np.ndarray, catalogue: Catalogue, shoppers: Shoppers
) -> tuple[np.ndarray, np.ndarray]:
    taste_EJ, rest_EJ = taste_and_utility(
        looks.user_index[rows], times=looks.time[rows], items=items, catalogue=catalogue, shoppers=shoppers
    )
    strength = np.where(looks.exploring[rows], EXPLORING, 1.0).astype(np.float32)[:, None] * TASTE_STRENGTH
    return taste_EJ, strength * taste_EJ + rest_EJ


def _blocks(type_index: np.ndarray, *, catalogue: Catalogue) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield look rows and item indices of one type, in blocks that fit in memory."""
    order = np.argsort(type_index, kind="stable")
    for kind in np.unique(type_index):
        left, right = np.searchsorted(type_index[order], [kind, kind + 1])
        items = np.flatnonzero(catalogue.type_index == kind)
        step = max(1, MAX_CELLS // max(1, len(items)))
        for begin in range(left, right if len(items) else left, step):
            yield order[begin : min(begin + step, right)], items
