"""Which products are bought together."""

from django.db import models

from shop.models import Product


class CoPurchase(models.Model):
    """How often two products were bought by the same shopper, beside what chance would give."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="co_purchases")
    other = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="+")
    support = models.PositiveIntegerField(
        help_text="Baskets with both: what a shopper bought within 30 days."
    )
    lift = models.FloatField(help_text="How many times as often as by chance.")
    computed_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint("product", "other", name="co_purchase_unique")]
        indexes = [models.Index(fields=["product", "-lift"], name="co_purchase_best")]

    def __str__(self) -> str:
        return f"{self.product_id} with {self.other_id}"
