"""Text files as columns, plain or gzip; what cannot be read is refused with file, line and cure."""

# M = rows of the file

import csv
import gzip
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

GZIP_MAGIC = b"\x1f\x8b"
BLOCK_BYTES = 16 * 1024 * 1024  # the longest row that can be read
MISSING_WORDS = ("", "nan", "na", "n/a", "null", "none")
NAMES = pa.dictionary(pa.int32(), pa.string())


class BadInput(ValueError):
    """A file or an option that cannot be used; the message names the place and the cure."""


@dataclass(frozen=True, kw_only=True)
class Coded:
    """A column of names as numbers."""

    code: np.ndarray  # (M,) int32, rows of `names`
    names: pa.Array  # distinct strings, in the order in which they first appear

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> "Coded":
        """The column's names without the blanks around them; takes strings or dictionaries of them."""
        if not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        whole = _flat(column.unify_dictionaries())
        trimmed = pc.utf8_trim_whitespace(whole.dictionary.cast(pa.string())).dictionary_encode()
        code = trimmed.indices.to_numpy()[whole.indices.to_numpy()] if len(whole) else np.zeros(0)
        return cls(code=code.astype(np.int32), names=trimmed.dictionary)

    def __len__(self) -> int:
        return len(self.code)

    def take(self, rows: np.ndarray) -> "Coded":
        """The rows at `rows` (indices or a mask), with only the names that occur in them."""
        used, code = np.unique(self.code[rows], return_inverse=True)
        return Coded(code=code.astype(np.int32), names=self.names.take(pa.array(used)))

    def rows_in(self, names: pa.Array) -> np.ndarray:
        """(M,) int64 the place of each row's name in `names`; -1 where it is not there."""
        place = pc.fill_null(pc.index_in(self.names, value_set=names), -1)
        return place.to_numpy(zero_copy_only=False).astype(np.int64)[self.code]

    def first_row_of(self, name: str) -> int:
        """The first row with this name, or -1."""
        code = pc.index(self.names, name).as_py()
        found = self.code == code
        return int(found.argmax()) if code >= 0 and found.any() else -1


@dataclass(frozen=True, kw_only=True)
class CsvFile:
    """A CSV file whose rows were read; `refuse` finds the line of a row again."""

    path: Path
    has_header: bool
    columns: pa.Table

    def refuse(self, row: int, reason: str) -> NoReturn:
        """Raise BadInput that names the line of the data row at this position."""
        raise BadInput(f"{self.path}, line {_line_of(self.path, row=row + self.has_header)}: {reason}")

    def coded(self, name: str) -> Coded:
        """A column of ids; raises BadInput for a row without one."""
        column = Coded.of(self.columns[name])
        if (row := column.first_row_of("")) >= 0:
            self.refuse(row, f"{name} is empty; give every row one.")
        return column

    def numbers(self, name: str) -> np.ndarray:
        """(M,) float64, NaN where nothing is given; raises BadInput for what is no number."""
        texts = blank_as_null(self.columns[name])
        try:
            return as_floats(texts)
        except pa.ArrowInvalid as error:
            self.refuse_cast(error, name=name, texts=texts, wanted="a number")

    def refuse_cast(self, error: pa.ArrowInvalid, *, name: str, texts: pa.Array, wanted: str) -> NoReturn:
        """Raise BadInput for the value that a cast stumbled over."""
        found = re.search(r"string: '(.*?)' as", str(error), re.DOTALL)
        row = pc.index(texts, found[1]).as_py() if found else -1
        if found is None or row < 0:
            raise BadInput(f"{self.path}: {name} holds something that is not {wanted}: {error}") from error
        self.refuse(row, f"{name} is {found[1]!r}; give {wanted}.")


def read_csv(
    path: Path, *, names: list[str] | None = None, as_names: tuple[str, ...] = (), multiline: bool = False
) -> CsvFile:
    """The columns of a CSV file as text, the ones in `as_names` as dictionaries.

    `names` are the columns of a file without a header. `multiline` reads line breaks inside quotes, slower.
    """
    has_header = names is None
    names = header_of(path) if names is None else names
    types = {name: NAMES if name in as_names else pa.string() for name in names}
    with reading(path), open_bytes(path) as stream:
        try:
            table = pa_csv.read_csv(
                stream,
                read_options=pa_csv.ReadOptions(
                    column_names=names, skip_rows=int(has_header), block_size=BLOCK_BYTES
                ),
                parse_options=pa_csv.ParseOptions(newlines_in_values=multiline),
                convert_options=pa_csv.ConvertOptions(column_types=types),
            )
        except pa.ArrowInvalid as error:
            raise _explained(error, path=path, num_columns=len(names)) from error
    if not len(table):
        raise BadInput(f"{path} has a header but no rows; give it at least one.")
    return CsvFile(path=path, has_header=has_header, columns=table)


def header_of(path: Path) -> list[str]:
    """The first row of a CSV file, in lower case."""
    with reading(path), open_text(path) as lines:
        names = [cell.strip().lower() for cell in next(csv.reader(lines), [])]
    if not any(names):
        raise BadInput(f"{path}, line 1 is empty; begin the file with its rows or their column names.")
    return names


def require_header(path: Path, *, required: tuple[str, ...]) -> None:
    """Raise BadInput unless the file begins with distinct column names, the required ones among them."""
    names = header_of(path)
    missing = [name for name in required if name not in names]
    if missing:
        raise BadInput(
            f"{path}, line 1: no column {', '.join(missing)} in {', '.join(names)}; begin the file with a "
            f"header that names {', '.join(required)}."
        )
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise BadInput(f"{path}, line 1: column {', '.join(doubled)} stands there twice; rename one.")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what the system says about a file that cannot be read into BadInput."""
    try:
        yield
    except FileNotFoundError:
        raise BadInput(f"{path} does not exist; check the path.") from None
    except IsADirectoryError:
        raise BadInput(f"{path} is a folder; give a file in it.") from None
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{path}, line {_line_not_utf8(path)} is not UTF-8 text; save the file as UTF-8."
        ) from error
    except (OSError, EOFError) as error:
        raise BadInput(f"{path} cannot be read ({error}); check the file, or copy it again.") from error


@contextmanager
def open_bytes(path: Path) -> Iterator[pa.NativeFile]:
    """The file's bytes, unpacked when it is gzip whatever its name."""
    with path.open("rb") as file:
        head = file.read(2)
    if not head:
        raise BadInput(f"{path} is empty; give a file with rows.")
    with pa.OSFile(str(path)) as stream:
        if head == GZIP_MAGIC:
            with pa.CompressedInputStream(stream, "gzip") as unpacked:
                yield unpacked
        else:
            yield stream


def open_text(path: Path) -> IO[str]:
    """The file's text, unpacked when it is gzip."""
    with path.open("rb") as file:
        packed = file.read(2) == GZIP_MAGIC
    if packed:
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def blank_as_null(column: pa.ChunkedArray) -> pa.Array:
    """(M,) trimmed text, null where it says that nothing is known."""
    texts = pc.utf8_trim_whitespace(_flat(column))
    missing = pc.is_in(pc.utf8_lower(texts), value_set=pa.array(MISSING_WORDS))
    return pc.if_else(missing, pa.scalar(None, pa.string()), texts)


def as_floats(texts: pa.Array) -> np.ndarray:
    """(M,) float64, NaN where null; raises pa.ArrowInvalid for what is no number."""
    return texts.cast(pa.float64()).to_numpy(zero_copy_only=False)


def _flat(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(whole, pa.ChunkedArray):
        whole = pa.concat_arrays(whole.chunks)
    return whole


def _explained(error: pa.ArrowInvalid, *, path: Path, num_columns: int) -> BadInput:
    """The reason why a CSV file could not be parsed, with its line where it can be found."""
    if "UTF8" in str(error):
        return BadInput(f"{path}, line {_line_not_utf8(path)} is not UTF-8 text; save the file as UTF-8.")
    with open_text(path) as lines:
        rows = csv.reader(lines)
        for row in rows:
            if row and len(row) != num_columns:
                return BadInput(
                    f"{path}, line {rows.line_num}: {len(row)} columns where there should be {num_columns}; "
                    "quote values that hold a comma."
                )
    return BadInput(f"{path} is not a CSV file that can be read: {error}")


def _line_of(path: Path, *, row: int) -> int:
    """The line on which the row at this position ends, blank lines aside; reads the file once more."""
    with open_text(path) as lines:
        rows = csv.reader(lines)
        position = -1
        for cells in rows:
            position += bool(cells)
            if position == row:
                return rows.line_num
    return row + 1


def _line_not_utf8(path: Path) -> int:
    opened: Callable[..., IO[bytes]] = gzip.open if path.open("rb").read(2) == GZIP_MAGIC else open  # type: ignore[assignment]
    with opened(path, "rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return 0
