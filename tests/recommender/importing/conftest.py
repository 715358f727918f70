"""A small data set in our schema, written in any of the formats, and a run of the importer."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from recommender.importing import Options, Summary, import_dataset
from recommender.importing.job import Job
from recommender.importing.limits import Limits
from recommender.importing.rejects import Rejects
from tests.recommender.importing.cast import EVENTS, ITEMS, USERS, Rows, write_rows


@pytest.fixture
def make_dataset(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a folder in our schema, with other rows or none for a named file."""

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
