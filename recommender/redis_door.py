"""Redis as pages use it: short time-outs, and left alone for a moment after it failed.

Every caller has an answer without Redis, so nothing here waits: a call either gets its reply at once or
raises RedisAway, and while Redis is away most calls do not even try.
"""

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from recommender.feature_settings import project_name
from shop import embedded

CONNECT_SECONDS, REPLY_SECONDS = 0.2, 0.5
RETRY_SECONDS = 2.0  # between two attempts while Redis is away
WARN_SECONDS = 60.0

logger = logging.getLogger(__name__)
Answer = TypeVar("Answer")


class RedisAway(Exception):
    """Redis did not answer, or did not lately; the caller goes on without it."""


@dataclass
class _State:
    """What this process knows of Redis."""

    client: redis.Redis | None = None
    quiet_until: float = 0.0
    warned_at: float = -WARN_SECONDS
    away: bool = False

    def forget(self) -> None:
        """Start anew: a forked child must not talk over its parent's connections."""
        self.client, self.quiet_until, self.away = None, 0.0, False


_state = _State()
os.register_at_fork(after_in_child=_state.forget)


def ask(action: Callable[[redis.Redis], Answer]) -> Answer:
    """Return what `action` gets from Redis. Raises RedisAway, mostly without trying, during an outage."""
    now = time.monotonic()
    if now < _state.quiet_until:
        raise RedisAway("Redis did not answer a moment ago.")
    if _state.away:
        _state.quiet_until = now + RETRY_SECONDS  # one call finds out for all
    try:
        answer = action(_client())
    except (redis.RedisError, embedded.ServiceError, OSError) as error:
        _report(error)
        raise RedisAway(str(error)) from error
    if _state.away:
        _state.away, _state.quiet_until = False, 0.0
        logger.info("Redis answers again.")
    return answer


def key(*parts: object) -> str:
    """Return a key of ours: it holds the database's name, so that tests never meet the shop's."""
    return ":".join(["live", project_name(), *map(str, parts)])


def connect(*, reply_seconds: float) -> redis.Redis:
    """Return a client of its own for a program that may wait; raises what redis-py and the shop raise."""
    return redis.Redis.from_url(
        embedded.redis_url(),
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=reply_seconds,
        health_check_interval=30,
        retry=Retry(NoBackoff(), 0),
    )


def _client() -> redis.Redis:
    if _state.client is None:
        _state.client = connect(reply_seconds=REPLY_SECONDS)
    return _state.client


def _report(error: Exception) -> None:
    """Leave Redis alone for a while; one line a minute says so."""
    now = time.monotonic()
    _state.away, _state.quiet_until = True, now + RETRY_SECONDS
    if now - _state.warned_at >= WARN_SECONDS:
        _state.warned_at = now
        logger.warning(
            "Redis does not answer; pages do without what it holds. Start it or correct REDIS_URL. %s: %s",
            type(error).__name__,
            error,
        )
