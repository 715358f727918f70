"""Whole columns turned into text, numbers and moments; a mask says where that failed."""

# M = rows of the batch

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

MISSING_MOMENT = np.iinfo(np.int64).min
# Microseconds at which the years 1 to 9999 begin and end: the moments that Python can read back.
FIRST_MOMENT, LAST_MOMENT = -62_135_596_800_000_000, 253_402_300_799_999_999


def as_text(column: pa.ChunkedArray) -> pa.Array:
    """Return (M,) strings without blanks around them; empty is null; whole floats lose their `.0`.

    What is no text, such as a list, comes as JSON, for a later check to reject in words.
    """
    array = _flat(column)
    if pa.types.is_floating(array.type):
        array = _whole_numbers(array)
    try:
        array = array.cast(pa.string())
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        array = pa.array([_in_words(value) for value in array.to_pylist()], pa.string())
    trimmed = pc.utf8_trim_whitespace(array)
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)


def as_numbers(column: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """Return (M,) float64, NaN where missing, and (M,) bool, False for what is no finite number."""
    array = _flat(column)
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        return _parse_numbers(as_text(column))
    if not (
        pa.types.is_floating(array.type) or pa.types.is_integer(array.type) or pa.types.is_decimal(array.type)
    ):
        missing = array.is_null().to_numpy(zero_copy_only=False)
        return np.full(len(array), np.nan), missing
    values = array.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return values, ~np.isinf(values)


def as_moments(column: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """Return (M,) int64 microseconds since 1970 in UTC, and (M,) bool, False for what is no moment."""
    array = _flat(column)
    if pa.types.is_date(array.type):
        array = array.cast(pa.date32())
    if pa.types.is_timestamp(array.type) or pa.types.is_date(array.type):
        return _microseconds(array)
    if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
        return np.full(len(array), MISSING_MOMENT), np.zeros(len(array), bool)
    texts = as_text(column)
    for kind in (pa.timestamp("us"), pa.timestamp("us", tz="UTC")):
        try:
            return _microseconds(texts.cast(kind))
        except pa.ArrowInvalid:  # one value in another form makes the whole cast fail
            continue
    return _parse_moments(texts)


def has_nul(texts: pa.Array) -> np.ndarray:
    """Return (M,) bool, True where the text holds NUL, which PostgreSQL cannot store."""
    return as_mask(pc.match_substring(texts, "\x00"))


def longer_than(texts: pa.Array, length: int) -> np.ndarray:
    """Return (M,) bool, True where the text has more characters than `length`."""
    return as_mask(pc.greater(pc.utf8_length(texts), length))


def as_mask(array: pa.Array) -> np.ndarray:
    """Return (M,) bool with null as False."""
    return pc.fill_null(array, fill_value=False).to_numpy(zero_copy_only=False)


def is_missing(array: pa.Array) -> np.ndarray:
    return array.is_null().to_numpy(zero_copy_only=False)


def _flat(column: pa.ChunkedArray) -> pa.Array:
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], column.type)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_null(array.type):
        array = array.cast(pa.string())
    return array


def _in_words(value: Any) -> str | None:
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    return None if value is None else json.dumps(value, default=str)


def _whole_numbers(array: pa.Array) -> pa.Array:
    """Return int64 when every value is whole: pandas writes ids with gaps as floats."""
    try:
        return pc.if_else(pc.is_nan(array), pa.scalar(None, array.type), array).cast(pa.int64())
    except pa.ArrowInvalid:
        return array


def _parse_numbers(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    try:
        values = texts.cast(pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        values = np.fromiter((_number(text) for text in texts.to_pylist()), np.float64, len(texts))
    return np.where(np.isinf(values), np.nan, values), ~np.isinf(values)


def _number(text: str | None) -> float:
    """Return the number, NaN for nothing and infinity for what is no number."""
    try:
        return float(text) if text else np.nan
    except ValueError:
        return np.inf


def _microseconds(array: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    moments = array.cast(pa.timestamp("us", tz=getattr(array.type, "tz", None)), safe=False)
    return _in_range(pc.fill_null(moments.cast(pa.int64()), MISSING_MOMENT).to_numpy(zero_copy_only=False))


def _parse_moments(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    return _in_range(np.fromiter((_moment(text) for text in texts.to_pylist()), np.int64, len(texts)))


def _in_range(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    valid = (values >= FIRST_MOMENT) & (values <= LAST_MOMENT)
    return np.where(valid, values, MISSING_MOMENT), valid


def _moment(text: str | None) -> int:
    try:
        moment = datetime.fromisoformat(text or "")
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return round(moment.timestamp() * 1_000_000)
    except (ValueError, OverflowError):
        return MISSING_MOMENT
