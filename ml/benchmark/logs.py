"""What happened, read from files without a loop over rows: pairs in two formats, and logs with times."""

# L = lines of a file, M = events

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ml.benchmark.tables import (
    BadInput,
    Coded,
    CsvFile,
    as_floats,
    blank_as_null,
    header_of,
    open_bytes,
    read_csv,
    reading,
    require_header,
)
from ml.data import KINDS

PURCHASE, RATING = KINDS.index("purchase"), KINDS.index("rating")
LARGEST_VALUE = 1e9
# Above the first bound a number cannot be seconds (the year 5138), but milliseconds, micro- or nanoseconds.
UNITS = ((1e11, 1e3), (1e14, 1e6), (1e17, 1e9))
LATEST_SECOND = 1e11
ZONE = r"(?i)(z|[+-]\d\d:?\d\d)$"


@dataclass(frozen=True, kw_only=True)
class Log:
    """Events as columns, in the order of the file."""

    user: Coded
    item: Coded
    kind: np.ndarray  # (M,) int8 code into ml.data.KINDS
    value: np.ndarray  # (M,) float32, NaN = none
    timestamp: np.ndarray  # (M,) int64 seconds; 0 throughout where the file has no times
    notes: tuple[str, ...] = ()

    @classmethod
    def of_pairs(cls, user: Coded, item: Coded, *, path: Path) -> "Log":
        """Purchases at no known time; a pair given twice counts once, with a note."""
        width = max(len(item.names), 1)
        _, first = np.unique(user.code.astype(np.int64) * width + item.code, return_index=True)
        notes = (f"{path}: {len(user) - len(first):,} repeated pairs count once.",)
        rows = np.sort(first)
        return cls(
            user=replace(user, code=user.code[rows]),
            item=replace(item, code=item.code[rows]),
            kind=np.full(len(rows), PURCHASE, dtype=np.int8),
            value=np.full(len(rows), np.nan, dtype=np.float32),
            timestamp=np.zeros(len(rows), dtype=np.int64),
            notes=notes if len(first) < len(user) else (),
        )

    def __len__(self) -> int:
        return len(self.timestamp)

    def take(self, rows: np.ndarray) -> "Log":
        """The events at `rows` (indices or a mask)."""
        return replace(
            self,
            user=self.user.take(rows),
            item=self.item.take(rows),
            kind=self.kind[rows],
            value=self.value[rows],
            timestamp=self.timestamp[rows],
        )


def read_pairs(path: Path, *, file_format: str | None = None) -> Log:
    """The pairs of a file; without a format a name in .csv or .csv.gz is CSV, and all others adjacency."""
    if file_format is None:
        file_format = "csv" if path.name.lower().removesuffix(".gz").endswith(".csv") else "adjacency"
    return read_adjacency(path) if file_format == "adjacency" else read_csv_pairs(path)


def read_adjacency(path: Path) -> Log:
    """The pairs of lines `user item item ...`, of any names without blanks; a user alone has no item."""
    with reading(path), open_bytes(path) as stream:
        text = stream.read().decode("utf-8-sig")
    lines = pc.split_pattern(pa.array([text], pa.large_string()), "\n").flatten()
    lines = pc.utf8_trim_whitespace(lines)
    lines = lines.filter(pc.not_equal(lines, ""))
    tokens_L = pc.utf8_split_whitespace(lines)
    sizes_L = pc.list_value_length(tokens_L).to_numpy(zero_copy_only=False)
    if not (sizes_L > 1).any():
        hint = " The lines hold commas: try --format csv." if "," in text else ""
        raise BadInput(f"{path} holds no pair; write lines of a user and items, blanks between.{hint}")
    tokens = tokens_L.flatten()
    starts = np.cumsum(sizes_L) - sizes_L
    is_item = np.ones(len(tokens), dtype=bool)
    is_item[starts] = False
    user = Coded.of(pa.chunked_array([tokens.take(pa.array(starts))]))
    user = replace(user, code=np.repeat(user.code, sizes_L - 1))
    item = Coded.of(pa.chunked_array([tokens.filter(pa.array(is_item))]))
    return Log.of_pairs(user, item, path=path)


def read_csv_pairs(path: Path) -> Log:
    """The pairs of rows `user,item`, with or without a header, which must name both."""
    first = header_of(path)
    if len(first) != 2:
        raise BadInput(
            f"{path}, line 1: {len(first)} columns where user,item are expected; give two columns, or read a "
            "log with times by --interactions."
        )
    has_header = "user" in first[0] and "item" in first[1]
    if "item" in first[0] and "user" in first[1]:
        raise BadInput(f"{path}, line 1: the columns are item,user; swap them to user,item.")
    names = first if has_header else ["user", "item"]
    file = read_csv(path, names=None if has_header else names, as_names=tuple(names))
    return Log.of_pairs(file.coded(names[0]), file.coded(names[1]), path=path)


def read_log(path: Path) -> Log:
    """The events of a CSV file with the columns user_id, item_id, timestamp and maybe kind and value."""
    require_header(path, required=("user_id", "item_id", "timestamp"))
    file = read_csv(path, as_names=("user_id", "item_id", "kind"))
    kind = _kinds(file)
    value = _values(file, kind=kind)
    known = ("user_id", "item_id", "timestamp", "kind", "value")
    ignored = [name for name in file.columns.column_names if name not in known]
    notes = (f"{path}: the columns {', '.join(ignored)} are not read.",) if ignored else ()
    return Log(
        user=file.coded("user_id"),
        item=file.coded("item_id"),
        kind=kind,
        value=value,
        timestamp=_seconds(file),
        notes=notes,
    )


def _kinds(file: CsvFile) -> np.ndarray:
    if "kind" not in file.columns.column_names:
        return np.full(len(file.columns), PURCHASE, dtype=np.int8)
    column = Coded.of(file.columns["kind"])
    codes = np.empty(len(column.names), dtype=np.int8)
    for place, name in enumerate(column.names.to_pylist()):
        word = name.lower() or "purchase"
        if word not in KINDS:
            file.refuse(column.first_row_of(name), f"kind is {name!r}; use one of {', '.join(KINDS)}.")
        codes[place] = KINDS.index(word)
    return codes[column.code]


def _values(file: CsvFile, *, kind: np.ndarray) -> np.ndarray:
    """(M,) float32: stars of a rating, else how many; raises BadInput for what can be neither."""
    if "value" not in file.columns.column_names:
        return np.full(len(kind), np.nan, dtype=np.float32)
    values = file.numbers("value")
    is_rating = (kind == RATING) & ~np.isnan(values)
    for mask, cure in (
        (is_rating & ~((values >= 1) & (values <= 5)), "give a rating 1 to 5 stars."),
        (values < 0, "leave returns out, or log them as the kind dislike."),
        (values > LARGEST_VALUE, f"give at most {LARGEST_VALUE:,.0f}."),
    ):
        if mask.any():
            row = int(mask.argmax())
            file.refuse(row, f"value is {values[row]:g}; {cure}")
    return values.astype(np.float32)


def _seconds(file: CsvFile) -> np.ndarray:
    """(M,) int64 seconds since 1970 UTC, from numbers (the unit told by their size) or ISO dates."""
    texts = blank_as_null(file.columns["timestamp"])
    if texts.null_count:
        row = int(texts.is_null().to_numpy(zero_copy_only=False).argmax())
        file.refuse(row, "timestamp is empty; give every event one, or use --train and --test without times.")
    try:
        numbers = as_floats(texts)
    except pa.ArrowInvalid:
        return _moments(file, texts)
    unit = next((scale for bound, scale in reversed(UNITS) if np.median(np.abs(numbers)) > bound), 1.0)
    seconds = numbers / unit
    absurd = ~(np.abs(seconds) <= LATEST_SECOND)
    if absurd.any():
        row = int(absurd.argmax())
        file.refuse(row, f"timestamp is {texts[row].as_py()}; use one unit throughout, such as seconds.")
    return np.floor(seconds).astype(np.int64)


def _moments(file: CsvFile, texts: pa.Array) -> np.ndarray:
    """(M,) int64 seconds of ISO dates, in UTC where they name no zone."""
    zoned = pc.match_substring_regex(texts, ZONE)
    seconds = np.empty(len(texts), dtype=np.int64)
    for mask, kind in ((zoned, pa.timestamp("us", tz="UTC")), (pc.invert(zoned), pa.timestamp("us"))):
        part = texts.filter(mask)
        try:
            moments = part.cast(kind).cast(pa.int64()).to_numpy(zero_copy_only=False)
        except pa.ArrowInvalid as error:
            wanted = "seconds since 1970 or a date such as 2026-01-31T12:00:00Z"
            file.refuse_cast(error, name="timestamp", texts=texts, wanted=wanted)
        seconds[mask.to_numpy(zero_copy_only=False)] = moments // 1_000_000
    return seconds
