"""One small made shop for all tests of the generator."""

from datetime import UTC, datetime

import pytest

from ml.synthetic.shop import ShopConfig, SyntheticShop, generate

UNTIL = datetime(2026, 3, 31, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def shop() -> SyntheticShop:
    """Return a shop of 300 shoppers, 800 products and 20,000 interactions up to the end of March 2026."""
    return generate(ShopConfig(num_users=300, num_items=800, num_interactions=20_000, seed=3, until=UNTIL))
