"""The windows in Feast's online store: pushed by the consumer when they rise and when they fall."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

import numpy as np
import redis

from recommender import features, windows
from recommender.counting import SECONDS, prefix

NAMES = ("5m", "1h", "24h")  # of SECONDS, in the names of the features
_MAX_SUBJECTS = 500  # of one push
# A subject under way is asked for again after this, in case the program that took it is gone.
_LEASE_SECONDS = 30

# A subject is due at once when an event of it was counted. Once pushed it gets its next moment, unless an
# event came meanwhile.
_SETTLE = """
for i = 2, #ARGV, 2 do
  if redis.call('ZSCORE', KEYS[1], ARGV[i]) == ARGV[1] then
    if ARGV[i + 1] == 'inf' then redis.call('ZREM', KEYS[1], ARGV[i])
    else redis.call('ZADD', KEYS[1], ARGV[i + 1], ARGV[i]) end
  end
end
"""


def online_users(user_ids: Sequence[int], *, now: datetime) -> list[dict[str, Any]] | None:
    """Return each account's windows by name, such as views_5m, {} for one of which none were pushed.

    None while the store is loading or away. For the last second, or a guest, read recommender.windows.
    """
    rows = features.online_rows("serving_user_windows_v1", key="user_id", ids=user_ids)
    return None if rows is None else [_aged(row, now=now) for row in rows]


def online_products(product_ids: Sequence[int], *, now: datetime) -> list[dict[str, Any]] | None:
    """Return each product's windows by name, such as velocity, {} for one of which none were pushed.

    None while the store is loading or away.
    """
    rows = features.online_rows("serving_product_windows_v1", key="product_id", ids=product_ids)
    return None if rows is None else [_aged(row, now=now) for row in rows]


def push_due(client: redis.Redis, *, now: datetime) -> int:
    """Return how many users and products were pushed because events came to them or left their windows.

    0 when none is due, or while Feast is loading or away: they then stay due.
    """
    key, moment = f"{prefix()}due", int(now.timestamp())
    due = cast(list[bytes], client.zrangebyscore(key, "-inf", moment, start=0, num=_MAX_SUBJECTS))
    names = [name.decode() for name in due]
    if not names:
        return 0
    lease = str(moment + _LEASE_SECONDS)
    client.zadd(key, dict.fromkeys(names, float(lease)), xx=True)
    falls: dict[str, float] = {}
    for kind, push in (("user", _push_users), ("product", _push_products)):
        ids = [int(name.split(":")[1]) for name in names if name.startswith(f"{kind}:")]
        next_falls = push(ids, now=now) if ids else np.zeros(0)
        if next_falls is None:
            client.zadd(key, dict.fromkeys(names, moment), xx=True)
            return 0
        falls |= {f"{kind}:{number}": fall for number, fall in zip(ids, next_falls.tolist(), strict=True)}
    settled = [
        str(part) for name, fall in falls.items() for part in (name, int(fall) if fall < np.inf else "inf")
    ]
    client.eval(_SETTLE, 1, key, lease, *settled)
    return len(names)


def _push_users(ids: list[int], *, now: datetime) -> np.ndarray | None:
    """When each user's windows will fall; None when they could not be pushed."""
    found = windows.of_users(ids, now=now)
    if found is None:
        return None
    columns = {"user_id": ids, **_counts(found.views, found.clicks), **_moments(len(ids), now=now)}
    for window, name in enumerate(NAMES):
        columns[f"categories_{name}"] = [list(of_windows[window]) for of_windows in found.top_categories]
    return found.next_fall if features.push("user_windows_source", columns) else None


def _push_products(ids: list[int], *, now: datetime) -> np.ndarray | None:
    """When each product's windows will fall; None when they could not be pushed."""
    found = windows.of_products(ids, now=now)
    if found is None:
        return None
    columns = {"product_id": ids, **_counts(found.views, found.clicks), **_moments(len(ids), now=now)}
    columns["velocity"] = found.velocity
    return found.next_fall if features.push("product_windows_source", columns) else None


def _counts(views: np.ndarray, clicks: np.ndarray) -> dict[str, Any]:
    columns = {f"views_{name}": views[:, window] for window, name in enumerate(NAMES)}
    return columns | {f"clicks_{name}": clicks[:, window] for window, name in enumerate(NAMES)}


def _moments(num: int, *, now: datetime) -> dict[str, Any]:
    return {"event_timestamp": [now] * num, "counted_at": [now.timestamp()] * num}


def _aged(row: dict[str, Any], *, now: datetime) -> dict[str, Any]:
    """The row without what must have left its windows since it was pushed, should nobody push any more."""
    if "counted_at" not in row:
        return {}
    age = now.timestamp() - row["counted_at"]
    for seconds, name in zip(SECONDS, NAMES, strict=True):
        if age >= seconds:
            row |= {f"views_{name}": 0, f"clicks_{name}": 0}
            row |= {f"categories_{name}": []} if f"categories_{name}" in row else {}
    if age >= SECONDS[0] and "velocity" in row:
        row["velocity"] = 0.0
    return row
