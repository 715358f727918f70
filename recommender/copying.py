"""Whole columns out of PostgreSQL: COPY in binary form, read by NumPy without a Python object a row."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import Avg, Count, Q
from psycopg import sql

from recommender.models import Interaction

# PostgreSQL's binary COPY: a signature of 19 bytes, rows, and a closing -1. A row is its number of fields,
# then each field's length and bytes, big-endian. No field here is NULL and each has a fixed width, so a row
# is a struct.
_HEADER_BYTES = 19
_TRAILER_BYTES = 2
_INTERACTIONS = "recommender_interaction"
_CONTENT = "recommender_contentembedding"


def read_interactions(*, before: datetime, kinds: Sequence[str]) -> dict[str, np.ndarray]:
    """The users' events before a moment as columns user_id, product_id, kind (a code), value and timestamp.

    Unsorted. One sequential read, about a second a million rows.
    """
    query = sql.SQL(
        "SELECT user_id, product_id, (array_position({kinds}::text[], kind::text) - 1)::int2,"
        " coalesce(value, 'NaN')::float4, floor(extract(epoch FROM occurred_at))::int8"
        " FROM {table} WHERE user_id IS NOT NULL AND occurred_at < {before}"
    ).format(kinds=list(kinds), table=sql.Identifier(_INTERACTIONS), before=before)
    fields = [
        ("user_id", ">i8"),
        ("product_id", ">i8"),
        ("kind", ">i2"),
        ("value", ">f4"),
        ("timestamp", ">i8"),
    ]
    rows = np.frombuffer(_copy(query), dtype=_row_type(fields))
    return {name: rows[name].astype(np.dtype(kind).newbyteorder("=")) for name, kind in fields}


def read_content_vectors(column: str, *, encoder: str) -> tuple[np.ndarray, np.ndarray]:
    """(N,) product ids and the (N, d) float32 vectors of one encoder in `column`; both empty where none."""
    query = sql.SQL(
        "SELECT product_id, {column} FROM {table} WHERE encoder = {encoder} AND {column} IS NOT NULL"
    )
    data = _copy(
        query.format(
            column=sql.Identifier(column),
            table=sql.Identifier(_CONTENT),
            encoder=encoder,
        )
    )
    if not data:
        return np.empty(0, dtype=np.int64), np.empty((0, 0), dtype=np.float32)
    # pgvector sends a halfvec as its number of dimensions, two unused bytes and its numbers.
    first = np.frombuffer(data, dtype=_row_type([("product_id", ">i8"), ("dim", ">i2")]), count=1)
    width = int(first["dim"][0])
    fields = [("product_id", ">i8"), ("vector", np.dtype([("head", ">i4"), ("values", ">f2", (width,))]))]
    rows = np.frombuffer(data, dtype=_row_type(fields))
    return rows["product_id"].astype(np.int64), rows["vector"]["values"].astype(np.float32)


def read_activity(user_id: int) -> dict[str, Any]:
    """One user's num_interactions and mean_price of now, named and counted as in the view user_activity."""
    liked = ~Q(kind__in=[Interaction.Kind.DISLIKE, Interaction.Kind.CART_REMOVE])
    found = Interaction.objects.filter(user_id=user_id).aggregate(
        num_interactions=Count("pk"), mean_price=Avg("product__price", filter=liked)
    )
    return {name: float(value) for name, value in found.items() if value is not None}


def _row_type(fields: Sequence[tuple[str, Any]]) -> np.dtype:
    """The struct of one binary row: the number of fields, then (length, bytes) a field."""
    parts: list[tuple[str, Any]] = [("num_fields", ">i2")]
    for name, kind in fields:
        parts += [(f"{name}_length", ">i4"), (name, kind)]
    return np.dtype(parts)


def _copy(query: sql.Composed) -> bytes:
    """The rows of a query in binary form, without header and trailer."""
    statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT BINARY)").format(query)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:  # type: ignore[attr-defined]
        data = b"".join(copy)
    return data[_HEADER_BYTES : len(data) - _TRAILER_BYTES]
