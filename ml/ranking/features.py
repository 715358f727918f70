"""What a ranker sees of a candidate. One function makes it, for training and for a page alike. NumPy only."""

# C = candidates of a list, D = embedding dimension, F = features, H = entries of a history, I = items

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ml.breadth import POPULARITY_COLUMNS
from ml.data import DAY_SECONDS, Interactions, moments_ago
from ml.ranking.neighbours import Neighbours

SOURCES = (
    *("two_tower", "similar", "bought_together", "popular_in_category"),
    *("trending", "new_arrivals", "on_sale", "buy_again"),
)
WINDOWS = ("views_5m", "views_1h", "views_24h", "clicks_5m", "clicks_1h", "clicks_24h", "velocity")
INTEREST_DAYS = (1, 7, 28)  # half-lives
INTEREST_REACH_DAYS = 90  # what is older does not count as interest
LATEST = 10  # moments of a history that count as of late
LONGEST = 200  # entries of a history that are read
DECIMALS = 5  # of every value, so that what an impression keeps is short and exact
RECENCY = 0.7  # of a moment beside the one after it, in what follows the latest products

FEATURES = (
    *("retrieval_score", "retrieval_z", "retrieval_rank", "item_bias"),
    *("near_latest", "near_recent", "follows", "follows_z", "alike", "alike_z"),
    *(f"interest_{days}d" for days in INTEREST_DAYS),
    *("interest_z", "rising"),
    *("log_price", "discount", "price_gap", "rating", "log_rating_count", "days_since_release"),
    *("latest_category", "category_share", "department_share", "brand_share", "category_days"),
    *("history_size", "history_days"),
    *(f"from_{source}" for source in SOURCES),
    *WINDOWS,
)
NAN = np.float32(np.nan)


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """What is known of every item at a moment, as columns."""

    category: np.ndarray  # (I,) int64 code, -1 = none
    department: np.ndarray  # (I,) int64 code of the top of its category's path, -1 = none
    brand: np.ndarray  # (I,) int64 code, -1 = none
    log_price: np.ndarray  # (I,) float32, of 1 + price; NaN = not known, as in all that follow
    discount: np.ndarray  # (I,)
    rating: np.ndarray  # (I,)
    log_rating_count: np.ndarray  # (I,)
    released_at: np.ndarray  # (I,) float64 seconds
    interest: np.ndarray  # (I, len(INTEREST_DAYS)) of `interest_of`
    vectors: np.ndarray  # (I, D + 1) float32: unit vectors and the bias, zeros for an item without
    follows: Neighbours  # what comes next in the histories of others
    alike: Neighbours  # what the same people like

    def __len__(self) -> int:
        return len(self.category)


@dataclass(frozen=True, kw_only=True)
class Past:
    """What a shopper did before the moment, each item once, oldest first: a row of ml.data.Histories."""

    rows: np.ndarray  # (H,) int, of the shelf
    weight: np.ndarray  # (H,) float32, below 0 for what is not liked
    age_seconds: np.ndarray  # (H,) float32

    def newest(self, count: int) -> "Past":
        """The last entries."""
        start = max(len(self.rows) - count, 0)
        return Past(rows=self.rows[start:], weight=self.weight[start:], age_seconds=self.age_seconds[start:])


def interest_of(interactions: Interactions, *, num_items: int, as_of: int) -> np.ndarray:
    """(I, 3) float32: events of a positive weight in the last 90 days, halved every 1, 7 and 28 days.

    Relative to the mean of all items that had any, so that a busy season reads like a quiet one.
    """
    events = interactions.before(as_of).since(as_of - INTEREST_REACH_DAYS * DAY_SECONDS)
    events = events.take(events.weight > 0)
    age_days = (as_of - events.timestamp) / DAY_SECONDS
    columns = [
        np.bincount(events.item_index, weights=0.5 ** (age_days / days), minlength=num_items)
        for days in INTEREST_DAYS
    ]
    return relative(np.column_stack(columns))


def relative(interest: np.ndarray) -> np.ndarray:
    """(I, 3) float32: the columns divided by their mean over the items that have some."""
    counted = (interest > 0).sum(axis=0)
    mean = interest.sum(axis=0) / np.maximum(counted, 1)
    return (interest / np.where(mean > 0, mean, 1)).astype(np.float32)


def features_of(
    shelf: Shelf,
    *,
    rows: np.ndarray,
    user_vector: np.ndarray,
    past: Past,
    moment: float,
    sources: np.ndarray | None = None,
    windows: Mapping[str, np.ndarray] | None = None,
) -> np.ndarray:
    """(C, F) float32 of the candidates at `rows`, in the order of FEATURES; NaN for what is not known.

    `user_vector` is (D + 1,), `moment` in seconds, `sources` (C,) codes into SOURCES (-1: another; by default
    all are of the model), `windows` the counts of WINDOWS of each candidate, where they are at hand. About
    0.3 ms for 200 candidates.
    """
    past = past.newest(LONGEST)
    rank = moments_ago(past.age_seconds, offsets=np.array([0, len(past.rows)]))
    parts = {
        **_retrieval(shelf, rows=rows, user_vector=user_vector),
        **_nearness(shelf, rows=rows, past=past, rank=rank),
        **_interest(shelf, rows=rows),
        **_facts(shelf, rows=rows, past=past, moment=moment),
        **_shares(shelf, rows=rows, past=past, rank=rank),
        **_origins(rows, sources=sources, windows=windows or {}),
    }
    columns = np.empty((len(FEATURES), len(rows)))
    for place, name in enumerate(FEATURES):
        columns[place] = parts[name]
    return np.ascontiguousarray(columns.T.round(DECIMALS), dtype=np.float32)


def _retrieval(shelf: Shelf, *, rows: np.ndarray, user_vector: np.ndarray) -> dict[str, np.ndarray]:
    score = shelf.vectors[rows] @ user_vector
    place = np.empty(len(rows), dtype=np.int64)
    place[np.argsort(-score, kind="stable")] = np.arange(len(rows))
    return {
        "retrieval_score": score,
        "retrieval_z": _standard(score),
        "retrieval_rank": np.log1p(place),
        "item_bias": shelf.vectors[rows, -1],
    }


def _nearness(
    shelf: Shelf, *, rows: np.ndarray, past: Past, rank: np.ndarray
) -> dict[str, np.ndarray | np.float32]:
    late = (rank < LATEST) & (past.weight > 0)
    near = shelf.vectors[rows, :-POPULARITY_COLUMNS] @ shelf.vectors[past.rows[late], :-POPULARITY_COLUMNS].T
    newest = rank[late] == 0
    fading = RECENCY ** rank[late]
    follows = np.log1p(shelf.follows.sums(past.rows[late], strengths=fading, candidates=rows))
    liked = past.weight > 0
    strengths = past.weight[liked] / np.sqrt(max(float(past.weight[liked].sum()), 1.0))
    alike = np.log1p(shelf.alike.sums(past.rows[liked], strengths=strengths, candidates=rows))
    return {
        "near_latest": near[:, newest].mean(axis=1) if newest.any() else NAN,
        "near_recent": near.max(axis=1) if near.shape[1] else NAN,
        "follows": follows,
        "follows_z": _standard(follows),
        "alike": alike,
        "alike_z": _standard(alike),
    }


def _interest(shelf: Shelf, *, rows: np.ndarray) -> dict[str, np.ndarray]:
    interest = np.log1p(shelf.interest[rows])
    names = [f"interest_{days}d" for days in INTEREST_DAYS]
    return {
        **dict(zip(names, interest.T, strict=True)),
        "interest_z": _standard(interest[:, 1]),
        "rising": interest[:, 0] - interest[:, 2],
    }


def _facts(
    shelf: Shelf, *, rows: np.ndarray, past: Past, moment: float
) -> dict[str, np.ndarray | np.float32]:
    price = shelf.log_price[rows]
    paid = shelf.log_price[past.rows]
    counts = (past.weight > 0) & np.isfinite(paid)
    usual = np.average(paid[counts], weights=past.weight[counts]) if counts.any() else NAN
    age_days = np.maximum(moment - shelf.released_at[rows], 0) / DAY_SECONDS
    return {
        "log_price": price,
        "discount": shelf.discount[rows],
        "price_gap": price - np.float32(usual),
        "rating": shelf.rating[rows],
        "log_rating_count": shelf.log_rating_count[rows],
        "days_since_release": np.log1p(age_days),
        "history_size": np.float32(np.log1p(len(past.rows))),
        "history_days": np.float32(np.log1p(past.age_seconds[-1] / DAY_SECONDS)) if len(past.rows) else NAN,
    }


def _shares(
    shelf: Shelf, *, rows: np.ndarray, past: Past, rank: np.ndarray
) -> dict[str, np.ndarray | np.float32]:
    mine = shelf.category[past.rows]
    same = (shelf.category[rows][:, None] == mine) & (mine >= 0)
    strength = np.maximum(past.weight, 0)
    age = np.where(same, past.age_seconds, np.inf).min(axis=1, initial=np.inf)
    days = np.where(np.isfinite(age), np.log1p(np.where(np.isfinite(age), age, 0) / DAY_SECONDS), NAN)
    return {
        "latest_category": same[:, rank == 0].any(axis=1) if len(mine) else NAN,
        "category_share": _share(same, strength=strength),
        "department_share": _share(_same(shelf.department, rows=rows, past=past), strength=strength),
        "brand_share": _share(_same(shelf.brand, rows=rows, past=past), strength=strength),
        "category_days": days,
    }


def _same(codes: np.ndarray, *, rows: np.ndarray, past: Past) -> np.ndarray:
    """(C, H) whether candidate and entry have the same code, and one at all."""
    mine = codes[past.rows]
    return (codes[rows][:, None] == mine) & (mine >= 0)


def _share(same_CH: np.ndarray, *, strength: np.ndarray) -> np.ndarray | np.float32:
    total = float(strength.sum())
    return same_CH @ (strength / total) if total > 0 else NAN


def _origins(
    rows: np.ndarray, *, sources: np.ndarray | None, windows: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray | np.float32]:
    codes = np.zeros(len(rows), dtype=np.int64) if sources is None else sources
    flags: dict[str, np.ndarray | np.float32] = {
        f"from_{source}": codes == code for code, source in enumerate(SOURCES)
    }
    return flags | {name: windows.get(name, NAN) for name in WINDOWS}


def _standard(values: np.ndarray) -> np.ndarray:
    """The values less their mean, in units of their deviation; zeros where all are the same."""
    if not len(values):
        return values
    centred = values - values.mean()
    deviation = np.sqrt((centred**2).mean())
    return centred / deviation if deviation > 1e-9 else np.zeros_like(centred)
