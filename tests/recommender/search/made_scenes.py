"""Scenes and legs by hand: a catalogue of so many products, of which only what a test names matters."""

import uuid
from typing import Any

import numpy as np

from recommender.search.requests import Leg, Scene
from recommender.snapshot import EVERYWHERE, Snapshot
from shop.visitors import Visitor

GUEST = Visitor(id=uuid.UUID(int=1), personalised=False)


def scene_of(number: int, *, visitor: Visitor = GUEST, **columns: Any) -> Scene:
    """A scene of `number` products that are alike but in the columns given; their ids are 100 and so on."""
    alike: dict[str, Any] = {
        "revision": "",
        "product_id": np.arange(100, 100 + number),
        "category_id": np.ones(number, dtype=np.int64),
        "category_path": {1: "things"},
        "brand": np.zeros(number, dtype=np.int32),
        "brands": ("",),
        "price": np.full(number, 10.0, dtype=np.float32),
        "discount": np.zeros(number, dtype=np.float32),
        "rating": np.full(number, np.nan, dtype=np.float32),
        "rating_count": np.zeros(number, dtype=np.int32),
        "stock": np.ones(number, dtype=np.int32),
        "active": np.ones(number, dtype=bool),
        "repeatable": np.zeros(number, dtype=bool),
        "min_age": np.zeros(number, dtype=np.int16),
        "regions": np.full(number, EVERYWHERE, dtype=np.uint64),
        "region_names": (),
        "released_at": np.zeros(number),
        "attributes": ((),) * number,
        "category_name": {1: "Things"},
        "marks": np.zeros((number, 2), dtype=np.int64),
    }
    given = {name: np.array(values) for name, values in columns.items()}
    catalogue = Snapshot(**{**alike, **given})
    return Scene(catalogue=catalogue, visitor=visitor, allowed_I=np.ones(number, dtype=bool))


def leg_of(
    name: str, *rows: int, scores: list[float] | None = None, sure: int = 0, exact: int | None = None
) -> Leg:
    """A leg of these rows, best first, of which the first `sure` have every word and `exact` are the name."""
    places = np.arange(len(rows))
    return Leg(
        name=name,
        rows_N=np.array(rows, dtype=np.int64),
        scores_N=np.array(scores if scores is not None else -places, dtype=np.float32),
        sure_N=places < sure,
        exact_N=None if exact is None else places < exact,
    )
