"""Training an encoder: from what, on which products, and what becomes of it."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db.models import OuterRef, Subquery
from PIL import Image, ImageOps

from ml import clip
from ml.phrases import phrases
from recommender import encoder_versions, encoders
from recommender.content import open_picture
from recommender.models import EncoderVersion
from shop.env import env
from shop.models import Product, ProductImage

if TYPE_CHECKING:  # torch takes seconds to import
    from ml.clip_training import Examples

CHECKPOINT = "checkpoint.safetensors"
LEAST_PRODUCTS = 4
OnProgress = Callable[[int, int], None]
OnStep = Callable[[int, float], None]


@dataclass(frozen=True, kw_only=True)
class Start:
    """Where a training starts: a folder's architecture, with its weights or with random ones."""

    folder: Path
    network: Any
    tokenizer: Any
    preprocess: Any
    described: str


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A trained network and how it compares with the encoder in use, on the same held-out products."""

    start: Start
    metrics: dict[str, float]
    serving: dict[str, float] = field(default_factory=dict)
    num_held_out: int = 0


@contextmanager
def starting_point(*, start: str, model: str = "", pretrained: str = "", seed: int = 0) -> Iterator[Start]:
    """A start: the compact model from "scratch", the encoder in use ("current"), or an open_clip model.

    Raises ml.clip.EncoderUnavailable.
    """
    import torch  # takes seconds: only a training pays for it

    torch.manual_seed(seed)  # of the first weights
    if model and Path(model).is_dir():
        yield _from_folder(Path(model), described=model)
    elif model:
        with tempfile.TemporaryDirectory() as folder:
            yield _from_architecture(Path(folder), model=model, pretrained=pretrained)
    elif start == "scratch":
        yield _from_folder(clip.BUNDLED, described="the compact model, from scratch", with_weights=False)
    else:
        version = encoders.active_version()
        if version is not None:
            encoders.load(version)  # checks its files
            yield _from_folder(encoder_versions.folder_of(version), described=str(version))
        elif env.CLIP_MODEL:
            with starting_point(start=start, model=env.CLIP_MODEL, pretrained=env.CLIP_PRETRAINED) as found:
                yield found
        else:
            yield _from_folder(clip.BUNDLED, described="the bundled compact model")


def _from_architecture(folder: Path, *, model: str, pretrained: str) -> Start:
    weights = clip.write_architecture(folder, model=model, pretrained=pretrained).state_dict()
    network, tokenizer, preprocess = clip.build(folder)
    network.load_state_dict(weights)
    return Start(
        folder=folder,
        network=network,
        tokenizer=tokenizer,
        preprocess=preprocess,
        described=f"{model} with {pretrained}",
    )


def _from_folder(folder: Path, *, described: str, with_weights: bool = True) -> Start:
    if with_weights:
        loaded = clip.load_folder(folder, name=described)
        network, tokenizer, preprocess = loaded.model, loaded.tokenizer, loaded.preprocess
    else:
        network, tokenizer, preprocess = clip.build(folder)
    return Start(
        folder=folder, network=network, tokenizer=tokenizer, preprocess=preprocess, described=described
    )


def picture_side(start: Start) -> int:
    """Return how wide training pictures are: a quarter more than the network sees, so that views can move."""
    from ml.clip_training import side_of  # imports torch

    return round(1.25 * side_of(start.network))


def shop_examples(*, side: int, limit: int, seed: int, on_progress: OnProgress | None = None) -> "Examples":
    """Return the shop's active products that have a readable picture, in an order of the seed.

    Raises ValueError, with the cure, when there are fewer than four.
    """
    from ml.clip_training import Examples  # imports torch

    first = ProductImage.objects.filter(product=OuterRef("pk")).exclude(file="").order_by("position", "id")
    products = Product.objects.filter(active=True).annotate(file=Subquery(first.values("file")[:1]))
    found = list(products.filter(file__isnull=False).select_related("category").order_by("pk"))
    order = np.random.default_rng(seed).permutation(len(found))[:limit]
    pictures = np.empty((len(order), side, side, 3), np.uint8)
    said: list[list[str]] = []
    kinds: list[str] = []
    for number, index in enumerate(order, start=1):
        product = found[index]
        picture = open_picture(product.file)
        if picture is not None:
            pictures[len(said)] = np.asarray(ImageOps.fit(picture, (side, side), Image.Resampling.BICUBIC))
            said.append(_ways_to_say(product))
            kinds.append(product.category.path)
        if on_progress:
            on_progress(number, len(order))
    if len(said) < LEAST_PRODUCTS:
        raise ValueError(
            f"{len(said)} products have a picture that can be read, and training needs {LEAST_PRODUCTS};"
            " add pictures, or run manage.py generate_images."
        )
    return Examples(pictures_NHWC=pictures[: len(said)], phrases=said, kinds=kinds)


def _ways_to_say(product: Product) -> list[str]:
    return phrases(
        name=product.name,
        category=product.category.name,
        brand=product.brand,
        attributes=product.attributes if isinstance(product.attributes, dict) else {},
        description=product.description,
    )


def train(
    start: Start,
    *,
    training: "Examples",
    held_out: "Examples",
    config: dict[str, Any],
    checkpoint: Path | None = None,
    compare: bool = True,
    on_step: OnStep | None = None,
) -> Trained:
    """Train the start's network in place, then judge it, and with `compare` the encoder in use, held out.

    `config` are fields of ml.clip_training.ClipTrainConfig. Raises ValueError for senseless ones.
    """
    from ml import clip_training  # imports torch
    from ml.clip_evaluation import evaluate

    scale: dict[str, Any] = {name: tuple(values) for name, values in clip.pixel_scale(start.folder).items()}
    settled = clip_training.ClipTrainConfig(**config, **scale)
    clip_training.train(
        start.network,
        tokenizer=start.tokenizer,
        examples=training,
        config=settled,
        checkpoint=checkpoint,
        on_progress=on_step,
    )
    trained = clip.Encoder(
        start.network, tokenizer=start.tokenizer, preprocess=start.preprocess, name="trained"
    )
    return Trained(
        start=start,
        metrics=evaluate(trained, examples=held_out),
        serving=evaluate(encoders.get_encoder(), examples=held_out) if compare else {},
        num_held_out=len(held_out),
    )


def save(trained: Trained, folder: Path) -> None:
    """Write the encoder's folder."""
    from ml.clip_training import save_folder  # imports torch

    save_folder(trained.start.network, source=trained.start.folder, out=folder, metrics=trained.metrics)


def register(trained: Trained, *, config: dict[str, Any], force: bool = False) -> EncoderVersion:
    """Return the new encoder version, rejected where it is clearly below the one in use."""
    gate = encoder_versions.judge(
        trained.metrics, serving=trained.serving, num_held_out=trained.num_held_out, force=force
    )
    metrics = {"rows": {"new": trained.metrics, "in_use": trained.serving}, "held_out": trained.num_held_out}
    origin = encoder_versions.Origin(
        config={**config, "start": trained.start.described}, metrics=metrics, gate=gate
    )
    return encoder_versions.register(lambda folder: save(trained, folder), origin=origin)
