"""What happens to pictures on their way: cut, turned, compressed again, taken in poor light."""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageEnhance


def cropped(picture: Image.Image, *, share: float = 0.2, rng: np.random.Generator) -> Image.Image:
    """Return the picture with `share` of its width and height cut off, more from one side or another."""
    width, height = (round(side * (1 - share)) for side in picture.size)
    left = int(rng.integers(picture.width - width + 1))
    top = int(rng.integers(picture.height - height + 1))
    return picture.crop((left, top, left + width, top + height))


def turned(picture: Image.Image, *, degrees: float = 10, rng: np.random.Generator) -> Image.Image:
    """Return the picture turned to the left or right; what lies beside it is white."""
    angle = degrees if rng.random() < 0.5 else -degrees
    return picture.rotate(angle, resample=Image.Resampling.BICUBIC, fillcolor="white")


def recompressed(picture: Image.Image, *, quality: int = 30) -> Image.Image:
    """Return the picture as a JPEG of that quality shows it."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def darkened(picture: Image.Image, *, share: float = 0.4) -> Image.Image:
    """Return the picture with `share` of its light gone."""
    return ImageEnhance.Brightness(picture).enhance(1 - share)


WAYS: dict[str, Callable[[Image.Image, np.random.Generator], Image.Image]] = {
    "cropped": lambda picture, rng: cropped(picture, rng=rng),
    "turned": lambda picture, rng: turned(picture, rng=rng),
    "compressed": lambda picture, _: recompressed(picture),
    "darkened": lambda picture, _: darkened(picture),
}
