"""The small cast that the tests share; tests/data_dir.py gives the run its own data folder."""

import itertools
import os
import shutil
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.utils.text import slugify

from tests.data_dir import OUR_DATA_DIR

os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # playwright's sync API runs an event loop


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Stop the embedded services of this process and remove the folder that was made for the run."""
    from shop import embedded  # the settings may be read only after DATA_DIR is set

    embedded.stop_all()
    if OUR_DATA_DIR is not None:
        shutil.rmtree(OUR_DATA_DIR, ignore_errors=True)


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    """A process keeps the catalogue and the like for some seconds; each test has another database."""
    from recommender import (  # models load only after the settings
        cards,
        encoders,
        ladder,
        mapped_vectors,
        refreshing,
    )
    from recommender.search import attribute_codes, word_index
    from shop.selectors import catalogue

    refreshing.forget_everything()
    mapped_vectors.forget_everything()
    encoders.encode_query.cache_clear()
    word_index.forget()
    cards.forget()
    attribute_codes.forget()
    ladder.forget()
    catalogue.departments_as_of.cache_clear()
    catalogue.pictured_as_of.cache_clear()
    catalogue.well_rated_as_of.cache_clear()


@pytest.fixture(autouse=True)
def _nothing_by_chance(settings: Any) -> None:
    """Lists hold what fits, at any hour; a test of exploration or of the hour says so."""
    settings.EXPLORATION_SHARE = settings.CONTEXT_BOOST = 0.0


@pytest.fixture
def alice(db: None) -> Any:
    """A shopper."""
    return get_user_model().objects.create_user("alice@example.com", "correct-horse-battery", name="Alice")


@pytest.fixture
def bob(db: None) -> Any:
    """Another shopper, who must see nothing of Alice's."""
    return get_user_model().objects.create_user("bob@example.com", "correct-horse-battery", name="Bob")


@pytest.fixture
def visitor() -> Any:
    """A browser that nobody has logged in from."""
    from shop.visitors import Visitor  # models load only after the settings

    return Visitor(id=uuid.uuid4())


@pytest.fixture
def make_product(db: None) -> Callable[..., Any]:
    """Return a function that creates a product on sale; `category` is a path such as "Home > Mugs"."""
    numbers = itertools.count(1)
    category_model, product_model = apps.get_model("shop.Category"), apps.get_model("shop.Product")

    def make(name: str = "", *, category: str = "Home", **fields: Any) -> Any:
        parent, path = None, ""
        for depth, level in enumerate(category.split(" > ")):
            path = f"{path}/{slugify(level)}".lstrip("/")
            defaults = {"name": level, "slug": slugify(level), "parent": parent, "depth": depth}
            parent, _ = category_model.objects.get_or_create(path=path, defaults=defaults)
        number = next(numbers)
        fields = {"sku": f"SKU-{number}", "price": Decimal("10.00"), "stock": 5, **fields}
        return product_model.objects.create(name=name or f"Product {number}", category=parent, **fields)

    return make
