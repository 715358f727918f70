"""How Feast reaches this process's database and Redis: feature_store.yaml with its placeholders filled in.

No feast here: pages import this.
"""

import importlib
import logging
import os
import re
import string
import sys
import types
import warnings
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
import redis
import yaml
from django.db import connection
from redis.connection import parse_url

from shop import embedded

REPOSITORY = Path(__file__).resolve().parent.parent / "feature_repo"
# A page must not hang on a dead Redis: short time-outs, and no retries, since redis-py backs off for seconds.
_REDIS_OPTIONS = {
    "socket_connect_timeout": 1,
    "socket_timeout": 5,
    "health_check_interval": 30,
    "retry": "null",
}


def store_settings(values: dict[str, str]) -> dict[str, Any]:
    """feature_store.yaml as a dict, with `values` in place of its ${NAMES}."""
    filled: dict[str, Any] = _fill_in(yaml.safe_load((REPOSITORY / "feature_store.yaml").read_text()), values)
    return filled


def connection_values() -> dict[str, str]:
    """The values of the placeholders in feature_store.yaml, for the database and Redis in use now."""
    server = connection.get_connection_params()
    host, port = str(server.get("host") or "localhost"), str(server.get("port") or 5432)
    user, password = str(server.get("user") or ""), str(server.get("password") or "")
    sslmode = str(server.get("sslmode") or "prefer")
    query = urlencode({"host": host, "port": port, "sslmode": sslmode})
    login = f"{quote(user, safe='')}:{quote(password, safe='')}"
    return {
        "FEAST_PROJECT": project_name(),
        "FEAST_REGISTRY_URL": f"postgresql+psycopg://{login}@/{quote(server['dbname'], safe='')}?{query}",
        "FEAST_PG_HOST": host,
        "FEAST_PG_PORT": port,
        "FEAST_PG_NAME": server["dbname"],
        "FEAST_PG_USER": user,
        "FEAST_PG_PASSWORD": password,
        "FEAST_PG_SSLMODE": sslmode,
        "FEAST_REDIS": _redis_connection_string(embedded.redis_url()),
    }


def connect_to_registry(values: dict[str, str]) -> psycopg.Connection:
    """A connection, beside Feast's own, to the database that holds the registry."""
    return psycopg.connect(
        host=values["FEAST_PG_HOST"],
        port=values["FEAST_PG_PORT"],
        dbname=values["FEAST_PG_NAME"],
        user=values["FEAST_PG_USER"],
        password=values["FEAST_PG_PASSWORD"],
        sslmode=values["FEAST_PG_SSLMODE"],
        autocommit=True,
    )


def _redis_connection_string(url: str) -> str:
    """A redis:// rediss:// or unix:// URL in Feast's form: host:port,option=value,..."""
    if "," in url:
        raise ValueError("REDIS_URL holds a comma, which Feast cannot read: choose a password without one.")
    parts = parse_url(url)
    secure = parts.pop("connection_class", None) is redis.SSLConnection
    address = f"{parts.pop('host', 'localhost')}:{parts.pop('port', 6379)}"
    if "path" in parts:
        parts["unix_socket_path"] = parts.pop("path")
    options = {**_REDIS_OPTIONS, **parts, **({"ssl": "true"} if secure else {})}
    return ",".join([address, *(f"{name}={value}" for name, value in options.items())])


def project_name() -> str:
    """The Feast project: the database's name, so that tests never meet the shop's keys in Redis."""
    return re.sub(r"\W", "_", str(connection.settings_dict["NAME"]))


def _fill_in(node: Any, values: dict[str, str]) -> Any:
    """`node` with ${NAME} replaced in every string; a missing name raises KeyError."""
    if isinstance(node, dict):
        return {key: _fill_in(value, values) for key, value in node.items()}
    return string.Template(node).substitute(values) if isinstance(node, str) else node


def quieten() -> None:
    """Before the first import of feast: no telemetry, no torch, no notes about pandas."""
    os.environ["FEAST_USAGE"] = "False"
    sys.modules.setdefault("feast.torch_wrapper", _torch_on_demand())
    warnings.filterwarnings("ignore", message="pandas only supports SQLAlchemy")
    logging.getLogger("feast").setLevel(logging.WARNING)


def _torch_on_demand() -> types.ModuleType:
    """A stand-in for feast.torch_wrapper, which imports torch (3 s) for tensor answers that we never ask."""
    module = types.ModuleType("feast.torch_wrapper")
    module.get_torch = lambda: importlib.import_module("torch")  # type: ignore[attr-defined]
    return module
