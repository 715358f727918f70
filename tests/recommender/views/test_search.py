"""The search page answers every query and upload with a page, and keeps nothing of an upload."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image

from recommender import encoders
from recommender.models import ContentEmbedding
from recommender.search.finding import EncoderNotReady
from recommender.views import search as views
from shop.models import Product
from tests.recommender.test_search import KeywordEncoder

MakeProduct = Callable[..., Product]
pytestmark = pytest.mark.django_db


@pytest.fixture
def encoder(monkeypatch: pytest.MonkeyPatch) -> KeywordEncoder:
    encoder = KeywordEncoder()
    monkeypatch.setattr(encoders, "encoder_if_ready", lambda wait_seconds=0: encoder)
    monkeypatch.setattr(encoders, "get_encoder", lambda: encoder)
    encoders.encode_query.cache_clear()
    return encoder


@pytest.fixture
def red_and_blue(make_product: MakeProduct, encoder: KeywordEncoder) -> tuple[Product, Product]:
    """Two products whose pictures are plain red and plain blue."""
    made = []
    for name, colour in (("Blue Cup", "blue"), ("Red Cup", "red")):
        product = make_product(name)
        ContentEmbedding.objects.create(
            product=product,
            encoder=encoder.name,
            content_hash="x",
            text_vector=encoder.encode_texts([name])[0],
            image_vector=encoder.encode_images([Image.new("RGB", (2, 2), colour)])[0],
        )
        made.append(product)
    return made[1], made[0]


def search_for(client: Client, query: str, **parameters: Any) -> Any:
    return client.get(reverse("recommender:search"), {"q": query, **parameters})


def encoded(picture: Image.Image, *, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def upload(
    client: Client, content: bytes, *, name: str = "photo.png", content_type: str = "image/png"
) -> Any:
    file = SimpleUploadedFile(name, content, content_type=content_type)
    return client.post(reverse("recommender:search_by_image"), {"image": file})


def shown(response: Any) -> list[str]:
    return [product.name for product in response.context["products"]]


def test_a_query_shows_its_products_as_cards_that_link_to_them(
    client: Client, red_and_blue: tuple[Product, Product]
) -> None:
    red, _ = red_and_blue
    response = search_for(client, "red cup")
    assert response.status_code == 200
    assert shown(response)[0] == "Red Cup"
    page = response.content.decode()
    assert red.get_absolute_url() in page
    assert "1 product matches" in page
    assert "then what comes close" in page


def test_an_empty_query_explains_itself_and_shows_what_sells(
    client: Client, make_product: MakeProduct
) -> None:
    make_product("Bestseller", rating_count=50)
    for response in (client.get(reverse("recommender:search")), search_for(client, " \t ")):
        assert response.status_code == 200
        assert shown(response) == ["Bestseller"]
        assert "What others like" in response.content.decode()


def test_a_query_without_matches_says_so_and_shows_the_nearest(
    client: Client, red_and_blue: tuple[Product, Product]
) -> None:
    response = search_for(client, "blue zyxw")
    assert "These come closest" in response.content.decode()
    assert shown(response)[0] == "Blue Cup"


def test_a_query_that_nothing_is_near_to_shows_something_else(
    client: Client, make_product: MakeProduct, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoders, "encoder_if_ready", lambda wait_seconds=0: None)
    make_product("Bestseller")
    page = search_for(client, "zyxw").content.decode()
    assert "Nothing matches “zyxw”" in page
    shelf = page.split('data-placement="search_empty"')[1]
    assert "Bestseller" in shelf


def test_an_empty_shop_still_has_a_search_page(client: Client, encoder: KeywordEncoder) -> None:
    assert search_for(client, "mug").status_code == 200


def test_a_very_long_query_is_cut_with_a_message(client: Client, make_product: MakeProduct) -> None:
    make_product("Mug")
    response = search_for(client, "mug " * 2_500)
    assert response.status_code == 200
    assert "we searched for its first 199 characters" in response.content.decode()


@pytest.mark.parametrize(
    "query", ["<script>alert(1)</script>", "' OR 1=1 --", "🍵", "\x00\x1b", "אדום", "\u202eabc"]
)
def test_odd_queries_get_a_page_and_are_escaped(client: Client, query: str, encoder: KeywordEncoder) -> None:
    response = search_for(client, query)
    assert response.status_code == 200
    assert "<script>alert" not in response.content.decode()


@pytest.mark.parametrize(("page", "number"), [("2", 2), ("0", 2), ("-1", 2), ("1000000000", 2), ("x", 1)])
def test_any_page_number_gets_a_page(
    client: Client, make_product: MakeProduct, page: str, number: int
) -> None:
    for index in range(views.PAGE_SIZE + 3):
        make_product(f"Mug {index}")
    response = search_for(client, "mug", page=page)
    assert response.status_code == 200
    assert response.context["page"].number == number
    assert len(shown(response)) == (3 if number == 2 else views.PAGE_SIZE)


def test_the_number_of_queries_does_not_grow_with_the_results(
    client: Client, make_product: MakeProduct, django_assert_max_num_queries: Any, encoder: KeywordEncoder
) -> None:
    for index in range(20):
        make_product(f"Mug {index}")
    search_for(client, "mug")
    with django_assert_max_num_queries(12):
        search_for(client, "mug")


@pytest.mark.parametrize(("kind", "name"), [("PNG", "a.png"), ("JPEG", "a.jpg"), ("WEBP", "a.webp")])
def test_a_picture_finds_the_product_that_looks_like_it(
    client: Client, red_and_blue: tuple[Product, Product], kind: str, name: str
) -> None:
    response = upload(client, encoded(Image.new("RGB", (64, 64), (250, 5, 5)), kind=kind), name=name)
    assert response.status_code == 200
    assert shown(response) == ["Red Cup", "Blue Cup"]


def test_the_content_counts_and_not_the_name(client: Client, red_and_blue: tuple[Product, Product]) -> None:
    content = encoded(Image.new("RGB", (64, 64), "blue"))
    response = upload(client, content, name="holiday.exe", content_type="text/plain")
    assert shown(response)[0] == "Blue Cup"


def test_the_cameras_orientation_is_honoured(client: Client, encoder: KeywordEncoder) -> None:
    seen: list[Image.Image] = []
    encode = encoder.encode_images
    encoder.encode_images = lambda images: seen.extend(images) or encode(images)  # type: ignore[func-returns-value,assignment]
    picture = Image.new("RGB", (60, 30), "red")
    exif = Image.Exif()
    exif[0x0112] = 6  # turned a quarter: shown upright it is 30 wide and 60 high
    upload(client, encoded(picture, kind="JPEG", exif=exif))
    assert seen[0].size == (30, 60)
    assert not seen[0].getexif()


def test_transparent_pictures_are_seen_on_white(client: Client, encoder: KeywordEncoder) -> None:
    seen: list[Image.Image] = []
    encode = encoder.encode_images
    encoder.encode_images = lambda images: seen.extend(images) or encode(images)  # type: ignore[func-returns-value,assignment]
    assert upload(client, encoded(Image.new("RGBA", (8, 8), (0, 0, 0, 0)))).status_code == 200
    assert seen[0].getpixel((4, 4)) == (255, 255, 255)


@pytest.mark.parametrize(
    "picture",
    [
        Image.new("RGB", (1, 1)),
        Image.new("L", (50, 50)),
        Image.new("CMYK", (50, 50)),
        Image.new("P", (9, 400)),
        Image.new("1", (20, 20)),
    ],
    ids=lambda picture: f"{picture.mode} {picture.size}",
)
def test_odd_but_honest_pictures_are_searched(
    client: Client, picture: Image.Image, encoder: KeywordEncoder
) -> None:
    kind = "JPEG" if picture.mode == "CMYK" else "PNG"
    assert upload(client, encoded(picture, kind=kind)).status_code == 200


def png_that_claims(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header claims any size: the smallest decompression bomb."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 9))
        + chunk(b"IEND", b"")
    )


def animated(kind: str) -> bytes:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    return encoded(frames[0], kind=kind, save_all=True, append_images=frames[1:])


PHOTO = encoded(Image.effect_noise((200, 200), 90).convert("RGB"), kind="JPEG")


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        (b"", 400, "empty"),
        (b"hello", 415, "not a JPEG, PNG or WebP"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "not a JPEG, PNG or WebP"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", 415, "not a JPEG, PNG or WebP"),
        (encoded(Image.new("RGB", (8, 8)), kind="GIF"), 415, "not a JPEG, PNG or WebP"),
        (encoded(Image.new("RGB", (8, 8)), kind="TIFF"), 415, "not a JPEG, PNG or WebP"),
        (encoded(Image.new("RGB", (8, 8)), kind="BMP"), 415, "not a JPEG, PNG or WebP"),
        (animated("PNG"), 415, "animated"),
        (animated("WEBP"), 415, "animated"),
        (PHOTO[: len(PHOTO) // 2], 400, "damaged"),
        (png_that_claims(6000, 6000), 413, "20 megapixels"),
        (png_that_claims(60_000, 60_000), 413, "20 megapixels"),
        (png_that_claims(100, 100), 400, "damaged"),
        (png_that_claims(0, 0), 415, "not a JPEG, PNG or WebP"),
        (b"\xff\xd8\xff\xe0" + b"\0" * (views.MAX_BYTES + 1), 413, "over 5 MB"),
    ],
    ids=lambda value: None if isinstance(value, bytes) else str(value),
)
def test_what_cannot_be_searched_by_is_explained_on_the_page(
    client: Client, content: bytes, status: int, said: str, encoder: KeywordEncoder
) -> None:
    response = upload(client, content)
    assert response.status_code == status
    assert said in response.content.decode()


def test_a_form_without_a_file_is_explained(client: Client) -> None:
    for data in ({}, {"image": "just text"}):
        response = client.post(reverse("recommender:search_by_image"), data)
        assert response.status_code == 400
        assert "Choose a picture" in response.content.decode()


def test_a_huge_body_is_refused_unread(client: Client) -> None:
    response = client.post(
        reverse("recommender:search_by_image"),
        data=b"x",
        content_type="multipart/form-data; boundary=b",
        CONTENT_LENGTH=str(views.MAX_REQUEST_BYTES + 1),
    )
    assert response.status_code == 413
    assert "over 5 MB" in response.content.decode()


def test_a_cold_encoder_asks_to_try_again(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def cold(*args: Any, **options: Any) -> list[int]:
        raise EncoderNotReady

    monkeypatch.setattr(views.finder, "search_by_image", cold)
    response = upload(client, encoded(Image.new("RGB", (8, 8))))
    assert response.status_code == 503
    assert "Try again in a moment" in response.content.decode()


def test_the_upload_form_needs_its_token_and_a_post() -> None:
    strict = Client(enforce_csrf_checks=True)
    assert upload(strict, encoded(Image.new("RGB", (8, 8)))).status_code == 403
    assert strict.get(reverse("recommender:search_by_image")).status_code == 405


def test_nothing_of_an_upload_is_stored(client: Client, encoder: KeywordEncoder) -> None:
    media = Path(settings.MEDIA_ROOT)
    before = sorted(media.rglob("*")) if media.is_dir() else []
    upload(client, encoded(Image.effect_noise((900, 900), 90)))  # large enough for a temporary file
    assert (sorted(media.rglob("*")) if media.is_dir() else []) == before
