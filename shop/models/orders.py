"""Carts and orders."""

import uuid
from decimal import Decimal
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse

from shop.models.catalogue import Product


class Cart(models.Model):
    """What a visitor means to buy: one cart a visitor, and one a user once logged in."""

    visitor_id = models.UUIDField(null=True, unique=True)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="cart"
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(visitor_id__isnull=False) | Q(user__isnull=False), name="cart_has_an_owner"
            )
        ]

    def __str__(self) -> str:
        return f"Cart of {self.user or self.visitor_id}"


class CartItem(models.Model):
    """A product in a cart."""

    cart = models.ForeignKey(Cart, on_delete=models.CASCADE, related_name="items")
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="+")
    quantity = models.PositiveIntegerField(default=1)
    added_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["added_at", "id"]
        constraints = [
            models.UniqueConstraint("cart", "product", name="cart_item_unique"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="cart_item_quantity_at_least_1"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.product}"

    @property
    def total(self) -> Decimal:
        return self.product.price * self.quantity


class Order(models.Model):
    """A placed order, with the prices of that moment."""

    class Status(models.TextChoices):
        PLACED = "placed"
        CANCELLED = "cancelled"

    number = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="orders")
    status = models.CharField(max_length=16, choices=Status, default=Status.PLACED)
    ship_to_name = models.CharField(max_length=150)
    ship_to_address = models.TextField()
    ship_to_region = models.CharField(max_length=2)
    total = models.DecimalField(max_digits=12, decimal_places=2)
    placed_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-placed_at", "-id"]

    def __str__(self) -> str:
        return f"Order {self.short_number}"

    def get_absolute_url(self) -> str:
        return reverse("shop:order", args=[self.number])

    @property
    def short_number(self) -> str:
        return str(self.number)[:8].upper()


class OrderItem(models.Model):
    """A line of an order."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="items")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=255)
    price = models.DecimalField(max_digits=10, decimal_places=2)
    quantity = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint("order", "product", name="order_item_unique"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="order_item_quantity_at_least_1"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.name}"

    @property
    def total(self) -> Decimal:
        return self.price * self.quantity
