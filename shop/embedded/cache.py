"""Django's Redis cache on the Redis of shop.embedded, which also holds Celery's queues and Feast's rows."""

from functools import cached_property
from typing import Any

from django.core.cache.backends import redis

from shop import embedded


class RedisCache(redis.RedisCache):
    """Starts the embedded server at the first use, and clears its own keys alone."""

    @cached_property
    def _cache(self) -> Any:
        self._servers = [embedded.redis_url()]
        return self._class(self._servers, **self._options)  # type: ignore[attr-defined]

    def clear(self) -> bool:  # type: ignore[override]
        """Return True once every key of this cache is gone; Django's own would empty the whole Redis."""
        client = self._cache.get_client(None, write=True)
        for key in client.scan_iter(match=f"{self.key_prefix}:*", count=1000):
            client.delete(key)
        return True
