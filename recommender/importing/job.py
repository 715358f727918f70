"""What every part of one import shares: its bounds, its reject file and its counts."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from recommender.importing.limits import Limits
from recommender.importing.rejects import Rejects

DEFAULT_STOCK = 100


@dataclass(kw_only=True)
class Tally:
    """What became of one kind of thing."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0

    @property
    def accepted(self) -> int:
        return self.new + self.changed + self.unchanged


@dataclass(frozen=True, kw_only=True)
class Job:
    """One import under way."""

    schema: str
    folder: Path
    rejects: Rejects
    now: datetime
    limits: Limits = field(default_factory=Limits)
    shown: bool = False
    stock: int = DEFAULT_STOCK
    notices: Counter[str] = field(
        default_factory=Counter
    )  # rows that were taken, but not with everything in them
