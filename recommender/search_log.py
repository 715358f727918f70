"""The only writer of the search log: what was asked, what was found, and the impression that clicks name.

As with impressions, a page hands both to the consumer, and writes them itself where that cannot be.
"""

import json
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils import timezone

from recommender import impressions
from recommender.handing_over import delete_old, handed_over, write_all
from recommender.models import SearchQuery
from shop.visitors import Visitor

PLACEMENT = "search"  # of the impressions; not a placement that recommend() knows
MAX_TEXT = 200
MARK = "searched"  # the key by which the consumer tells a search from a list

# What was deleted while the search waited is left out: the account with the row, as a cascade would.
_INSERT = """
    INSERT INTO recommender_searchquery
        (id, text, kind, filters, corrected, num_matching, num_found, latency_ms, impression_id, visitor_id,
         user_id, created_at)
    SELECT asked.id, asked.text, asked.kind, asked.filters, asked.corrected, asked.num_matching,
           asked.num_found, asked.latency_ms, asked.impression_id, asked.visitor_id, asked.user_id,
           to_timestamp(asked.at)
    FROM jsonb_to_recordset(%s::jsonb) AS asked(
        id uuid, text text, kind text, filters jsonb, corrected text, num_matching integer,
        num_found integer, latency_ms real, impression_id uuid, visitor_id uuid, user_id bigint, at float8)
    WHERE asked.user_id IS NULL OR EXISTS (SELECT FROM shop_user WHERE shop_user.id = asked.user_id)
    ON CONFLICT (id) DO NOTHING
"""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One page of a search, as it is written down."""

    text: str
    kind: str  # a kind of SearchQuery
    filters: dict[str, Any]
    corrected: str
    num_matching: int
    num_found: int
    latency_ms: float
    shown_ids: tuple[int, ...]  # the products of this page
    is_first_page: bool  # a search's other pages are impressions of their own, and no search


def record(asked: Asked, *, visitor: Visitor) -> uuid.UUID | None:
    """Return the id of the new impression, None where nothing is shown or the visitor paused personalisation.

    Nothing at all is written of who paused. No query, or two inserts.
    """
    if not visitor.personalised:
        return None
    impression_id = _impression(asked, visitor=visitor) if asked.shown_ids else None
    if asked.is_first_page:
        row = _row(asked, visitor=visitor, impression_id=impression_id)
        if not handed_over(json.dumps({MARK: row}, separators=(",", ":"))):
            _insert([row])
    return impression_id


def write(rows: Sequence[dict[str, Any]]) -> None:
    """Insert searches as `record` hands them over; those that are there already stay as they are.

    One that the database refuses is logged and left out, so that it cannot hold up the others.
    """
    write_all(rows, insert=_insert, what="a search")


def purge(*, now: datetime | None = None) -> int:
    """Return how many searches, older than IMPRESSION_DAYS, are now deleted."""
    return delete_old(SearchQuery.objects.all(), now=now)


def plain_filters(filters: Any) -> dict[str, Any]:
    """Return the filters that are set, a dataclass, in JSON's own words."""
    return {
        name: value if isinstance(value, bool | int | str | tuple) else str(value)
        for name, value in asdict(filters).items()
        if value not in ("", (), None, False)
    }


def _impression(asked: Asked, *, visitor: Visitor) -> uuid.UUID:
    return impressions.record_served(
        PLACEMENT, visitor=visitor, product_ids=asked.shown_ids, source=PLACEMENT, version_id=None
    )


def _row(asked: Asked, *, visitor: Visitor, impression_id: uuid.UUID | None) -> dict[str, Any]:
    return {
        "id": uuid.uuid4().hex,
        "text": asked.text[:MAX_TEXT],
        "kind": asked.kind,
        "filters": asked.filters,
        "corrected": asked.corrected[:MAX_TEXT],
        "num_matching": asked.num_matching,
        "num_found": asked.num_found,
        "latency_ms": round(asked.latency_ms, 1),
        "impression_id": impression_id.hex if impression_id else None,
        "visitor_id": visitor.id.hex,
        "user_id": visitor.user_id,
        "at": timezone.now().timestamp(),
    }


def _insert(rows: Sequence[dict[str, Any]]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [json.dumps(rows).replace("\\u0000", "")])
