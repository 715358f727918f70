"""The only writer of impressions: what was shown, where, to whom, by which version, and what was seen of it.

A page hands them to the consumer, which writes many at once; where Redis is away, the stream is full or
BUFFER_IMPRESSIONS is off, the page writes its own.
"""

import json
import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from django.db import connection
from django.utils import timezone

from recommender.candidates import Reason
from recommender.handing_over import delete_old, handed_over, write_all
from recommender.models import Impression
from shop.visitors import Visitor

MAX_PLACEMENT, MAX_SOURCE = 40, 20  # characters that the columns hold

# What was deleted while the list waited is left out: the account or the anchor with the row, as a cascade
# would have done, the version and the ranker by their names alone.
_INSERT = """
    INSERT INTO recommender_impression
        (id, placement, visitor_id, user_id, anchor_id, version_id, ranker_id, source, product_ids,
         sources, reasons, features, seen_positions, created_at)
    SELECT served.id, served.placement, served.visitor_id, served.user_id, served.anchor_id, version.id,
           ranker.id, served.source, served.product_ids, served.sources, served.reasons,
           served.features, '{}', to_timestamp(served.at)
    FROM jsonb_to_recordset(%s::jsonb) AS served(
        id uuid, placement text, visitor_id uuid, user_id bigint, anchor_id bigint, version_id bigint,
        ranker_id bigint, source text, product_ids bigint[], sources text[], reasons jsonb,
        features jsonb, at float8)
    LEFT JOIN recommender_modelversion AS version ON version.id = served.version_id
    LEFT JOIN recommender_ranker AS ranker ON ranker.id = served.ranker_id
    WHERE (served.user_id IS NULL OR EXISTS (SELECT FROM shop_user WHERE shop_user.id = served.user_id))
      AND (served.anchor_id IS NULL
           OR EXISTS (SELECT FROM shop_product WHERE shop_product.id = served.anchor_id))
    ON CONFLICT (id) DO NOTHING
"""
# The rows are locked in one order, so that two consumers cannot wait for one another.
_SEE = """
    WITH told AS (
        SELECT id, visitor_id, array_agg(DISTINCT position) AS positions, min(at) AS at
        FROM jsonb_to_recordset(%s::jsonb) AS seen(id uuid, visitor_id uuid, positions int[], at float8),
             unnest(positions) AS position
        GROUP BY id, visitor_id
    ), held AS (
        SELECT list.id FROM recommender_impression AS list JOIN told USING (id, visitor_id)
        ORDER BY list.id FOR UPDATE OF list
    )
    UPDATE recommender_impression AS list
    SET seen_positions = ARRAY(
            SELECT DISTINCT place FROM unnest(list.seen_positions || told.positions::smallint[]) AS place
            WHERE place >= 0 AND place < cardinality(list.product_ids) ORDER BY place
        ),
        seen_at = coalesce(list.seen_at, to_timestamp(told.at))
    FROM told JOIN held ON held.id = told.id
    WHERE list.id = told.id AND list.visitor_id = told.visitor_id
    RETURNING list.id, list.visitor_id, list.user_id, list.created_at, list.product_ids, list.seen_positions
"""


@dataclass(frozen=True, kw_only=True)
class SeenList:
    """A list of which the browser told what came into view."""

    id: uuid.UUID
    visitor_id: uuid.UUID
    user_id: int | None
    created_at: datetime
    product_ids: list[int]
    positions: list[int]


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
    features: dict[str, Any] | None = None,
    ranker_id: int | None = None,
) -> uuid.UUID:
    """Return the id of a new impression. No query, or one insert.

    `sources` and `reasons` are of each position; `features` is what the ranker saw, in plain lists, numbers
    and NumPy arrays, where a NaN is kept as null.
    """
    impression_id = uuid.uuid4()
    served = {
        "id": impression_id.hex,
        "at": timezone.now().timestamp(),
        "placement": placement[:MAX_PLACEMENT],
        "visitor_id": visitor.id.hex,
        "user_id": visitor.user_id,
        "anchor_id": anchor_id,
        "version_id": version_id,
        "ranker_id": ranker_id,
        "source": source[:MAX_SOURCE],
        "product_ids": [int(product_id) for product_id in product_ids],
        "sources": [name[:MAX_SOURCE] for name in sources],
        "reasons": [reason.as_json() if reason else None for reason in reasons],
        "features": features,
    }
    text = json.dumps(_plain(served), allow_nan=False, separators=(",", ":"))
    if not handed_over(text):
        _insert([json.loads(text)])
    return impression_id


def record_seen(impression_id: uuid.UUID, *, visitor: Visitor, positions: Sequence[int]) -> None:
    """Add the positions, counted from 0, to those of the list that came into view; again changes nothing.

    A list that is unknown or was served to another browser is left alone, and so are positions that it
    does not have.
    """
    seen = {
        "id": impression_id.hex,
        "visitor_id": visitor.id.hex,
        "positions": sorted({position for position in positions if 0 <= position < 2**15}),
        "at": timezone.now().timestamp(),
    }
    if seen["positions"] and not handed_over(json.dumps(seen, separators=(",", ":"))):
        write_seen([seen])


def write_served(lists: Sequence[dict[str, Any]]) -> None:
    """Insert lists as `record_served` describes them; those that are there already stay as they are.

    One that the database refuses is logged and left out, so that it cannot hold up the others.
    """
    write_all(lists, insert=_insert, what="an impression")


def write_seen(told: Sequence[dict[str, Any]]) -> list[SeenList]:
    """Write down what was seen, and return the lists that were found, with all that was seen of them."""
    with connection.cursor() as cursor:
        cursor.execute(_SEE, [_as_json(told)])
        return [
            SeenList(
                id=row[0],
                visitor_id=row[1],
                user_id=row[2],
                created_at=row[3],
                product_ids=row[4],
                positions=row[5],
            )
            for row in cursor.fetchall()
        ]


def purge(*, now: datetime | None = None) -> int:
    """Return how many impressions, older than IMPRESSION_DAYS, are now deleted."""
    return delete_old(Impression.objects.all(), now=now)


def _insert(lists: Sequence[dict[str, Any]]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [_as_json(lists)])


def _as_json(rows: Sequence[dict[str, Any]]) -> str:
    return json.dumps([_plain(row) for row in rows], allow_nan=False)


def _plain(value: Any) -> Any:
    """The value in JSON's own words: arrays as lists, and null for what is no number."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.replace("\0", "") if isinstance(value, str) else value
