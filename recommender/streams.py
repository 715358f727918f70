"""Redis Streams between pages and the consumer: what visitors did, and the lists that they were shown.

An entry is one JSON text. It stays until a consumer has acknowledged its effect, so a stream's length is what
waits. Interactions are in PostgreSQL before they come here; a full stream drops its oldest, and the consumer
finds them there. Impressions come here first, so a full stream refuses them and the page writes them itself.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, cast
from uuid import UUID

import redis
from django.db import transaction

from recommender import redis_door, revisions
from recommender.counting import Event
from shop.visitors import Visitor

INTERACTIONS, IMPRESSIONS = "interactions", "impressions"
GROUP = "consumers"
MAX_INTERACTIONS = 100_000
MAX_IMPRESSIONS = 20_000  # about 60 MB with the rankers' values
_RECHECK_SECONDS = 1.0  # how often a page asks whether a full stream has room again


class StreamFull(Exception):
    """More waits than the stream may hold: no consumer runs, or too few."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One message as the consumer reads it."""

    stream: str
    entry_id: str
    content: dict[str, Any]  # empty for what cannot be read

    @property
    def added_at(self) -> float:
        """Seconds since 1970, by Redis's clock."""
        return int(self.entry_id.split("-", maxsplit=1)[0]) / 1000


@dataclass(frozen=True, kw_only=True)
class Status:
    """How far the consumer is behind."""

    num_waiting: dict[str, int]  # entries by stream
    oldest_seconds: float  # age of the oldest entry that waits; 0 when none does
    newest_counted_seconds: float | None  # since the newest event that was counted; None: none ever
    alive_seconds: float | None  # since a consumer last gave a sign of life; None: none ever

    @property
    def is_running(self) -> bool:
        return self.alive_seconds is not None and self.alive_seconds < 30


@dataclass
class _Fullness:
    """What this process last saw of the impressions' stream."""

    full_until: float = 0.0


_fullness = _Fullness()


# What pages write


def publish(*, event_id: UUID, visitor: Visitor, product_id: int, kind: str, occurred_at: datetime) -> None:
    """Tell the consumer of a saved interaction, and mark its shopper as changed, once it is committed.

    While Redis is away nothing is told: the consumer finds the row in PostgreSQL.
    """
    content = {
        "id": event_id.hex,
        "kind": str(kind),
        "product": product_id,
        "visitor": visitor.id.hex,
        "user": visitor.user_id,
        "at": occurred_at.timestamp(),
    }
    transaction.on_commit(partial(_tell, content, names=revisions.names_of(visitor)))


def publish_join(visitor: Visitor) -> None:
    """Tell the consumer, after the commit, that the browser's guest is now the user."""
    content = {"visitor": visitor.id.hex, "joins": visitor.user_id}
    transaction.on_commit(partial(_tell, content, names=revisions.names_of(visitor)))


def add_impression(text: str) -> None:
    """Hand an impression, or what was seen of one, to the consumer, as JSON.

    Raises RedisAway, or StreamFull: then the caller writes it itself.
    """
    if time.monotonic() < _fullness.full_until:
        raise StreamFull

    def add(client: redis.Redis) -> int:
        with client.pipeline(transaction=False) as pipeline:
            pipeline.xlen(_key(IMPRESSIONS))
            pipeline.xadd(_key(IMPRESSIONS), {"j": text})
            return int(pipeline.execute()[0])

    if redis_door.ask(add) >= MAX_IMPRESSIONS:
        _fullness.full_until = time.monotonic() + _RECHECK_SECONDS


def _tell(content: dict[str, Any], *, names: Sequence[str]) -> None:
    def tell(client: redis.Redis) -> None:
        with client.pipeline(transaction=False) as pipeline:
            text = json.dumps(content, separators=(",", ":"))
            pipeline.xadd(_key(INTERACTIONS), {"j": text}, maxlen=MAX_INTERACTIONS, approximate=True)
            revisions.mark(pipeline, names)
            pipeline.execute()

    try:
        redis_door.ask(tell)
    except redis_door.RedisAway:
        revisions.owe(names)


# What the consumer reads


def prepare(client: redis.Redis) -> None:
    """Make the streams and their consumer group where they are not."""
    for stream in (INTERACTIONS, IMPRESSIONS):
        try:
            client.xgroup_create(_key(stream), GROUP, id="0", mkstream=True)
        except redis.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise


def read(client: redis.Redis, *, consumer: str, num: int, block_seconds: float) -> list[Entry]:
    """Return new entries, at most `num` of each stream, after waiting for one at most so long."""
    wanted: dict[Any, Any] = {_key(stream): ">" for stream in (INTERACTIONS, IMPRESSIONS)}
    block = max(1, int(block_seconds * 1000))
    answer = client.xreadgroup(GROUP, consumer, wanted, count=num, block=block)
    by_key = {_key(stream).encode(): stream for stream in (INTERACTIONS, IMPRESSIONS)}
    found = cast(list[tuple[bytes, list[Any]]], answer or [])
    return [entry for key, rows in found for entry in _entries(by_key[key], rows)]


def claim_abandoned(client: redis.Redis, *, consumer: str, num: int, idle_seconds: float) -> list[Entry]:
    """Return entries that a consumer took so long ago, without acknowledging them, that it must be gone."""
    entries: list[Entry] = []
    for stream in (INTERACTIONS, IMPRESSIONS):
        idle = int(idle_seconds * 1000)
        answer = cast(
            list[Any], client.xautoclaim(_key(stream), GROUP, consumer, min_idle_time=idle, count=num)
        )
        entries += _entries(stream, answer[1])
    return entries


def acknowledge(client: redis.Redis, entries: Sequence[Entry]) -> None:
    """Take entries whose effect is done out of their streams."""
    with client.pipeline(transaction=False) as pipeline:
        for stream in (INTERACTIONS, IMPRESSIONS):
            ids = [entry.entry_id for entry in entries if entry.stream == stream]
            if ids:
                pipeline.xack(_key(stream), GROUP, *ids)
                pipeline.xdel(_key(stream), *ids)
        pipeline.execute()


def remove_consumers(client: redis.Redis, *, is_gone: Callable[[dict[str, Any]], bool]) -> None:
    """Strike consumers that hold no entry and of which `is_gone` says so."""
    for stream in (INTERACTIONS, IMPRESSIONS):
        for known in cast(list[dict[str, Any]], client.xinfo_consumers(_key(stream), GROUP)):
            if known["pending"] == 0 and is_gone(known):
                client.xgroup_delconsumer(_key(stream), GROUP, known["name"])


def event_of(entry: Entry) -> Event | None:
    """Return the interaction of an entry, or None when it holds none."""
    content = entry.content
    try:
        return Event(
            event_id=UUID(content["id"]),
            kind=content["kind"],
            product_id=int(content["product"]),
            visitor_id=UUID(content["visitor"]),
            user_id=content["user"],
            occurred_at=float(content["at"]),
        )
    except (KeyError, TypeError, ValueError):
        return None


def show_life(client: redis.Redis) -> None:
    """Leave a sign that a consumer runs."""
    client.set(_key("alive"), time.time(), ex=24 * 3600)


def status() -> Status:
    """Return how far the consumer is behind; raises RedisAway."""

    def ask(client: redis.Redis) -> list[Any]:
        with client.pipeline(transaction=False) as pipeline:
            for stream in (INTERACTIONS, IMPRESSIONS):
                pipeline.xlen(_key(stream))
                pipeline.xrange(_key(stream), count=1)
            pipeline.get(redis_door.key("win", "newest"))
            pipeline.get(_key("alive"))
            return pipeline.execute()

    interactions, first_event, impressions, first_list, newest, alive = redis_door.ask(ask)
    firsts = [*_entries(INTERACTIONS, first_event), *_entries(IMPRESSIONS, first_list)]
    now = time.time()
    return Status(
        num_waiting={INTERACTIONS: interactions, IMPRESSIONS: impressions},
        oldest_seconds=max((max(0.0, now - entry.added_at) for entry in firsts), default=0.0),
        newest_counted_seconds=None if not newest else max(0.0, now - float(newest)),
        alive_seconds=None if alive is None else max(0.0, now - float(alive)),
    )


def in_words(status: Status) -> str:
    """Return the status as one line for people."""
    waiting = " and ".join(f"{num:,} {stream}" for stream, num in status.num_waiting.items())
    oldest = f", the oldest for {status.oldest_seconds:.1f} s" if any(status.num_waiting.values()) else ""
    newest = status.newest_counted_seconds
    counted = (
        "no event was counted yet" if newest is None else f"the newest counted event is {newest:.0f} s old"
    )
    alive = "a consumer runs" if status.is_running else "no consumer runs"
    return f"{waiting} wait{oldest}; {counted}; {alive}."


def _entries(stream: str, rows: Sequence[Any]) -> Iterator[Entry]:
    for entry_id, fields in rows:
        if not fields:
            continue  # deleted since it was read
        try:
            content = json.loads(fields[b"j"])
        except (KeyError, ValueError):
            content = None
        readable = content if isinstance(content, dict) else {}
        yield Entry(stream=stream, entry_id=entry_id.decode(), content=readable)


def _key(name: str) -> str:
    return redis_door.key("stream", name)
