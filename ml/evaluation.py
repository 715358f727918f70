"""The held-out protocol, and a model judged beside its baselines on it."""

from dataclasses import dataclass

import numpy as np

from ml.data import Interactions, ItemSets


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """What there is to find: for each evaluated user the items touched before the cut and wanted after it."""

    users: np.ndarray  # (E,) the evaluated users' indices, ascending
    seen: ItemSets  # of those E users: masked for every method
    positives: ItemSets  # of those E users: new items with a positive event since the cut
    cut: int  # seconds


def held_out(interactions: Interactions, *, cut: int, num_users: int) -> HeldOut:
    """The test of a cut in time: users with an event before it and a positive on an untouched item since.

    Every kind of event touches an item; a positive is an event with a weight above zero.
    """
    before, since = interactions.before(cut), interactions.since(cut)
    since = since.take(since.weight > 0)
    seen = ItemSets.from_pairs(before.user_index, item_index=before.item_index, num_users=num_users)
    width = int(interactions.item_index.max(initial=0)) + 1
    touched = before.user_index.astype(np.int64) * width + before.item_index
    new = ~np.isin(since.user_index.astype(np.int64) * width + since.item_index, touched)
    positives = ItemSets.from_pairs(
        since.user_index[new], item_index=since.item_index[new], num_users=num_users
    )
    users = np.flatnonzero((seen.sizes > 0) & (positives.sizes > 0))
    return HeldOut(users=users, seen=seen.take(users), positives=positives.take(users), cut=cut)
