"""The catalogue: a category tree, products and their pictures."""

from decimal import Decimal
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone


class Category(models.Model):
    """A node of the category tree; `path` holds the slugs from the root, so a subtree is a prefix."""

    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=100)
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="children"
    )
    path = models.CharField(max_length=500, unique=True, help_text="Slugs from the root, joined by '/'.")
    depth = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name_plural = "categories"
        ordering: ClassVar[list[str]] = ["path"]
        constraints = [models.UniqueConstraint("parent", "slug", name="category_slug_unique_among_siblings")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("shop:category", args=[self.path])


def lineage(path: str) -> list[str]:
    """Return the paths from the root to a category's own: of home/mugs, home and home/mugs."""
    slugs = path.split("/")
    return ["/".join(slugs[:depth]) for depth in range(1, len(slugs) + 1)]


class ProductQuerySet(models.QuerySet["Product"]):
    """Product selections in the shop's own words."""

    def listed(self) -> "ProductQuerySet":
        """Return products that may be shown: active and released."""
        return self.filter(active=True, released_at__lte=timezone.now())

    def available(self) -> "ProductQuerySet":
        """Return listed products that can be bought now."""
        return self.listed().filter(stock__gt=0)

    def eligible(self, *, region: str, age: int | None) -> "ProductQuerySet":
        """Return products for a shopper of this region and age; an unknown age counts as a child's."""
        allowed = Q(regions=[]) | Q(regions__contains=[region]) if region else Q(regions=[])
        return self.filter(allowed, min_age__lte=age or 0)

    def in_category(self, category: Category) -> "ProductQuerySet":
        """Return products of the category and of all below it."""
        return self.filter(Q(category=category) | Q(category__path__startswith=f"{category.path}/"))


class Product(models.Model):
    """Something for sale."""

    sku = models.CharField(max_length=64, unique=True, help_text="Also the item's id in imported data.")
    name = models.CharField(max_length=255)
    description = models.TextField(blank=True)
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="products")
    brand = models.CharField(max_length=100, blank=True, db_index=True)
    price = models.DecimalField(max_digits=10, decimal_places=2)
    list_price = models.DecimalField(
        max_digits=10, decimal_places=2, null=True, blank=True, help_text="The price before a discount."
    )
    stock = models.PositiveIntegerField(default=0)
    rating = models.DecimalField(
        max_digits=3, decimal_places=2, null=True, blank=True, help_text="Mean, 1 to 5."
    )
    rating_count = models.PositiveIntegerField(default=0)
    attributes = models.JSONField(default=dict, blank=True, help_text='Such as {"colour": "blue"}.')
    regions = ArrayField(
        models.CharField(max_length=2),
        default=list,
        blank=True,
        help_text="Where it may be sold; empty is everywhere.",
    )
    min_age = models.PositiveSmallIntegerField(default=0, help_text="Youngest age that may buy it.")
    repeatable = models.BooleanField(default=False, help_text="Bought again and again, such as coffee.")
    released_at = models.DateTimeField(default=timezone.now, db_index=True)
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ProductQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-released_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(price__gte=0), name="product_price_not_negative"),
            models.CheckConstraint(
                condition=Q(list_price__isnull=True) | Q(list_price__gte=F("price")),
                name="product_list_price_at_least_price",
            ),
            models.CheckConstraint(
                condition=Q(rating__isnull=True) | Q(rating__gte=1, rating__lte=5),
                name="product_rating_from_1_to_5",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("shop:product", args=[self.pk])

    @property
    def picture(self) -> "ProductImage | None":
        """The first picture; no query where `images` were prefetched."""
        return next(iter(self.images.all()), None)

    @property
    def in_stock(self) -> bool:
        return self.stock > 0

    @property
    def discount_percent(self) -> int:
        """Whole per cent off the list price; 0 when there is none."""
        if not self.list_price:
            return 0
        return int(100 * (Decimal(1) - self.price / self.list_price))


class ProductImage(models.Model):
    """A picture of a product: a file of ours, or an address elsewhere for imported catalogues."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="images")
    file = models.ImageField(upload_to="products/", blank=True)
    url = models.URLField(max_length=500, blank=True)
    alt = models.CharField(max_length=255, blank=True)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering: ClassVar[list[str]] = ["position", "id"]
        constraints = [
            models.UniqueConstraint("product", "position", name="product_image_position_unique"),
            models.CheckConstraint(condition=~Q(file="") | ~Q(url=""), name="product_image_has_a_source"),
        ]

    def __str__(self) -> str:
        return self.alt or f"Picture of {self.product_id}"

    @property
    def src(self) -> str:
        return self.file.url if self.file else self.url
