"""PostgreSQL with pgvector and Redis: at the configured URLs, else started beside the app.

The embedded ones listen on Unix sockets only, keep their data under DATA_DIR, start when a process first
asks for their address and stop after the last such process has ended.
"""

from functools import cache
from urllib.parse import quote, urlsplit

import redis
from django.conf import settings
from django.db import connections

from shop.embedded import lifetime
from shop.embedded.errors import ServiceError
from shop.embedded.postgres_server import PostgresServer
from shop.embedded.redis_server import RedisServer

__all__ = [
    "ServiceError",
    "broker_url",
    "check_redis",
    "postgres_params",
    "redis_url",
    "start_postgres",
    "stop_all",
]


@cache
def _postgres() -> PostgresServer:
    return PostgresServer(settings.DATA_DIR)


@cache
def _redis() -> RedisServer:
    return RedisServer(settings.DATA_DIR)


def start_postgres() -> str:
    """Return the socket folder of the embedded PostgreSQL, started when needed."""
    lifetime.ensure_running(_postgres())
    return str(_postgres().socket.parent)


def postgres_params() -> dict[str, str]:
    """Return HOST, PORT, USER, PASSWORD and NAME of the database in use, a test's own included."""
    connection = connections["default"].settings_dict
    params = {name: str(connection[name] or "") for name in ("HOST", "PORT", "USER", "PASSWORD", "NAME")}
    if not settings.DATABASE_URL:
        params |= {"HOST": start_postgres(), "PORT": "5432"}
    return params


def redis_url() -> str:
    """Return the URL of Redis for redis-py; the embedded one is started when needed."""
    if settings.REDIS_URL:
        return str(settings.REDIS_URL)
    lifetime.ensure_running(_redis())
    return f"unix://{quote(str(_redis().socket))}?db=0"


def broker_url() -> str:
    """Return the URL of the same Redis as Celery writes it."""
    url = redis_url()
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    return f"redis+socket://{parts.path}?virtual_host=0"


def check_redis() -> None:
    """Return if Redis answers; else raise ServiceError, which says how to start it."""
    try:
        with redis.Redis.from_url(redis_url(), socket_connect_timeout=5) as client:
            client.ping()
    except redis.RedisError as error:
        raise ServiceError(redis_advice(error)) from error


def redis_advice(error: Exception) -> str:
    """Return one line that says which Redis does not answer, and the cure."""
    if not settings.REDIS_URL:
        return f"The embedded Redis stopped ({error}). See {settings.DATA_DIR}/redis/log, then run again"
    parts = urlsplit(settings.REDIS_URL)
    place = parts.path if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or 6379}"
    return (
        f"REDIS_URL: no Redis answers at {place} ({str(error).strip()}). "
        "Start it (`redis-server`), correct the URL, or unset REDIS_URL to use the embedded one"
    )


def stop_all() -> bool:
    """Return whether both embedded servers are down, after this process no longer needs them."""
    connections.close_all()
    for connection in connections.all(initialized_only=True):
        if hasattr(connection, "close_pool"):
            connection.close_pool()
    servers = [*([] if settings.DATABASE_URL else [_postgres()]), *([] if settings.REDIS_URL else [_redis()])]
    stopped = [lifetime.release(server) for server in servers]
    return all(stopped)
