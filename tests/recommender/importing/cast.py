"""A mug, a train, Ann and Ben, and what they did, as rows of our schema."""

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Rows = list[dict[str, Any]]
ITEMS: Rows = [
    {
        "item_id": "mug-1",
        "name": "Blue mug",
        "category": "Home > Kitchen > Mugs",
        "price": "7.50",
        "stock": "4",
    },
    {"item_id": "toy-1", "name": "Wooden train", "category": "Toys", "price": "20", "stock": "9"},
]
USERS: Rows = [
    {
        "user_id": "u1",
        "name": "Ann",
        "email": "ann@example.com",
        "preferences": "Home > Kitchen|Toys",
        "region": "de",
    },
    {"user_id": "u2", "name": "Ben", "email": "", "preferences": "", "region": ""},
]


def event(
    event_id: str, user_id: str = "u1", item_id: str = "mug-1", kind: str = "view", **more: Any
) -> dict[str, Any]:
    """Return a good row."""
    return {
        "event_id": event_id,
        "user_id": user_id,
        "visitor_id": "",
        "item_id": item_id,
        "kind": kind,
        "value": "",
        "occurred_at": "2026-01-02T03:04:05Z",
        "review_title": "",
        "review_text": "",
        **more,
    }


EVENTS: Rows = [
    event("e1"),
    event("e2", kind="purchase", value="2", occurred_at="2026-01-03 10:00:00"),
    event(
        "e3",
        user_id="u2",
        item_id="toy-1",
        kind="rating",
        value="4",
        review_title="Good",
        review_text="It rolls.",
    ),
]


def write_rows(path: Path, rows: Rows) -> Path:
    """Write the rows in the format that the name's ending says."""
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        content = text.getvalue().encode()
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path
