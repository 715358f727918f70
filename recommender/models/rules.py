"""What a merchandiser says about lists, whatever the model thinks."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from recommender.models.events import Placement
from shop.models import Category, Product


class BusinessRule(models.Model):
    """Pin, boost, bury or exclude what the rule names, at a placement (none: all), for a window of time.

    What it names is the products that fit every target given: a product, a category with all below it, a
    brand, an attribute's value.
    """

    class Action(models.TextChoices):
        PIN = "pin", "Pin to a position"
        BOOST = "boost", "Boost"
        BURY = "bury", "Bury"
        EXCLUDE = "exclude", "Exclude"

    name = models.CharField(max_length=100)
    action = models.CharField(max_length=8, choices=Action)
    product = models.ForeignKey(Product, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    category = models.ForeignKey(Category, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    brand = models.CharField(max_length=100, blank=True)
    attribute = models.CharField(max_length=60, blank=True, help_text="Such as colour.")
    attribute_value = models.CharField(max_length=100, blank=True, help_text="Such as blue.")
    placement = models.CharField(max_length=40, choices=Placement, blank=True, help_text="Empty: everywhere.")
    position = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Of a pin, counted from 1.")
    strength = models.FloatField(
        default=1.0, help_text="Of a boost or a burial: 1 moves a product by about a third of the list."
    )
    starts_at = models.DateTimeField(null=True, blank=True, help_text="Empty: since ever.")
    ends_at = models.DateTimeField(null=True, blank=True, help_text="Empty: for ever.")
    order = models.PositiveIntegerField(default=100, help_text="Lower numbers are applied first.")
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["order", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(starts_at__isnull=True) | Q(ends_at__isnull=True) | Q(ends_at__gt=F("starts_at")),
                name="business_rule_ends_after_it_starts",
            ),
            models.CheckConstraint(condition=Q(strength__gt=0), name="business_rule_strength_above_0"),
        ]

    def __str__(self) -> str:
        return self.name
