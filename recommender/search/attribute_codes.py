"""Attributes of the catalogue as codes: one column a name, so that values are counted and masked at once."""

# I = products of the catalogue

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from recommender.snapshot import Snapshot


@dataclass(kw_only=True)
class Column:
    """One attribute of every product."""

    codes_I: np.ndarray  # int32, -1 without a value
    values: list[str] = field(default_factory=list)  # by code, in lower case
    code_of: dict[str, int] = field(default_factory=dict)

    def code(self, value: str) -> int:
        """Return the code of a value, which is new from now on where it was not known."""
        code = self.code_of.setdefault(value, len(self.values))
        if code == len(self.values):
            self.values.append(value)
        return code

    def has(self, values: Iterable[str]) -> np.ndarray:
        """Return (I,) bool: the products with one of the values."""
        codes = [self.code_of[value] for value in values if value in self.code_of]
        if len(codes) == 1:
            return np.asarray(self.codes_I == codes[0])
        return np.isin(self.codes_I, codes)


@dataclass(frozen=True, kw_only=True)
class AttributeCodes:
    """The columns of a catalogue by the names of the attributes."""

    ids_digest: str
    product_id: np.ndarray
    attributes: tuple[tuple[str, ...], ...]
    columns: dict[str, Column]


_held: AttributeCodes | None = None


def of(catalogue: Snapshot) -> dict[str, Column]:
    """Return the columns; made once for a catalogue, and then only anew for the products that changed."""
    global _held  # noqa: PLW0603 - one for the process
    held = _held
    if held is None or held.attributes is not catalogue.attributes:
        held = _held = _coded(catalogue, previous=held)
    return held.columns


def forget() -> None:
    """Make the columns anew for the next request."""
    global _held  # noqa: PLW0603 - one for the process
    _held = None


def _coded(catalogue: Snapshot, *, previous: AttributeCodes | None) -> AttributeCodes:
    columns: dict[str, Column] = {}
    changed = list(range(len(catalogue)))
    if previous is not None and len(previous.product_id):
        columns, changed = _carried(catalogue, previous=previous)
    for row in changed:
        for attribute in catalogue.attributes[row]:
            name, _, value = attribute.partition("=")
            if name not in columns:
                columns[name] = Column(codes_I=np.full(len(catalogue), -1, dtype=np.int32))
            columns[name].codes_I[row] = columns[name].code(value)
    return AttributeCodes(
        ids_digest=catalogue.ids_digest,
        product_id=catalogue.product_id,
        attributes=catalogue.attributes,
        columns=columns,
    )


def _carried(catalogue: Snapshot, *, previous: AttributeCodes) -> tuple[dict[str, Column], list[int]]:
    """The columns of before in this catalogue's rows, and the rows whose attributes are not as before."""
    place = np.minimum(
        np.searchsorted(previous.product_id, catalogue.product_id), len(previous.product_id) - 1
    )
    known = previous.product_id[place] == catalogue.product_id
    # A product that did not change holds the very tuple that it held in the catalogue before.
    changed = [
        row
        for row, (before, is_known) in enumerate(zip(place.tolist(), known.tolist(), strict=True))
        if not is_known or previous.attributes[before] is not catalogue.attributes[row]
    ]
    if not changed and len(place) == len(previous.product_id):
        return previous.columns, []
    columns = {}
    for name, column in previous.columns.items():
        codes_I = column.codes_I[place]
        codes_I[changed] = -1
        columns[name] = Column(codes_I=codes_I, values=[*column.values], code_of={**column.code_of})
    return columns, changed
