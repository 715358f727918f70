"""manage.py generate_images: pictures for catalogue products, drawn by code or by Stable Diffusion."""

import hashlib
from argparse import ArgumentParser
from collections.abc import Callable
from io import BytesIO
from typing import Any

from django.core.files.base import ContentFile
from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q, QuerySet
from PIL import Image
from tqdm import tqdm

from ml.synthetic import diffusion
from ml.synthetic.pictures import draw_product, seed_of
from ml.synthetic.taxonomy import SEPARATOR, load_taxonomy
from shop.models import Product, ProductImage

Painter = Callable[[Product], Image.Image | None]


class Command(BaseCommand):
    help = "Give each product a picture of its own; products that have this backend's picture are skipped."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--backend", choices=("drawn", "diffusion"), default="drawn")
        parser.add_argument(
            "--model", default=diffusion.DEFAULT_MODEL, help="a hub name or a folder (diffusion)"
        )
        parser.add_argument("--limit", type=int, help="at most so many pictures")
        parser.add_argument("--steps", type=int, default=4, help="denoising steps (diffusion)")
        parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:0 (diffusion)")

    def handle(self, *, verbosity: int, **options: Any) -> None:
        if options["steps"] < 1 or (options["limit"] or 1) < 1:
            raise CommandError("--steps and --limit must be at least 1.")
        tag = _tag(options["backend"], model=options["model"])
        waiting = _waiting(tag)[: options["limit"]]
        if not waiting:
            self.stdout.write("Every product has this picture already.")
            return
        try:
            paint = _painter(options["backend"], options=options)
        except diffusion.ModelUnavailableError as error:
            raise CommandError(str(error)) from error
        made = 0
        for product in tqdm(waiting, desc="Pictures", unit="picture", disable=verbosity == 0):
            picture = paint(product)
            if picture is not None:
                _store(product, picture=picture, tag=tag)
                made += 1
        self.stdout.write(
            f"{made} pictures made, {len(waiting) - made} products of a kind with no drawing left alone."
        )


def _tag(backend: str, *, model: str) -> str:
    """Return what marks this backend's files: a picture of another model is another picture."""
    return backend if backend == "drawn" else f"diffusion-{hashlib.sha256(model.encode()).hexdigest()[:8]}"


def _waiting(tag: str) -> QuerySet[Product]:
    """Return the products without such a picture, in order of their key."""
    done = ProductImage.objects.filter(Q(position=0), file__endswith=f"-{tag}.webp")
    return Product.objects.exclude(pk__in=done.values("product_id")).select_related("category").order_by("pk")


def _painter(backend: str, *, options: dict[str, Any]) -> Painter:
    if backend == "drawn":
        return _drawn
    pipeline = diffusion.load_pipeline(options["model"], device=options["device"])
    return lambda product: diffusion.draw(
        pipeline,
        prompt=diffusion.prompt_of(
            product.name, category=product.category.name, attributes=product.attributes
        ),
        seed=seed_of(product.sku),
        steps=options["steps"],
    )


def _drawn(product: Product) -> Image.Image | None:
    """Return the drawing of the product's category, None where the made shop has no such category."""
    kinds = {kind.path.rsplit(SEPARATOR, 1)[-1]: kind.key for kind in load_taxonomy().types}
    key = kinds.get(product.category.name)
    return draw_product(key, product.attributes, seed=seed_of(product.sku)) if key else None


def _store(product: Product, *, picture: Image.Image, tag: str) -> None:
    """Make it the product's first picture; the file that it replaces is deleted last."""
    content = BytesIO()
    picture.save(content, "WEBP", quality=82)
    image = ProductImage.objects.filter(product=product, position=0).first() or ProductImage(product=product)
    replaced = image.file.name
    storage, name = image.file.storage, f"products/{product.pk}-{tag}.webp"
    storage.delete(name)  # left behind by a run that was killed before its row was written
    image.file.name = storage.save(name, ContentFile(content.getvalue()))
    image.url, image.alt = "", image.alt or product.name
    image.save()
    if replaced and replaced != image.file.name:
        storage.delete(replaced)
