"""From files to a data set that knows the training part alone, and the test it is judged on."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ml.benchmark.entities import Features, no_features
from ml.benchmark.logs import Log
from ml.benchmark.tables import BadInput
from ml.data import DAY_SECONDS, Dataset, Interactions, cut_in_time
from ml.splits import HeldOut, Split, by_time, given, last_out

TEST_SHARE = 0.2  # of the events, when no number of days is asked for
VALID_SHARE = 0.1  # of the training part, to choose the settings of the baselines on
Splitter = Callable[[Interactions, int], Split]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What the methods learn from, and what they are asked.

    The rows of users and items are those of the training part and of the features, in the order of their
    names; an item that neither knows has an index past the catalogue: it counts in recall, and no method can
    find it. So nothing in the data set depends on the test part.
    """

    dataset: Dataset  # its interactions are the training part
    test: HeldOut
    valid: Split | None  # within the training part, split as the test was
    splitter: Splitter  # of later parts of the same kind
    notes: tuple[str, ...]
    has_features: bool
    counts: dict[str, int]


def of_given(
    train: Log, test: Log, *, users: Features | None = None, items: Features | None = None
) -> Problem:
    """The problem of two files of pairs: users of the test without a training pair are left out."""
    judged = test.user.rows_in(train.user.names) >= 0
    if not judged.any():
        raise BadInput("No user of the test file is in the training file; use the same ids in both.")
    strangers = len(np.unique(test.user.code[~judged]))
    notes = [*train.notes, *test.notes]
    if strangers:
        notes.append(f"{strangers:,} users of the test are not in training and are left out.")
    test = test.take(judged)
    user_names = _names(train.user.names, beside=users)
    item_names = _names(train.item.names, beside=items)
    all_items = _extended(item_names, more=test.item.names)
    known = _interactions(train, users=user_names, items=all_items)
    asked = _interactions(test, users=user_names, items=all_items)
    split = given(known, asked, num_users=len(user_names))
    return _problem(
        split,
        users=(user_names, users),
        items=(item_names, items),
        splitter=_random_part,
        notes=notes,
    )


def of_log(
    log: Log,
    *,
    split: str,
    days: float | None = None,
    users: Features | None = None,
    items: Features | None = None,
) -> Problem:
    """The problem of one log, split by time (the last days, or fifth of the events) or at last moments."""
    user_names, item_names = _sorted(log.user.names), _sorted(log.item.names)
    events = _interactions(log, users=user_names, items=item_names)
    splitter = _splitter(events, split=split, days=days)
    known = splitter(events, len(user_names)).known
    if not len(known):
        raise BadInput("Nothing is left to learn from before the test; hold out less with --days.")
    # Numbered anew by what is known: whatever the test part names cannot move a row.
    known_users = _names(_named(user_names, known.user_index), beside=users)
    known_items = _names(_named(item_names, known.item_index), beside=items)
    all_users, all_items = _extended(known_users, more=user_names), _extended(known_items, more=item_names)
    parts = splitter(_interactions(log, users=all_users, items=all_items), len(all_users))
    inner = _last if split == "last" else latest_part
    strangers = len(user_names) - len(pc.unique(_named(user_names, known.user_index)))
    notes = list(log.notes)
    if strangers:
        notes.append(f"{strangers:,} users begin in the test part: with no past they are not judged here.")
    return _problem(
        parts,
        users=(known_users, users),
        items=(known_items, items),
        splitter=inner,
        notes=notes,
    )


def _problem(
    split: Split,
    *,
    users: tuple[pa.Array, Features | None],
    items: tuple[pa.Array, Features | None],
    splitter: Splitter,
    notes: list[str],
) -> Problem:
    (user_names, user_features), (item_names, item_features) = users, items
    if not len(split.test):
        raise BadInput("No user has something new in the test part; hold out more, or check the files.")
    dataset = Dataset(
        users=(user_features or no_features()).table(user_names),
        items=(item_features or no_features()).table(item_names),
        interactions=split.known,
    )
    positives = split.test.positives.items
    beyond = int((positives >= len(item_names)).sum())
    if beyond:
        notes.append(
            f"{beyond:,} of {len(positives):,} test items are neither in training nor described: "
            "they count in recall, and no method can find them."
        )
    for name, features, names in (("users", user_features, user_names), ("items", item_features, item_names)):
        if features is not None:
            unknown = pc.sum(pc.invert(pc.is_in(names, value_set=features.names))).as_py()
            notes.append(f"{name}: {features.describe()}; {unknown or 0:,} of {len(names):,} have no row.")
    valid = splitter(split.known, len(user_names))
    return Problem(
        dataset=dataset,
        test=split.test,
        valid=valid if len(valid.test) else None,
        splitter=splitter,
        notes=tuple(notes),
        has_features=user_features is not None or item_features is not None,
        counts={
            "users": len(user_names),
            "items": len(item_names),
            "training_events": len(split.known),
            "judged_users": len(split.test),
            "test_items": len(positives),
            "test_items_unknown": beyond,
        },
    )


def _splitter(events: Interactions, *, split: str, days: float | None) -> Splitter:
    if split == "last":
        return _last
    if days is None:
        cut = cut_in_time(events.timestamp, last_share=TEST_SHARE)
    else:
        cut = int(events.timestamp[-1]) + 1 - round(days * DAY_SECONDS)
    return lambda interactions, num_users: by_time(interactions, num_users=num_users, cut=cut)


def _last(interactions: Interactions, num_users: int) -> Split:
    return last_out(interactions, num_users=num_users)


def latest_part(interactions: Interactions, num_users: int) -> Split:
    """Hold out the newest tenth of the events."""
    cut = cut_in_time(interactions.timestamp, last_share=VALID_SHARE)
    return by_time(interactions, num_users=num_users, cut=cut)


def _random_part(interactions: Interactions, num_users: int) -> Split:
    held = np.random.default_rng(0).random(len(interactions)) < VALID_SHARE
    return given(interactions.take(~held), interactions.take(held), num_users=num_users)


def _interactions(log: Log, *, users: pa.Array, items: pa.Array) -> Interactions:
    return Interactions.from_columns(
        log.user.rows_in(users),
        item_index=log.item.rows_in(items),
        kind=log.kind,
        value=log.value,
        timestamp=log.timestamp,
    )


def _names(names: pa.Array, *, beside: Features | None) -> pa.Array:
    """The names in their order, then those that only the features know."""
    return _extended(_sorted(names), more=beside.names) if beside is not None else _sorted(names)


def _extended(names: pa.Array, *, more: pa.Array) -> pa.Array:
    new = more.filter(pc.invert(pc.is_in(more, value_set=names)))
    return pa.concat_arrays([names, _sorted(new)])


def _sorted(names: pa.Array) -> pa.Array:
    return names.take(pc.sort_indices(names))


def _named(names: pa.Array, index: np.ndarray) -> pa.Array:
    return names.take(pa.array(np.unique(index)))
