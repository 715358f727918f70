"""Lists kept for the shopper that they were made for, for as long as nothing that they were made of changed.

What is kept lies under who asked and for what, beside its state: every mark, version, rule and fact that
it was made from. It is used only while the state is the same to the letter, and a minute at most, since what
has no mark (counts of the last minutes, what was seen too often) goes on meanwhile. Without Redis nothing is
kept.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone

from recommender import rankers, redis_door, revisions, rules, snapshot, versions
from shop.visitors import Visitor

FOR_ALL = (revisions.CATALOGUE, revisions.RULES, revisions.VERSION)
LIST, BODY = "list", "body"  # what is kept: a list's description, the API's answer

_counts: Counter[str] = Counter()


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where one shopper's one list is kept, and what is there."""

    key: str
    state: str | None  # as of before the list is made; None: nothing may be kept
    found: str | None  # what was kept in this very state


def look(
    placement: str, *, visitor: Visitor, anchor_ids: Sequence[int] = (), k: int, form: str = LIST
) -> Place:
    """Return what is kept for the visitor, and where a new list may be kept; one round trip.

    To be called before anything is read for a new list: a change from then on is another state. Nothing is
    kept inside a transaction, whose changes have no marks yet.
    """
    anchors = ".".join(map(str, anchor_ids))
    key = redis_door.key("kept", form, visitor.id.hex, visitor.user_id, placement, k, anchors)
    if not settings.LIST_CACHE_SECONDS or connection.in_atomic_block:
        return Place(key=key, state=None, found=None)
    facts = _facts(placement, visitor=visitor)
    names = (*FOR_ALL, *revisions.names_of(visitor))
    marks, held = revisions.current_with(names, key=key)
    if marks is None or facts is None:
        return Place(key=key, state=None, found=None)
    state = blake2b(f"{marks}|{facts}".encode(), digest_size=16).hexdigest()
    kept_state, _, content = (held or b"").partition(b"\n")
    found = content.decode() if kept_state.decode() == state else None
    _counts["hits" if found is not None else "misses"] += 1
    return Place(key=key, state=state, found=found)


def keep(place: Place, content: str) -> None:
    """Keep the content for as long as the state of the place holds; nothing where nothing may be kept."""
    if place.state is None:
        return
    text = f"{place.state}\n{content}".encode()

    def put(client: redis.Redis) -> None:
        client.set(place.key, text, ex=settings.LIST_CACHE_SECONDS)

    try:
        redis_door.ask(put)
    except redis_door.RedisAway:
        pass


def counts() -> dict[str, int]:
    """Return how often this process found a list kept, and how often not."""
    return {"hits": _counts["hits"], "misses": _counts["misses"]}


def _facts(placement: str, *, visitor: Visitor) -> str | None:
    """What a list depends on that this process holds itself, as text; None while it cannot be read."""
    try:
        version = versions.serving_version()
        ranker = rankers.ranker_for(version) if version else None
        in_force = rules.fingerprint(placement, timezone.now())
        revision = snapshot.current().revision
    except DatabaseError:
        return None
    person = (visitor.region, visitor.age, visitor.preference_ids, visitor.personalised)
    return f"{version and version.pk}|{ranker and ranker.pk}|{in_force}|{revision}|{person}"
