"""Redis as the tests need it: empty, away, or back."""

from unittest.mock import patch

import redis

from recommender import redis_door
from shop import embedded

NOBODY = "redis://127.0.0.1:1/0"


def empty_redis() -> None:
    """Remove what this database's run left there."""
    client = redis.Redis.from_url(embedded.redis_url())
    for key in client.scan_iter(match=f"{redis_door.key()}:*", count=1000):
        client.delete(key)


def break_redis() -> None:
    """Let this process find nobody at the address of Redis."""
    mend_redis()
    with patch("shop.embedded.redis_url", lambda: NOBODY):
        redis_door._state.client = redis_door.connect(reply_seconds=redis_door.REPLY_SECONDS)


def mend_redis() -> None:
    """Let this process reach Redis again, with no outage remembered."""
    redis_door._state.forget()
    redis_door._state.warned_at = -redis_door.WARN_SECONDS
