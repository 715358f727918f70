"""The consumer: moves what pages tell from Redis Streams into windows, impressions and the feature store.

Every entry is delivered at least once and has its effect once: events are counted under their id, impressions
are inserted under theirs, seen positions are a union.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import redis
from django.db import DataError, Error, close_old_connections
from django.db.models import Min
from django.utils import timezone

from recommender import counting, features, impressions, redis_door, search_log, streams, window_features
from recommender.counting import SECONDS, Event, actor_of
from recommender.models import Interaction
from recommender.streams import Entry
from shop import embedded

NUM_AT_ONCE = 300
BLOCK_SECONDS = 1.0
CLAIM_SECONDS = 30.0  # without an acknowledgement, after which an entry's consumer counts as gone
CATCH_UP_SECONDS = 60.0
REPLAYED_AT_ONCE, OVERLAP = 2_000, 5_000
# How long what was seen of a list may wait for the list itself, which another consumer may hold.
LIST_PATIENCE_SECONDS = 300.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 10.0
# Django's Error is that of any database call.
OUTAGES = (redis.RedisError, redis_door.RedisAway, Error, embedded.ServiceError, OSError)

logger = logging.getLogger(__name__)


@dataclass
class Every:
    """True once in so many seconds, and at first."""

    seconds: float
    last: float = field(default=float("-inf"))

    def is_due(self) -> bool:
        now = time.monotonic()
        if now - self.last < self.seconds:
            return False
        self.last = now
        return True


class Consumer:
    """One consumer of the group; any number may run."""

    def __init__(self) -> None:
        # The random part: two containers may have the same process number and, on one host, the same name.
        self.name = f"{socket.gethostname()}-{os.getpid()}-{os.urandom(2).hex()}"
        self._client: redis.Redis | None = None
        self._replay: Iterator[int] = iter(())
        self._claiming, self._catching_up = Every(CLAIM_SECONDS / 2), Every(CATCH_UP_SECONDS)
        self._pushing, self._warning = Every(1.0), Every(60.0)

    def run(self, stop: threading.Event) -> None:
        """Return after `stop` is set; outlives outages of Redis and PostgreSQL, with a line a minute."""
        features.warm_in_background()
        pause = FIRST_PAUSE_SECONDS
        while not stop.is_set():
            try:
                self.turn(block_seconds=BLOCK_SECONDS)
                pause = FIRST_PAUSE_SECONDS
            except OUTAGES as error:
                self._client = None
                if self._warning.is_due():
                    reason = " ".join(str(error).split()) or type(error).__name__
                    logger.warning("waits for Redis and PostgreSQL: %s", reason)
                stop.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            finally:
                close_old_connections()
        self.leave()

    def turn(self, *, block_seconds: float) -> int:
        """Return how many entries were handled in one round: abandoned ones, new ones, some of the replay."""
        client = self._connected()
        streams.show_life(client)
        entries: list[Entry] = []
        if self._claiming.is_due():
            entries += streams.claim_abandoned(
                client, consumer=self.name, num=NUM_AT_ONCE, idle_seconds=CLAIM_SECONDS
            )
        if self._catching_up.is_due():
            self._replay = replay(client, now=timezone.now())
        replayed = next(self._replay, 0)
        block = 0.0 if entries or replayed else block_seconds
        entries += streams.read(client, consumer=self.name, num=NUM_AT_ONCE, block_seconds=block)
        streams.acknowledge(client, handle(client, entries, now=timezone.now()))
        if self._pushing.is_due():
            num_pushed = window_features.push_due(client, now=timezone.now())
            if num_pushed >= window_features.MAX_SUBJECTS:
                self._pushing.last = float("-inf")  # more are due: push again in the next round
        return len(entries)

    def leave(self) -> None:
        """Strike this consumer from the group, if Redis answers."""
        if self._client is not None:
            try:
                streams.remove_consumers(
                    self._client, is_gone=lambda known: known["name"] == self.name.encode()
                )
            except redis.RedisError:
                return

    def _connected(self) -> redis.Redis:
        if self._client is None:
            # Also starts an embedded server that was killed.
            client = redis_door.connect(reply_seconds=BLOCK_SECONDS + 5)
            streams.prepare(client)
            day = 24 * 3600 * 1000
            streams.remove_consumers(client, is_gone=lambda known: known["idle"] > day)
            self._claiming, self._catching_up = Every(CLAIM_SECONDS / 2), Every(CATCH_UP_SECONDS)
            self._client = client
        return self._client


def handle(client: redis.Redis, entries: Sequence[Entry], *, now: datetime) -> list[Entry]:
    """Give the entries their effect and return those that are done; handling one again changes nothing.

    An entry that makes no sense, as of another release, is logged and done, so that it holds up no other.
    """
    try:
        return _handle_together(client, entries, now=now)
    except (KeyError, TypeError, ValueError, DataError) as error:
        if len(entries) == 1:
            logger.warning("left out the entry %s of %s: %r", entries[0].entry_id, entries[0].stream, error)
            return list(entries)
        return [done for entry in entries for done in handle(client, [entry], now=now)]


def _handle_together(client: redis.Redis, entries: Sequence[Entry], *, now: datetime) -> list[Entry]:
    served = [entry.content for entry in entries if "product_ids" in entry.content]
    if served:
        impressions.write_served(served)
    searches = [entry.content[search_log.MARK] for entry in entries if search_log.MARK in entry.content]
    if searches:
        search_log.write(searches)
    seen = [entry for entry in entries if "positions" in entry.content]
    waiting = _handle_seen(client, seen, now=now) if seen else set()
    told = [entry for entry in entries if entry.stream == streams.INTERACTIONS]
    if told:
        _handle_interactions(client, told, now=now)
    return [entry for entry in entries if entry.entry_id not in waiting]


def _handle_interactions(client: redis.Redis, entries: Sequence[Entry], *, now: datetime) -> None:
    """Count events in their order; a log-in moves what came before it from the guest to the account."""
    events: list[Event] = []
    for entry in entries:
        if "joins" in entry.content:
            counting.count(client, events, now=now)
            events = []
            visitor_id, user_id = UUID(entry.content["visitor"]), int(entry.content["joins"])
            counting.join_guest(client, visitor_id=visitor_id, user_id=user_id, now=now)
        event = streams.event_of(entry)
        if event is not None:
            events.append(event)
        elif "joins" not in entry.content:
            logger.warning("left out an entry of the stream that cannot be read: %s", entry.entry_id)
    counting.count(client, events, now=now)


def _handle_seen(client: redis.Redis, entries: Sequence[Entry], *, now: datetime) -> set[str]:
    """Write what was seen; return the entries whose list is not there yet, to be tried again."""
    found = {seen.id: seen for seen in impressions.write_seen([entry.content for entry in entries])}
    waiting = set()
    for entry in entries:
        seen = found.get(UUID(entry.content["id"]))
        if seen is None:
            if now.timestamp() - entry.added_at < LIST_PATIENCE_SECONDS:
                waiting.add(entry.entry_id)
        else:
            counting.count_seen(
                client,
                seen.id,
                actor_name=actor_of(user_id=seen.user_id, visitor_id=seen.visitor_id),
                served_at=seen.created_at,
                product_ids=seen.product_ids,
                positions=seen.positions,
            )
    return waiting


def replay(client: redis.Redis, *, now: datetime) -> Iterator[int]:
    """Count the last day's interactions that PostgreSQL holds and the stream never brought, a part a step.

    Starts a little before where the last replay ended, for transactions that commit rows with lower numbers
    later. Yields how many rows each step looked at.
    """
    key = redis_door.key("stream", "replayed_until")
    since = now - timedelta(seconds=SECONDS[-1])
    rows = Interaction.objects.filter(occurred_at__gt=since, visitor_id__isnull=False).order_by("pk")
    until = int(client.get(key) or 0)  # type: ignore[arg-type]
    first = until - OVERLAP if until else (rows.aggregate(first=Min("pk"))["first"] or 1) - 1
    while True:
        part = list(rows.filter(pk__gt=first)[:REPLAYED_AT_ONCE])
        if not part:
            return
        counting.count(client, [_event_of(row) for row in part], now=now)
        first = part[-1].pk
        client.set(key, max(until, first))
        yield len(part)


def _event_of(row: Interaction) -> Event:
    return Event(
        event_id=row.event_id,
        kind=row.kind,
        product_id=row.product_id,
        visitor_id=row.visitor_id,
        user_id=row.user_id,
        occurred_at=row.occurred_at.timestamp(),
    )
