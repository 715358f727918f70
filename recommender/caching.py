"""Lists kept for the shopper that they were made for, for as long as nothing that they were made of changed.

What is kept lies under who asked and for what, beside its state: every mark, version, rule and fact that
it was made from, and the writing of its own products. It is used only while the state is the same to the
letter, and LIST_CACHE_SECONDS at most, since what has no mark (counts of the last minutes, what was seen too
often, other products) goes on meanwhile. Without Redis nothing is kept.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from uuid import UUID

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone

from recommender import rankers, redis_door, revisions, rules, snapshot, versions
from recommender.snapshot import Snapshot
from shop.visitors import Visitor

FOR_ALL = (revisions.CATALOGUE, revisions.RULES, revisions.VERSION)
SHELF, BODY = "shelf", "body"  # what is kept: a page's shelf as HTML, the API's answer

_counts: Counter[str] = Counter()


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where one shopper's one list is kept, and what is there."""

    key: str
    state: str | None  # as of before the list is made; None: nothing may be kept
    found: str | None  # what was kept in this very state
    catalogue: Snapshot | None = None  # as of before the list is made, too
    product_ids: tuple[int, ...] = ()  # that it shows or is about


def look(
    placement: str,
    *,
    visitor: Visitor,
    anchor_ids: Sequence[int] = (),
    k: int,
    form: str,
    without: Sequence[int] = (),
) -> Place:
    """Return what is kept for the visitor, and where a new list may be kept; one round trip.

    To be called before anything is read for a new list: a change from then on is another state. Nothing is
    kept inside a transaction, whose changes have no marks yet.
    """
    person = f"{visitor.region}|{visitor.age}|{visitor.preference_ids}|{visitor.personalised}"
    return _look(
        placement,
        key=_key(form, visitor.id.hex, visitor.user_id, placement, k, *anchor_ids, *(-pk for pk in without)),
        names=revisions.names_of(visitor),
        facts=person,
    )


def look_by_session(
    placement: str,
    *,
    browser_id: UUID,
    user_id: int,
    session: str,
    anchor_ids: Sequence[int] = (),
    k: int,
) -> Place:
    """Return what is kept for whoever holds a session, without reading who that is.

    `session` is the key of the session's own entry in Redis, which ends with the session. What the account
    is and tells of itself has the account's mark (shop.signals.account_changed), and its age has the day.
    """
    return _look(
        placement,
        key=_key(BODY, "session", browser_id.hex, user_id, _digest(session), placement, k, *anchor_ids),
        names=(f"visitor:{browser_id}", revisions.name_of_user(user_id)),
        facts=str(timezone.localdate()),
        needed=session,
    )


def _look(placement: str, *, key: str, names: Sequence[str], facts: str, needed: str | None = None) -> Place:
    """What is kept under the key; `needed` is a key of something that must still be there, and the same."""
    nothing = Place(key=key, state=None, found=None)
    if not settings.LIST_CACHE_SECONDS or connection.in_atomic_block:
        return nothing
    held_here, catalogue = _held_here(placement)
    wanted = [key] if needed is None else [key, needed]
    marks, (held, *others) = revisions.current_with((*FOR_ALL, *names), keys=wanted)
    if marks is None or held_here is None or None in others:
        return nothing
    state = _digest(f"{marks}|{held_here}|{facts}|{others}")
    place = _still_true(Place(key=key, state=state, found=None, catalogue=catalogue), held=held or b"")
    _counts["misses" if place.found is None else "hits"] += 1
    return place


def keep(place: Place, content: str, *, product_ids: Sequence[int]) -> None:
    """Keep the content while the state of the place holds and nobody writes to the products.

    Nothing is kept where nothing may be.
    """
    if place.state is None or place.catalogue is None:
        return
    writing = place.catalogue.writing_of(product_ids)
    text = f"{place.state} {writing} {','.join(map(str, product_ids))}\n{content}".encode()

    def put(client: redis.Redis) -> None:
        client.set(place.key, text, ex=settings.LIST_CACHE_SECONDS)

    try:
        redis_door.ask(put)
    except redis_door.RedisAway:
        pass


def counts() -> dict[str, int]:
    """Return how often this process found a list kept, and how often not."""
    return {"hits": _counts["hits"], "misses": _counts["misses"]}


def _still_true(place: Place, *, held: bytes) -> Place:
    """The place with what was kept there in its state, if the products are as they were then."""
    head, _, content = held.partition(b"\n")
    then, _, products = head.decode().partition(" ")
    if then != place.state or place.catalogue is None:
        return place
    writing, _, ids = products.partition(" ")
    product_ids = tuple(int(product_id) for product_id in ids.split(",") if product_id)
    if place.catalogue.writing_of(product_ids) != writing:
        return place
    return replace(place, found=content.decode(), product_ids=product_ids)


def _held_here(placement: str) -> tuple[str | None, Snapshot | None]:
    """What a list depends on that this process holds itself, as text, and the catalogue; None unreadable."""
    try:
        version = versions.serving_version()
        ranker = rankers.ranker_for(version) if version else None
        in_force = rules.fingerprint(placement, timezone.now())
        catalogue = snapshot.current()
    except DatabaseError:
        return None, None
    return f"{version and version.pk}|{ranker and ranker.pk}|{in_force}", catalogue


def _key(*parts: object) -> str:
    return redis_door.key("kept", *parts)


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()
