"""Whole columns in and out of PostgreSQL: COPY in binary form, with no Python object a row.

100,000 vectors cross in about a second either way.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from django.db import connection
from psycopg import sql

# PostgreSQL's binary COPY: a signature of 19 bytes, rows, and a closing -1. A row is its number of fields,
# then each field's length and bytes, big-endian. No field here is NULL and each has a fixed width, so a row
# is a struct.
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)  # no flags, no header extension
_TRAILER = b"\xff\xff"
Fields = Sequence[tuple[str, Any]]  # name and NumPy type
_INTERACTIONS = "recommender_interaction"
_CONTENT = "recommender_contentembedding"
_ITEMS = "recommender_itemembedding"


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
    first = np.frombuffer(data, dtype=_row_type([("product_id", ">i8"), ("vector", vector_type(0))]), count=1)
    width = int(first["vector"]["dimension"][0])
    fields = [("product_id", ">i8"), ("vector", vector_type(width, number=">f2"))]
    rows = np.frombuffer(data, dtype=_row_type(fields))
    return rows["product_id"].astype(np.int64), rows["vector"]["values"].astype(np.float32)


def read_rows(query: sql.Composable, fields: Fields) -> np.ndarray:
    """The rows of a query whose columns are `fields`: fixed in width, in this order and never NULL."""
    return np.frombuffer(_copy(query), dtype=_row_type(fields))


def read_item_vectors(version_id: int) -> tuple[np.ndarray, np.ndarray]:
    """(N,) product ids and the (N, D) float32 vectors of a version; both empty where there are none."""
    query = sql.SQL("SELECT product_id, vector FROM {table} WHERE version_id = {version_id}")
    data = _copy(query.format(table=sql.Identifier(_ITEMS), version_id=version_id))
    if not data:
        return np.empty(0, dtype=np.int64), np.empty((0, 0), dtype=np.float32)
    first = np.frombuffer(data, dtype=_row_type([("product_id", ">i8"), ("vector", vector_type(0))]), count=1)
    width = int(first["vector"]["dimension"][0])
    rows = np.frombuffer(data, dtype=_row_type([("product_id", ">i8"), ("vector", vector_type(width))]))
    return rows["product_id"].astype(np.int64), rows["vector"]["values"].astype(np.float32)


def vector_type(width: int, *, number: str = ">f4") -> np.dtype:
    """How pgvector sends a vector (a halfvec with `>f2`): its width, two unused bytes and its numbers."""
    return np.dtype([("dimension", ">i2"), ("unused", ">i2"), ("values", number, (width,))])


def new_rows(fields: Fields, *, count: int) -> np.ndarray:
    """Rows for `write_rows`, their fields zero and to be filled in."""
    rows = np.zeros(count, dtype=_row_type(fields))
    rows["num_fields"] = len(fields)
    for name, kind in fields:
        rows[f"{name}_length"] = np.dtype(kind).itemsize
    return rows


def write_rows(blocks: Iterable[np.ndarray], *, into: str) -> None:
    """Write blocks of `new_rows` into the table and columns of `into`, such as `shop_review (id, rating)`."""
    statement = f"COPY {into} FROM STDIN (FORMAT BINARY)"
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(_HEADER)
        for rows in blocks:
            copy.write(rows.tobytes())
        copy.write(_TRAILER)


def _row_type(fields: Fields) -> np.dtype:
    """The struct of one binary row: the number of fields, then (length, bytes) a field."""
    parts: list[tuple[str, Any]] = [("num_fields", ">i2")]
    for name, kind in fields:
        parts += [(f"{name}_length", ">i4"), (name, kind)]
    return np.dtype(parts)


def _copy(query: sql.Composable) -> bytes:
    """The rows of a query in binary form, without header and trailer."""
    statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT BINARY)").format(query)
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(statement) as copy:
        data = b"".join(copy)
    return data[len(_HEADER) : len(data) - len(_TRAILER)]
