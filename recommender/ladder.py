"""What happens when a part of a list breaks: it is left out and counted, and the next part answers."""

import logging
import time
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from django.db import DatabaseError, connection, transaction
from redis.exceptions import RedisError

from recommender.versions import ArtifactError

T = TypeVar("T")
U = TypeVar("U")
# Damaged weights; a query that fails, or runs into its time limit; Redis, a file or a socket that is away.
NAMED_ERRORS = (ArtifactError, DatabaseError, RedisError, OSError)
QUIET_SECONDS = 60.0

logger = logging.getLogger(__name__)
_failures: Counter[str] = Counter()
_told_at: dict[tuple[str, str], float] = {}


def attempt(step: str, work: Callable[[], T], *, otherwise: U) -> T | U:
    """Return what `work` returns, or `otherwise` when it fails by a named error.

    Each failure counts; the log has one line a minute for each step and kind of error. The caller's
    transaction stays usable.
    """
    try:
        if not connection.in_atomic_block:
            return work()
        with transaction.atomic():
            return work()
    except NAMED_ERRORS as error:
        _note(step, error)
        return otherwise


def failures() -> dict[str, int]:
    """Return how often each step of a list failed in this process since it started."""
    return dict(_failures)


def forget() -> None:
    """Count and log from the start."""
    _failures.clear()
    _told_at.clear()


def _note(step: str, error: Exception) -> None:
    _failures[step] += 1
    key, now = (step, type(error).__name__), time.monotonic()
    if now - _told_at.get(key, -QUIET_SECONDS) < QUIET_SECONDS:
        return
    _told_at[key] = now
    logger.warning("%s failed and was left out of the list (failure %d): %s", step, _failures[step], error)
