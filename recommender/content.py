"""Content vectors: the text and picture of every product, re-encoded when their content changes."""

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.core.files.storage import default_storage
from django.db.models import F, OuterRef, Subquery
from PIL import Image, ImageOps

from ml.clip import Encoder
from ml.phrases import product_text
from recommender import encoders
from recommender.documents import text_digest, update_search_documents
from recommender.models import ContentEmbedding
from shop.models import Category, Product, ProductImage

logger = logging.getLogger(__name__)

BATCH_SIZE = 256
PICTURE_SIDE = 448  # twice what encoders look at; JPEGs are decoded no larger
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class StaleProduct:
    """A product whose stored vectors, if any, are not of its content as it is now."""

    product_id: int
    picture: str  # a storage name, or ""
    content_hash: str


def update_content_embeddings(on_progress: Progress | None = None, *, encoder: Encoder | None = None) -> int:
    """Store the words, and encode text and picture, of every active product whose content changed; return
    how many were encoded: all of them after a change of encoder.

    Two queries and one file status a product when nothing changed, and then no model is loaded. Rows of
    an earlier encoder stay until their product's new row replaces them. `on_progress(done, total)`.
    """
    update_search_documents()
    stale = list(stale_products(encoder_name=encoder.name if encoder else encoders.current_name()))
    if not stale:
        return 0
    encoder = encoder or encoders.get_encoder()
    paths = _category_names()
    unreadable: list[str] = []
    for start in range(0, len(stale), BATCH_SIZE):
        unreadable += _write_batch(stale[start : start + BATCH_SIZE], encoder=encoder, category_names=paths)
        if on_progress:
            on_progress(min(start + BATCH_SIZE, len(stale)), len(stale))
    if unreadable:
        logger.warning("%d products have no readable picture, such as %s", len(unreadable), unreadable[0])
    return len(stale)


def stale_products(*, encoder_name: str) -> Iterator[StaleProduct]:
    """Yield the active products to encode again; one query."""
    picture = ProductImage.objects.filter(product=OuterRef("pk")).exclude(file="").order_by("position", "id")
    rows = Product.objects.filter(active=True).order_by("pk")
    for product_id, picture_name, text_hash, stored_hash in rows.values_list(
        "pk", Subquery(picture.values("file")[:1]), text_digest(), F("content_embedding__content_hash")
    ).iterator():
        name = picture_name or ""
        key = "\x1f".join((encoder_name, text_hash, name, _file_state(name)))
        content_hash = hashlib.sha256(key.encode()).hexdigest()
        if content_hash != stored_hash:
            yield StaleProduct(product_id=product_id, picture=name, content_hash=content_hash)


def _file_state(name: str) -> str:
    """Return the picture file's size and time, which change when it is drawn again under its name."""
    if not name:
        return ""
    try:
        modified: datetime = default_storage.get_modified_time(name)
        return f"{default_storage.size(name)} {modified.timestamp()}"
    except (OSError, ValueError):
        return "missing"


def _write_batch(
    batch: Sequence[StaleProduct], *, encoder: Encoder, category_names: dict[int, str]
) -> list[str]:
    """Encode and store a batch; return the names of pictures that could not be read."""
    products = Product.objects.in_bulk([stale.product_id for stale in batch])
    batch = [stale for stale in batch if stale.product_id in products]  # deleted since
    found = [products[stale.product_id] for stale in batch]
    texts = [embedded_text(product, category=category_names[product.category_id]) for product in found]
    pictures = {stale.product_id: open_picture(stale.picture) for stale in batch if stale.picture}
    readable = {product_id: picture for product_id, picture in pictures.items() if picture is not None}
    image_vectors = dict(zip(readable, encoder.encode_images(list(readable.values())), strict=True))
    rows = [
        ContentEmbedding(
            product_id=stale.product_id,
            encoder=encoder.name,
            content_hash=stale.content_hash,
            text_vector=text_vector,
            image_vector=image_vectors.get(stale.product_id),
        )
        for stale, text_vector in zip(batch, encoder.encode_texts(texts), strict=True)
    ]
    ContentEmbedding.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["product"],
        update_fields=["encoder", "content_hash", "text_vector", "image_vector", "created_at"],
    )
    return [stale.picture for stale in batch if stale.picture and stale.product_id not in readable]


def embedded_text(product: Product, *, category: str) -> str:
    """Return the text that stands for the product in text vectors; `category` is its name."""
    return product_text(
        name=product.name,
        category=category,
        brand=product.brand,
        attributes=product.attributes if isinstance(product.attributes, dict) else {},
        description=product.description,
    ).lower()


def open_picture(name: str) -> Image.Image | None:
    """Return the upright, small RGB picture of a storage name, or None when it cannot be read."""
    try:
        with default_storage.open(name) as file, Image.open(file) as picture:
            picture.draft("RGB", (PICTURE_SIDE, PICTURE_SIDE))
            upright = ImageOps.exif_transpose(picture)
            upright.thumbnail((PICTURE_SIDE, PICTURE_SIDE))
            return upright.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _category_names() -> dict[int, str]:
    return dict(Category.objects.values_list("pk", "name"))
