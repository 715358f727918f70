"""Columns to arrays: scales and vocabularies learned from one table, applied to any. NumPy only."""

# N = rows, F = numeric columns, C = categorical columns, M = multi-valued entries in all, d = vector width

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ml.data import EntityTable, csr_positions

CLIP = 5.0  # scaled numbers stay within this many robust deviations
VECTOR_CLIP = 1e6  # of given vectors: above 1e18 their squares are infinite, and the item's vector is 0
UNKNOWN = 0  # the first code of every vocabulary, and the id code of everybody unknown


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """A table as arrays that a tower reads."""

    numeric: np.ndarray  # (N, 2F) float32: scaled values, then missing flags
    categorical: np.ndarray  # (N, C) int64 codes into one table that all columns share
    multi_offsets: np.ndarray  # (N + 1,) int64
    multi_code: np.ndarray  # (M,) int64 codes into one table that all fields share
    multi_weight: np.ndarray  # (M,) float32: each field of a row sums to 1
    vectors: dict[str, np.ndarray]  # (N, d) float32
    id_code: np.ndarray  # (N,) int64, UNKNOWN for a new entity

    def __len__(self) -> int:
        return len(self.id_code)

    def take(self, rows: np.ndarray) -> "Encoded":
        """The rows at `rows`, in that order."""
        positions, offsets = csr_positions(self.multi_offsets, rows)
        return Encoded(
            numeric=self.numeric[rows],
            categorical=self.categorical[rows],
            multi_offsets=offsets,
            multi_code=self.multi_code[positions],
            multi_weight=self.multi_weight[positions],
            vectors={name: matrix[rows] for name, matrix in self.vectors.items()},
            id_code=self.id_code[rows],
        )


@dataclass(frozen=True, kw_only=True)
class FeatureSpec:
    """What was learned about a table's columns: enough to encode any later table alike."""

    numeric: dict[str, tuple[float, float]]  # median and scale
    categorical: dict[str, list[str]]  # the values of codes 1, 2, ...
    multi: dict[str, list[str]]
    vectors: dict[str, int]  # width
    ids: np.ndarray  # (N,) int64, ascending; the id code of ids[i] is i + 1

    @classmethod
    def fit(
        cls,
        table: EntityTable,
        *,
        known: np.ndarray | None = None,
        min_count: int = 2,
        beside: "FeatureSpec | None" = None,
    ) -> "FeatureSpec":
        """The spec of a table; only ids of `known` rows get a code of their own, rarer values are unknown.

        A multi-valued column that shares values with one of `beside`, as preferences do with category paths,
        knows all of that one's values, so that what nobody stated yet can be stated.
        """
        ids = table.ids if known is None else table.ids[known]
        return cls(
            numeric={name: _center_and_scale(column) for name, column in sorted(table.numeric.items())},
            categorical={
                name: _vocabulary(((value,) for value in column), min_count=min_count)
                for name, column in sorted(table.categorical.items())
            },
            multi={
                name: _widened(_vocabulary(rows, min_count=min_count), beside=beside)
                for name, rows in sorted(table.multi.items())
            },
            vectors={name: matrix.shape[1] for name, matrix in sorted(table.vectors.items())},
            ids=np.sort(ids),
        )

    @property
    def num_categories(self) -> int:
        """The rows of the shared categorical table: every column has an unknown bucket of its own."""
        return sum(len(values) + 1 for values in self.categorical.values())

    @property
    def num_multi(self) -> int:
        """The rows of the shared multi-valued table."""
        return sum(len(values) + 1 for values in self.multi.values())

    @cached_property
    def _category_codes(self) -> dict[str, tuple[int, dict[str, int]]]:
        return _shared_codes(self.categorical)

    @cached_property
    def _multi_codes(self) -> dict[str, tuple[int, dict[str, int]]]:
        return _shared_codes(self.multi)

    def codes_shared_with(self, other: "FeatureSpec") -> np.ndarray:
        """(num_multi,) int64: for each multi-valued code the other's code of the same value, else -1."""
        theirs = _shared_codes(other.multi).values()
        code_of = {value: code for _, codes in theirs for value, code in codes.items()}
        shared = np.full(self.num_multi, -1, dtype=np.int64)
        for _, codes in self._multi_codes.values():
            for value, code in codes.items():
                shared[code] = code_of.get(value, -1)
        return shared

    def encode(self, table: EntityTable) -> Encoded:
        """The arrays of a table; a column that it lacks counts as missing, one the spec lacks is left out."""
        offsets, codes, weights = self._encode_multi(table)
        return Encoded(
            numeric=self._encode_numeric(table),
            categorical=self._encode_categorical(table),
            multi_offsets=offsets,
            multi_code=codes,
            multi_weight=weights,
            vectors={name: _vectors_of(table, name, width=width) for name, width in self.vectors.items()},
            id_code=self._id_codes(table.ids),
        )

    def to_dict(self) -> dict[str, Any]:
        """The spec as plain JSON values, without the ids."""
        return {
            "numeric": {name: list(pair) for name, pair in self.numeric.items()},
            "categorical": self.categorical,
            "multi": self.multi,
            "vectors": self.vectors,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, ids: np.ndarray) -> "FeatureSpec":
        """The spec that to_dict wrote."""
        numeric = {name: (float(center), float(scale)) for name, (center, scale) in values["numeric"].items()}
        rest = {name: dict(values[name]) for name in ("categorical", "multi", "vectors")}
        return cls(numeric=numeric, ids=ids, **rest)

    def _encode_numeric(self, table: EntityTable) -> np.ndarray:
        scaled = np.zeros((len(table), len(self.numeric)), dtype=np.float32)
        missing = np.ones_like(scaled)
        for position, (name, (center, scale)) in enumerate(self.numeric.items()):
            column = np.asarray(table.numeric.get(name, np.full(len(table), np.nan)), dtype=np.float64)
            present = np.isfinite(column)
            scaled[present, position] = np.clip((column[present] - center) / scale, -CLIP, CLIP)
            missing[present, position] = 0.0
        return np.concatenate([scaled, missing], axis=1)

    def _encode_categorical(self, table: EntityTable) -> np.ndarray:
        codes = np.zeros((len(table), len(self.categorical)), dtype=np.int64)
        for position, (name, (unknown, code_of)) in enumerate(self._category_codes.items()):
            column = table.categorical.get(name)
            codes[:, position] = (
                unknown if column is None else [code_of.get(value, unknown) for value in column]
            )
        return codes

    def _encode_multi(self, table: EntityTable) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rows, codes, weights = [], [], []
        for name, (unknown, code_of) in self._multi_codes.items():
            column = table.multi.get(name, [()] * len(table))
            sizes = np.array([len(entries) for entries in column], dtype=np.int64)
            rows.append(np.repeat(np.arange(len(table)), sizes))
            codes.append([code_of.get(entry, unknown) for entries in column for entry in entries])
            weights.append(np.repeat(1 / np.maximum(sizes, 1), sizes))
        if not rows:
            return np.zeros(len(table) + 1, dtype=np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32)
        all_rows = np.concatenate(rows)
        order = np.argsort(all_rows, kind="stable")
        offsets = np.searchsorted(all_rows[order], np.arange(len(table) + 1)).astype(np.int64)
        all_codes = np.concatenate([np.asarray(part, dtype=np.int64) for part in codes])[order]
        return offsets, all_codes, np.concatenate(weights)[order].astype(np.float32)

    def _id_codes(self, ids: np.ndarray) -> np.ndarray:
        if not len(self.ids):
            return np.zeros(len(ids), dtype=np.int64)
        place = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        return np.where(self.ids[place] == ids, place + 1, UNKNOWN).astype(np.int64)


def concatenate(first: Encoded, second: Encoded) -> Encoded:
    """The rows of both, encoded by one spec."""
    return Encoded(
        numeric=np.concatenate([first.numeric, second.numeric]),
        categorical=np.concatenate([first.categorical, second.categorical]),
        multi_offsets=np.concatenate(
            [first.multi_offsets, first.multi_offsets[-1] + second.multi_offsets[1:]]
        ),
        multi_code=np.concatenate([first.multi_code, second.multi_code]),
        multi_weight=np.concatenate([first.multi_weight, second.multi_weight]),
        vectors={
            name: np.concatenate([matrix, second.vectors[name]]) for name, matrix in first.vectors.items()
        },
        id_code=np.concatenate([first.id_code, second.id_code]),
    )


def one_row(
    *,
    numeric: Mapping[str, float] | None = None,
    categorical: Mapping[str, str] | None = None,
    multi: Mapping[str, Sequence[str]] | None = None,
    entity_id: int = -1,
) -> EntityTable:
    """A table of one entity, from what is known of it; nothing given is a blank one."""
    return EntityTable(
        ids=np.array([entity_id], dtype=np.int64),
        numeric={name: np.array([value], dtype=np.float32) for name, value in (numeric or {}).items()},
        categorical={name: np.array([value], dtype=object) for name, value in (categorical or {}).items()},
        multi={name: [tuple(values)] for name, values in (multi or {}).items()},
    )


def _shared_codes(vocabularies: Mapping[str, list[str]]) -> dict[str, tuple[int, dict[str, int]]]:
    """For each column its unknown code and the codes of its values, in one table that all columns share."""
    codes, start = {}, 0
    for name, values in vocabularies.items():
        codes[name] = (start, {value: code for code, value in enumerate(values, start=start + 1)})
        start += len(values) + 1
    return codes


def _center_and_scale(column: np.ndarray) -> tuple[float, float]:
    """Median and robust deviation; a constant or empty column scales by 1."""
    present = np.asarray(column, dtype=np.float64)
    present = present[np.isfinite(present)]
    if not len(present):
        return 0.0, 1.0
    low, median, high = np.percentile(present, [25, 50, 75])
    scale = (high - low) / 1.349 or present.std() or 1.0
    return float(median), float(scale)


def _vocabulary(rows: Any, *, min_count: int) -> list[str]:
    counts = Counter(value for entries in rows for value in entries if value)
    return sorted(value for value, count in counts.items() if count >= min_count)


def _widened(values: list[str], *, beside: FeatureSpec | None) -> list[str]:
    known = set(values)
    for column in beside.multi.values() if beside else ():
        known |= set(column) if known & set(column) else set()
    return sorted(known)


def _vectors_of(table: EntityTable, name: str, *, width: int) -> np.ndarray:
    matrix = table.vectors.get(name)
    if matrix is None:
        return np.zeros((len(table), width), dtype=np.float32)
    if matrix.shape[1] != width:
        raise ValueError(
            f"Vectors {name!r} have width {matrix.shape[1]}, the model was trained with {width}."
        )
    finite = np.nan_to_num(matrix.astype(np.float32, copy=False), posinf=0.0, neginf=0.0)
    return np.clip(finite, -VECTOR_CLIP, VECTOR_CLIP, out=finite)
