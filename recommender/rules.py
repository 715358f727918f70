"""Business rules. Stands in until they are here: no rule is in force."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from recommender.candidates import Candidate
from recommender.context import Context
from recommender.models import BusinessRule
from recommender.snapshot import Snapshot


def current(placement: str, now: datetime) -> Sequence[BusinessRule]:
    """No rules."""
    return ()


def excluded(rules: Sequence[BusinessRule], catalogue: Snapshot) -> np.ndarray:
    """(I,) bool: nothing."""
    return np.zeros(len(catalogue), dtype=bool)


def apply(candidates: list[Candidate], *, context: Context, rules: Sequence[BusinessRule]) -> list[Candidate]:
    """The candidates as they came."""
    return candidates
