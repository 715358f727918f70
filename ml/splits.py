"""Splits of events into what is known and what is to be found: by time, the last basket, files, cold."""

# E = evaluated users, U = users, I = items

from dataclasses import dataclass

import numpy as np

from ml.data import Interactions, ItemSets, is_among


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """What there is to find: for each evaluated user, what they had touched at a moment and want then."""

    users: np.ndarray  # (E,) the evaluated users' indices, ascending
    seen: ItemSets  # of those E users: masked for every method
    positives: ItemSets  # of those E users: new items with a positive event at or after the moment
    as_of: np.ndarray  # (E,) int64 seconds: when each user is looked at
    among: np.ndarray | None = None  # (I,) bool: the only items that are ranked; None = all

    def __len__(self) -> int:
        return len(self.users)

    def take(self, rows: np.ndarray) -> "HeldOut":
        """The test of the evaluated users at `rows` (indices, ascending)."""
        return HeldOut(
            users=self.users[rows],
            seen=self.seen.take(rows),
            positives=self.positives.take(rows),
            as_of=self.as_of[rows],
            among=self.among,
        )

    def moments(self, num_users: int) -> np.ndarray:
        """(U,) int64: when each user is looked at; before all time for who is not evaluated."""
        moments = np.full(num_users, np.iinfo(np.int64).min, dtype=np.int64)
        moments[self.users] = self.as_of
        return moments

    def mask(self, scores_BI: np.ndarray, *, rows: np.ndarray) -> np.ndarray:
        """The scores of the evaluated users at `rows`, in place, with -inf for what must not be ranked."""
        seen = self.seen.take(rows)
        scores_BI[seen.rows(), seen.items] = -np.inf
        if self.among is not None:
            scores_BI[:, ~self.among] = -np.inf
        return scores_BI


@dataclass(frozen=True, kw_only=True)
class Split:
    """The events that a method may learn from, and the test it is judged on."""

    known: Interactions
    test: HeldOut


def held_out(interactions: Interactions, *, cut: int, num_users: int) -> HeldOut:
    """The test of a cut in time: users with an event before it and a positive on an untouched item since.

    Every kind of event touches an item; a positive is an event with a weight above zero.
    """
    before = interactions.before(cut)
    test = _unseen(before, later=interactions.since(cut), as_of=np.full(num_users, cut, dtype=np.int64))
    return test.take(np.flatnonzero(test.seen.sizes > 0))


def by_time(interactions: Interactions, *, num_users: int, cut: int) -> Split:
    """Learn from what was before the cut (seconds), find what users with a past turned to since."""
    return Split(known=interactions.before(cut), test=held_out(interactions, cut=cut, num_users=num_users))


def last_out(interactions: Interactions, *, num_users: int) -> Split:
    """Hold out what each user wanted at their last moment: one item, or a whole basket of one second.

    The last moment is that of the last positive event; what the user did at it or later is not known. Users
    with nothing before it, or nothing new at it, are not judged, and all of their events are known.
    """
    last = np.full(num_users, np.iinfo(np.int64).max, dtype=np.int64)
    wants = interactions.take(interactions.weight > 0)
    last[wants.user_index] = wants.timestamp  # ascending: the latest stays
    late = interactions.timestamp >= last[interactions.user_index]
    at_last = late & (interactions.timestamp == last[interactions.user_index])
    test = _unseen(interactions.take(~late), later=interactions.take(at_last), as_of=last)
    test = test.take(np.flatnonzero(test.seen.sizes > 0))
    judged = np.zeros(num_users, dtype=bool)
    judged[test.users] = True
    return Split(known=interactions.take(~late | ~judged[interactions.user_index]), test=test)


def given(train: Interactions, test: Interactions, *, num_users: int) -> Split:
    """Learn from one set of events, find the pairs of another that are not among them.

    Every user with such a pair is judged, also without any event in `train`, at the moment after its last.
    """
    moment = int(train.timestamp[-1]) + 1 if len(train) else 0
    return Split(known=train, test=_unseen(train, later=test, as_of=np.full(num_users, moment)))


def cold_items(split: Split, *, items: np.ndarray) -> Split:
    """Hold out items whole: no event on them is known, and the test ranks among them alone.

    `items` is (I,) bool. Judged are the users who want one of them.
    """
    test, known = split.test, split.known
    cold = items[test.positives.items]
    positives = ItemSets.from_pairs(
        test.positives.rows()[cold], item_index=test.positives.items[cold], num_users=len(test)
    )
    rows = np.flatnonzero(positives.sizes > 0)
    among = items if test.among is None else items & test.among
    judged = HeldOut(
        users=test.users, seen=test.seen, positives=positives, as_of=test.as_of, among=among
    ).take(rows)
    return Split(known=known.take(~items[known.item_index]), test=judged)


def cold_users(split: Split, *, users: np.ndarray, num_events: int = 0) -> Split:
    """Judge users as if they were new: only their latest `num_events` events are known.

    `users` is (U,) bool. The test is the same for every number of events, so that the figures tell what each
    event adds: train on the split with none, then give the histories of the others.
    """
    if num_events < 0:
        raise ValueError("num_events is how many events of a new user are known: 0 or more.")
    known = split.known
    mine = np.flatnonzero(users[known.user_index])
    order = mine[np.argsort(known.user_index[mine], kind="stable")]
    sizes = np.bincount(known.user_index[order], minlength=len(users))
    early = np.arange(len(order)) < np.repeat(np.cumsum(sizes) - num_events, sizes)
    kept = np.ones(len(known), dtype=bool)
    kept[order[early]] = False
    return Split(known=known.take(kept), test=split.test.take(np.flatnonzero(users[split.test.users])))


def _unseen(before: Interactions, *, later: Interactions, as_of: np.ndarray) -> HeldOut:
    """The test of all users with a positive in `later` on an item that they had not touched `before`."""
    num_users = len(as_of)
    later = later.take(later.weight > 0)
    seen = ItemSets.from_pairs(before.user_index, item_index=before.item_index, num_users=num_users)
    width = int(max(before.item_index.max(initial=0), later.item_index.max(initial=0))) + 1
    touched = before.user_index.astype(np.int64) * width + before.item_index
    new = ~is_among(later.user_index.astype(np.int64) * width + later.item_index, wanted=touched)
    positives = ItemSets.from_pairs(
        later.user_index[new], item_index=later.item_index[new], num_users=num_users
    )
    users = np.flatnonzero(positives.sizes > 0)
    return HeldOut(users=users, seen=seen.take(users), positives=positives.take(users), as_of=as_of[users])
