"""What visitors did, and what we showed them."""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from shop.models import Product


class Placement(models.TextChoices):
    """A slot on a page."""

    HOME_FOR_YOU = "home_for_you", "Home: For You"
    PRODUCT_SIMILAR = "product_similar", "Product: similar products"


class Interaction(models.Model):
    """One thing that a visitor did; append-only, written by recommender.interactions alone."""

    class Kind(models.TextChoices):
        VIEW = "view"
        CLICK = "click"
        CART_ADD = "cart_add"
        CART_REMOVE = "cart_remove"
        PURCHASE = "purchase"
        RATING = "rating"
        DISLIKE = "dislike"

    event_id = models.UUIDField(unique=True, default=uuid.uuid4)
    visitor_id = models.UUIDField(null=True, help_text="The browser; none for imported events.")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.CASCADE,
        related_name="interactions",
        db_index=False,
    )
    product = models.ForeignKey(
        Product, on_delete=models.CASCADE, related_name="interactions", db_index=False
    )
    kind = models.CharField(max_length=12, choices=Kind)
    value = models.FloatField(
        null=True, help_text="Stars of a rating, quantity of a purchase or a cart change."
    )
    placement = models.CharField(max_length=40, blank=True)
    impression_id = models.UUIDField(null=True)
    occurred_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["user", "-occurred_at"], name="interaction_user_recent"),
            models.Index(fields=["visitor_id", "-occurred_at"], name="interaction_visitor_recent"),
            models.Index(fields=["product", "-occurred_at"], name="interaction_product_recent"),
            models.Index(fields=["occurred_at"], name="interaction_occurred"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(visitor_id__isnull=False) | Q(user__isnull=False), name="interaction_has_an_actor"
            ),
            models.CheckConstraint(
                condition=~Q(kind="rating") | Q(value__gte=1, value__lte=5),
                name="interaction_rating_from_1_to_5",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of product {self.product_id}"


class Impression(models.Model):
    """One list that was served: which products, where, to whom, by which version."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    placement = models.CharField(max_length=40)
    visitor_id = models.UUIDField()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+")
    anchor = models.ForeignKey(Product, null=True, on_delete=models.CASCADE, related_name="+", db_index=False)
    version = models.ForeignKey(
        "recommender.ModelVersion", null=True, on_delete=models.SET_NULL, related_name="+"
    )
    source = models.CharField(max_length=20, help_text="The step of the fallback ladder that answered.")
    product_ids = ArrayField(models.BigIntegerField())
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    def __str__(self) -> str:
        return f"{self.placement} at {self.created_at:%Y-%m-%d %H:%M}"
