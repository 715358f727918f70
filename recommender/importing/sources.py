"""Where a data set lies: a folder, a file, a zip or an http(s) address, opened without trusting it."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from recommender.importing.archives import unpack
from recommender.importing.downloads import download
from recommender.importing.errors import ImportRefused
from recommender.importing.limits import Limits

DATA_ENDINGS = (".parquet", ".csv", ".csv.gz", ".jsonl", ".jsonl.gz")
_ADDRESS = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]*)://")


@dataclass(frozen=True, kw_only=True)
class Source:
    """An opened data set: its data files, and the folder that its pictures are in."""

    name: str
    folder: Path
    files: tuple[Path, ...]


@contextmanager
def open_source(location: str, *, limits: Limits, shown: bool) -> Iterator[Source]:
    """Yield the data set's files; what was downloaded or unpacked is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="import-") as scratch:
        path = _local(location, scratch=Path(scratch), limits=limits, shown=shown)
        if path.suffix == ".zip":
            unpacked = Path(scratch) / "unpacked"
            unpack(path, into=unpacked, limits=limits, shown=shown)
            path = unpacked
        yield _open_folder(path, name=location) if path.is_dir() else _open_file(path, name=location)


def inside(folder: Path, path: Path) -> Path:
    """Return the real path; raises ImportRefused when it lies outside the folder, links followed."""
    real = path.resolve()
    if not real.is_relative_to(folder.resolve()):
        raise ImportRefused(f"{path.name} points outside the folder of the data set; copy the file into it.")
    return real


def ending_of(path: Path) -> str:
    """Return the data ending of a file name, or an empty text when it is no data file."""
    name = path.name.lower()
    return next(
        (ending for ending in sorted(DATA_ENDINGS, key=len, reverse=True) if name.endswith(ending)), ""
    )


def _local(location: str, *, scratch: Path, limits: Limits, shown: bool) -> Path:
    if match := _ADDRESS.match(location):
        if match[1].lower() not in ("http", "https"):
            raise ImportRefused(f"Only http:// and https:// addresses are read, not {match[1]}://.")
        return download(location, into=scratch, limits=limits, shown=shown)
    path = Path(location)
    if not path.exists():
        raise ImportRefused(f"{location} does not exist; give a folder, a file, a zip or an http(s) address.")
    return path


def _open_file(path: Path, *, name: str) -> Source:
    if not path.is_file() or not ending_of(path):
        raise ImportRefused(
            f"{path.name} is no data file; files that can be read: {', '.join(DATA_ENDINGS)}, .zip."
        )
    return Source(name=name, folder=path.parent, files=(path,))


def _open_folder(folder: Path, *, name: str) -> Source:
    files = _data_files(folder)
    if not files:  # a zip often holds one folder that holds the files
        inner = [
            entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith((".", "__"))
        ]
        if len(inner) == 1:
            folder, files = inner[0], _data_files(inside(folder, inner[0]))
    if not files:
        raise ImportRefused(f"{name} holds no data file; files that can be read: {', '.join(DATA_ENDINGS)}.")
    return Source(name=name, folder=folder, files=tuple(files))


def _data_files(folder: Path) -> list[Path]:
    found = [
        entry for entry in sorted(folder.iterdir()) if ending_of(entry) and not entry.name.startswith(".")
    ]
    return [entry for entry in found if inside(folder, entry).is_file()]
