"""Content vectors: the text and picture of every product, re-encoded when their content changes."""

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from django.core.files.storage import default_storage
from django.db import connection
from django.db.models import OuterRef, Subquery
from PIL import Image, ImageOps

from ml.clip import Encoder
from ml.phrases import product_text
from recommender import encoder_versions, encoders
from recommender.documents import text_digest, update_search_documents
from recommender.models import ContentEmbedding, EncoderVersion
from shop.models import Category, Product, ProductImage

logger = logging.getLogger(__name__)

BATCH_SIZE = 256
PICTURE_SIDE = 448  # twice what encoders look at; JPEGs are decoded no larger
LOOK_ANYWAY_SECONDS = 600.0
_ADVISORY_LOCK = 5_021_947  # any number that nothing else in this database locks
Progress = Callable[[int, int], None]

# Whoever changes a row, in whichever way, changes its xmin or cmin: no writer has to tell.
_REVISION = """
    SELECT (SELECT (count(*), sum(xmin::text::bigint), sum(cmin::text::bigint)) FROM shop_product)::text,
        (SELECT (count(*), sum(xmin::text::bigint), sum(cmin::text::bigint)) FROM shop_category)::text,
        (SELECT (count(*), sum(xmin::text::bigint), sum(cmin::text::bigint)) FROM shop_productimage)::text,
        (SELECT count(*) FROM recommender_contentembedding)
"""
_looked: tuple[tuple[object, ...], float] | None = None


@dataclass(frozen=True, kw_only=True)
class StaleProduct:
    """A product whose stored vectors, if any, are not of its content as it is now."""

    product_id: int
    picture: str  # a storage name, or ""
    content_hash: str


def keep_up() -> int:
    """Do what update_content_embeddings does, but only look where rows changed since this process last did.

    For the schedule: one query when nothing changed, and no work while another worker is at it. A picture
    drawn again under its name, which no row tells of, is noticed within ten minutes.
    """
    global _looked  # noqa: PLW0603 - one for the process
    revision, now = _revision(), time.monotonic()
    if _looked and _looked[0] == revision and now - _looked[1] < LOOK_ANYWAY_SECONDS:
        return 0
    with _alone() as alone:
        if not alone:
            return 0
        count = update_content_embeddings()
    _looked = (revision, now)  # as it was before: what was saved meanwhile is looked at next
    return count


@contextmanager
def _alone() -> Iterator[bool]:
    """Give whether no other worker is encoding: to encode a whole catalogue takes longer than a tick."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_ADVISORY_LOCK])
        (alone,) = cursor.fetchone()
        try:
            yield alone
        finally:
            if alone:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_ADVISORY_LOCK])


def forget() -> None:
    """Look at every product the next time."""
    global _looked  # noqa: PLW0603 - one for the process
    _looked = None


def update_content_embeddings(on_progress: Progress | None = None, *, encoder: Encoder | None = None) -> int:
    """Store the words, and encode text and picture, of every active product whose content changed; return
    how many were encoded: all of them by an encoder that is new.

    Two queries and one file status a product when nothing changed, and then no model is loaded. A version
    that is being prepared takes over here, once it has encoded everything; vectors of encoders that nothing
    can go back to are deleted. `on_progress(done, total)`. Raises EncoderUnavailable.
    """
    update_search_documents()
    if encoder is not None:
        return _encode_stale(encoder.name, load=lambda: encoder, on_progress=on_progress)
    count = _encode_stale(encoders.current_name(), load=encoders.get_encoder, on_progress=on_progress)
    waiting = encoder_versions.preparing_version()
    if waiting is not None:
        count += embed_and_activate(waiting, on_progress=on_progress)
    _forget_vectors()
    return count


def embed_and_activate(version: EncoderVersion, *, on_progress: Progress | None = None) -> int:
    """Encode every product that the version has not, then let it serve; return how many were encoded.

    Raises EncoderUnavailable for damaged files, and CannotActivateEncoder when the gate rejected it.
    """
    count = _encode_stale(version.name or "", load=lambda: encoders.load(version), on_progress=on_progress)
    encoder_versions.activate(version)
    logger.info("%s reads texts and pictures from now on", version)
    return count


def _encode_stale(name: str, *, load: Callable[[], Encoder], on_progress: Progress | None) -> int:
    stale = list(stale_products(encoder_name=name))
    if not stale:
        return 0
    encoder, paths = load(), _category_names()
    unreadable: list[str] = []
    for start in range(0, len(stale), BATCH_SIZE):
        unreadable += _write_batch(stale[start : start + BATCH_SIZE], encoder=encoder, category_names=paths)
        if on_progress:
            on_progress(min(start + BATCH_SIZE, len(stale)), len(stale))
    if unreadable:
        logger.warning("%d products have no readable picture, such as %s", len(unreadable), unreadable[0])
    return len(stale)


def _forget_vectors() -> None:
    """Delete the vectors of encoders that are neither in use nor a step away."""
    kept = {encoders.current_name()} | encoder_versions.kept_names()
    ContentEmbedding.objects.exclude(encoder__in=kept).delete()


def _revision() -> tuple[object, ...]:
    """Return what changes with every write to a product, category or picture, and with the encoder."""
    with connection.cursor() as cursor:
        cursor.execute(_REVISION)
        return (*cursor.fetchone(), encoders.current_name(), encoder_versions.preparing_version())


def stale_products(*, encoder_name: str) -> Iterator[StaleProduct]:
    """Yield the active products that this encoder has to encode, or to encode again; one query."""
    picture = ProductImage.objects.filter(product=OuterRef("pk")).exclude(file="").order_by("position", "id")
    stored = ContentEmbedding.objects.filter(product=OuterRef("pk"), encoder=encoder_name)
    rows = Product.objects.filter(active=True).order_by("pk")
    for product_id, picture_name, text_hash, stored_hash in rows.values_list(
        "pk", Subquery(picture.values("file")[:1]), text_digest(), Subquery(stored.values("content_hash")[:1])
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
        unique_fields=["encoder", "product"],
        update_fields=["content_hash", "text_vector", "image_vector", "created_at"],
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
