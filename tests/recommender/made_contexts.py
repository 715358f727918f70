"""Catalogues and contexts of a few made products, without a database."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from recommender.candidates import Candidate
from recommender.context import Context
from recommender.snapshot import Snapshot
from shop.visitors import Visitor

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PATHS = {1: "home", 2: "home/mugs", 3: "home/mugs/large", 4: "homeware", 5: "toys"}
VISITOR = Visitor(id=uuid.UUID(int=7))


def made_catalogue(number: int = 40, **columns: Any) -> Snapshot:
    """Products 101, 102 and so on, all on sale, none of them new; columns replace those of the default."""
    rows = np.arange(number)
    values: dict[str, Any] = {
        "revision": "made",
        "product_id": 101 + rows.astype(np.int64),
        "category_id": 1 + rows % 5,
        "category_path": PATHS,
        "brand": (rows % 4).astype(np.int32),
        "brands": ("Acme", "Bolt", "Core", ""),
        "price": np.full(number, 10, dtype=np.float32),
        "discount": np.zeros(number, dtype=np.float32),
        "rating": np.full(number, np.nan, dtype=np.float32),
        "rating_count": np.zeros(number, dtype=np.int32),
        "stock": np.full(number, 5, dtype=np.int32),
        "active": np.ones(number, dtype=bool),
        "repeatable": np.zeros(number, dtype=bool),
        "min_age": np.zeros(number, dtype=np.int16),
        "regions": np.full(number, 2**64 - 1, dtype=np.uint64),
        "region_names": (),
        "released_at": np.full(number, NOW.timestamp() - 400 * 86_400),
        "attributes": tuple(("colour=blue",) if row % 3 == 0 else () for row in rows),
        "written": rows.astype(np.int64),
    }
    return Snapshot(**{**values, **columns})


def made_context(catalogue: Snapshot | None = None, **fields: Any) -> Context:
    """A request for 12 products on the home page, of a visitor of whom nothing is known."""
    catalogue = catalogue if catalogue is not None else made_catalogue()
    values: dict[str, Any] = {
        "placement": "home_for_you",
        "visitor": VISITOR,
        "k": 12,
        "now": NOW,
        "anchor_ids": (),
        "version": None,
        "history": (),
        "catalogue": catalogue,
        "allowed": np.ones(len(catalogue), dtype=bool),
        "user_vector": None,
        "item_vectors": None,
    }
    return Context(**{**values, **fields})


def candidates_of(rows: Sequence[int], *, source: str = "two_tower") -> list[Candidate]:
    """Candidates at these rows of a made catalogue, best first."""
    return [
        Candidate(row=int(row), product_id=101 + int(row), source=source, score=1.0 - place / 1000)
        for place, row in enumerate(rows)
    ]


def rows_of(candidates: Sequence[Candidate]) -> list[int]:
    return [candidate.row for candidate in candidates]
