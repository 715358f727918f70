"""Pictures that come with products."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from PIL import Image

from recommender.importing import ImportRefused
from recommender.importing.limits import Limits
from shop.models import Product, ProductImage
from tests.recommender.importing.cast import ITEMS

pytestmark = pytest.mark.django_db
Make = Callable[..., Path]
Run = Callable[..., Any]


@pytest.fixture(autouse=True)
def media(tmp_path: Path, settings: Any) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media"
    return tmp_path / "media"


def picture(kind: str = "PNG", colour: str = "red", size: int = 8) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (size, size), colour).save(buffer, kind)
    return buffer.getvalue()


def dataset(make_dataset: Make, **contents: Any) -> Path:
    """Write two products whose pictures are named, and the files that there are."""
    images = contents.pop("images")
    rows = [{**row, "image": image} for row, image in zip(ITEMS, images, strict=True)]
    folder = make_dataset(items=rows, users=None, interactions=None)
    for name, content in contents.pop("files", {}).items():
        (folder / name).write_bytes(content)
    return folder


def test_files_are_copied_and_addresses_kept(make_dataset: Make, run: Run) -> None:
    run(dataset(make_dataset, images=["a.png", "https://example.com/t.jpg"], files={"a.png": picture()}))

    mug, train = (Product.objects.get(sku=sku).images.get() for sku in ("mug-1", "toy-1"))
    assert mug.file.name.startswith("products/mug-1-")
    assert default_storage.open(mug.file.name).read() == picture()
    assert (train.src, mug.alt) == ("https://example.com/t.jpg", "Blue mug")


def test_a_second_import_writes_no_file_and_a_new_picture_replaces_the_old(
    make_dataset: Make, run: Run, media: Path
) -> None:
    folder = dataset(make_dataset, images=["a.png", ""], files={"a.png": picture()})
    run(folder)
    run(folder)
    assert len(list((media / "products").iterdir())) == 1

    (folder / "a.png").write_bytes(picture(colour="blue"))
    run(folder)

    assert default_storage.open(ProductImage.objects.get().file.name).read() == picture(colour="blue")


def test_the_ending_follows_the_content(make_dataset: Make, run: Run) -> None:
    run(
        dataset(
            make_dataset,
            images=["a.php", "b.png"],
            files={"a.php": picture("JPEG"), "b.png": picture("WEBP")},
        )
    )

    assert sorted(image.file.name[-4:] for image in ProductImage.objects.all()) == [".jpg", "webp"]


@pytest.mark.parametrize(
    "content", [b"<svg onload='alert(1)'/>", b"GIF89a" + b"\0" * 50, b"", picture("BMP"), picture(size=9)]
)
def test_what_is_no_picture_is_left_out_and_counted(
    content: bytes, make_dataset: Make, run: Run, media: Path
) -> None:
    folder = dataset(make_dataset, images=["a.png", "missing.png"], files={"a.png": content})

    summary = run(folder, limits=Limits(picture_pixels=64))

    assert summary.tallies["products"].new == 2
    assert sum(summary.notices.values()) == 2
    assert not ProductImage.objects.exists()
    assert not media.exists()


def test_a_link_out_of_the_folder_rejects_the_row(make_dataset: Make, run: Run, tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(picture())
    folder = dataset(make_dataset, images=["a.png", ""])
    (folder / "a.png").symlink_to(tmp_path / "secret.png")

    summary = run(folder)

    assert dict(summary.rejected) == {("items.csv", "image is a path outside the folder"): 1}


def test_a_dry_run_and_a_failure_leave_no_file(make_dataset: Make, run: Run, media: Path) -> None:
    folder = dataset(make_dataset, images=["a.png", ""], files={"a.png": picture()})
    run(folder, dry_run=True)
    (folder / "interactions.csv").write_text("event_id,user_id,item_id,kind,occurred_at\n1,2,3,4,5\n")
    with pytest.raises(ImportRefused):
        run(folder)

    assert not media.exists()
    assert not Product.objects.exists()


def test_files_written_before_a_failure_are_removed(
    make_dataset: Make, run: Run, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = dataset(
        make_dataset, images=["a.png", "b.png"], files={"a.png": picture(), "b.png": picture(colour="blue")}
    )
    saved = default_storage.save

    def save_first_only(name: str, content: Any) -> str:
        if "toy-1" in name:
            raise OSError("No space left on device")
        return saved(name, content)

    monkeypatch.setattr(default_storage, "save", save_first_only)
    with pytest.raises(ImportRefused, match="No space left on device"):
        run(folder)

    assert list((media / "products").iterdir()) == []
    assert not Product.objects.exists()
