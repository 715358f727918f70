"""The only writer of impressions: what was shown, where, to whom, by which version."""

import uuid
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from recommender.candidates import Reason
from recommender.models import Impression
from shop.visitors import Visitor


def record_served(
    placement: str,
    *,
    visitor: Visitor,
    product_ids: Sequence[int],
    source: str,
    version_id: int | None,
    anchor_id: int | None = None,
    sources: Sequence[str] = (),
    reasons: Sequence[Reason | None] = (),
    ranker_id: int | None = None,
    features: dict[str, Any] | None = None,
) -> uuid.UUID:
    """Return the id of a new impression; a click or a cart event carries it back. One insert.

    `sources` and `reasons` are those of each position; `features` is what the ranker saw. What is shown to a
    visitor who paused personalisation is not written down.
    """
    if not visitor.personalised:
        return uuid.uuid4()
    impression = Impression.objects.create(
        placement=placement,
        visitor_id=visitor.id,
        user_id=visitor.user_id,
        anchor_id=anchor_id,
        version_id=version_id,
        ranker_id=ranker_id,
        source=source,
        product_ids=list(product_ids),
        sources=list(sources),
        reasons=[reason.as_json() if reason else None for reason in reasons],
        features=features,
    )
    return impression.pk


def record_seen(impression_id: uuid.UUID, *, visitor: Visitor, positions: Sequence[int]) -> bool:
    """Return whether the visitor's own list was found; its seen positions then include these. Two queries."""
    with transaction.atomic():
        mine = Impression.objects.select_for_update().filter(pk=impression_id, visitor_id=visitor.id)
        impression = mine.first()
        if impression is None:
            return False
        valid = {position for position in positions if position < len(impression.product_ids)}
        impression.seen_positions = sorted(valid | set(impression.seen_positions))
        impression.seen_at = impression.seen_at or timezone.now()
        impression.save(update_fields=["seen_positions", "seen_at"])
    return True
