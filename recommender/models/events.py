"""What visitors did, and what we showed them."""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from shop.models import Product


class Placement(models.TextChoices):
    """A slot on a page."""

    HOME_FOR_YOU = "home_for_you", "Home: For You"
    HOME_BECAUSE_YOU_VIEWED = "home_because_you_viewed", "Home: because you viewed"
    HOME_TRENDING = "home_trending", "Home: trending"
    HOME_NEW_ARRIVALS = "home_new_arrivals", "Home: new arrivals"
    HOME_RECENTLY_VIEWED = "home_recently_viewed", "Home: recently viewed"
    HOME_BUY_AGAIN = "home_buy_again", "Home: buy again"
    PRODUCT_SIMILAR = "product_similar", "Product: similar products"
    PRODUCT_BOUGHT_TOGETHER = "product_bought_together", "Product: bought together"
    CART_COMPLEMENTS = "cart_complements", "Cart: goes with what is in it"
    CART_EMPTY = "cart_empty", "Cart: empty"
    SEARCH_EMPTY = "search_empty", "Search: nothing found"
    ORDER_NEXT = "order_next", "After a purchase"


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
            # What keeps products out of a list, without reading the views of who has a hundred thousand.
            models.Index(
                fields=["user", "-occurred_at"],
                name="interaction_user_marks",
                condition=Q(kind__in=["purchase", "dislike", "rating"]),
            ),
            models.Index(
                fields=["visitor_id", "-occurred_at"],
                name="interaction_visitor_marks",
                condition=Q(kind__in=["purchase", "dislike", "rating"]),
            ),
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
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    anchor = models.ForeignKey(Product, null=True, on_delete=models.CASCADE, related_name="+", db_index=False)
    version = models.ForeignKey(
        "recommender.ModelVersion", null=True, on_delete=models.SET_NULL, related_name="+"
    )
    ranker = models.ForeignKey(
        "recommender.Ranker", null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    source = models.CharField(max_length=20, help_text="The source of the first product.")
    product_ids = ArrayField(models.BigIntegerField())
    sources = ArrayField(models.CharField(max_length=20), default=list, help_text="Of each position.")
    reasons = models.JSONField(default=list, help_text="What each card said of itself; null: nothing.")
    features = models.JSONField(
        null=True, help_text="The values that the ranker saw: names, and a row for each position."
    )
    seen_positions = ArrayField(
        models.PositiveSmallIntegerField(), default=list, help_text="Counted from 0; as the browser told."
    )
    seen_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        indexes = [
            models.Index(fields=["user", "-created_at"], name="impression_user_recent"),
            models.Index(fields=["visitor_id", "-created_at"], name="impression_visitor_recent"),
        ]

    def __str__(self) -> str:
        return f"{self.placement} at {self.created_at:%Y-%m-%d %H:%M}"
