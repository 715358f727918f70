"""What Redis holds of one shopper, deleted: feature rows, counts of the last days."""

import struct

import redis

from recommender import counting, redis_door, revisions
from recommender.feature_settings import project_name
from shop.visitors import Visitor

# Feast's key of an entity's rows, which it keeps stable between releases (feast.infra.key_encoding_utils):
# how many join keys, each with its type, length and name; then the value's type, length and 8 bytes. Written
# out here, because loading Feast takes seconds.
_JOIN_KEY = b"user_id"
_TEXT, _INT64 = 2, 4


def forget(visitor: Visitor) -> None:
    """Delete the visitor's rows; raises redis_door.RedisAway when they cannot be reached. One round trip."""
    redis_door.ask(lambda client: _delete(client, visitor=visitor))


def online_key(user_id: int) -> bytes:
    """Return the key under which Feast's online store keeps all rows of the user."""
    layout = f"<III{len(_JOIN_KEY)}sIIq"
    return (
        struct.pack(layout, 1, _TEXT, len(_JOIN_KEY), _JOIN_KEY, _INT64, 8, user_id) + project_name().encode()
    )


def _delete(client: redis.Redis, *, visitor: Visitor) -> None:
    prefix, names = counting.prefix(), revisions.names_of(visitor)
    keys: list[str | bytes] = [f"{prefix}{part}:{name}" for name in names for part in ("of", "seen")]
    if visitor.user_id is not None:
        keys.append(online_key(visitor.user_id))
    with client.pipeline() as pipeline:
        pipeline.delete(*keys)
        pipeline.zrem(f"{prefix}due", *names)  # or the windows would be pushed to the feature store once more
        pipeline.execute()
