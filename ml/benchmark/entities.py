"""Users and items read from CSV: every column becomes a feature, of the type that its values show."""

# N = rows of the file

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ml.benchmark.tables import Coded, CsvFile, as_floats, blank_as_null, read_csv, require_header
from ml.data import DAY_SECONDS, EntityTable

Values = np.ndarray | list[tuple[str, ...]]

NUMERIC, MULTI, WORDS, CATEGORICAL = "numeric", "multi-valued", "words", "categorical"
DISTINCT_SHARE = 0.5  # of the values of a free text, at least
TEXT_WORDS = 2  # in the median value of a free text, at least
DATE = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?Z?)?$"
SEPARATOR = "|"


@dataclass(frozen=True, kw_only=True)
class Features:
    """The rows of a users or items file: names, and columns with the type that each is read as."""

    names: pa.Array  # (N,) distinct strings
    kinds: dict[str, str]
    columns: dict[str, Values]  # (N,) each

    def table(self, names: pa.Array) -> EntityTable:
        """The features of `names`, blank for a name that the file lacks; the ids are the rows' numbers."""
        place = pc.fill_null(pc.index_in(names, value_set=self.names), -1).to_numpy(zero_copy_only=False)
        columns = {name: _aligned(column, place=place) for name, column in self.columns.items()}
        of_kind = {
            group: {name: columns[name] for name, kind in self.kinds.items() if kind in kinds}
            for group, kinds in (
                ("numeric", (NUMERIC,)),
                ("categorical", (CATEGORICAL,)),
                ("multi", (MULTI, WORDS)),
            )
        }
        return EntityTable(ids=np.arange(len(names), dtype=np.int64), **of_kind)  # type: ignore[arg-type]

    def describe(self) -> str:
        """The columns and their types in one line."""
        return ", ".join(f"{name} ({kind})" for name, kind in self.kinds.items()) or "no feature columns"


def no_features() -> Features:
    """Of entities that no file describes."""
    return Features(names=pa.array([], pa.string()), kinds={}, columns={})


def read_entities(path: Path, *, key: str) -> Features:
    """The features of a CSV file with a header; `key` is the column of names, distinct throughout.

    A column of numbers or of ISO dates (as days) is numeric, with NaN where nothing stands. A column with a
    `|` in it is multi-valued. Free text (several words, mostly distinct) is a multi-valued column of its
    lower-case words. All others are categorical.
    """
    require_header(path, required=(key,))
    file = read_csv(path, as_names=(key,), multiline=True)
    keys = file.coded(key)
    if len(keys.names) < len(keys):
        first = np.unique(keys.code, return_index=True)[1]
        row = int(np.setdiff1d(np.arange(len(keys)), first)[0])
        name = keys.names[int(keys.code[row])].as_py()
        file.refuse(row, f"{key} {name!r} stands there twice; give every one a single row.")
    kinds, columns = {}, {}
    for name in file.columns.column_names:
        if name != key:
            kinds[name], columns[name] = _typed(file, name=name)
    return Features(names=keys.names, kinds=kinds, columns=columns)


def _typed(file: CsvFile, *, name: str) -> tuple[str, Values]:
    texts = blank_as_null(file.columns[name])
    given = texts.drop_null()
    try:
        return NUMERIC, _finite(as_floats(texts))
    except pa.ArrowInvalid:
        pass
    if pc.all(pc.match_substring_regex(given, DATE)).as_py():
        return NUMERIC, _days(file, texts=texts, name=name)
    if pc.any(pc.match_substring(given, SEPARATOR)).as_py():
        return MULTI, _split(texts, pattern=r"\s*\|\s*")
    if _is_free_text(given):
        return WORDS, _split(pc.utf8_lower(texts), pattern=r"[^\p{L}\p{N}]+")
    return CATEGORICAL, np.array(pc.fill_null(texts, "").to_pylist(), dtype=object)


def _finite(numbers: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(numbers), numbers, np.nan).astype(np.float32)


def _days(file: CsvFile, *, texts: pa.Array, name: str) -> np.ndarray:
    try:
        moments = pc.utf8_rtrim(texts, "Z").cast(pa.timestamp("us")).cast(pa.int64())
    except pa.ArrowInvalid as error:
        file.refuse_cast(error, name=name, texts=texts, wanted="a date that exists")
    micros = moments.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return (micros / (1e6 * DAY_SECONDS)).astype(np.float32)


def _is_free_text(given: pa.Array) -> bool:
    words = pc.list_value_length(pc.utf8_split_whitespace(given)).to_numpy(zero_copy_only=False)
    distinct = pc.count_distinct(given).as_py()
    return bool(np.median(words) >= TEXT_WORDS and distinct >= DISTINCT_SHARE * len(given))


def _split(texts: pa.Array, *, pattern: str) -> list[tuple[str, ...]]:
    """The distinct parts of each text, in their order; none of a missing one."""
    parts = pc.split_pattern_regex(pc.fill_null(texts, ""), pattern)
    return [tuple(dict.fromkeys(part for part in row if part)) for row in parts.to_pylist()]


def _aligned(column: Values, *, place: np.ndarray) -> Values:
    """The column's values at `place`, blank where that is -1."""
    if isinstance(column, list):
        return [column[row] if row >= 0 else () for row in place.tolist()]
    blank = np.nan if column.dtype != object else ""
    if not len(column):
        return np.full(len(place), blank, dtype=column.dtype)
    return np.where(place >= 0, column[place], np.array(blank, dtype=column.dtype))


__all__ = ["Coded", "Features", "no_features", "read_entities"]
