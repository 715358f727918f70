"""Products of a data set: validated row by row, matched by sku, created or brought up to date."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils import timezone

from recommender.importing import fields
from recommender.importing.categories import CategoryTree
from recommender.importing.errors import BadValue
from recommender.importing.fields import Row
from recommender.importing.job import Job, Tally
from recommender.importing.pictures import Picture, Pictures
from recommender.importing.tables import Batch
from shop.models import Category, Product

MAX_DESCRIPTION = 20_000
MAX_COUNT = 2_000_000_000  # fits PostgreSQL's integer
# Columns that may be missing, or empty in a row: the shop's own value then stays.
_KEPT_WHEN_EMPTY = ("stock", "released_at")


@dataclass(frozen=True, kw_only=True)
class Item:
    """A valid row."""

    sku: str
    category: tuple[str, ...]
    picture: Picture | None
    values: dict[str, Any]  # by field of Product, only for columns that the file has


class CatalogueLoader:
    """State that outlives a batch."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.tree = CategoryTree()
        self.pictures = Pictures(job)
        self.tally = Tally()
        self._seen: set[str] = set()

    def load(self, batches: Iterable[Batch]) -> dict[str, Tally]:
        """Return what became of the products and categories."""
        for batch in batches:
            self._save(self._valid(batch))
        return {"products": self.tally, "categories": Tally(new=self.tree.created)}

    def _valid(self, batch: Batch) -> list[Item]:
        items, bad = [], []
        names = frozenset(batch.table.column_names)
        for line, row in zip(batch.lines.tolist(), batch.rows(), strict=True):
            try:
                items.append(self._item(row, names))
            except BadValue as reason:
                bad.append((line, str(reason), row))
        self.job.rejects.add_all(batch.file, bad)
        return items

    def _item(self, row: Row, names: frozenset[str]) -> Item:
        sku = fields.text(row, "item_id", max_length=64, required=True)
        if sku in self._seen:
            raise BadValue("duplicate item_id")
        category = fields.category_path(fields.text(row, "category", max_length=400, required=True))
        if not category:
            raise BadValue("missing category")
        values = parse(row)
        kept = {name: value for name, value in values.items() if _is_given(name, value, names)}
        picture = self.pictures.find(fields.text(row, "image", max_length=500), sku=sku)
        self._seen.add(sku)
        return Item(sku=sku, category=category, picture=picture, values=kept)

    def _save(self, items: list[Item]) -> None:
        there = Product.objects.in_bulk([item.sku for item in items], field_name="sku")
        new, changed, pictures = [], [], {}
        for item in items:
            category = self.tree.grow(item.category)
            product = there.get(item.sku)
            if product is None:
                product = self._create(item, category)
                new.append(product)
            elif _update(product, {**item.values, "category_id": category.pk}):
                changed.append(product)
            if item.picture:
                pictures[item.sku] = item.picture
        Product.objects.bulk_create(new, batch_size=2000)
        Product.objects.bulk_update(changed, _UPDATED, batch_size=500)
        products = {product.sku: product for product in (*there.values(), *new)}
        self.pictures.attach({products[sku]: picture for sku, picture in pictures.items()})
        self.tally.new += len(new)
        self.tally.changed += len(changed)
        self.tally.unchanged += len(items) - len(new) - len(changed)

    def _create(self, item: Item, category: Category) -> Product:
        values = {"stock": self.job.stock, "released_at": self.job.now, **item.values}
        return Product(sku=item.sku, category=category, **values)


def parse(row: Row) -> dict[str, Any]:
    """Return the values of Product's fields; raises BadValue with the reason."""
    price = fields.decimal(row, "price", low=Decimal(0), high=fields.MAX_PRICE, required=True)
    list_price = fields.decimal(row, "list_price", low=Decimal(0), high=fields.MAX_PRICE)
    if price is not None and list_price is not None and list_price < price:
        raise BadValue("list_price is below price")
    return {
        "name": fields.text(row, "name", max_length=255, required=True),
        "description": fields.text(row, "description", max_length=MAX_DESCRIPTION),
        "brand": fields.text(row, "brand", max_length=100),
        "price": price,
        "list_price": None if list_price == price else list_price,
        "stock": fields.integer(row, "stock", low=0, high=MAX_COUNT),
        "rating": fields.decimal(row, "rating", low=Decimal(1), high=Decimal(5)),
        "rating_count": fields.integer(row, "rating_count", low=0, high=MAX_COUNT) or 0,
        "attributes": fields.attributes(row, "attributes"),
        "regions": fields.regions(row, "regions"),
        "min_age": fields.integer(row, "min_age", low=0, high=150) or 0,
        "repeatable": fields.boolean(row, "repeatable", default=False),
        "released_at": fields.moment(row, "released_at"),
        "active": fields.boolean(row, "active", default=True),
    }


_UPDATED = (
    *("name", "description", "brand", "price", "list_price", "stock", "rating", "rating_count", "attributes"),
    *("regions", "min_age", "repeatable", "released_at", "active", "category", "updated_at"),
)


def _is_given(name: str, value: Any, names: frozenset[str]) -> bool:
    return name in names and not (value is None and name in _KEPT_WHEN_EMPTY)


def _update(product: Product, values: dict[str, Any]) -> bool:
    """Return whether that changed the product; a list price that is no longer higher goes."""
    changed = {name: value for name, value in values.items() if getattr(product, name) != value}
    for name, value in changed.items():
        setattr(product, name, value)
    if product.list_price is not None and product.list_price < product.price:
        product.list_price = None
    if changed:
        product.updated_at = timezone.now()
    return bool(changed)
