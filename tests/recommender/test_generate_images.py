"""generate_images gives products their pictures, once per backend, and leaves what it cannot draw."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from PIL import Image

from shop.models import ProductImage
from tests.ml.synthetic.tiny_diffusion import save_tiny_pipeline

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> Path:
    """Return an empty folder that holds the uploads of one test."""
    settings.MEDIA_ROOT = tmp_path / "media"
    return tmp_path / "media"


def _draw(capsys: pytest.CaptureFixture[str], **options: Any) -> str:
    call_command("generate_images", verbosity=0, **options)
    return capsys.readouterr().out


def test_each_product_gets_a_drawing_of_its_type(make_product: Callable[..., Any], capsys: Any) -> None:
    mug = make_product("Blue mug", category="Home > Kitchen > Mugs", attributes={"colour": "Navy"})
    assert _draw(capsys).startswith("1 pictures made, 0 products")
    image = ProductImage.objects.get(product=mug)
    assert image.alt == "Blue mug"
    with Image.open(image.file.path) as picture:
        assert (picture.format, picture.size) == ("WEBP", (320, 320))


def test_a_second_run_finds_nothing_to_do_and_a_limit_is_kept(
    make_product: Callable[..., Any], capsys: Any
) -> None:
    for _ in range(3):
        make_product(category="Home > Kitchen > Mugs")
    assert _draw(capsys, limit=2).startswith("2 pictures made")
    assert _draw(capsys).startswith("1 pictures made")
    assert "already" in _draw(capsys)
    assert ProductImage.objects.count() == 3


def test_a_product_of_an_unknown_kind_is_left_alone(make_product: Callable[..., Any], capsys: Any) -> None:
    make_product(category="Spacecraft")
    assert _draw(capsys).startswith("0 pictures made, 1 products")
    assert not ProductImage.objects.exists()


def test_the_replaced_file_goes_and_an_address_elsewhere_is_dropped(
    make_product: Callable[..., Any], media: Path, capsys: Any
) -> None:
    mug = make_product(category="Home > Kitchen > Mugs")
    old = media / "products" / "old.webp"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"old")
    ProductImage.objects.create(product=mug, file="products/old.webp", url="https://example.com/a.jpg")
    _draw(capsys)
    assert not old.exists()
    assert ProductImage.objects.get(product=mug).url == ""


def test_diffusion_draws_what_is_missing_and_replaces_the_drawing(
    make_product: Callable[..., Any], tmp_path: Path, capsys: Any
) -> None:
    product = make_product(category="Spacecraft")
    mug = make_product(category="Home > Kitchen > Mugs")
    _draw(capsys)
    options = {
        "backend": "diffusion",
        "model": str(save_tiny_pipeline(tmp_path)),
        "steps": 1,
        "device": "cpu",
    }
    assert _draw(capsys, limit=1, **options).startswith("1 pictures made")
    assert _draw(capsys, **options).startswith("1 pictures made")
    assert "already" in _draw(capsys, **options)
    for item in (product, mug):
        assert "diffusion" in ProductImage.objects.get(product=item, position=0).file.name


def test_a_missing_model_or_a_silly_number_stops_the_command_with_a_cure(
    make_product: Callable[..., Any], tmp_path: Path
) -> None:
    make_product()
    with pytest.raises(CommandError, match="--backend drawn"):
        call_command("generate_images", backend="diffusion", model=str(tmp_path / "none"), device="cpu")
    with pytest.raises(CommandError, match="at least 1"):
        call_command("generate_images", steps=0)
