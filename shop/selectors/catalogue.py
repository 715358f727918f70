"""Reads of the catalogue: departments, listings, one product's page."""

import time
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from django.db import connection
from django.db.models import (
    Case,
    Count,
    Exists,
    F,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Concat

from shop.models import Category, OrderItem, Product, ProductImage, Review
from shop.models.catalogue import ProductQuerySet, lineage
from shop.visitors import Visitor

SORTS = {
    "popular": ("Most popular", (F("rating_count").desc(), F("id").desc())),
    "rating": ("Best rated", (F("rating").desc(nulls_last=True), F("rating_count").desc(), F("id").desc())),
    "new": ("Newest", (F("released_at").desc(), F("id").desc())),
    "price": ("Price: low to high", (F("price").asc(), F("id").desc())),
    "-price": ("Price: high to low", (F("price").desc(), F("id").desc())),
}
PICTURES_FRESH_SECONDS = 60
FRESH_SECONDS = 5
RATED_SPARE = 4  # times as many as are shown
OLDEST = 32_767  # the column holds no more
BRANDS_SHOWN = 20
REVIEWS_SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class ListingFilter:
    """How a visitor narrowed a listing; the empty filter narrows nothing."""

    sort: str = "popular"
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    in_stock: bool = False
    brands: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class BrandFacet:
    """A brand in a listing, and how many of its products are there."""

    name: str
    count: int
    selected: bool


def shown_to(visitor: Visitor) -> ProductQuerySet:
    """Return the products that this visitor may see, with what a card needs prefetched."""
    products = Product.objects.listed().eligible(region=visitor.region, age=visitor.age)
    return products.prefetch_related("images")


def departments() -> list[Category]:
    """Return the top of the category tree by name, read anew every few seconds in each process."""
    if connection.in_atomic_block:
        return _departments()
    return departments_as_of(int(time.monotonic() / FRESH_SECONDS))


@lru_cache(maxsize=1)
def departments_as_of(moment: int) -> list[Category]:
    """Return the departments; `moment` is the cache key."""
    return _departments()


def _departments() -> list[Category]:
    return list(Category.objects.filter(parent=None).order_by("name"))


def pictured_departments() -> list[Category]:
    """Return the top of the tree, each with `.picture` (ProductImage or None) of one of its products.

    The same for everybody, and so worked out once a minute in each process; what is empty is asked again.
    """
    found = pictured_as_of(int(time.time()) // PICTURES_FRESH_SECONDS)
    if not found:
        pictured_as_of.cache_clear()
    return found


@lru_cache(maxsize=1)
def pictured_as_of(minute: int) -> list[Category]:
    """Return the departments with pictures; `minute` is the cache key."""
    return _with_pictures(Category.objects.filter(parent=None).order_by("name"))


def preference_choices(visitor: Visitor) -> list[Category]:
    """Return what the preference picker offers: the tree's second level (its top where that ends there),
    and what the visitor picked before, at whatever level."""
    is_leaf = ~Exists(Category.objects.filter(parent=OuterRef("pk")))
    offered = Q(depth=1) | Q(is_leaf, depth=0) | Q(pk__in=visitor.preference_ids)
    return _with_pictures(Category.objects.filter(offered).select_related("parent"))


def _with_pictures(categories: QuerySet[Category]) -> list[Category]:
    """Return the categories with `.picture`; two queries."""
    inside = Q(product__category=OuterRef("pk")) | Q(
        product__category__path__startswith=Concat(OuterRef("path"), Value("/"))
    )
    first_image = ProductImage.objects.filter(inside, position=0, product__active=True, product__min_age=0)
    rows: list[Any] = list(
        categories.annotate(image_id=Subquery(first_image.order_by("product_id").values("pk")[:1]))
    )
    images = ProductImage.objects.in_bulk([row.image_id for row in rows if row.image_id])
    for row in rows:
        row.picture = images.get(row.image_id)
    return rows


def well_rated(visitor: Visitor, *, limit: int) -> list[Product]:
    """Return products in stock that many shoppers rated, and rated at four stars or more.

    Read anew every few seconds in each process, and then for every age at once: those that are too young
    for one of them get the next, as long as there are some to spare.
    """
    if connection.in_atomic_block:
        return _well_rated(visitor.region, visitor.age, limit)
    moment = int(time.monotonic() / FRESH_SECONDS)
    best = well_rated_as_of(moment, region=visitor.region, number=RATED_SPARE * limit)
    shown = [product for product in best if product.min_age <= (visitor.age or 0)][:limit]
    enough = len(shown) == limit or len(best) < RATED_SPARE * limit
    return shown if enough else _well_rated(visitor.region, visitor.age, limit)


@lru_cache(maxsize=100)
def well_rated_as_of(moment: int, *, region: str, number: int) -> list[Product]:
    """Return the well rated of a region, for the oldest; `moment` is part of the cache key alone."""
    return _well_rated(region, OLDEST, number)


def _well_rated(region: str, age: int | None, limit: int) -> list[Product]:
    shown = Product.objects.listed().eligible(region=region, age=age).prefetch_related("images")
    return list(shown.available().filter(rating__gte=4).order_by("-rating_count", "-rating", "-id")[:limit])


def ancestors(category: Category) -> list[Category]:
    """Return the path from the root to the category itself; one query."""
    return list(Category.objects.filter(path__in=lineage(category.path)).order_by("depth"))


def subcategories(category: Category) -> list[Category]:
    return list(category.children.order_by("name"))


def narrowed(products: ProductQuerySet, *, chosen: ListingFilter) -> ProductQuerySet:
    """Return the products inside the filter's price and stock; brands come apart, see `brand_facets`."""
    if chosen.min_price is not None:
        products = products.filter(price__gte=chosen.min_price)
    if chosen.max_price is not None:
        products = products.filter(price__lte=chosen.max_price)
    return products.available() if chosen.in_stock else products


def brand_facets(products: ProductQuerySet, *, selected: tuple[str, ...]) -> list[BrandFacet]:
    """Return the commonest brands by name, with those selected always among them; one query."""
    picked_first = Case(When(brand__in=selected, then=0), default=1, output_field=IntegerField())
    counts = (
        products.exclude(brand="")
        .order_by()
        .values("brand")
        .annotate(count=Count("pk"), unpicked=picked_first)
        .order_by("unpicked", "-count", "brand")[:BRANDS_SHOWN]
    )
    facets = [
        BrandFacet(name=row["brand"], count=row["count"], selected=not row["unpicked"]) for row in counts
    ]
    return sorted(facets, key=lambda facet: facet.name.casefold())


def arranged(products: ProductQuerySet, *, chosen: ListingFilter) -> ProductQuerySet:
    """Return the products of the chosen brands in the chosen order, what is in stock first."""
    if chosen.brands:
        products = products.filter(brand__in=chosen.brands)
    sold_out_last = Case(When(stock__gt=0, then=0), default=1, output_field=IntegerField())
    return products.order_by(sold_out_last, *SORTS[chosen.sort][1])


def listed_product(product_id: int) -> Product | None:
    """Return a product that is on sale, whoever asks, ready for its page; two queries."""
    listed = Product.objects.listed().select_related("category").prefetch_related("images")
    return listed.filter(pk=product_id).first()


def is_shown_to(product: Product, *, visitor: Visitor) -> bool:
    """Return whether this visitor's region and age allow the product; no query."""
    in_region = not product.regions or visitor.region in product.regions
    return in_region and product.min_age <= (visitor.age or 0)


def reviews(product: Product) -> list[Review]:
    """Return the newest reviews with their writers; `.bought` says that the writer bought it. One query."""
    bought = OrderItem.objects.filter(product=product, order__user=OuterRef("user"))
    written = product.reviews.select_related("user").annotate(bought=Exists(bought))
    return list(written[:REVIEWS_SHOWN])


def has_reviewed(product: Product, *, visitor: Visitor) -> bool:
    return visitor.user is not None and product.reviews.filter(user=visitor.user).exists()
