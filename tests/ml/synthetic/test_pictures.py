"""Pictures show shape by type, colour and pattern by attribute, and are drawn once."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageChops

from ml.synthetic.pictures import SHAPES, draw_pictures, draw_product, seed_of
from ml.synthetic.pictures.canvas import smooth
from ml.synthetic.pictures.colours import NAMED, brightness, contrast, darker, lighter, mix, rgb_of
from ml.synthetic.pictures.patterns import PAINTERS, tile
from ml.synthetic.shop import ShopConfig, SyntheticShop, generate


@pytest.fixture(scope="module")
def little_shop() -> SyntheticShop:
    """Return a shop of twelve products."""
    return generate(ShopConfig(num_users=2, num_items=12, num_interactions=10, seed=2))


def _difference(one: Image.Image, two: Image.Image) -> float:
    return float(np.asarray(ImageChops.difference(one, two), dtype=float).mean())


@pytest.mark.parametrize("product_type", sorted(SHAPES))
def test_every_type_is_drawn_in_its_colour_on_a_pale_ground(product_type: str) -> None:
    red = draw_product(product_type, {"colour": "Red"}, 64)
    blue = draw_product(product_type, {"colour": "Royal Blue"}, 64)
    assert red.size == (64, 64)
    assert red.mode == "RGB"
    assert _difference(red, blue) > 1.5  # at least about a fiftieth of the picture changes its colour
    assert brightness(red.getpixel((2, 2))) > 180  # type: ignore[arg-type]


def test_no_two_types_look_alike() -> None:
    pictures = [draw_product(kind, {"colour": "Navy"}, 32) for kind in sorted(SHAPES)]
    stack = np.stack([np.asarray(picture, dtype=float) for picture in pictures]).reshape(len(pictures), -1)
    apart = np.abs(stack[:, None] - stack).mean(axis=2)
    np.fill_diagonal(apart, np.inf)
    assert apart.min() > 3


@pytest.mark.parametrize("pattern", sorted(PAINTERS))
def test_each_pattern_shows_on_a_shirt(pattern: str) -> None:
    plain = draw_product("tshirt", {"colour": "Navy", "pattern": "Plain"}, 96)
    assert _difference(plain, draw_product("tshirt", {"colour": "Navy", "pattern": pattern}, 96)) > 1


def test_the_same_product_is_drawn_the_same_and_the_seed_varies_it() -> None:
    facts = {"colour": "Mustard"}
    assert _difference(draw_product("mug", facts, 64, seed=4), draw_product("mug", facts, 64, seed=4)) == 0
    assert _difference(draw_product("mug", facts, 64, seed=4), draw_product("mug", facts, 64, seed=5)) > 0
    assert seed_of("MUG-00001") == seed_of("MUG-00001") != seed_of("MUG-00002")


def test_an_unknown_type_is_refused_and_an_unknown_colour_is_grey() -> None:
    with pytest.raises(ValueError, match="no drawing for 'spaceship'"):
        draw_product("spaceship", {})
    assert rgb_of("Ultraviolet") == (150, 156, 166)


def test_pictures_are_written_small_and_whole(little_shop: SyntheticShop, tmp_path: Path) -> None:
    heard: list[float] = []
    assert draw_pictures(little_shop, tmp_path, processes=1, on_progress=heard.append) == 12
    files = sorted((tmp_path / "pictures").iterdir())
    assert [path.stem for path in files] == sorted(little_shop.catalogue.sku)
    assert heard[-1] == 1.0
    for path in files:
        assert path.stat().st_size < 20_000
        with Image.open(path) as picture:
            assert (picture.format, picture.size) == ("WEBP", (320, 320))


def test_a_second_run_draws_only_what_is_missing(little_shop: SyntheticShop, tmp_path: Path) -> None:
    draw_pictures(little_shop, tmp_path, size=48, processes=1)
    lost, kept = (tmp_path / "pictures" / f"{sku}.webp" for sku in little_shop.catalogue.sku[:2])
    before, content = kept.stat().st_mtime_ns, lost.read_bytes()
    lost.unlink()
    assert draw_pictures(little_shop, tmp_path, size=48, processes=1) == 1
    assert lost.read_bytes() == content
    assert kept.stat().st_mtime_ns == before


def test_two_processes_draw_what_one_does(tmp_path: Path) -> None:
    shop = generate(ShopConfig(num_users=2, num_items=60, num_interactions=10, seed=2))
    draw_pictures(shop, tmp_path / "one", size=24, processes=1)
    draw_pictures(shop, tmp_path / "two", size=24, processes=2)
    for sku in shop.catalogue.sku:
        one, two = (tmp_path / name / "pictures" / f"{sku}.webp" for name in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()


def test_colours_mix_by_hand() -> None:
    assert mix((0, 100, 200), (100, 0, 200), share=0.25) == (25, 75, 200)
    assert brightness((255, 255, 255)) == pytest.approx(255)
    assert brightness(lighter((100, 100, 100))) > 100 > brightness(darker((100, 100, 100)))
    assert all(abs(brightness(contrast(colour)) - brightness(colour)) > 25 for colour in NAMED.values())


def test_tiles_repeat_without_a_seam_where_they_touch() -> None:
    stripes = np.asarray(tile("Striped", colour=(200, 40, 40), side=36), dtype=int)
    assert (stripes[:, 0] == stripes[:, -1]).all()
    assert len(np.unique(stripes.reshape(-1, 3), axis=0)) == 2


def test_a_smooth_path_runs_through_its_points() -> None:
    points = [(0.0, 0.0), (10.0, 5.0), (20.0, 0.0)]
    path = smooth(points, closed=False, steps=4)
    assert path[0] == (0, 0)
    assert path[4] == (10, 5)
    assert path[-1] == (20, 0)
    assert len(smooth(points, closed=True, steps=4)) == 12
