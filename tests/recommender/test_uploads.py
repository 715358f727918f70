"""What a stranger sends is a picture and nothing else, or is refused in words; it never fails otherwise."""

import io
import random
import time
from http import HTTPStatus

import pytest
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest
from django.test import RequestFactory
from PIL import Image

from recommender import uploads
from recommender.uploads import MAX_BYTES, InMemory, UploadRefused, read_picture
from tests.recommender import pictures_made as made


def read(content: bytes) -> Image.Image:
    return read_picture(io.BytesIO(content), size=len(content))


def refusal(content: bytes) -> UploadRefused:
    with pytest.raises(UploadRefused) as caught:
        read(content)
    return caught.value


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_is_read_small_and_in_colour(kind: str) -> None:
    picture = read(made.photo(kind=kind, side=1500))
    assert (picture.mode, picture.size) == ("RGB", (512, 512))


@pytest.mark.parametrize("mode", ["L", "CMYK", "P", "1", "LA", "RGBA", "I;16"])
def test_every_kind_of_colour_becomes_red_green_and_blue(mode: str) -> None:
    grey = Image.linear_gradient("L")
    picture = (
        grey.point(lambda value: value * 256, "I").convert("I;16") if mode == "I;16" else grey.convert(mode)
    )
    kind = "JPEG" if mode == "CMYK" else "PNG"
    assert read(made.encoded(picture, kind=kind)).mode == "RGB"


def test_the_inverted_cmyk_of_picture_editors_keeps_its_colours() -> None:
    red = Image.new("RGB", (64, 64), (220, 30, 30)).convert("CMYK")
    r, g, b = read(made.encoded(red, kind="JPEG", quality=95)).getpixel((5, 5))
    assert r > 180
    assert max(g, b) < 80


def test_where_it_is_transparent_a_picture_is_seen_on_white() -> None:
    picture = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    picture.paste((255, 0, 0, 255), (0, 0, 20, 40))
    assert read(made.encoded(picture)).getpixel((30, 5)) == (255, 255, 255)


def test_the_cameras_orientation_is_honoured_and_its_notes_are_dropped() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned a quarter: shown upright it is 30 wide and 60 high
    exif[0x010F] = "Camera"
    gradient = Image.linear_gradient("L").resize((60, 30))
    picture = read(made.encoded(gradient, kind="JPEG", exif=exif))
    assert picture.size == (30, 60)
    assert not picture.getexif()


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        (b"", 400, "empty"),
        (b"hello", 415, "not a JPEG, PNG or WebP"),
        (b"a,b\n1,2\n" * 1000, 415, "not a JPEG, PNG or WebP"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "not a JPEG, PNG or WebP"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", 415, "not a JPEG, PNG or WebP"),
        (b"MZ\x90\0" + b"\0" * 400, 415, "not a JPEG, PNG or WebP"),
        (made.archive(), 415, "not a JPEG, PNG or WebP"),
        (made.photo(kind="GIF"), 415, "not a JPEG, PNG or WebP"),
        (made.photo(kind="TIFF"), 415, "not a JPEG, PNG or WebP"),
        (made.photo(kind="BMP"), 415, "not a JPEG, PNG or WebP"),
        (made.animated("PNG"), 415, "animated"),
        (made.animated("WEBP"), 415, "animated"),
        (made.photo()[:1500], 400, "damaged"),
        (made.photo(kind="PNG")[:-40], 400, "damaged"),
        (made.png_that_claims(100, 100), 400, "damaged"),
        (made.png_that_claims(0, 0), 415, "not a JPEG, PNG or WebP"),
        (made.png_that_claims(6000, 6000), 413, "20 megapixels"),
        (made.png_that_claims(60_000, 60_000), 413, "20 megapixels"),
        (made.png_that_claims(2**31 - 1, 2**31 - 1), 413, "20 megapixels"),
        (made.encoded(Image.new("RGB", (1, 1), "red")), 400, "1 by 1 pixels"),
        (made.encoded(Image.new("RGB", (7, 900), "red")), 400, "7 by 900 pixels"),
        (made.encoded(Image.new("RGB", (90, 90), "black")), 400, "all black"),
        (made.encoded(Image.new("RGB", (90, 90), (3, 5, 4)), kind="JPEG"), 400, "all black"),
        (made.encoded(Image.new("CMYK", (90, 90), (0, 0, 0, 255)), kind="JPEG"), 400, "all black"),
        (made.encoded(Image.new("RGBA", (90, 90), (0, 0, 0, 0))), 400, "all white"),
        (b"\xff\xd8\xff\xe0" + b"\0" * MAX_BYTES, 413, "over 5 MB"),
    ],
    ids=lambda value: None if isinstance(value, bytes) else str(value),
)
def test_what_cannot_be_searched_by_is_refused_in_words(content: bytes, status: int, said: str) -> None:
    refused = refusal(content)
    assert (refused.status, said in str(refused)) == (status, True), refused


def test_a_picture_of_one_colour_and_a_dark_one_are_pictures() -> None:
    assert read(made.encoded(Image.new("RGB", (90, 90), "red"))).getpixel((0, 0)) == (255, 0, 0)
    read(made.encoded(Image.linear_gradient("L").point(lambda value: value // 6)))


# More than a picture


@pytest.mark.parametrize(
    "content",
    [
        made.photo() + made.archive(),
        made.photo(kind="PNG") + made.archive(),
        made.photo(kind="WEBP") + made.archive(),
        made.with_comment(made.photo(), b"<script>alert(1)</script>"),
        made.with_comment(made.photo(), b"<?php system($_GET['c']); ?>"),
        made.with_comment(made.photo(), b"<HTML ><body onload=alert(1)>"),
        made.with_comment(made.photo(), b"%PDF-1.7\n1 0 obj"),
        made.photo() + b"\n<!DOCTYPE html><title>x</title>",
        made.photo(kind="PNG") + b"MZ\x90\0 a program",
        made.photo(kind="WEBP") + b"#!/bin/sh\nid\n",
        made.photo() + b"Rar!\x1a\x07\x01\0",
        made.as_script(made.photo()),
    ],
    ids=[
        "jpeg and zip", "png and zip", "webp and zip", "script", "php", "html", "pdf", "page behind",
        "png and program", "webp and shell", "rar", "jpeg as script",
    ],
)  # fmt: skip
def test_a_picture_that_is_something_else_as_well_is_refused(content: bytes) -> None:
    refused = refusal(content)
    assert refused.status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    assert "more than a picture" in str(refused)


def test_what_phones_add_behind_a_photo_is_let_through() -> None:
    film = b"\0\0\0\x18ftypmp42" + random.Random(1).randbytes(200_000)
    for behind in (made.photo(side=64), film, b"SEFT" + b"\0" * 40):
        assert read(made.photo() + behind).size == (200, 200)
    assert read(made.photo(kind="PNG") + b"\0" * 16).size == (200, 200)


def test_a_text_that_unpacks_to_much_is_no_picture() -> None:
    started = time.perf_counter()
    bomb = made.png_with_text_bomb(80)
    assert len(bomb) < 300_000
    assert refusal(bomb).status in (400, 415)
    assert time.perf_counter() - started < 10


def test_a_picture_made_to_keep_its_reader_busy_is_refused_before_it_is_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(uploads, "_decode", None)  # which would be called
    assert "damaged" in str(refusal(made.with_scans(uploads.MAX_SCANS + 1)))


def test_the_scans_behind_the_end_of_a_photo_do_not_count() -> None:
    assert read(made.photo() + b"\xff\xda" * 1000).size == (200, 200)
    assert read(made.with_scans(20)).size == (200, 200)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_no_damage_makes_it_fail(kind: str) -> None:
    """Two hundred pictures with a few bytes turned: each is read or refused, in no other way."""
    dice = random.Random(kind)
    exif = Image.Exif()
    exif[0x0112] = 3
    whole = made.photo(kind=kind, side=64, exif=exif)
    for _ in range(200):
        content = bytearray(whole)
        for _ in range(dice.randint(1, 6)):
            content[dice.randrange(len(content))] = dice.randrange(256)
        try:
            assert read(bytes(content)).mode == "RGB"
        except UploadRefused:
            pass


# The request's own parser


def uploaded(content: bytes) -> UploadedFile:
    request: HttpRequest = RequestFactory().post("/", {"image": io.BytesIO(content)})
    request.upload_handlers = [InMemory(request)]
    return request.FILES["image"]


def test_an_upload_is_kept_in_memory_whatever_its_size() -> None:
    for size in (10, 3_000_000, MAX_BYTES):
        file = uploaded(b"x" * size)
        assert (file.size, len(file.read())) == (size, size)
        assert not hasattr(file, "temporary_file_path")


def test_of_an_upload_that_is_too_large_nothing_is_kept() -> None:
    file = uploaded(b"x" * (MAX_BYTES + 1))
    assert file.size == MAX_BYTES + 1
    assert file.read() == b""
    with pytest.raises(UploadRefused, match="over 5 MB"):
        read_picture(file.file, size=file.size)
