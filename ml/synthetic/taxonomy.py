"""What the made shop can sell: product types, brands and attribute vocabularies, read from catalogue.toml."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

SOURCE = Path(__file__).with_name("catalogue.toml")
SEPARATOR = " > "
STYLES = ("Minimalist", "Rustic", "Retro", "Playful", "Classic", "Modern", "Bohemian", "Industrial")
PLAIN = ("Plain",)


@dataclass(frozen=True, kw_only=True)
class Brand:
    """A maker's name and its price level: -1 is cheap, 0 middling, 1 dear."""

    name: str
    level: float


@dataclass(frozen=True, kw_only=True)
class ProductType:
    """One leaf category: how its products are named, what they cost and what goes with them."""

    key: str
    path: str
    nouns: tuple[str, ...]
    price: float
    materials: tuple[str, ...]
    colours: tuple[str, ...]
    patterns: tuple[str, ...]
    sizes: tuple[str, ...]
    trait_name: str
    traits: tuple[str, ...]
    uses: tuple[str, ...]
    complements: tuple[str, ...]
    repeat_days: int
    min_age: int
    brands: tuple[Brand, ...]

    @property
    def parent(self) -> str:
        """Return the path of the category above."""
        return self.path.rsplit(SEPARATOR, 1)[0]

    @property
    def department(self) -> str:
        """Return the top level of the path."""
        return self.path.split(SEPARATOR, 1)[0]


@dataclass(frozen=True, kw_only=True)
class Taxonomy:
    """Every product type, with the tables that the event generator looks up by type index."""

    types: tuple[ProductType, ...]
    siblings: np.ndarray  # (T, T) float32: row t spreads one unit over the types that share t's parent
    complements: np.ndarray  # (T, T) float32: row t spreads one unit over the types bought with t
    words: dict[str, tuple[str, ...]]  # ranges, first_names, last_names

    @property
    def index(self) -> dict[str, int]:
        """Return the type index of every key."""
        return {kind.key: position for position, kind in enumerate(self.types)}


@cache
def load_taxonomy() -> Taxonomy:
    """Return the shop's taxonomy; the file is read once per process."""
    source = tomllib.loads(SOURCE.read_text(encoding="utf-8"))
    brands = {path: _parse_brands(text) for path, text in source["brands"].items()}
    types = tuple(
        _parse_type(key, row=row, source=source, brands=brands) for key, row in source["types"].items()
    )
    siblings = [[float(a.parent == b.parent) for b in types] for a in types]
    complements = [[float(b.key in a.complements) for b in types] for a in types]
    return Taxonomy(
        types=types,
        siblings=_rows_to_one(siblings),
        complements=_rows_to_one(complements),
        words={name: _words(text) for name, text in source["words"].items()},
    )


def _parse_type(key: str, *, row: dict, source: dict, brands: dict[str, tuple[Brand, ...]]) -> ProductType:
    trait_name, _, traits = row.get("trait", "").partition("=")
    return ProductType(
        key=key,
        path=row["path"],
        nouns=_words(row["nouns"]),
        price=float(row["price"]),
        materials=_words(row["materials"]),
        colours=_words(source["palettes"][row["palette"]]),
        patterns=_words(source["patterns"][row.get("pattern", "plain")]),
        sizes=_words(row["sizes"]),
        trait_name=trait_name,
        traits=_words(traits),
        uses=_words(row["uses"]),
        complements=_words(row["complements"]),
        repeat_days=row.get("repeat_days", 0),
        min_age=row.get("min_age", 0),
        brands=brands[row["path"].rsplit(SEPARATOR, 1)[0]],
    )


def _parse_brands(text: str) -> tuple[Brand, ...]:
    pairs = (entry.rsplit(":", 1) for entry in _words(text))
    return tuple(Brand(name=name, level=float(level)) for name, level in pairs)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split("|")) if text else ()


def _rows_to_one(rows: list[list[float]]) -> np.ndarray:
    table = np.asarray(rows, dtype=np.float32)
    return table / np.maximum(table.sum(axis=1, keepdims=True), 1)
