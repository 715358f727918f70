"""Batches of users with part of their history hidden, and the items the hidden part is ranked against."""

# B = users of the batch, H = pairs of those users, I = items of the catalogue, C = candidate items

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from ml.data import DAY_SECONDS, Interactions, csr_positions, distinct, merge_repeats

LEAST_RECENCY = 1e-9


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

    def wants(self, num_items: int) -> sparse.csr_matrix:
        """(U, I) the weights of the positives."""
        liked = self.weight > 0
        offsets = np.concatenate([[0], np.cumsum(liked)])[self.offsets]
        shape = (len(self.offsets) - 1, num_items)
        return sparse.csr_matrix((self.weight[liked], self.item[liked], offsets), shape=shape)

    def popularity(self, num_items: int) -> np.ndarray:
        """(I,) the number of users with a positive on each item."""
        return np.bincount(self.item[self.weight > 0], minlength=num_items)

    def recent_popularity(self, num_items: int, *, half_life_days: float) -> np.ndarray:
        """(I,) the popularity, in which a positive counts half for every half-life that it is old."""
        liked = self.weight > 0
        counts = recency(self.time[liked], newest=self.time, half_life_days=half_life_days)
        return np.bincount(self.item[liked], weights=counts, minlength=num_items)


@dataclass(frozen=True, kw_only=True)
class HidingPlan:
    """How much of a history a batch hides."""

    history_drop: float  # share of users who are shown without any history
    next_share: float  # share of users split at a moment: input before it, targets after it
    hide_share: float  # part of the other users' pairs hidden at random; all of their positives are targets
    recent_half_life_days: float  # a target this much older than the newest data counts half; 0 = all alike
    kind_power: float = 1.0  # 1 = a target counts by the weight of its kind, 0 = all alike
    heavy_power: float = 0.5  # a user counts by the number of targets to this power


@dataclass(frozen=True, kw_only=True)
class UserBatch:
    """What a step sees: histories to read (CSR), targets to find, negatives to leave."""

    users: np.ndarray  # (B,)
    history_offsets: np.ndarray  # (B + 1,)
    history_item: np.ndarray
    history_weight: np.ndarray
    history_age: np.ndarray
    target_row: np.ndarray
    target_item: np.ndarray
    target_weight: np.ndarray  # sums to 1 in each row
    row_weight: np.ndarray  # (B,)
    known_row: np.ndarray  # pairs of the history that are no targets: neither positives nor negatives
    known_item: np.ndarray
    negative_row: np.ndarray
    negative_item: np.ndarray


def trend(pairs: UserPairs, *, num_items: int, short_days: float, long_days: float) -> np.ndarray:
    """(I,) float32: how much more an item is liked of late, as the log of a ratio of shares; 0 is no change.

    The share of what was liked, with a half-life of `short_days`, against that with one of `long_days` (0 =
    of all time). One liking more for every item keeps the rare ones from rising by chance.
    """
    logs = []
    for days in (short_days, long_days):
        counts = pairs.recent_popularity(num_items, half_life_days=days) + 1
        logs.append(np.log(counts / counts.sum()))
    return np.asarray(logs[0] - logs[1], dtype=np.float32)


def draw_batch(
    pairs: UserPairs, *, users: np.ndarray, plan: HidingPlan, rng: np.random.Generator
) -> UserBatch:
    """A batch of `users` (each with a positive): a part of the pairs as history, positives as targets.

    Who is split at a moment has the positives after it as targets, and what was before is neither target nor
    negative. Everybody else has all positives as targets, shown or hidden: a vector that no longer finds what
    it was made from would have forgotten it.
    """
    positions, offsets = csr_positions(pairs.offsets, users)
    row = np.repeat(np.arange(len(users)), np.diff(offsets))
    weight, time = pairs.weight[positions], pairs.time[positions]
    item = pairs.item[positions].astype(np.int64)
    hidden, split, as_of = _hide(pairs, users=users, row=row, offsets=offsets, time=time, plan=plan, rng=rng)
    target = (weight > 0) & (hidden | ~split[row])
    starved = np.bincount(row[target], minlength=len(users)) == 0
    forced = (offsets[:-1] + pairs.last_positive[users] - pairs.offsets[users])[starved]
    hidden[forced] = target[forced] = True
    history, known = ~hidden, ~hidden & ~target
    target_row = row[target]
    target_weight = _target_weights(weight[target], time=time[target], pairs=pairs, plan=plan)
    row_total = np.bincount(target_row, weights=target_weight, minlength=len(users))
    counts = np.bincount(row[history], minlength=len(users))
    return UserBatch(
        users=users,
        history_offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        history_item=item[history],
        history_weight=weight[history],
        history_age=np.maximum(as_of[row[history]] - time[history], 0).astype(np.float32),
        target_row=target_row,
        target_item=item[target],
        target_weight=(target_weight / row_total[target_row]).astype(np.float32),
        row_weight=(row_total**plan.heavy_power).astype(np.float32),
        known_row=row[known],
        known_item=item[known],
        negative_row=row[weight < 0],
        negative_item=item[weight < 0],
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
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(H,) which pairs are hidden; (B,) who is split at a moment; (B,) the moment each user is looked at."""
    sizes = np.diff(offsets)
    draw = rng.random(len(users))
    dropped = draw < plan.history_drop
    split = ~dropped & (draw >= 1 - plan.next_share) & pairs.ordered
    first_hidden = 1 + (rng.random(len(users)) * (sizes - 1)).astype(np.int64)
    hidden = rng.random(len(row)) < plan.hide_share
    newest = time[offsets[1:] - 1]
    at_split = time[np.minimum(offsets[:-1] + first_hidden, offsets[1:] - 1)]
    # By moments, not places: what was bought together is hidden together, as it will be when it is wanted.
    hidden = np.where(split[row], time >= at_split[row], hidden) | dropped[row]
    return hidden, split, np.where(split, at_split, newest)


def _target_weights(
    weight: np.ndarray, *, time: np.ndarray, pairs: UserPairs, plan: HidingPlan
) -> np.ndarray:
    powered = np.asarray(weight, dtype=np.float64) ** plan.kind_power
    return powered * recency(time, newest=pairs.time, half_life_days=plan.recent_half_life_days)


def recency(time: np.ndarray, *, newest: np.ndarray, half_life_days: float) -> np.ndarray:
    """(M,) what moments count beside the newest: half for every half-life between them; 1 without one."""
    if not half_life_days:
        return np.ones(len(time))
    age_days = (newest.max(initial=0) - time) / DAY_SECONDS
    # Beyond a thousand half-lives this is 0 in floats, and a user with nothing newer would weigh 0 / 0.
    return np.maximum(0.5 ** (age_days / half_life_days), LEAST_RECENCY)


@dataclass(frozen=True, kw_only=True)
class CandidateSampler:
    """Draws the items that a batch's targets are ranked against, beside the targets themselves.

    `popular_share` of the draws follow popularity, the rest is uniform: 1 and 0 are the pure strategies, and
    num_samples 0 leaves in-batch negatives alone.
    """

    popularity: np.ndarray  # (I,)
    num_samples: int
    popular_share: float

    @cached_property
    def _popular(self) -> tuple[np.ndarray, np.ndarray]:
        share = (self.popularity + 1e-9) / (self.popularity + 1e-9).sum()
        return share, np.cumsum(share)

    def draw(self, targets: np.ndarray, *, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """(C,) item indices, ascending and unique, and (C,) their log expected count in such a draw."""
        num_items = len(self.popularity)
        popular, cumulative = self._popular
        num_popular = round(self.num_samples * self.popular_share)
        num_uniform = self.num_samples - num_popular
        by_popularity = np.searchsorted(cumulative, rng.random(num_popular)).clip(0, num_items - 1)
        uniform = rng.integers(0, num_items, size=num_uniform)
        candidates = distinct(np.concatenate([targets, by_popularity, uniform]))
        # The targets of a batch are themselves a sample by popularity.
        missed = (len(targets) + num_popular) * np.log1p(-np.minimum(popular[candidates], 1 - 1e-9))
        missed += num_uniform * np.log1p(-min(1 / num_items, 1 - 1e-9))
        return candidates, np.log(np.maximum(-np.expm1(missed), 1e-12)).astype(np.float32)
