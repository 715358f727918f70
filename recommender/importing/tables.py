"""Parquet, CSV and JSON lines read as batches of a table, each row with its place in the file."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from recommender.importing.errors import ImportRefused
from recommender.importing.limits import Limits
from recommender.importing.rejects import Rejects
from recommender.importing.sources import ending_of
from recommender.importing.streams import GuardedStream

NOT_UTF8 = "not UTF-8 text"


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Rows of one file. Text files give texts only; a missing value is null.

    `lines` is what a person looks for: the record's number with the header as 1 (CSV), the line's number
    (JSON lines), the row's index from 0 (Parquet).
    """

    file: str
    lines: np.ndarray  # (M,) int64
    table: pa.Table  # M rows
    fraction: float = 1.0  # of the file that has been read with this batch

    def column(self, name: str) -> pa.ChunkedArray:
        """Return the column, or nulls when the file does not have it."""
        if name in self.table.column_names:
            return self.table[name]
        return pa.chunked_array([pa.nulls(len(self.lines), pa.string())])

    def rows(self, mask: np.ndarray | None = None) -> list[dict[str, Any]]:
        """Return the rows (of the mask) as dicts; a value that Python cannot hold comes as text."""
        picked = self.table if mask is None else self.table.filter(pa.array(mask))
        try:
            return picked.to_pylist()
        except (ValueError, OverflowError):
            texts = {name: _any_text(picked[name]) for name in picked.column_names}
            return pa.table(texts).to_pylist()


def column_names(path: Path, *, limits: Limits) -> tuple[str, ...]:
    """Return the names of the columns; raises ImportRefused when the file is empty or damaged."""
    if path.stat().st_size == 0:
        raise ImportRefused(f"{path.name} is empty; leave it out or fill it.")
    ending = ending_of(path)
    if ending == ".parquet":
        return tuple(_open_parquet(path, limits=limits).schema_arrow.names)
    with GuardedStream(path, limits=limits) as stream:
        first = io.BufferedReader(stream).readline()
    try:
        text = first.decode("utf-8-sig")
        names = _json_row(text) if ending.startswith(".jsonl") else next(csv.reader([text]), [])
    except (ValueError, RecursionError, csv.Error) as error:
        raise ImportRefused(f"{path.name} does not begin with UTF-8 text in its format ({error}).") from error
    return tuple(name.strip() for name in names)


def _unique(path: Path, names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        raise ImportRefused(f"{path.name} names a column twice: {', '.join(names)}.")


def read_batches(path: Path, *, limits: Limits, rejects: Rejects) -> Iterator[Batch]:
    """Yield the file's rows; rows that are not of the file's format go to the reject file."""
    ending = ending_of(path)
    if ending == ".parquet":
        return _read_parquet(path, limits=limits)
    if ending.startswith(".jsonl"):
        return _read_json_lines(path, limits=limits, rejects=rejects)
    return _read_csv(path, limits=limits, rejects=rejects)


def _open_parquet(path: Path, *, limits: Limits) -> pq.ParquetFile:
    try:
        file = pq.ParquetFile(path)
        groups = (file.metadata.row_group(index) for index in range(file.metadata.num_row_groups))
        unpacked = sum(group.total_byte_size for group in groups)
    except (pa.ArrowException, OSError) as error:
        raise ImportRefused(
            f"{path.name} is no Parquet file, damaged or cut short ({_brief(error)})."
        ) from error
    if unpacked > limits.total_bytes:
        raise ImportRefused(f"{path.name} unpacks to more than {limits.total_bytes:,} bytes; split it up.")
    return file


def _read_parquet(path: Path, *, limits: Limits) -> Iterator[Batch]:
    file = _open_parquet(path, limits=limits)
    _unique(path, file.schema_arrow.names)
    start, total = 0, max(file.metadata.num_rows, 1)
    try:
        for record_batch in file.iter_batches(batch_size=limits.batch_rows):
            end = start + record_batch.num_rows
            table = pa.Table.from_batches([record_batch])
            yield Batch(file=path.name, lines=np.arange(start, end), table=table, fraction=end / total)
            start = end
    except (pa.ArrowException, OSError) as error:
        raise ImportRefused(
            f"{path.name} is damaged after row {start} ({_brief(error)}); fetch it again."
        ) from error


def _read_csv(path: Path, *, limits: Limits, rejects: Rejects) -> Iterator[Batch]:
    names = column_names(path, limits=limits)
    _unique(path, names)
    numbering = _Numbering(path.name, rejects=rejects)
    with GuardedStream(path, limits=limits) as stream:
        try:
            for record_batch in _open_csv(stream, names=names, limits=limits, on_bad_row=numbering.skip):
                lines = numbering.take(record_batch.num_rows)
                yield _decode(
                    path.name, pa.Table.from_batches([record_batch]), lines, stream.fraction, rejects
                )
        except pa.ArrowException as error:
            raise ImportRefused(f"{path.name} cannot be read as CSV ({_brief(error)}).") from error


def _open_csv(
    stream: GuardedStream, *, names: Sequence[str], limits: Limits, on_bad_row: Callable[[Any], str]
) -> pyarrow.csv.CSVStreamingReader:
    return pyarrow.csv.open_csv(
        io.BufferedReader(stream, buffer_size=1 << 20),
        # One thread: only then does Arrow tell the number of a bad row. Its parser is fast enough alone.
        read_options=pyarrow.csv.ReadOptions(
            use_threads=False,
            block_size=4 * limits.line_bytes,
            column_names=list(names),
            skip_rows_after_names=1,
        ),
        parse_options=pyarrow.csv.ParseOptions(
            newlines_in_values=True, ignore_empty_lines=False, invalid_row_handler=on_bad_row
        ),
        convert_options=pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.binary())),
    )


class _Numbering:
    """Line numbers of CSV rows, when some rows were skipped by the parser, which reads ahead."""

    def __init__(self, file: str, *, rejects: Rejects) -> None:
        self._file = file
        self._rejects = rejects
        self._skipped: list[int] = []
        self._next = 2  # the header is line 1

    def skip(self, row: Any) -> str:
        self._skipped.append(row.number)
        if row.text.strip():
            reason = f"{row.actual_columns} columns instead of {row.expected_columns}"
            self._rejects.add(self._file, line=row.number, reason=reason, row={"text": row.text})
        return "skip"

    def take(self, count: int) -> np.ndarray:
        """Return the numbers of the next `count` rows, int64."""
        candidates = np.arange(self._next, self._next + count + len(self._skipped))
        lines = candidates[~np.isin(candidates, self._skipped)][:count]
        if count:
            self._next = int(lines[-1]) + 1
        self._skipped = [number for number in self._skipped if number >= self._next]
        return lines


def _decode(file: str, table: pa.Table, lines: np.ndarray, fraction: float, rejects: Rejects) -> Batch:
    """Return the batch as text with empty values null; blank rows vanish, rows not in UTF-8 are rejected."""
    good = np.ones(len(lines), bool)
    try:
        texts = table.cast(pa.schema([(name, pa.string()) for name in table.column_names]))
    except pa.ArrowInvalid:
        rows = table.to_pylist()
        good = np.fromiter((_is_utf8(row.values()) for row in rows), bool, len(rows))
        bad = np.flatnonzero(~good)
        rejects.add_all(file, ((int(lines[i]), NOT_UTF8, rows[i]) for i in bad))
        kept = table.filter(pa.array(good))
        texts = kept.cast(pa.schema([(name, pa.string()) for name in table.column_names]))
    nothing = pa.scalar(None, pa.string())
    columns = {
        name: pc.if_else(pc.equal(texts[name], ""), nothing, texts[name]) for name in texts.column_names
    }
    lines = lines[good]
    filled = np.zeros(len(lines), bool)
    for column in columns.values():
        filled |= column.is_valid().to_numpy()
    return Batch(
        file=file, lines=lines[filled], table=pa.table(columns).filter(pa.array(filled)), fraction=fraction
    )


def _is_utf8(values: Any) -> bool:
    try:
        for value in values:
            value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _read_json_lines(path: Path, *, limits: Limits, rejects: Rejects) -> Iterator[Batch]:
    with GuardedStream(path, limits=limits) as stream:
        numbered = enumerate(io.BufferedReader(stream), start=1)
        while piece := list(islice(numbered, limits.batch_rows)):
            parsed = [(line, row) for line, row in _json_rows(path.name, piece, rejects) if row]
            names = {name: None for _, row in parsed for name in row}
            columns = {name: pa.array([row.get(name) for _, row in parsed], pa.string()) for name in names}
            lines = np.array([line for line, _ in parsed], np.int64)
            yield Batch(file=path.name, lines=lines, table=pa.table(columns), fraction=stream.fraction)


def _json_rows(
    file: str, piece: list[tuple[int, bytes]], rejects: Rejects
) -> Iterator[tuple[int, dict[str, str | None]]]:
    for line, text in piece:
        if not text.strip():
            continue
        try:
            row = _json_row(text.decode("utf-8-sig" if line == 1 else "utf-8"))
        except UnicodeDecodeError:
            rejects.add(file, line=line, reason=NOT_UTF8, row={"text": text})
        except (ValueError, RecursionError):
            rejects.add(file, line=line, reason="not a JSON object", row={"text": text})
        else:
            yield line, row


def _json_row(text: str) -> dict[str, str | None]:
    row = json.loads(text)
    if not isinstance(row, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - as for any other text that is none
    return {name: _json_text(value) for name, value in row.items()}


def _json_text(value: Any) -> str | None:
    """Return the value as a CSV would hold it; raises ValueError for half a surrogate pair."""
    if isinstance(value, str):
        value.encode()
        return value or None
    return None if value is None else json.dumps(value)


def _any_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    try:
        return column.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.chunked_array([pa.nulls(len(column), pa.string())])


def _brief(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:160]
