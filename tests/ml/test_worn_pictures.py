"""Worn pictures are what their names say."""

import numpy as np
import pytest
from PIL import Image

from ml import worn_pictures

GRADIENT = Image.fromarray(np.tile(np.arange(200, dtype=np.uint8)[None, :, None], (100, 1, 3)))


def chance(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_a_crop_takes_its_share_of_each_side_away_and_not_always_the_same() -> None:
    one, other = (worn_pictures.cropped(GRADIENT, share=0.2, rng=chance(seed)) for seed in (1, 2))
    assert one.size == other.size == (160, 80)
    left, right = (int(np.asarray(picture)[0, 0, 0]) for picture in (one, other))
    assert 0 <= left <= 40
    assert left != right


def test_a_turn_keeps_the_size_and_shows_white_beside_it() -> None:
    black = Image.new("RGB", (100, 100))
    turned = {worn_pictures.turned(black, rng=chance(seed)).tobytes() for seed in range(8)}
    assert len(turned) == 2  # to the left and to the right
    corner = worn_pictures.turned(black, rng=chance()).getpixel((0, 0))
    assert corner == (255, 255, 255)


def test_a_recompressed_picture_is_coarser_than_it_was() -> None:
    noise = Image.fromarray(chance().integers(0, 255, (64, 64, 3), dtype=np.uint8))
    lost = [
        np.abs(np.asarray(noise, float) - worn_pictures.recompressed(noise, quality=quality)).mean()
        for quality in (90, 30)
    ]
    assert 0 < lost[0] < lost[1]


def test_a_darkened_picture_keeps_the_rest_of_its_light() -> None:
    grey = worn_pictures.darkened(Image.new("RGB", (4, 4), (100, 50, 200)), share=0.4)
    assert grey.getpixel((0, 0)) == (60, 30, 120)


@pytest.mark.parametrize("way", worn_pictures.WAYS)
def test_every_way_leaves_a_picture_in_colour(way: str) -> None:
    assert worn_pictures.WAYS[way](GRADIENT, chance()).mode == "RGB"
