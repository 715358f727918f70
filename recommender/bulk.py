"""Interactions by the hundred thousand: COPY into a temporary table, then one INSERT."""

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.csv
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

COLUMNS = ("event_id", "visitor_id", "user_id", "product_id", "kind", "value", "occurred_at")

_CREATE = """
    CREATE TEMPORARY TABLE interaction_load (
        event_id uuid, visitor_id uuid, user_id bigint, product_id bigint,
        kind text, value double precision, occurred_at timestamptz
    ) ON COMMIT DROP
"""
_COPY = f"COPY interaction_load ({', '.join(COLUMNS)}) FROM STDIN (FORMAT csv)"
_INSERT = f"""
    INSERT INTO recommender_interaction ({", ".join(COLUMNS)}, placement, created_at)
    SELECT {", ".join(COLUMNS)}, '', now() FROM interaction_load ORDER BY occurred_at
    ON CONFLICT (event_id) DO NOTHING
"""  # noqa: S608 - made of constants
# What can be put back in one pass over the table; the unique index must stay, for it finds the repeats.
_SLOW_PARTS = """
    SELECT format('ALTER TABLE recommender_interaction DROP CONSTRAINT %I', conname),
           format('ALTER TABLE recommender_interaction ADD CONSTRAINT %I ', conname)
               || pg_get_constraintdef(oid)
    FROM pg_constraint WHERE conrelid = 'recommender_interaction'::regclass AND contype = 'f'
    UNION ALL
    SELECT format('DROP INDEX %s', indexrelid::regclass), pg_get_indexdef(indexrelid)
    FROM pg_index WHERE indrelid = 'recommender_interaction'::regclass AND NOT indisunique
"""
_WRITE_OPTIONS = pyarrow.csv.WriteOptions(include_header=False, quoting_style="needed")


@transaction.atomic
def copy_interactions(batches: Iterable[pa.Table]) -> int:
    """Return how many events were new; an event id that is there already is left as it is.

    Each batch holds COLUMNS: ids as hex text, database keys, a kind, a number or null, and `occurred_at`
    as a timestamp with zone. Rows are trusted: validate first. The batches are read while COPY runs, so
    making them may not touch the database. The first load of an empty table locks it, and the users and
    products, until the transaction ends.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CREATE)
        with cursor.copy(_COPY) as copy:
            for batch in batches:
                buffer = io.BytesIO()
                pyarrow.csv.write_csv(batch.select(COLUMNS), buffer, _WRITE_OPTIONS)
                copy.write(buffer.getbuffer())
        with _bare_while_empty(cursor):
            cursor.execute(_INSERT)
            inserted = cursor.rowcount
        cursor.execute("DROP TABLE interaction_load")
    return inserted


@contextmanager
def _bare_while_empty(cursor: CursorWrapper) -> Iterator[None]:
    """Take indexes and foreign keys off an empty table and put them back, each checked in one pass.

    That halves the time of a first import. A table in use keeps them: dropping would stop the shop.
    """
    cursor.execute("SELECT EXISTS (SELECT FROM recommender_interaction)")
    if cursor.fetchone()[0]:
        yield
        return
    cursor.execute(_SLOW_PARTS)
    parts = cursor.fetchall()
    # PostgreSQL alters no table with deferred checks pending, such as those of rows saved just before.
    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    for drop, _ in parts:
        cursor.execute(drop)
    yield
    for _, add in parts:
        cursor.execute(add)
