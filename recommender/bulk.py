"""Interactions by the hundred thousand: COPY into a temporary table, then one INSERT."""

import io
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.csv
from django.db import connection, transaction

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
_WRITE_OPTIONS = pyarrow.csv.WriteOptions(include_header=False, quoting_style="needed")


@transaction.atomic
def copy_interactions(batches: Iterable[pa.Table]) -> int:
    """Return how many events were new; an event id that is there already is left as it is.

    Each batch holds COLUMNS: ids as hex text, database keys, a kind, a number or null, and `occurred_at`
    as a timestamp with zone. Rows are trusted: validate first. The batches are read while COPY runs, so
    making them may not touch the database.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CREATE)
        with cursor.copy(_COPY) as copy:
            for batch in batches:
                buffer = io.BytesIO()
                pyarrow.csv.write_csv(batch.select(COLUMNS), buffer, _WRITE_OPTIONS)
                copy.write(buffer.getbuffer())
        cursor.execute(_INSERT)
        inserted = cursor.rowcount
        cursor.execute("DROP TABLE interaction_load")
    return inserted
