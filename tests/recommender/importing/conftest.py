"""A small data set in our schema, written in any of the formats, and a run of the importer."""

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.utils import timezone

from recommender.importing import Options, Summary, import_dataset
from recommender.importing.job import Job
from recommender.importing.limits import Limits
from recommender.importing.rejects import Rejects

Rows = list[dict[str, Any]]
ITEMS: Rows = [
    {"item_id": "mug-1", "name": "Blue mug", "category": "Home > Kitchen > Mugs", "price": "7.50", "stock": "4"},
    {"item_id": "toy-1", "name": "Wooden train", "category": "Toys", "price": "20", "stock": "9"},
]
USERS: Rows = [
    {"user_id": "u1", "name": "Ann", "email": "ann@example.com", "preferences": "Home > Kitchen|Toys", "region": "de"},
    {"user_id": "u2", "name": "Ben", "email": "", "preferences": "", "region": ""},
]


def event(event_id: str, user_id: str = "u1", item_id: str = "mug-1", kind: str = "view", **more: Any) -> dict[str, Any]:
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
    event("e3", user_id="u2", item_id="toy-1", kind="rating", value="4", review_title="Good", review_text="It rolls."),
]


def write_rows(path: Path, rows: Rows) -> Path:
    """Write the rows in the format that the name's ending says."""
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        opened = gzip.open(path, "wt", newline="") if path.suffix == ".gz" else path.open("w", newline="")
        with opened as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return path


@pytest.fixture
def make_dataset(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a folder in our schema; keywords replace the rows of a file, None leaves it out."""

    def make(ending: str = ".csv", *, name: str = "data", **files: Rows | None) -> Path:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        for stem, rows in {"items": ITEMS, "users": USERS, "interactions": EVENTS, **files}.items():
            if rows is not None:
                write_rows(folder / f"{stem}{ending}", rows)
        return folder

    return make


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Summary]:
    """Return a function that imports without progress bars and lists rejects in rejects.csv."""

    def run_import(location: Path | str, **options: Any) -> Summary:
        return import_dataset(str(location), options=Options(reject_path=tmp_path / "rejects.csv", **options))

    return run_import


@pytest.fixture
def rejected(tmp_path: Path) -> Callable[[], list[tuple[str, int, str]]]:
    """Return a function that reads (file, line, reason) from the reject file."""

    def read() -> list[tuple[str, int, str]]:
        path = tmp_path / "rejects.csv"
        if not path.exists():
            return []
        with path.open(newline="") as file:
            return [(row["file"], int(row["line"]), row["reason"]) for row in csv.DictReader(file)]

    return read


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """An import under way whose folder is `tmp_path`."""
    return Job(schema="shop", folder=tmp_path, rejects=Rejects(None), now=timezone.now(), limits=Limits())
