"""The made shop as a whole: its size and seed, and the call that makes it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from ml.synthetic.events import Events, make_events
from ml.synthetic.products import DAY, Catalogue, make_catalogue
from ml.synthetic.shoppers import Shoppers, make_shoppers
from ml.synthetic.taxonomy import load_taxonomy

HISTORY_DAYS = 540


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True, kw_only=True)
class ShopConfig:
    """How big a shop to make; the same seed and `until` give the same shop, row for row."""

    num_users: int = 1_000
    num_items: int = 5_000
    num_interactions: int = 100_000
    seed: int = 7
    until: datetime = field(default_factory=_now)

    def __post_init__(self) -> None:
        for name in ("num_users", "num_items", "num_interactions"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; a shop needs at least 1.")
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}; give a whole number from 0 up.")
        if self.until.tzinfo is None:
            raise ValueError("until has no time zone; give such as datetime(2026, 1, 31, tzinfo=UTC).")


@dataclass(frozen=True, kw_only=True)
class SyntheticShop:
    """A made shop: the tables, and in them the tastes that made the behaviour."""

    config: ShopConfig
    catalogue: Catalogue
    shoppers: Shoppers
    events: Events

    @property
    def until(self) -> int:
        """Return the end of the shop's history, in seconds since 1970 UTC."""
        return int(self.config.until.timestamp())


def generate(config: ShopConfig, *, on_progress: Callable[[float], None] | None = None) -> SyntheticShop:
    """Return a shop of exactly the asked size; `on_progress` hears the share of interactions made.

    Each part has its own random stream, so that more interactions leave catalogue and shoppers as they are.
    """
    products_rng, shoppers_rng, events_rng = (
        np.random.default_rng(seed) for seed in np.random.SeedSequence(config.seed).spawn(3)
    )
    taxonomy = load_taxonomy()
    until = int(config.until.timestamp())
    start = until - HISTORY_DAYS * DAY
    catalogue = make_catalogue(
        taxonomy, num_items=config.num_items, start=start, until=until, rng=products_rng
    )
    shoppers = make_shoppers(taxonomy, num_users=config.num_users, start=start, until=until, rng=shoppers_rng)
    events = make_events(
        catalogue,
        shoppers=shoppers,
        num_interactions=config.num_interactions,
        until=until,
        rng=events_rng,
        on_progress=on_progress,
    )
    return SyntheticShop(config=config, catalogue=catalogue, shoppers=shoppers, events=events)
