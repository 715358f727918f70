"""Vectors and precomputed lists, all keyed by what made them."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from pgvector.django import HalfVectorField, VectorField

from recommender.models.versions import ModelVersion
from shop.models import Product


class ItemEmbedding(models.Model):
    """A product's item-tower vector under one version; no fixed width, since versions differ."""

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="item_embeddings")
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="item_embeddings")
    vector = VectorField()

    class Meta:
        constraints = [models.UniqueConstraint("version", "product", name="item_embedding_unique")]

    def __str__(self) -> str:
        return f"{self.product_id} under {self.version_id}"


class UserEmbedding(models.Model):
    """A user's user-tower vector under one version, as of the batch run."""

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="user_embeddings")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    vector = VectorField()

    class Meta:
        constraints = [models.UniqueConstraint("version", "user", name="user_embedding_unique")]

    def __str__(self) -> str:
        return f"{self.user_id} under {self.version_id}"


class Recommendation(models.Model):
    """A user's precomputed top k under one version, best first."""

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="recommendations")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    product_ids = ArrayField(models.BigIntegerField())
    scores = ArrayField(models.FloatField())
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint("version", "user", name="recommendation_unique")]

    def __str__(self) -> str:
        return f"Top {len(self.product_ids)} of {self.user_id}"


class ContentEmbedding(models.Model):
    """A product's open_clip vectors, L2-normal, with the encoder and the content that made them.

    Rows of two encoders stand side by side: the one in use, and the one before it or the next one.
    """

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="content_embeddings")
    encoder = models.CharField(max_length=120)
    content_hash = models.CharField(max_length=64)
    text_vector = HalfVectorField()
    image_vector = HalfVectorField(null=True)
    created_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint("encoder", "product", name="content_embedding_unique")]

    def __str__(self) -> str:
        return f"{self.product_id} by {self.encoder}"
