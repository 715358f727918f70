"""Batches of users with part of their history hidden, and the items the hidden part is ranked against."""

# B = users of the batch, H = pairs of those users, I = items of the catalogue, C = candidate items

from dataclasses import dataclass

import numpy as np

from ml.data import DAY_SECONDS, Interactions, csr_positions, merge_repeats


@dataclass(frozen=True, kw_only=True)
class UserPairs:
    """Every (user, item) pair once, as CSR by user, oldest first."""

    offsets: np.ndarray  # (U + 1,) int64
    item: np.ndarray  # int32
    weight: np.ndarray  # float32, below zero is a negative
    time: np.ndarray  # int64 seconds
    last_positive: np.ndarray  # (U,) position of the newest positive, -1 without one
    ordered: bool  # whether the times tell an order at all

    @classmethod
    def from_interactions(cls, interactions: Interactions, *, num_users: int) -> "UserPairs":
        """The pairs of events that say something; weightless ones are left out."""
        user, item, weight, time = merge_repeats(interactions.take(interactions.weight != 0))
        offsets = np.searchsorted(user, np.arange(num_users + 1)).astype(np.int64)
        last_positive = np.full(num_users, -1, dtype=np.int64)
        positives = np.flatnonzero(weight > 0)
        last_positive[user[positives]] = positives
        ordered = len(time) > 0 and bool(time.min() < time.max())
        return cls(
            offsets=offsets, item=item, weight=weight, time=time, last_positive=last_positive, ordered=ordered
        )

    @property
    def trainable_users(self) -> np.ndarray:
        """The users who have a positive."""
        return np.flatnonzero(self.last_positive >= 0)

    def popularity(self, num_items: int) -> np.ndarray:
        """(I,) the number of users with a positive on each item."""
        return np.bincount(self.item[self.weight > 0], minlength=num_items)


@dataclass(frozen=True, kw_only=True)
class HidingPlan:
    """How much of a history a batch hides."""

    history_drop: float  # share of users who are shown without any history
    next_share: float  # share of users split at a moment: input before it, targets after it
    hide_share: float  # part of the other users' pairs hidden at random
    recent_half_life_days: float  # a target this much older than the newest data counts half; 0 = all alike


@dataclass(frozen=True, kw_only=True)
class UserBatch:
    """What a step sees: histories to read (CSR), targets to find, negatives to leave."""

    users: np.ndarray  # (B,)
    history_offsets: np.ndarray  # (B + 1,)
    history_item: np.ndarray
    history_weight: np.ndarray
    history_age: np.ndarray
    history_row: np.ndarray
    target_row: np.ndarray
    target_item: np.ndarray
    target_weight: np.ndarray  # sums to 1 in each row
    row_weight: np.ndarray  # (B,)
    negative_row: np.ndarray
    negative_item: np.ndarray


def draw_batch(
    pairs: UserPairs, *, users: np.ndarray, plan: HidingPlan, rng: np.random.Generator
) -> UserBatch:
    """A batch of `users` (each with a positive): part of the pairs as history, hidden positives as targets.

    A user weighs the square root of the number of targets, so that heavy users do not drown the rest.
    """
    positions, offsets = csr_positions(pairs.offsets, users)
    row = np.repeat(np.arange(len(users)), np.diff(offsets))
    weight, time = pairs.weight[positions], pairs.time[positions]
    hidden, as_of = _hide(pairs, users=users, row=row, offsets=offsets, time=time, plan=plan, rng=rng)
    target = hidden & (weight > 0)
    starved = np.bincount(row[target], minlength=len(users)) == 0
    forced = (offsets[:-1] + pairs.last_positive[users] - pairs.offsets[users])[starved]
    hidden[forced] = target[forced] = True
    history = ~hidden
    target_row = row[target]
    target_weight = weight[target] * _recency(time[target], newest=pairs.time, plan=plan)
    row_total = np.bincount(target_row, weights=target_weight, minlength=len(users))
    counts = np.bincount(row[history], minlength=len(users))
    return UserBatch(
        users=users,
        history_offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        history_item=pairs.item[positions][history].astype(np.int64),
        history_weight=weight[history],
        history_age=np.maximum(as_of[row[history]] - time[history], 0).astype(np.float32),
        history_row=row[history],
        target_row=target_row,
        target_item=pairs.item[positions][target].astype(np.int64),
        target_weight=(target_weight / row_total[target_row]).astype(np.float32),
        row_weight=np.sqrt(row_total).astype(np.float32),
        negative_row=row[weight < 0],
        negative_item=pairs.item[positions][weight < 0].astype(np.int64),
    )


def _hide(
    pairs: UserPairs,
    *,
    users: np.ndarray,
    row: np.ndarray,
    offsets: np.ndarray,
    time: np.ndarray,
    plan: HidingPlan,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """(H,) which pairs are hidden, and (B,) the moment at which each user is looked at."""
    sizes = np.diff(offsets)
    draw = rng.random(len(users))
    dropped = draw < plan.history_drop
    cut = ~dropped & (draw >= 1 - plan.next_share) & pairs.ordered
    first_hidden = 1 + (rng.random(len(users)) * (sizes - 1)).astype(np.int64)
    hidden = rng.random(len(row)) < plan.hide_share
    place = np.arange(len(row)) - offsets[row]
    hidden = np.where(cut[row], place >= first_hidden[row], hidden) | dropped[row]
    newest = time[offsets[1:] - 1]
    at_cut = time[np.minimum(offsets[:-1] + first_hidden, offsets[1:] - 1)]
    return hidden, np.where(cut, at_cut, newest)


def _recency(time: np.ndarray, *, newest: np.ndarray, plan: HidingPlan) -> np.ndarray:
    if not plan.recent_half_life_days:
        return np.ones(len(time))
    age_days = (newest.max() - time) / DAY_SECONDS
    return np.asarray(0.5 ** (age_days / plan.recent_half_life_days))


@dataclass(frozen=True, kw_only=True)
class CandidateSampler:
    """Draws the items that a batch's targets are ranked against, beside the targets themselves.

    `popular_share` of the draws follow popularity, the rest is uniform: 1 and 0 are the pure strategies, and
    num_samples 0 leaves in-batch negatives alone.
    """

    popularity: np.ndarray  # (I,)
    num_samples: int
    popular_share: float

    def draw(self, targets: np.ndarray, *, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """(C,) item indices, ascending and unique, and (C,) their log expected count in such a draw."""
        num_items = len(self.popularity)
        popular = (self.popularity + 1e-9) / (self.popularity + 1e-9).sum()
        num_popular = round(self.num_samples * self.popular_share)
        num_uniform = self.num_samples - num_popular
        by_popularity = np.searchsorted(np.cumsum(popular), rng.random(num_popular)).clip(0, num_items - 1)
        uniform = rng.integers(0, num_items, size=num_uniform)
        candidates = np.unique(np.concatenate([targets, by_popularity, uniform]))
        # The targets of a batch are themselves a sample by popularity.
        missed = (len(targets) + num_popular) * np.log1p(-np.minimum(popular[candidates], 1 - 1e-9))
        missed += num_uniform * np.log1p(-min(1 / num_items, 1 - 1e-9))
        return candidates, np.log(np.maximum(-np.expm1(missed), 1e-12)).astype(np.float32)
