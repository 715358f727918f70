"""One row's values turned into what a model field holds; raises BadValue with the reason."""

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from recommender.importing.errors import BadValue

Row = Mapping[str, Any]
MAX_PRICE = Decimal("99999999.99")
MAX_DEPTH = 8
_TRUE, _FALSE = {"true", "1", "1.0", "yes", "t"}, {"false", "0", "0.0", "no", "f"}


def text(row: Row, name: str, *, max_length: int, required: bool = False) -> str:
    """Return the value as text, or an empty text when it is missing."""
    value = row.get(name)
    if isinstance(value, list | dict | bytes):  # Parquet holds such columns
        raise BadValue(f"{name} is not text")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    missing = value is None or (isinstance(value, float) and math.isnan(value))
    found = "" if missing else str(value).strip()
    if required and not found:
        raise BadValue(f"missing {name}")
    if "\x00" in found:
        raise BadValue(f"NUL character in {name}")
    if len(found) > max_length:
        raise BadValue(f"{name} is longer than {max_length} characters")
    return found


def decimal(row: Row, name: str, *, low: Decimal, high: Decimal, required: bool = False) -> Decimal | None:
    """Return the value to two decimals."""
    found = text(row, name, max_length=64, required=required)
    if not found:
        return None
    try:
        number = Decimal(found)
        number = (
            number.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP) if number.is_finite() else Decimal("NaN")
        )
    except InvalidOperation as error:
        raise BadValue(f"{name} is not a number") from error
    if number.is_nan():
        raise BadValue(f"{name} is not a number")
    if not low <= number <= high:
        raise BadValue(f"{name} is outside {low} to {high}")
    return number


def integer(row: Row, name: str, *, low: int, high: int) -> int | None:
    """Return the value as a whole number."""
    number = decimal(row, name, low=Decimal(low), high=Decimal(high))
    if number is not None and number != int(number):
        raise BadValue(f"{name} is not a whole number")
    return None if number is None else int(number)


def boolean(row: Row, name: str, *, default: bool) -> bool:
    found = text(row, name, max_length=8).lower()
    if not found:
        return default
    if found not in _TRUE | _FALSE:
        raise BadValue(f"{name} is neither true nor false")
    return found in _TRUE


def moment(row: Row, name: str) -> datetime | None:
    """Return an aware moment; one without a zone is taken as UTC."""
    value = row.get(name)
    if not isinstance(value, date):
        found = text(row, name, max_length=64)
        if not found:
            return None
        try:
            value = datetime.fromisoformat(found)
        except ValueError as error:
            raise BadValue(f"{name} is not a date") from error
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    try:
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError as error:
        raise BadValue(f"{name} is not a date") from error


def day(row: Row, name: str) -> date | None:
    found = moment(row, name)
    return found.date() if found else None


def region(row: Row, name: str) -> str:
    """Return an ISO 3166 alpha-2 code, or an empty text."""
    return _country(text(row, name, max_length=20), name=name)


def regions(row: Row, name: str) -> list[str]:
    """Return the codes that are joined by '|'."""
    found = text(row, name, max_length=1000)
    return sorted({_country(part.strip(), name=name) for part in found.split("|") if part.strip()})


def category_path(found: str, *, name: str = "category") -> tuple[str, ...]:
    """Return the levels of `Home > Kitchen > Mugs`."""
    levels = tuple(" ".join(level.split()) for level in found.split(">"))
    levels = tuple(level for level in levels if level)
    if len(levels) > MAX_DEPTH or any(len(level) > 50 for level in levels):
        raise BadValue(f"{name} has more than {MAX_DEPTH} levels or a name over 50 characters")
    return levels


def attributes(row: Row, name: str) -> dict[str, str | int | float | bool]:
    """Return the flat JSON object that the text holds."""
    found = text(row, name, max_length=10_000)
    try:
        value = json.loads(found) if found else {}
        json.dumps(
            value, ensure_ascii=False, allow_nan=False
        ).encode()  # no NaN, infinity or half a character
    except (ValueError, RecursionError) as error:
        raise BadValue(f"{name} is not JSON") from error
    if not isinstance(value, dict) or not all(
        isinstance(part, str | int | float | bool) for part in value.values()
    ):
        raise BadValue(f"{name} is not a flat JSON object")
    if "\\u0000" in found:
        raise BadValue(f"NUL character in {name}")
    return value


def _country(found: str, *, name: str) -> str:
    if found and not re.fullmatch(r"[A-Za-z]{2}", found):
        raise BadValue(f"{name} is not an ISO 3166 alpha-2 code")
    return found.upper()
