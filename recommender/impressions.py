"""The only writer of impressions: what was shown, where, to whom, by which version."""

import uuid
from collections.abc import Sequence
from typing import Any

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

    `sources` and `reasons` are those of each position; `features` is what the ranker saw.
    """
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
