"""Django's Redis cache on the Redis of shop.embedded, which also holds Celery's queues and Feast's rows."""

import functools
import logging
import time
from collections.abc import Callable
from functools import cached_property
from typing import Any

from django.core.cache.backends import redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from shop import embedded

RETRY_SECONDS = 2.0  # between two attempts while Redis is away
WARN_SECONDS = 60.0

logger = logging.getLogger(__name__)


def _or(answer: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Wrap a cache's method: without Redis it gives `answer(*arguments)`, what an empty cache would say."""

    def wrap(method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def guarded(client: "ForgivingClient", *arguments: Any) -> Any:
            if time.monotonic() < client.quiet_until:
                return answer(*arguments)
            try:
                return method(client, *arguments)
            except RedisError as error:
                client.report(error)
                return answer(*arguments)

        return guarded

    return wrap


def _missing(key: str, delta: int) -> Any:
    raise ValueError(f"Key '{key}' not found.")


class ForgivingClient(redis.RedisCacheClient):
    """A cache that is empty while Redis is away: no page needs it, and none waits for it."""

    def __init__(self, servers: list[str], **options: Any) -> None:
        patience = {"socket_connect_timeout": 0.5, "socket_timeout": 2, "retry": Retry(NoBackoff(), 0)}
        super().__init__(servers, **{**patience, **options})
        self.quiet_until, self._warned_at = 0.0, -WARN_SECONDS

    def report(self, error: Exception) -> None:
        """Leave Redis alone for a moment; one line a minute says so."""
        now = time.monotonic()
        self.quiet_until = now + RETRY_SECONDS
        if now - self._warned_at >= WARN_SECONDS:
            self._warned_at = now
            logger.warning("The cache is empty: Redis does not answer. %s", error)

    add = _or(lambda key, value, timeout: True)(redis.RedisCacheClient.add)
    get = _or(lambda key, default: default)(redis.RedisCacheClient.get)
    set = _or(lambda key, value, timeout: None)(redis.RedisCacheClient.set)
    touch = _or(lambda key, timeout: False)(redis.RedisCacheClient.touch)
    delete = _or(lambda key: False)(redis.RedisCacheClient.delete)
    get_many = _or(lambda keys: {})(redis.RedisCacheClient.get_many)
    has_key = _or(lambda key: False)(redis.RedisCacheClient.has_key)
    incr = _or(_missing)(redis.RedisCacheClient.incr)
    set_many = _or(lambda data, timeout: None)(redis.RedisCacheClient.set_many)
    delete_many = _or(lambda keys: None)(redis.RedisCacheClient.delete_many)


class RedisCache(redis.RedisCache):
    """Starts the embedded server at the first use, and clears its own keys alone."""

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = ForgivingClient  # type: ignore[attr-defined]

    @cached_property
    def _cache(self) -> Any:
        self._servers = [embedded.redis_url()]
        return self._class(self._servers, **self._options)  # type: ignore[attr-defined]

    def answers(self) -> bool:
        """Return whether Redis answers now."""
        try:
            return bool(self._cache.get_client(None).ping())
        except RedisError:
            return False

    def clear(self) -> bool:  # type: ignore[override]
        """Return True once every key of this cache is gone; Django's own would empty the whole Redis."""
        client = self._cache.get_client(None, write=True)
        for key in client.scan_iter(match=f"{self.key_prefix}:*", count=1000):
            client.delete(key)
        return True
