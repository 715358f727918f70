"""The feature store's doorway: Feast over our PostgreSQL (offline, registry) and Redis (online).

The only module outside feature_repo that imports feast, and only inside functions: the import takes seconds,
and pages import this module. A page never waits for it: `warm_in_background` loads it beside the first
requests, and until then, or while Redis or Feast fails, the online reads return None and the caller asks the
database.
"""

import contextlib
import io
import logging
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg
import redis
from django.db import connection
from django.utils import timezone

from recommender.feature_settings import (
    REPOSITORY,
    connect_to_registry,
    connection_values,
    definitions,
    fingerprint,
    project_name,
    quieten,
    store_settings,
)

if TYPE_CHECKING:
    from feast import FeatureService, FeatureStore

logger = logging.getLogger(__name__)

SCHEMA = "feast"
RETRY_SECONDS = 15.0
SERVICE_FRESH_SECONDS = 60.0  # that a process reads by a definition that another one has changed
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ADVISORY_LOCK = 0x66656173  # "feas": one process at a time creates the registry's tables


@dataclass(frozen=True, kw_only=True)
class TopK:
    """A user's precomputed list, best first, and the version that made it."""

    product_ids: tuple[int, ...]
    scores: tuple[float, ...]
    version_id: int


@dataclass
class _State:
    """What this process has opened."""

    lock: Any = field(default_factory=threading.RLock)
    stores: dict[str, "FeatureStore"] = field(default_factory=dict)
    services: dict[tuple[str, str], tuple[float, "FeatureService"]] = field(default_factory=dict)
    loading: threading.Thread | None = None
    warm_requested: bool = False
    quiet_until: float = 0.0
    outage_reported: bool = False
    missing_reported: bool = False  # a definition

    def forget(self) -> None:
        """Start from nothing: a forked child must share no connection and no held lock."""
        self.lock, self.stores, self.services, self.loading = threading.RLock(), {}, {}, None


_state = _State()
os.register_at_fork(after_in_child=_state.forget)


# Definitions and materialisation


def apply() -> bool:
    """Write the definitions of feature_repo into the registry; False, in milliseconds, when it holds them.

    Definitions that are gone from feature_repo leave the registry.
    """
    current = fingerprint()
    if _applied_fingerprint() == current:
        return False
    store = open_store()
    objects = definitions()
    names = {(type(item), item.name) for item in objects}
    held = [*store.list_feature_services(), *store.list_feature_views(), *store.list_data_sources()]
    stale = [item for item in held if (type(item), item.name) not in names]
    store.apply(objects, objects_to_delete=stale, partial=False)
    _state.services.clear()
    with connection.cursor() as cursor:
        cursor.execute(f"COMMENT ON SCHEMA {SCHEMA} IS '{current}'")
    logger.info("Applied %d feature definitions, removed %d.", len(objects), len(stale))
    return True


def materialize(until: datetime | None = None) -> datetime:
    """Copy every view's latest rows up to `until` (now) from PostgreSQL to Redis and return that moment.

    Applies the definitions first. Costs about a second for each ten thousand users and products.
    """
    until = until or timezone.now()
    apply()
    store = open_store()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        store.materialize(_EPOCH, until)
    return until


def _applied_fingerprint() -> str | None:
    """The fingerprint kept as the comment of the registry's schema: it goes where the registry goes."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT obj_description(to_regnamespace(%s), 'pg_namespace')", [SCHEMA])
        return cursor.fetchone()[0]


def push(source: str, columns: dict[str, Any]) -> bool:
    """Write rows to the views of a push source in Redis; False while the store is loading or away.

    `columns` holds the entity's key, event_timestamp and the features, one value a row.
    """
    if (store := _store_if_open()) is None:
        return False
    import pandas as pd  # comes with feast, which is loaded where there is a store

    try:
        apply()
        store.push(source, pd.DataFrame(columns))
    except _failures() as error:
        _report_outage(error)
        return False
    return True


# Offline reads


def historical_user_features(user_ids: np.ndarray, as_of: datetime) -> dict[str, np.ndarray]:
    """Columns of training_users_v1 as they stood at `as_of`, in the order of the ids.

    Numbers are float64 with NaN for unknown, text is objects with "", arrays are objects holding tuples.
    """
    return _historical("training_users_v1", key="user_id", ids=user_ids, as_of=as_of)


def historical_item_features(product_ids: np.ndarray, as_of: datetime) -> dict[str, np.ndarray]:
    """Columns of training_items_v1 as they stood at `as_of`, in the order of the ids; types as for users."""
    return _historical("training_items_v1", key="product_id", ids=product_ids, as_of=as_of)


def _historical(service: str, *, key: str, ids: np.ndarray, as_of: datetime) -> dict[str, np.ndarray]:
    apply()
    store = open_store()
    # ints only reach the SQL text: astype refuses anything else
    keys = ",".join(map(str, np.asarray(ids).astype(np.int64)))
    rows = (
        f"SELECT unnest('{{{keys}}}'::bigint[]) AS {key}, '{as_of.astimezone(UTC).isoformat()}'::timestamptz"
        " AS event_timestamp"
    )
    job = store.get_historical_features(entity_df=rows, features=store.get_feature_service(service))
    table = job.to_arrow()
    order = np.argsort(table[key].to_numpy())
    order = order[np.searchsorted(table[key].to_numpy()[order], ids)]
    names = [name for name in table.column_names if name not in (key, "event_timestamp")]
    return {name: _column(table[name])[order] for name in names}


def _column(values: Any) -> np.ndarray:
    """One pyarrow column as NumPy: float64, or objects for text and tuples."""
    if str(values.type) in ("double", "float", "int64", "int32"):
        return values.to_numpy().astype(np.float64)
    is_list = str(values.type).startswith("list")
    column = np.empty(len(values), dtype=object)
    for row, value in enumerate(values.to_pylist()):
        column[row] = tuple(value or ()) if is_list else value or ""
    return column


# Online reads


def online_user_features(user_ids: Sequence[int]) -> list[dict[str, Any]] | None:
    """Each user's serving_users_v1 values by name, {} for a user unknown to the store; about 1 ms.

    None while the store is loading or down: ask the database instead.
    """
    return online_rows("serving_users_v1", key="user_id", ids=user_ids)


def online_top_k(user_id: int) -> TopK | None:
    """The user's precomputed list as last materialised, or None: no list, store loading, or store down.

    Compare version_id with the active version: after a switch the old list stays until the next
    materialisation.
    """
    rows = online_rows("serving_top_k_v1", key="user_id", ids=[user_id])
    if not rows or "version_id" not in rows[0]:
        return None
    row = rows[0]
    return TopK(
        product_ids=tuple(row["product_ids"]), scores=tuple(row["scores"]), version_id=row["version_id"]
    )


def warm_in_background() -> None:
    """Start loading the store in a thread, once; for the start of a web process. Returns at once."""
    _state.warm_requested = True
    if _state.loading is not None and _state.loading.is_alive():
        return  # before the lock, which that thread holds for as long as it loads
    with _state.lock:
        if project_name() in _state.stores or time.monotonic() < _state.quiet_until:
            return
        _state.loading = threading.Thread(target=_warm, name="feature-store-warm-up", daemon=True)
        _state.loading.start()


def _warm() -> None:
    try:
        open_store()
    except _failures() as error:
        _report_outage(error)
        return
    online_rows(
        "serving_users_v1", key="user_id", ids=[0]
    )  # fills the registry's cache and connects to Redis


def online_rows(service: str, *, key: str, ids: Sequence[int]) -> list[dict[str, Any]] | None:
    """The service's values by name for each id, {} where the store has none; None as online_user_features."""
    if (store := _store_if_open()) is None:
        return None
    try:
        columns = store.get_online_features(
            features=_service(service, store=store),
            entity_rows=[{key: int(number)} for number in ids],
        ).to_dict()
    except _missing() as error:
        _report_missing(error)
        return [{} for _ in ids]
    except _failures() as error:
        _report_outage(error)
        return None
    if _state.outage_reported:
        _state.outage_reported = False
        logger.info("The online feature store answers again.")
    known = {name: values for name, values in columns.items() if name != key}
    return [
        {name: values[row] for name, values in known.items() if values[row] is not None}
        for row in range(len(ids))
    ]


def _service(name: str, *, store: "FeatureStore") -> "FeatureService":
    """The store's feature service; to make it of the registry takes longer than to read by it."""
    made_at, service = _state.services.get((project_name(), name), (0.0, None))
    if service is None or time.monotonic() - made_at > SERVICE_FRESH_SECONDS:
        service = store.get_feature_service(name, allow_cache=True)
        _state.services[project_name(), name] = (time.monotonic(), service)
    return service


def _store_if_open() -> "FeatureStore | None":
    """The store, unless it is loading or was away a moment ago."""
    store = _state.stores.get(project_name())
    if store is None and _state.warm_requested:
        warm_in_background()
    return None if time.monotonic() < _state.quiet_until else store


def _report_outage(error: Exception) -> None:
    """Log the first failure of an outage, and leave the store alone for a while."""
    _state.quiet_until = time.monotonic() + RETRY_SECONDS
    if not _state.outage_reported:
        _state.outage_reported = True
        logger.warning(
            "The online feature store does not answer; pages read the database instead. Check REDIS_URL and "
            "run `manage.py features materialize`. %s: %s",
            type(error).__name__,
            error,
        )


def _report_missing(error: Exception) -> None:
    """Log once that the registry lacks what this code asks for."""
    if not _state.missing_reported:
        _state.missing_reported = True
        logger.warning("The feature store lacks a definition; run `manage.py features apply`. %s", error)


def _missing() -> tuple[type[Exception], ...]:
    """What reading raises when the registry is older than this code."""
    # Loaded only together with feast, as below.
    from feast.errors import FeastObjectNotFoundException

    return (FeastObjectNotFoundException,)


def _failures() -> tuple[type[Exception], ...]:
    """What reading may raise when Redis, PostgreSQL or the registry is away or empty."""
    # Loaded only together with feast, for the start-up time of pages.
    from feast.errors import FeastError
    from sqlalchemy.exc import SQLAlchemyError

    return redis.RedisError, psycopg.Error, SQLAlchemyError, FeastError, OSError


# Opening the store


def open_store() -> "FeatureStore":
    """This process's store for the database in use, opened at the first call (seconds)."""
    with _state.lock:
        name = project_name()
        if name not in _state.stores:
            _state.stores[name] = _open_store()
        return _state.stores[name]


def _open_store() -> "FeatureStore":
    quieten()
    # Seconds of import, and only training, materialising and the warm-up thread pay them.
    from feast import FeatureStore, RepoConfig
    from sqlalchemy.pool import NullPool

    values = connection_values()
    settings = store_settings(values)
    # No idle registry connection: it would survive a fork and hold a test database open.
    settings["registry"]["sqlalchemy_config_kwargs"]["poolclass"] = NullPool
    store = FeatureStore(config=RepoConfig(**settings, repo_path=REPOSITORY))
    with connect_to_registry(values) as lock:
        lock.execute("SELECT pg_advisory_lock(%s)", [_ADVISORY_LOCK])
        lock.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        store.registry.refresh()  # opens the registry, which creates its tables
    return store
