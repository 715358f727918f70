"""Repeating patterns of the made products, as square tiles."""

from collections.abc import Callable
from functools import lru_cache
from math import cos, pi, sin

import numpy as np
from PIL import Image, ImageDraw

from ml.synthetic.pictures.colours import RGB, contrast, mix

Painter = Callable[[ImageDraw.ImageDraw, int, RGB, RGB], None]


@lru_cache(maxsize=256)
def tile(pattern: str, *, colour: RGB, side: int) -> Image.Image:
    """Return one square of the pattern; it repeats without a seam. An unknown pattern is plain."""
    image = Image.new("RGB", (side, side), colour)
    if pattern in PAINTERS:
        PAINTERS[pattern](ImageDraw.Draw(image), side, colour, contrast(colour))
    return image


def _striped(draw: ImageDraw.ImageDraw, side: int, _: RGB, ink: RGB) -> None:
    for number in range(4):
        top = side * number / 4
        draw.rectangle((0, top, side, top + side / 9), fill=ink)


def _checked(draw: ImageDraw.ImageDraw, side: int, colour: RGB, ink: RGB) -> None:
    half, soft = side / 4, mix(colour, ink, share=0.5)
    for number in range(2):
        start = number * side / 2
        draw.rectangle((0, start, side, start + half), fill=soft)
        draw.rectangle((start, 0, start + half, side), fill=soft)
    for row in range(2):
        for column in range(2):
            x, y = column * side / 2, row * side / 2
            draw.rectangle((x, y, x + half, y + half), fill=ink)


def _dotted(draw: ImageDraw.ImageDraw, side: int, _: RGB, ink: RGB) -> None:
    radius = side / 11
    for row in range(4):
        for column in range(2):
            x, y = (column + 0.25 + row % 2 * 0.5) * side / 2, (row + 0.5) * side / 4
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=ink)


def _floral(draw: ImageDraw.ImageDraw, side: int, colour: RGB, ink: RGB) -> None:
    petal = side / 9
    for x, y in ((0.27, 0.27), (0.75, 0.75)):
        for number in range(5):
            angle = 2 * pi * number / 5
            px, py = x * side + cos(angle) * petal, y * side + sin(angle) * petal
            draw.ellipse((px - petal * 0.8, py - petal * 0.8, px + petal * 0.8, py + petal * 0.8), fill=ink)
        box = (x * side - petal * 0.6, y * side - petal * 0.6, x * side + petal * 0.6, y * side + petal * 0.6)
        draw.ellipse(box, fill=mix(colour, (250, 200, 60), share=0.7))
    for x, y in ((0.75, 0.25), (0.25, 0.75)):
        draw.ellipse(
            (side * x - petal / 2, side * y - petal, side * x + petal / 2, side * y + petal), fill=ink
        )


def _geometric(draw: ImageDraw.ImageDraw, side: int, colour: RGB, ink: RGB) -> None:
    soft = mix(colour, ink, share=0.45)
    for row in range(2):
        for column in range(2):
            x, y, step = column * side / 2, row * side / 2, side / 2
            draw.polygon([(x, y + step), (x + step / 2, y), (x + step, y + step)], fill=ink if row else soft)


def _speckled(draw: ImageDraw.ImageDraw, side: int, _: RGB, ink: RGB) -> None:
    # Always the same scatter: a picture must not change from run to run.
    for x, y, weight in np.random.default_rng(4).random((34, 3)):
        radius = side * (0.008 + 0.02 * weight**2)
        at = (x * 0.94 * side + radius, y * 0.94 * side + radius)
        draw.ellipse((at[0] - radius, at[1] - radius, at[0] + radius, at[1] + radius), fill=ink)


PAINTERS: dict[str, Painter] = {
    "Striped": _striped,
    "Checked": _checked,
    "Dotted": _dotted,
    "Floral": _floral,
    "Geometric": _geometric,
    "Speckled": _speckled,
}
