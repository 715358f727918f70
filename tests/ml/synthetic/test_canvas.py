"""The canvas paints where it is told, in units of a hundredth of its width."""

import numpy as np
import pytest
from PIL import Image

from ml.synthetic.pictures.canvas import Canvas

RED = (200, 30, 30)
BLUE = (20, 40, 200)


def _canvas(seed: int = 0, pattern: str = "Plain") -> Canvas:
    return Canvas(100, colour=RED, pattern=pattern, seed=seed)


def _is(picture: Image.Image, *, at: tuple[int, int], colour: tuple[int, int, int]) -> bool:
    return bool(np.abs(np.subtract(picture.getpixel(at), colour)).max() < 40)


def test_a_rounded_box_covers_its_middle_and_leaves_its_corner() -> None:
    canvas = _canvas()
    canvas.rounded((20, 20, 80, 80), 20, BLUE)
    picture = canvas.finish()
    assert _is(picture, at=(50, 50), colour=BLUE)
    assert not _is(picture, at=(21, 21), colour=BLUE)
    assert not _is(picture, at=(10, 50), colour=BLUE)


def test_a_shape_without_a_colour_takes_the_products_own() -> None:
    canvas = _canvas()
    canvas.ellipse(50, 50, 20, 10)
    picture = canvas.finish()
    assert _is(picture, at=(45, 50), colour=RED)
    assert not _is(picture, at=(50, 65), colour=RED)


def test_light_comes_from_the_upper_left() -> None:
    canvas = _canvas()
    canvas.rounded((10, 10, 90, 90), 0)
    picture = canvas.finish()
    left, right = picture.getpixel((15, 15)), picture.getpixel((85, 85))
    assert sum(left) > sum(right) + 30  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("shape", "inside", "outside"), [("polygon", (50, 60), (20, 25)), ("blob", (50, 60), (8, 8))]
)
def test_polygons_and_blobs_fill_their_inside(
    shape: str, inside: tuple[int, int], outside: tuple[int, int]
) -> None:
    canvas = _canvas()
    getattr(canvas, shape)([(50, 20), (80, 80), (20, 80)], BLUE)
    picture = canvas.finish()
    assert _is(picture, at=inside, colour=BLUE)
    assert not _is(picture, at=outside, colour=BLUE)


def test_lines_rings_and_arcs_are_as_thick_as_asked() -> None:
    canvas = _canvas()
    canvas.stroke([(10, 20), (90, 20)], 6, BLUE)
    canvas.ring(50, 60, 20, 20, 4, BLUE)
    canvas.arc((70, 70, 96, 96), 180, 270, 4, BLUE)
    picture = canvas.finish()
    assert _is(picture, at=(50, 22), colour=BLUE)
    assert not _is(picture, at=(50, 25), colour=BLUE)
    assert _is(picture, at=(32, 60), colour=BLUE)
    assert not _is(picture, at=(50, 60), colour=BLUE)
    assert _is(picture, at=(75, 75), colour=BLUE)
    assert not _is(picture, at=(91, 91), colour=BLUE)


def test_text_like_lines_fill_their_box_from_top_to_bottom() -> None:
    canvas = _canvas()
    canvas.lines((10, 10, 90, 50), 2, BLUE, width=3)
    picture = canvas.finish()
    assert _is(picture, at=(80, 20), colour=BLUE)
    assert _is(picture, at=(20, 40), colour=BLUE)
    assert not _is(picture, at=(80, 40), colour=BLUE)  # the second line is shorter


def test_a_shadow_darkens_the_ground_softly() -> None:
    bare, shaded = _canvas(), _canvas()
    shaded.shadow(50, 85, 30, 8)
    before, after = bare.finish().convert("L"), shaded.finish().convert("L")
    assert before.getpixel((50, 85)) > after.getpixel((50, 85)) + 20  # type: ignore[operator]
    assert before.getpixel((50, 20)) == after.getpixel((50, 20))


def test_seeds_choose_backgrounds_and_variants() -> None:
    assert _canvas(0).finish().getpixel((5, 5)) != _canvas(1).finish().getpixel((5, 5))
    assert {_canvas(seed).pick(2) for seed in range(40)} == {0, 1}


def test_a_pattern_covers_large_shapes_without_gaps() -> None:
    canvas = _canvas(pattern="Striped")
    canvas.rounded((0, 0, 100, 100), 0, shade=False)
    column = np.asarray(canvas.finish())[:, 50]
    assert (np.abs(np.diff(column[:, 1].astype(int))) > 40).sum() >= 4
    assert column[:, 0].min() > 100  # nothing was left black
