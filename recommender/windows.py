"""What happened in the last 5 minutes, hour and day, to read on a page: recommender.counting writes it."""

# N = subjects asked for, W = windows

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import cast

import numpy as np

from recommender import redis_door
from recommender.counting import SECONDS, actor_of, prefix
from shop.visitors import Visitor

NUM_TOP_CATEGORIES = 3
_RECORD = np.dtype([("start", "<u4"), ("category", "<u4"), ("views", "<u4"), ("clicks", "<u4")])


@dataclass(frozen=True, kw_only=True)
class ProductWindows:
    """What happened to products, a row for each that was asked for; columns as SECONDS."""

    views: np.ndarray  # (N, W) int64
    clicks: np.ndarray  # (N, W) int64
    velocity: (
        np.ndarray
    )  # (N,) views of 5 minutes against the hour's mean: 1 is steady, 12 all at once, 0 none
    next_fall: np.ndarray  # (N,) seconds since 1970 at which a count will fall; inf when all are 0


@dataclass(frozen=True, kw_only=True)
class UserWindows:
    """What shoppers did, a row for each that was asked for; columns as SECONDS."""

    views: np.ndarray  # (N, W) int64
    clicks: np.ndarray  # (N, W) int64
    top_categories: list[
        tuple[tuple[int, ...], ...]
    ]  # for each shopper and window, the ids, most events first
    next_fall: np.ndarray  # (N,) as of products


def of_products(product_ids: Sequence[int] | np.ndarray, *, now: datetime) -> ProductWindows | None:
    """Return the windows of products as they stand at `now`; None while Redis is away. One round trip."""
    texts = _texts([f"product:{int(product_id)}" for product_id in product_ids])
    if texts is None:
        return None
    records, owner = _records(texts)
    views, clicks = _sums(records, owner, num=len(texts), now=now)
    hourly_mean = views[:, 1] * SECONDS[0] / SECONDS[1]
    velocity = np.divide(views[:, 0], hourly_mean, out=np.zeros(len(texts)), where=hourly_mean > 0)
    falls = _next_falls(records, owner, num=len(texts), now=now)
    return ProductWindows(views=views, clicks=clicks, velocity=velocity, next_fall=falls)


def of_users(user_ids: Sequence[int] | np.ndarray, *, now: datetime) -> UserWindows | None:
    """Return the windows of accounts as they stand at `now`; None while Redis is away. One round trip."""
    return _of_actors([f"user:{int(user_id)}" for user_id in user_ids], now=now)


def of_visitor(visitor: Visitor, *, now: datetime) -> UserWindows | None:
    """Return the windows of one shopper, a guest or not, as one row; None while Redis is away."""
    return _of_actors([actor_of(user_id=visitor.user_id, visitor_id=visitor.id)], now=now)


def seen_without_click(visitor: Visitor, product_ids: Sequence[int] | np.ndarray) -> np.ndarray:
    """Return (N,) how often this shopper saw each product in a list and never followed it, within a week.

    Zeros while Redis is away. One round trip.
    """
    key = f"{prefix()}seen:{actor_of(user_id=visitor.user_id, visitor_id=visitor.id)}"
    fields = [str(int(product_id)) for product_id in product_ids]
    if not fields:
        return np.zeros(0, dtype=np.int64)
    try:
        counts = redis_door.ask(lambda client: cast(list[bytes | None], client.hmget(key, fields)))
    except redis_door.RedisAway:
        return np.zeros(len(fields), dtype=np.int64)
    return np.maximum(np.array([int(count or 0) for count in counts], dtype=np.int64), 0)


def _of_actors(names: list[str], *, now: datetime) -> UserWindows | None:
    texts = _texts(names)
    if texts is None:
        return None
    records, owner = _records(texts)
    views, clicks = _sums(records, owner, num=len(names), now=now)
    ends = np.searchsorted(owner, np.arange(len(names) + 1))
    return UserWindows(
        views=views,
        clicks=clicks,
        top_categories=[_top_categories(records[start:end], now=now) for start, end in pairwise(ends)],
        next_fall=_next_falls(records, owner, num=len(names), now=now),
    )


def _texts(names: list[str]) -> list[bytes] | None:
    if not names:
        return []
    keys = [f"{prefix()}of:{name}" for name in names]
    try:
        found = redis_door.ask(lambda client: cast(list[bytes | None], client.mget(keys)))
    except redis_door.RedisAway:
        return None
    return [text or b"" for text in found]


def _records(texts: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """All records, and for each the row it belongs to, ascending."""
    records = np.frombuffer(b"".join(texts), dtype=_RECORD)
    return records, np.repeat(np.arange(len(texts)), [len(text) // _RECORD.itemsize for text in texts])


def _sums(
    records: np.ndarray, owner: np.ndarray, *, num: int, now: datetime
) -> tuple[np.ndarray, np.ndarray]:
    views, clicks = np.zeros((2, num, len(SECONDS)), dtype=np.int64)
    for window, seconds in enumerate(SECONDS):
        inside = _inside(records, seconds=seconds, now=now)
        views[:, window] = np.bincount(owner[inside], weights=records["views"][inside], minlength=num)
        clicks[:, window] = np.bincount(owner[inside], weights=records["clicks"][inside], minlength=num)
    return views, clicks


def _inside(records: np.ndarray, *, seconds: int, now: datetime) -> np.ndarray:
    moment = now.timestamp()
    return (records["start"] > moment - seconds) & (records["start"] <= moment)


def _next_falls(records: np.ndarray, owner: np.ndarray, *, num: int, now: datetime) -> np.ndarray:
    falls = np.full(num, np.inf)
    for seconds in SECONDS:
        inside = _inside(records, seconds=seconds, now=now)
        np.minimum.at(falls, owner[inside], records["start"][inside].astype(float) + seconds)
    ahead = records["start"] > now.timestamp()
    np.minimum.at(falls, owner[ahead], records["start"][ahead].astype(float))
    return falls


def _top_categories(records: np.ndarray, *, now: datetime) -> tuple[tuple[int, ...], ...]:
    tops = []
    for seconds in SECONDS:
        inside = records[_inside(records, seconds=seconds, now=now)]
        ids, places = np.unique(inside["category"], return_inverse=True)
        counts = np.bincount(places, weights=inside["views"] + inside["clicks"], minlength=len(ids))
        best = np.argsort(-counts, kind="stable")[:NUM_TOP_CATEGORIES]
        tops.append(tuple(ids[best].tolist()))
    return tuple(tops)


def forget(visitor: Visitor) -> None:
    """Forget what this shopper did and saw lately; nothing while Redis is away, where it expires in time."""
    names = {f"visitor:{visitor.id}", actor_of(user_id=visitor.user_id, visitor_id=visitor.id)}
    keys = [f"{prefix()}{part}:{name}" for part in ("of", "seen") for name in names]
    try:
        redis_door.ask(lambda client: client.delete(*keys))
    except redis_door.RedisAway:
        return
