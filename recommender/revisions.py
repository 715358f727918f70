"""What changed since: a mark in Redis for each thing that lists are made of, new whenever the thing changes.

Names: "catalogue", "rules", "version" and "synonyms" for all, "visitor:<uuid>" and "user:<id>" for one
shopper. What is computed and kept goes under the marks that were read before it was computed.
"""

import secrets
import threading
from collections.abc import Sequence
from functools import partial
from typing import cast

import redis
from django.db import transaction

from recommender import redis_door
from shop.visitors import Visitor

CATALOGUE, RULES, VERSION, SYNONYMS = "catalogue", "rules", "version", "synonyms"
_FOR_ALL = frozenset({CATALOGUE, RULES, VERSION, SYNONYMS})
# Far longer than any list made under a shopper's mark is kept, so that a mark lost to time finds none.
_SHOPPER_SECONDS = 7 * 24 * 3600
_MOST_OWED = 10_000

# Changes that Redis could not be told of; told by this process as soon as it answers.
_owed: set[str] = set()
_owed_lock = threading.Lock()


def current(names: Sequence[str]) -> str | None:
    """Return the present marks of the names as one text; None while Redis is away. One round trip."""
    return current_with(names, keys=())[0]


def current_with(names: Sequence[str], *, keys: Sequence[str]) -> tuple[str | None, list[bytes | None]]:
    """Return the present marks of the names, and what Redis held under the keys at that very moment."""
    try:
        if _owed:
            _tell(_taken())
        marks, held = redis_door.ask(partial(_read, names=names, others=keys))
    except redis_door.RedisAway:
        return None, [None] * len(keys)
    return ",".join(marks), held


def bump(*names: str) -> None:
    """Give the names new marks once the transaction is committed; at once where there is none.

    While Redis is away the names are remembered by this process and marked when it answers again.
    """
    transaction.on_commit(partial(_tell, names))


def names_of(visitor: Visitor) -> tuple[str, ...]:
    """Return the names under which changes of this shopper are marked."""
    browser = f"visitor:{visitor.id}"
    return (browser,) if visitor.user_id is None else (browser, name_of_user(visitor.user_id))


def name_of_user(user_id: int) -> str:
    """Return the name under which changes of this account are marked."""
    return f"user:{user_id}"


def mark(pipeline: redis.client.Pipeline, names: Sequence[str]) -> None:
    """Add new marks of the names to what the pipeline will do."""
    for name in names:
        pipeline.set(_key(name), _new_mark(), ex=None if name in _FOR_ALL else _SHOPPER_SECONDS)


def owe(names: Sequence[str]) -> None:
    """Remember names whose marks Redis could not take."""
    with _owed_lock:
        if len(_owed) < _MOST_OWED:
            _owed.update(names)
        else:  # too many shoppers to remember; one mark that all of their lists hang on stands for them
            _owed.add(CATALOGUE)


def _tell(names: Sequence[str]) -> None:
    def marked(client: redis.Redis) -> None:
        with client.pipeline(transaction=False) as pipeline:
            mark(pipeline, names)
            pipeline.execute()

    try:
        redis_door.ask(marked)
    except redis_door.RedisAway:
        owe(names)


def _taken() -> list[str]:
    with _owed_lock:
        names = list(_owed)
        _owed.clear()
    return names


def _read(
    client: redis.Redis, *, names: Sequence[str], others: Sequence[str]
) -> tuple[list[str], list[bytes | None]]:
    keys, num_marks = [*map(_key, names), *others], len(names)
    found = cast(list[bytes | None], client.mget(keys))
    new = [name for name, known in zip(names, found, strict=False) if known is None and name in _FOR_ALL]
    if new:
        # A Redis that lost its data must not look like one in which nothing ever changed.
        for name in new:
            client.set(_key(name), _new_mark(), nx=True)
        found = cast(list[bytes | None], client.mget(keys))
    return [(known or b"-").decode() for known in found[:num_marks]], found[num_marks:]


def _new_mark() -> str:
    """A text that was never used: a count would start again with a Redis that lost its data."""
    return secrets.token_hex(8)


def _key(name: str) -> str:
    return redis_door.key("rev", name)
