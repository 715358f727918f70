"""The reject file: every row that was not taken, with its line, the reason and its content."""

import csv
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any

MAX_VALUE_LENGTH = 500  # of one value in the reject file, so that it stays readable
HEADER = ("file", "line", "reason", "row")


class Rejects:
    """Counts rejected rows by file and reason, and writes them as CSV once there is one."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.counts: Counter[tuple[str, str]] = Counter()
        self._file: IO[str] | None = None

    def __enter__(self) -> "Rejects":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._file:
            self._file.close()

    def add(self, file: str, *, line: int, reason: str, row: Mapping[str, Any]) -> None:
        self.add_all(file, [(line, reason, row)])

    def add_all(self, file: str, rows: Iterable[tuple[int, str, Mapping[str, Any]]]) -> None:
        """Record rows of (line, reason, content)."""
        writer = None
        for line, reason, row in rows:
            self.counts[(file, reason)] += 1
            if self.path is None:
                continue
            writer = writer or csv.writer(self._open(self.path))
            writer.writerow((file, line, reason, _as_json(row)))

    def total(self, file: str) -> int:
        """Return how many rows of the file were rejected."""
        return sum(count for (name, _), count in self.counts.items() if name == file)

    def _open(self, path: Path) -> IO[str]:
        if self._file is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("w", encoding="utf-8", newline="")
            csv.writer(self._file).writerow(HEADER)
        return self._file


def _as_json(row: Mapping[str, Any]) -> str:
    shown = {name: _shorten(value) for name, value in row.items() if value is not None}
    return json.dumps(shown, ensure_ascii=False, default=str).replace("\x00", "\\u0000")


def _shorten(value: Any) -> Any:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    if isinstance(value, str) and len(value) > MAX_VALUE_LENGTH:
        return f"{value[:MAX_VALUE_LENGTH]}… ({len(value)} characters)"
    return value
