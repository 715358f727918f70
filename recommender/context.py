"""What one request for a list knows, gathered once and handed to every stage."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from recommender.filtering import Mark
from recommender.interactions import HistoryRow
from recommender.models import ModelVersion
from recommender.snapshot import Snapshot
from shop.visitors import Visitor


@dataclass(frozen=True, kw_only=True)
class Context:
    """A request for a list."""

    placement: str
    visitor: Visitor
    k: int
    now: datetime
    anchor_ids: tuple[int, ...]  # the products that the slot is about: the page's, the cart's, the order's
    version: ModelVersion | None  # the active one
    history: Sequence[HistoryRow]  # newest first; empty where personalisation is paused
    catalogue: Snapshot
    allowed: np.ndarray  # (I,) bool over the catalogue's rows: what filters and rules leave
    user_vector: np.ndarray | None  # (D + 1,) as of now; None when nothing is known or no model serves
    item_vectors: np.ndarray | None  # (I, D + 1) float32 by the catalogue's rows, zeros for one without
    marks: Sequence[Mark] = ()  # purchases, dislikes and ratings, newest first, and the cart
