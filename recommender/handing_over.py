"""Rows that a page hands to the consumer, which writes many at once; and how they are written and end."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import DataError, IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from recommender import streams
from recommender.redis_door import RedisAway

_DELETED_AT_ONCE = 5_000

logger = logging.getLogger(__name__)


def handed_over(text: str) -> bool:
    """Return whether the consumer will write it; not so while Redis is away or the stream is full."""
    if not settings.BUFFER_IMPRESSIONS:
        return False
    try:
        streams.add_impression(text)
    except (RedisAway, streams.StreamFull):
        return False
    return True


def write_all(
    rows: Sequence[dict[str, Any]], *, insert: Callable[[Sequence[dict[str, Any]]], None], what: str
) -> None:
    """Insert the rows together; one that the database refuses is logged, as `what`, and holds up no other."""
    try:
        with transaction.atomic():
            insert(rows)
    except (DataError, IntegrityError) as error:
        if len(rows) == 1:
            logger.warning("%s could not be saved and is left out: %s", what, str(error).strip())
            return
        for row in rows:
            write_all([row], insert=insert, what=what)


def delete_old(rows: QuerySet[Any], *, now: datetime | None = None) -> int:
    """Return how many rows, made longer ago than IMPRESSION_DAYS, are now deleted."""
    before = (now or timezone.now()) - timedelta(days=settings.IMPRESSION_DAYS)
    num_deleted = 0
    while True:
        old = rows.filter(created_at__lt=before).values("pk")[:_DELETED_AT_ONCE]
        deleted, _ = rows.filter(pk__in=old).delete()
        num_deleted += deleted
        if deleted < _DELETED_AT_ONCE:
            return num_deleted
