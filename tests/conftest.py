"""A private data folder for the whole run, and the small cast that the tests share."""

import itertools
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.utils.text import slugify


def _choose_data_dir() -> Path | None:
    """Set DATA_DIR before the settings are imported; return the folder to remove at the end, if it is ours.

    Each xdist worker gets a folder, and so a PostgreSQL and a Redis, of its own inside the run's folder.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker:
        os.environ["DATA_DIR"] = str(Path(os.environ["DATA_DIR"]) / worker)
        return None
    if os.environ.get("DATA_DIR"):
        return None
    folder = Path(tempfile.mkdtemp(prefix="shop-tests-"))
    # PostgreSQL started by root runs as another user, which must be able to enter.
    folder.chmod(0o711)
    os.environ["DATA_DIR"] = str(folder)
    return folder


OUR_DATA_DIR = _choose_data_dir()
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # playwright's sync API runs an event loop


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Stop the embedded services of this process and remove the folder that was made for the run."""
    from shop import embedded  # the settings may be read only after DATA_DIR is set

    embedded.stop_all()
    if OUR_DATA_DIR is not None:
        shutil.rmtree(OUR_DATA_DIR, ignore_errors=True)


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
