"""What the stages of a list hand to one another."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why a product is in a list, in a form that can be checked: recommender.reasons puts it in words."""

    kind: (
        str  # viewed, bought, bought_with, liked_category, popular, popular_in, new, on_sale, again, explore
    )
    product_id: int | None = None  # the product that the words name: the viewed, the bought
    category_id: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The plain values that an impression keeps."""
        values = {"kind": self.kind, "product_id": self.product_id, "category_id": self.category_id}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A product that a source proposes."""

    row: int  # of the catalogue snapshot
    product_id: int
    source: str  # recommender.retrieval names them
    score: float  # larger is better; comparable within a source, and after ranking within the list
    reason: Reason | None = None


@dataclass(frozen=True, kw_only=True)
class RankedList:
    """Candidates in the order that a stage gives them, with what an impression keeps of the stage."""

    candidates: list[Candidate]
    ranker_id: int | None = None
    feature_names: tuple[str, ...] = ()
    features: dict[int, np.ndarray] = field(default_factory=dict)  # by product id, (F,) float32
