"""What a model learns from: entities as columns, interactions in time order, histories as CSR. NumPy only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

KINDS: tuple[str, ...] = ("view", "click", "cart_add", "cart_remove", "purchase", "rating", "dislike")

# How much one event says about taste, from -1 (never again) to 1 (bought). A rating is weighed by its stars.
KIND_WEIGHTS: dict[str, float] = {
    "view": 0.2,
    "click": 0.3,
    "cart_add": 0.6,
    "cart_remove": 0.0,
    "purchase": 1.0,
    "rating": 0.25,
    "dislike": -1.0,
}
# Weight of 1, 2, 3, 4, 5 stars: below 3 is a negative.
STAR_WEIGHTS: tuple[float, ...] = (-1.0, -0.5, 0.25, 0.75, 1.0)

DAY_SECONDS = 86_400
MONTH_SECONDS = 30 * DAY_SECONDS
MAX_HISTORY = 1_000

_RATING_CODE = KINDS.index("rating")
_WEIGHT_BY_CODE = np.array([KIND_WEIGHTS[kind] for kind in KINDS], dtype=np.float32)


def weights_of(kind_codes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The (M,) float32 weights of events, from their (M,) codes into KINDS and (M,) values (NaN = none)."""
    weights = _WEIGHT_BY_CODE[kind_codes]
    rated = (kind_codes == _RATING_CODE) & np.isfinite(values)
    if rated.any():
        weights[rated] = np.interp(values[rated], np.arange(1, 6), STAR_WEIGHTS)
    return weights


def weight_of(kind: str, value: float | None) -> float:
    """The weight of one event: its kind's, or its stars' for a rating that has some."""
    if kind not in KINDS:
        raise ValueError(f"Unknown interaction kind {kind!r}; use one of {', '.join(KINDS)}.")
    code = np.array([KINDS.index(kind)], dtype=np.int8)
    return float(weights_of(code, np.array([np.nan if value is None else value], dtype=np.float32))[0])


def distinct(values: np.ndarray) -> np.ndarray:
    """The values once each, ascending. By sorting: np.unique hashes integers, up to 18 times as slowly."""
    ordered = np.sort(values)
    return ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])] if len(ordered) else ordered


def is_among(values: np.ndarray, *, wanted: np.ndarray) -> np.ndarray:
    """Whether each value is one of `wanted`. By sorting: np.isin took six times as long on integers."""
    if not len(wanted):
        return np.zeros(len(values), dtype=bool)
    ordered = np.sort(wanted)
    place = np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)
    return np.asarray(ordered[place] == values)


@dataclass(frozen=True, kw_only=True)
class EntityTable:
    """Users or items as columns; the row number is the entity's dense index."""

    ids: np.ndarray  # (N,) int64 database keys
    numeric: Mapping[str, np.ndarray] = field(default_factory=dict)  # (N,) float32, NaN = missing
    categorical: Mapping[str, np.ndarray] = field(default_factory=dict)  # (N,) str objects, "" = missing
    multi: Mapping[str, Sequence[tuple[str, ...]]] = field(default_factory=dict)  # N tuples each
    vectors: Mapping[str, np.ndarray] = field(default_factory=dict)  # (N, d) float32, a zero row = missing

    def __post_init__(self) -> None:
        if self.ids.ndim != 1 or not np.issubdtype(self.ids.dtype, np.integer):
            raise ValueError("EntityTable.ids must be a one-dimensional array of integer database keys.")
        if len(distinct(self.ids)) != len(self.ids):
            raise ValueError("EntityTable.ids repeats a key; give every entity one row.")
        for group in (self.numeric, self.categorical, self.multi, self.vectors):
            for name, column in group.items():
                if len(column) != len(self.ids):
                    raise ValueError(
                        f"Column {name!r} has {len(column)} rows for {len(self.ids)} ids; align them."
                    )
        for name, matrix in self.vectors.items():
            if matrix.ndim != 2:
                raise ValueError(f"Vectors {name!r} must have shape (N, d), not {matrix.shape}.")

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, indices: np.ndarray) -> "EntityTable":
        """The rows at `indices`, in that order."""
        return EntityTable(
            ids=self.ids[indices],
            numeric={name: column[indices] for name, column in self.numeric.items()},
            categorical={name: column[indices] for name, column in self.categorical.items()},
            multi={name: [rows[i] for i in indices] for name, rows in self.multi.items()},
            vectors={name: matrix[indices] for name, matrix in self.vectors.items()},
        )


@dataclass(frozen=True, kw_only=True)
class Interactions:
    """Events as columns, sorted by time."""

    user_index: np.ndarray  # (M,) int32
    item_index: np.ndarray  # (M,) int32
    kind: np.ndarray  # (M,) int8 code into KINDS
    value: np.ndarray  # (M,) float32, NaN = none
    timestamp: np.ndarray  # (M,) int64 seconds

    def __post_init__(self) -> None:
        lengths = {len(column) for column in self._columns()}
        if len(lengths) > 1:
            raise ValueError(
                f"Interaction columns differ in length ({sorted(lengths)}); give one value an event."
            )
        if len(self) and (self.kind.min() < 0 or self.kind.max() >= len(KINDS)):
            raise ValueError(
                f"Interaction kinds must be codes from 0 to {len(KINDS) - 1}, as in ml.data.KINDS."
            )
        if len(self) and min(self.user_index.min(), self.item_index.min()) < 0:
            raise ValueError("Interaction indices must not be negative; map database keys to rows first.")
        if len(self) > 1 and (np.diff(self.timestamp) < 0).any():
            raise ValueError(
                "Interactions must be sorted by timestamp; use Interactions.from_columns to sort them."
            )

    @classmethod
    def from_columns(
        cls,
        user_index: np.ndarray,
        *,
        item_index: np.ndarray,
        kind: np.ndarray,
        value: np.ndarray,
        timestamp: np.ndarray,
    ) -> "Interactions":
        """Interactions of unsorted columns, sorted by time (stable) and cast to the column types."""
        order = np.argsort(timestamp, kind="stable")
        return cls(
            user_index=user_index[order].astype(np.int32),
            item_index=item_index[order].astype(np.int32),
            kind=kind[order].astype(np.int8),
            value=value[order].astype(np.float32),
            timestamp=timestamp[order].astype(np.int64),
        )

    def _columns(self) -> tuple[np.ndarray, ...]:
        return self.user_index, self.item_index, self.kind, self.value, self.timestamp

    def __len__(self) -> int:
        return len(self.timestamp)

    @cached_property
    def weight(self) -> np.ndarray:
        """(M,) float32: what each event says about taste; below zero is a negative."""
        return weights_of(self.kind, self.value)

    def take(self, rows: np.ndarray | slice) -> "Interactions":
        """The events at `rows` (indices in ascending order, a mask or a slice)."""
        user_index, item_index, kind, value, timestamp = (column[rows] for column in self._columns())
        return Interactions(
            user_index=user_index, item_index=item_index, kind=kind, value=value, timestamp=timestamp
        )

    def before(self, timestamp: int) -> "Interactions":
        """The events earlier than `timestamp`."""
        return self.take(slice(0, int(np.searchsorted(self.timestamp, timestamp, side="left"))))

    def since(self, timestamp: int) -> "Interactions":
        """The events at or later than `timestamp`."""
        return self.take(slice(int(np.searchsorted(self.timestamp, timestamp, side="left")), None))


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Users, items, and what happened between them; features must not know what is to be predicted."""

    users: EntityTable
    items: EntityTable
    interactions: Interactions

    def __post_init__(self) -> None:
        events = self.interactions
        if not len(events):
            return
        if events.user_index.max() >= len(self.users) or events.item_index.max() >= len(self.items):
            raise ValueError(
                "An interaction points past the users or items table; drop it or add the missing row."
            )


def cut_in_time(timestamps: np.ndarray, *, last_share: float) -> int:
    """The second at which the last `last_share` of ascending timestamps begin; past the last one for 0.

    Events of one second stay on one side: all of them at or after the cut.
    """
    if not 0 <= last_share < 1:
        raise ValueError("last_share must be at least 0 and below 1.")
    if not len(timestamps):
        raise ValueError("There are no interactions to split; load or log some first.")
    position = round(len(timestamps) * (1 - last_share))
    return int(timestamps[position]) if position < len(timestamps) else int(timestamps[-1]) + 1


@dataclass(frozen=True, kw_only=True)
class ItemSets:
    """A set of items for each user, as CSR: user u has items[offsets[u]:offsets[u + 1]], ascending."""

    offsets: np.ndarray  # (U + 1,) int64
    items: np.ndarray  # int32

    @classmethod
    def from_pairs(cls, user_index: np.ndarray, *, item_index: np.ndarray, num_users: int) -> "ItemSets":
        """The sets of unsorted, possibly repeated pairs."""
        width = int(item_index.max()) + 1 if len(item_index) else 1
        keys = distinct(user_index.astype(np.int64) * width + item_index)
        offsets = np.searchsorted(keys // width, np.arange(num_users + 1)).astype(np.int64)
        return cls(offsets=offsets, items=(keys % width).astype(np.int32))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def sizes(self) -> np.ndarray:
        """(U,) the number of items of each user."""
        return np.diff(self.offsets)

    def of(self, user_index: int) -> np.ndarray:
        """One user's items."""
        return self.items[self.offsets[user_index] : self.offsets[user_index + 1]]

    def take(self, users: np.ndarray) -> "ItemSets":
        """The sets of `users`, in that order."""
        positions, offsets = csr_positions(self.offsets, users)
        return ItemSets(offsets=offsets, items=self.items[positions])

    def rows(self) -> np.ndarray:
        """The user index of every entry of `items`."""
        return np.repeat(np.arange(len(self)), self.sizes)


def csr_positions(offsets: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The positions of all entries of `rows` of a CSR structure, and the new offsets."""
    sizes = offsets[rows + 1] - offsets[rows]
    new_offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    starts = np.repeat(offsets[rows] - new_offsets[:-1], sizes)
    return starts + np.arange(new_offsets[-1]), new_offsets


@dataclass(frozen=True, kw_only=True)
class Histories:
    """What each user did before a moment, as CSR, oldest first; an item counts once a user.

    Of several events on one item the strongest weight and the latest time stay, and a negative outweighs
    every positive: who rated two stars after buying did not like it. Weightless events are left out.
    """

    offsets: np.ndarray  # (U + 1,) int64
    item_index: np.ndarray  # (H,) int32
    weight: np.ndarray  # (H,) float32
    age_seconds: np.ndarray  # (H,) float32, since the event

    @classmethod
    def from_interactions(
        cls,
        interactions: Interactions,
        *,
        num_users: int,
        as_of: int | np.ndarray,
        max_length: int = MAX_HISTORY,
    ) -> "Histories":
        """The latest `max_length` items of each user before `as_of`: one second for all, or (U,) of each."""
        moments = np.broadcast_to(np.asarray(as_of, dtype=np.int64), num_users)
        events = interactions.take(
            (interactions.timestamp < moments[interactions.user_index]) & (interactions.weight != 0)
        )
        users, items, weights, times = merge_repeats(events)
        sizes = np.bincount(users, minlength=num_users)
        ends = np.cumsum(sizes)
        recent = np.arange(len(users)) >= np.repeat(ends - max_length, sizes)
        offsets = np.concatenate([[0], np.cumsum(np.minimum(sizes, max_length))]).astype(np.int64)
        age = (moments[users[recent]] - times[recent]).astype(np.float32)
        return cls(offsets=offsets, item_index=items[recent], weight=weights[recent], age_seconds=age)

    @classmethod
    def empty(cls, num_users: int) -> "Histories":
        """Histories of users who did nothing yet."""
        return cls(
            offsets=np.zeros(num_users + 1, dtype=np.int64),
            item_index=np.zeros(0, dtype=np.int32),
            weight=np.zeros(0, dtype=np.float32),
            age_seconds=np.zeros(0, dtype=np.float32),
        )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def take(self, users: np.ndarray) -> "Histories":
        """The histories of `users`, in that order."""
        positions, offsets = csr_positions(self.offsets, users)
        return Histories(
            offsets=offsets,
            item_index=self.item_index[positions],
            weight=self.weight[positions],
            age_seconds=self.age_seconds[positions],
        )


def moments_ago(age_seconds: np.ndarray, *, offsets: np.ndarray) -> np.ndarray:
    """(H,) float32: how many distinct moments of the same row came after each entry's; oldest entries first.

    What was bought together is equally new, and where times are unknown everything is.
    """
    age = age_seconds.astype(np.float32)
    older = np.concatenate([age[:-1] > age[1:], [False]]) if len(age) else np.zeros(0, dtype=bool)
    ends = offsets[1:][np.diff(offsets) > 0] - 1
    later = np.cumsum(older[::-1])[::-1]  # moments to the end of all rows
    at_end = np.repeat(later[ends], np.diff(offsets)[np.diff(offsets) > 0])
    return (later - at_end).astype(np.float32)


def merge_repeats(events: Interactions) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(user, item, weight, time) of each pair once, sorted by user, then by the time of its last event."""
    if not len(events):
        empty = np.zeros(0, dtype=np.int32)
        return empty, empty, np.zeros(0, dtype=np.float32), np.zeros(0, dtype=np.int64)
    width = int(events.item_index.max()) + 1
    keys = events.user_index.astype(np.int64) * width + events.item_index
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.concatenate([[True], np.diff(keys[order]) > 0]))
    strongest = np.maximum.reduceat(events.weight[order], starts)
    weakest = np.minimum.reduceat(events.weight[order], starts)
    times = np.maximum.reduceat(events.timestamp[order], starts)
    pairs = keys[order][starts]
    users, items = (pairs // width).astype(np.int32), (pairs % width).astype(np.int32)
    by_time = _by_user_and_time(users, times=times)
    weights = np.where(weakest < 0, weakest, strongest)[by_time]
    return users[by_time], items[by_time], weights, times[by_time]


def _by_user_and_time(users: np.ndarray, *, times: np.ndarray) -> np.ndarray:
    """The order by user, then time, then place. One key of both is sorted in a third of lexsort's time."""
    span = int(times.max()) - int(times.min()) + 1
    if (int(users.max()) + 1) * span >= 2**63:  # as with times in nanoseconds
        return np.lexsort((times, users))
    return np.argsort(users * np.int64(span) + (times - times.min()), kind="stable")
