"""A canvas for product drawings: a hundred units wide, with patterned, shaded shapes on a soft background."""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageOps

from ml.synthetic.pictures.colours import RGB, contrast, darker, lighter, pale
from ml.synthetic.pictures.patterns import tile

SUPERSAMPLE = 3
Point = tuple[float, float]
Box = tuple[float, float, float, float]


class Canvas:
    """What a drawing function draws on; coordinates run from 0 to 100, y downwards.

    A shape without a colour is painted in the product's own colour and pattern.
    """

    def __init__(self, size: int, *, colour: RGB, pattern: str = "Plain", seed: int = 0) -> None:
        self.size = size
        self.unit = size * SUPERSAMPLE / 100
        self.main = colour
        self.dark = darker(colour)
        self.light = lighter(colour)
        self.accent = contrast(colour)
        self.seed = seed
        self._tile = tile(pattern, colour=colour, side=max(8, round(self.unit * 20)))
        self._image = _place(size * SUPERSAMPLE, seed=seed)

    def pick(self, choices: int, *, salt: int = 1) -> int:
        """Return a number below `choices`, settled by the product's seed: which variant to draw."""
        return (self.seed // (7 * salt) + self.seed % 31 * salt) % choices

    def finish(self) -> Image.Image:
        """Return the picture at its final size; every other one is taken from the other side."""
        picture = self._image.reduce(SUPERSAMPLE)
        return ImageOps.mirror(picture) if self.seed % 2 else picture

    def shadow(self, x: float, y: float, rx: float, ry: float = 3.5) -> None:
        """Draw the soft shadow of a thing that stands at (x, y)."""
        box = self._box((x - rx * 1.2, y - ry, x + rx * 1.2, y + ry))
        mask = _soft_ellipse().resize((box[2] - box[0], box[3] - box[1]), Image.Resampling.BILINEAR)
        self._image.paste((70, 72, 82), box[:2], mask)

    def ellipse(
        self, x: float, y: float, rx: float, ry: float, colour: RGB | None = None, shade: bool = True
    ) -> None:
        """Draw a filled ellipse around (x, y)."""
        self._fill(
            (x - rx, y - ry, x + rx, y + ry), lambda draw, at: draw.ellipse(at, fill=255), colour, shade
        )

    def rounded(self, box: Box, radius: float, colour: RGB | None = None, shade: bool = True) -> None:
        """Draw a filled rectangle with round corners."""
        corner = radius * self.unit
        self._fill(box, lambda draw, at: draw.rounded_rectangle(at, corner, fill=255), colour, shade)

    def polygon(self, points: Sequence[Point], colour: RGB | None = None, shade: bool = True) -> None:
        """Draw a filled polygon."""
        box = _bounds(points)
        corners = [((x - box[0]) * self.unit, (y - box[1]) * self.unit) for x, y in points]
        self._fill(box, lambda draw, _: draw.polygon(corners, fill=255), colour, shade)

    def blob(self, points: Sequence[Point], colour: RGB | None = None, shade: bool = True) -> None:
        """Draw a filled shape whose outline runs smoothly through the points."""
        self.polygon(smooth(points, closed=True), colour, shade)

    def stroke(self, points: Sequence[Point], width: float, colour: RGB, curved: bool = False) -> None:
        """Draw a line with round ends and joints."""
        path = smooth(points, closed=False) if curved else points
        scaled = [(x * self.unit, y * self.unit) for x, y in path]
        draw, radius = ImageDraw.Draw(self._image), width * self.unit / 2
        draw.line(scaled, fill=colour, width=max(1, round(width * self.unit)), joint="curve")
        for x, y in (scaled[0], scaled[-1]):
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)

    def ring(self, x: float, y: float, rx: float, ry: float, width: float, colour: RGB) -> None:
        """Draw the outline of an ellipse, `width` thick inwards."""
        box = [value * self.unit for value in (x - rx, y - ry, x + rx, y + ry)]
        ImageDraw.Draw(self._image).ellipse(box, outline=colour, width=max(1, round(width * self.unit)))

    def arc(self, box: Box, start: float, end: float, width: float, colour: RGB) -> None:
        """Draw part of an ellipse's outline; angles in degrees, clockwise from three o'clock."""
        scaled = [value * self.unit for value in box]
        thickness = max(1, round(width * self.unit))
        ImageDraw.Draw(self._image).arc(scaled, start, end, fill=colour, width=thickness)

    def lines(self, box: Box, count: int, colour: RGB, width: float = 0.9) -> None:
        """Draw `count` level lines of text-like lengths in the box."""
        left, top, right, bottom = box
        for number in range(count):
            y = top + (bottom - top) * (number + 0.5) / count
            self.stroke([(left, y), (right - (right - left) * 0.3 * (number % 2), y)], width, colour)

    def _box(self, box: Box) -> tuple[int, int, int, int]:
        left, top, right, bottom = (round(value * self.unit) for value in box)
        return left, top, max(right, left + 1), max(bottom, top + 1)

    def _fill(
        self,
        box: Box,
        draw_mask: Callable[[ImageDraw.ImageDraw, Box], object],
        colour: RGB | None,
        shade: bool,
    ) -> None:
        """Paint the masked part of the box: pattern or colour, then light from the left."""
        left, top, right, bottom = self._box(box)
        extent = (right - left, bottom - top)
        mask = Image.new("L", extent)
        draw_mask(ImageDraw.Draw(mask), (0, 0, extent[0] - 1, extent[1] - 1))
        self._image.paste(colour if colour is not None else self._cloth(extent), (left, top), mask)
        if shade:
            shading = ImageChops.multiply(mask, _shading().resize(extent, Image.Resampling.BILINEAR))
            self._image.paste((24, 24, 34), (left, top), shading)

    def _cloth(self, extent: tuple[int, int]) -> Image.Image:
        """Return the product's pattern, as large as asked."""
        cloth = Image.new("RGB", extent)
        for x in range(0, extent[0], self._tile.width):
            for y in range(0, extent[1], self._tile.height):
                cloth.paste(self._tile, (x, y))
        return cloth


def smooth(points: Sequence[Point], *, closed: bool, steps: int = 10) -> list[Point]:
    """Return a path through the points without corners (Catmull-Rom)."""
    known = np.asarray(points, dtype=float)
    ends = (known[-1:], known[:2]) if closed else (known[:1], known[-1:])
    padded = np.concatenate([ends[0], known, ends[1]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    path = []
    for before, start, end, after in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        linear, square = end - before, 2 * before - 5 * start + 4 * end - after
        cube = 3 * start - before - 3 * end + after
        path.append(start + 0.5 * t * (linear + t * (square + t * cube)))
    if not closed:
        path.append(known[-1:])
    return [(float(x), float(y)) for x, y in np.concatenate(path)]


def _bounds(points: Sequence[Point]) -> Box:
    across, down = [x for x, _ in points], [y for _, y in points]
    return min(across), min(down), max(across), max(down)


def _place(side: int, *, seed: int) -> Image.Image:
    """Return where a product is pictured: a wall and a table of the seed's own pale colours.

    Shops sell many things alike in kind, colour and pattern; what tells their photographs apart is where
    they were taken.
    """
    rng = np.random.default_rng(seed)
    wall, table = (
        Image.new("RGB", (side, side), pale(hue, strength=strength, value=value))
        for hue, strength, value in rng.uniform((0, 0.02, 0.89), (1, 0.18, 0.98), (2, 3))
    )
    wall.paste(table, mask=_below(side, round(side * rng.uniform(0.74, 0.84))))
    return ImageChops.multiply(wall, _glow(side))


@lru_cache(maxsize=1)
def _glow(side: int) -> Image.Image:
    """Return the light on the wall, which is brighter in the middle."""
    y, x = np.mgrid[0:side, 0:side] / side
    light = np.clip(255 * (1.02 - 0.16 * np.hypot(x - 0.5, y - 0.42)), 0, 255).astype(np.uint8)
    return Image.fromarray(light).convert("RGB")


@lru_cache(maxsize=64)
def _below(side: int, edge: int) -> Image.Image:
    """Return the mask of the table, whose edge is as soft as what is out of focus."""
    rows = np.clip((np.arange(side) - edge) / (side / 50) + 0.5, 0, 1) * 255
    return Image.fromarray(np.repeat(rows.astype(np.uint8)[:, None], side, axis=1))


@lru_cache(maxsize=1)
def _shading() -> Image.Image:
    """Return how dark a shape gets from its lit upper left to its lower right."""
    y, x = np.mgrid[0:64, 0:64] / 63
    dark = 70 * np.clip(0.75 * x + 0.35 * y - 0.25, 0, 1) ** 1.4
    return Image.fromarray(dark.astype(np.uint8))


@lru_cache(maxsize=1)
def _soft_ellipse() -> Image.Image:
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    return Image.fromarray((120 * np.clip(1 - x**2 - y**2, 0, 1)).astype(np.uint8))
