"""A generated catalogue in the database, without the rest of a shop."""

from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
from django.utils.text import slugify

from ml.synthetic.products import DAY, make_catalogue
from ml.synthetic.taxonomy import SEPARATOR, load_taxonomy
from shop.models import Category, Product

UNTIL = datetime(2026, 1, 31, tzinfo=UTC)
BATCH = 5_000


def make_products(number: int, *, seed: int = 7) -> None:
    """Put the products that `generate_dataset` makes of this seed into the database, and their categories."""
    until = int(UNTIL.timestamp())
    rng = np.random.default_rng(np.random.SeedSequence(seed).spawn(3)[0])
    made = make_catalogue(load_taxonomy(), num_items=number, start=until - 540 * DAY, until=until, rng=rng)
    categories = {path: _category(path) for path in sorted({kind.path for kind in made.taxonomy.types})}
    for start in range(0, number, BATCH):
        Product.objects.bulk_create(
            _product(made, item, category=categories[made.type_of(item).path])
            for item in range(start, min(start + BATCH, number))
        )


def _category(path: str) -> Category:
    parent, slugs = None, ""
    for depth, name in enumerate(path.split(SEPARATOR)):
        slugs = f"{slugs}/{slugify(name)}".lstrip("/")
        defaults = {"name": name, "slug": slugify(name), "parent": parent, "depth": depth}
        parent, _ = Category.objects.get_or_create(path=slugs, defaults=defaults)
    return parent


def _product(made, item: int, *, category: Category) -> Product:
    list_price, rating = made.list_price[item], made.rating[item]
    return Product(
        sku=made.sku[item],
        name=made.name[item],
        description=made.description[item],
        category=category,
        brand=made.brand[item],
        attributes=made.attributes[item],
        price=Decimal(str(round(float(made.price[item]), 2))),
        list_price=None if np.isnan(list_price) else Decimal(str(round(float(list_price), 2))),
        stock=int(made.stock[item]),
        rating=None if np.isnan(rating) else Decimal(str(round(float(rating), 2))),
        rating_count=int(made.rating_count[item]),
        regions=[code for code in made.regions[item].split("|") if code],
        min_age=int(made.min_age[item]),
        repeatable=bool(made.repeatable[item]),
        released_at=datetime.fromtimestamp(int(made.released_at[item]), tz=UTC),
    )
