"""Columns of any type turned into text, numbers and moments."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from recommender.importing.columns import as_moments, as_numbers, as_text

NEW_YEAR = 1_767_225_600_000_000  # 2026-01-01 00:00 UTC in microseconds


def column(values: list[Any], kind: pa.DataType | None = None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, kind)])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([" a ", "", None], ["a", None, None]),
        ([1, None], ["1", None]),
        ([17850.0, float("nan"), None], ["17850", None, None]),
        ([1.5, 2.0], ["1.5", "2"]),
        ([None, None], [None, None]),
        ([True], ["true"]),
        ([b"a", None, b"\xff"], ["a", None, "\\xff"]),
        ([["a", "b"], None], ['["a", "b"]', None]),
        ([{"a": 1}], ['{"a": 1}']),
    ],
)
def test_text(values: list[Any], expected: list[str | None]) -> None:
    assert as_text(column(values)).to_pylist() == expected


def test_text_of_a_dictionary_column() -> None:
    assert as_text(pa.chunked_array([pa.array(["a", "b", "a"]).dictionary_encode()])).to_pylist() == [
        "a",
        "b",
        "a",
    ]


@pytest.mark.parametrize(
    ("values", "expected", "good"),
    [
        (["1.5", "", "2"], [1.5, np.nan, 2], [True, True, True]),
        (["1", "x", None], [1, np.nan, np.nan], [True, False, True]),
        ([1, None], [1, np.nan], [True, True]),
        ([1.0, float("inf")], [1, np.inf], [True, False]),
        ([True, None], [np.nan, np.nan], [False, True]),
    ],
)
def test_numbers(values: list[Any], expected: list[float], good: list[bool]) -> None:
    numbers, mask = as_numbers(column(values))

    np.testing.assert_equal(numbers, np.array(expected, float))
    assert mask.tolist() == good


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-01",
        "2026-01-01 00:00:00",
        "2026-01-01T00:00:00Z",
        "2026-01-01T01:00:00+01:00",
        "2026-01-01T00:00:00.000000",
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))),
        date(2026, 1, 1),
    ],
)
@pytest.mark.parametrize("beside", [[], [None]])
def test_moments(value: Any, beside: list[None]) -> None:
    moments, mask = as_moments(column([value, *beside]))

    assert moments[0] == NEW_YEAR
    assert mask.tolist() == [True, *(False for _ in beside)]


def test_moments_of_mixed_forms_and_nonsense() -> None:
    moments, mask = as_moments(column(["2026-01-01", "2026-01-01T00:00:00Z", "soon", "2026-13-01", ""]))

    assert mask.tolist() == [True, True, False, False, False]
    assert moments[:2].tolist() == [NEW_YEAR, NEW_YEAR]


def test_moments_in_nanoseconds_and_numbers() -> None:
    moments, mask = as_moments(column([NEW_YEAR * 1000], pa.timestamp("ns")))
    assert (moments.tolist(), mask.tolist()) == ([NEW_YEAR], [True])
    assert as_moments(column([NEW_YEAR]))[1].tolist() == [False]


def test_moments_that_no_calendar_of_python_holds_are_none() -> None:
    year_one = "0001-01-01T00:00:00"
    _, mask = as_moments(column([year_one, f"{year_one}+14:00", "9999-12-31T23:59:59"]))
    assert mask.tolist() == [True, False, True]
    far = column([-(2**62), 2**62, NEW_YEAR], pa.timestamp("us"))
    assert as_moments(far)[1].tolist() == [False, False, True]
