"""What full-text search reads, every product's words, and what was searched for."""

import uuid

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.utils import timezone

from shop.models import Product


class SearchDocument(models.Model):
    """A product's weighted lexemes; stored, since working them out for 5,000 products takes 0.3 s a query."""

    product = models.OneToOneField(
        Product, primary_key=True, on_delete=models.CASCADE, related_name="search_document"
    )
    content_hash = models.CharField(max_length=32)
    vector = SearchVectorField()

    class Meta:
        indexes = [GinIndex(fields=["vector"], name="search_document_words")]

    def __str__(self) -> str:
        return f"Words of {self.product_id}"


class SearchQuery(models.Model):
    """One search that a visitor made; written by recommender.search_log alone."""

    class Kind(models.TextChoices):
        WORDS = "words"
        PICTURE = "picture"
        BOTH = "both", "Words and picture"
        FILTERS = "filters", "Filters alone"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    text = models.CharField(max_length=200, blank=True)
    kind = models.CharField(max_length=10, choices=Kind)
    filters = models.JSONField(default=dict, help_text="Of the page, and what words were taken to mean.")
    corrected = models.CharField(max_length=200, blank=True, help_text="The words as they were corrected.")
    num_matching = models.PositiveIntegerField(help_text="Products that answer the whole query.")
    num_found = models.PositiveIntegerField(help_text="Products shown, the nearest ones among them.")
    latency_ms = models.FloatField(help_text="Of the search itself; the page takes longer.")
    impression_id = models.UUIDField(null=True, help_text="The first page's list; none: nothing was found.")
    visitor_id = models.UUIDField()
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        verbose_name_plural = "search queries"
        indexes = [
            models.Index(fields=["user", "-created_at"], name="search_user_recent"),
            models.Index(fields=["visitor_id", "-created_at"], name="search_visitor_recent"),
        ]

    def __str__(self) -> str:
        return self.text or self.get_kind_display()
