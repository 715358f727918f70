"""The search as JSON: the same answers as the page, and a 4xx that says what is wrong."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from recommender import encoders
from recommender.search import fetching, finding, suggestions
from recommender.search.requests import Chip, Filters, Understood
from recommender.search.suggestions import Suggestions
from recommender.views import search as views
from shop.models import Product, ProductImage
from tests.recommender import pictures_made as made
from tests.recommender.redis_states import break_redis, mend_redis
from tests.recommender.search.fake_finding import ColourEncoder, FakeFind, facet

MakeProduct = Callable[..., Product]
pytestmark = pytest.mark.django_db
URL, SUGGESTIONS = "/api/search/", "/api/search/suggestions/"
SEARCH_ID = uuid.UUID("6a3f0c52-9d1b-4f7e-8a21-5c0de4b7f913")


@pytest.fixture
def find(monkeypatch: pytest.MonkeyPatch) -> FakeFind:
    fake = FakeFind()
    monkeypatch.setattr(finding, "find", fake)
    return fake


@pytest.fixture(autouse=True)
def _encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = ColourEncoder()
    monkeypatch.setattr(encoders, "encoder_if_ready", lambda wait_seconds=0: encoder)
    monkeypatch.setattr(encoders, "current_name", lambda: encoder.name)


@pytest.fixture
def mug(make_product: MakeProduct) -> Product:
    return make_product("Mug", category="Home > Mugs", brand="Harlow", attributes={"colour": "blue"})


def post(client: Client, content: bytes | None = None, **data: Any) -> Any:
    if content is not None:
        data["image"] = SimpleUploadedFile("a.jpg", content)
    return client.post(URL, data)


def test_an_answer_has_the_products_the_facets_and_how_it_was_understood(
    client: Client, find: FakeFind, mug: Product
) -> None:
    find.product_ids, find.search_id = [mug.pk], SEARCH_ID
    find.facets = (facet("colour", ("blue", 1, True)),)
    find.understood = Understood(
        text="mug",
        filters=Filters(attributes=(("colour", "blue"),)),
        corrected="blue mug",
        chips=(Chip(label="Colour: blue", without="mug"),),
    )
    answer = client.get(URL, {"q": "bleu mug"}).json()
    assert answer == {
        "search_id": str(SEARCH_ID),
        "query": "bleu mug",
        "corrected": "blue mug",
        "chips": [{"label": "Colour: blue", "without": "mug"}],
        "num_matching": 1,
        "num_found": 1,
        "page": 1,
        "num_pages": 1,
        "products": [
            {
                "id": mug.pk,
                "sku": mug.sku,
                "name": "Mug",
                "brand": "Harlow",
                "price": "10.00",
                "url": mug.get_absolute_url(),
            }
        ],
        "facets": [
            {
                "name": "colour",
                "label": "Colour",
                "values": [{"value": "blue", "label": "Blue", "count": 1, "chosen": True}],
            }
        ],
    }


def test_it_takes_the_parameters_of_the_page(client: Client, find: FakeFind, mug: Product) -> None:
    query = {"q": "mug", "brand": "harlow", "attribute": "colour:blue", "max_price": "20", "sort": "price"}
    assert client.get(URL, query).status_code == 200
    asked = find.asked[0]
    assert (asked.sort, asked.filters.brands, asked.filters.price_to) == ("price", ("Harlow",), 20)


def test_pages_follow_one_another(client: Client, find: FakeFind, make_product: MakeProduct) -> None:
    find.product_ids = [make_product().pk for _ in range(views.PAGE_SIZE + 3)]
    second = client.get(URL, {"q": "mug", "page": 2}).json()
    assert [product["id"] for product in second["products"]] == find.product_ids[views.PAGE_SIZE :]
    assert (second["page"], second["num_pages"], find.starts) == (2, 2, [views.PAGE_SIZE])


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("", "q"),
        ("q=%00", "q"),
        ("q=" + "x" * 201, "q"),
        ("q=mug&page=0", "page"),
        ("q=mug&page=2", "page"),
        ("q=mug&page=1000000000", "page"),
        ("q=mug&page=x", "page"),
        ("q=mug&min_price=cheap", "min_price"),
        ("q=mug&rating=9", "rating"),
        ("q=mug&sort=cheapest", "sort"),
        ("q=mug&category=nowhere", "category"),
        ("q=mug&brand=Nobody", "brand"),
        ("q=mug&attribute=colour:pink", "attribute"),
        ("like=999999", "like"),
        ("picture=xxxxxxxxxxxxxxxxxxxxxxxx", "picture"),
    ],
)
def test_what_makes_no_sense_is_a_400_that_names_it(
    client: Client, find: FakeFind, mug: Product, query: str, name: str
) -> None:
    answer = client.get(f"{URL}?{query}")
    assert answer.status_code == 400
    assert list(answer.json()) == [name]


@pytest.mark.parametrize(
    "query", ["🍵", "' OR 1=1 --", "אדום", "\u202eabc mug", "%s", "<script>", "a\x00b"], ids=ascii
)
def test_odd_queries_are_searched_for(client: Client, query: str, mug: Product) -> None:
    assert client.get(URL, {"q": query}).status_code == 200


def test_a_picture_is_searched_by_and_its_token_gives_the_next_page(
    client: Client, find: FakeFind, make_product: MakeProduct
) -> None:
    find.product_ids = [make_product().pk for _ in range(views.PAGE_SIZE + 1)]
    red = made.encoded(Image.new("RGB", (64, 64), "red"))
    answer = post(client, red, q="round").json()
    assert len(answer["products"]) == views.PAGE_SIZE
    assert (find.asked[0].text, int(np.argmax(find.asked[0].picture_D))) == ("round", 0)
    following = client.get(URL, {"q": "round", "picture": answer["picture"], "page": 2}).json()
    assert len(following["products"]) == 1
    assert find.asked[1].picture_D == pytest.approx(find.asked[0].picture_D)


def test_without_redis_a_picture_has_no_token(client: Client, find: FakeFind, mug: Product) -> None:
    find.product_ids = [mug.pk]
    break_redis()
    try:
        answer = post(client, made.photo()).json()
    finally:
        mend_redis()
    assert (answer["picture"], answer["num_found"]) == (None, 1)


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        (None, 400, "Choose a picture"),
        (b"", 400, "empty"),
        (b"a text", 415, "not a JPEG, PNG or WebP"),
        (made.animated("WEBP"), 415, "animated"),
        (made.photo()[:1500], 400, "damaged"),
        (made.encoded(Image.new("RGB", (1, 1))), 400, "1 by 1"),
        (made.encoded(Image.new("RGB", (50, 50))), 400, "all black"),
        (made.photo() + made.archive(), 415, "more than a picture"),
        (made.png_that_claims(60_000, 60_000), 413, "20 megapixels"),
        (b"\xff\xd8\xff\xe0" + b"\0" * (views.MAX_BYTES + 1), 413, "over 5 MB"),
    ],
    ids=lambda value: None if isinstance(value, bytes) else str(value),
)
def test_a_picture_that_cannot_be_searched_by_is_a_4xx_that_says_why(
    client: Client, find: FakeFind, content: bytes | None, status: int, said: str
) -> None:
    answer = post(client, content)
    assert answer.status_code == status
    assert said in answer.json()["image"][0]
    assert find.asked == []


def test_a_cmyk_picture_is_a_picture(client: Client, find: FakeFind) -> None:
    picture = Image.linear_gradient("L").convert("CMYK")
    assert post(client, made.encoded(picture, kind="JPEG")).status_code == 200


def test_a_cold_encoder_is_a_503_that_says_so(
    client: Client, find: FakeFind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoders, "encoder_if_ready", lambda wait_seconds=0: None)
    answer = post(client, made.photo())
    assert (answer.status_code, "Try again" in answer.json()["detail"]) == (503, True)


def test_an_address_is_fetched_only_where_the_owner_lets_it(
    client: Client, find: FakeFind, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "fetch", lambda address: made.photo())
    assert post(client, image_url="https://a.example/a.jpg").status_code == 400
    settings.SEARCH_IMAGE_HOSTS = ("a.example",)
    assert post(client, image_url="https://a.example/a.jpg").status_code == 200


def test_what_is_no_form_is_refused(client: Client, find: FakeFind) -> None:
    assert client.post(URL, json.dumps({"q": "x"}), content_type="application/json").status_code == 415
    assert client.post(URL, b"--b", content_type="multipart/form-data; boundary=b").status_code == 400
    assert client.post(URL, b"x", content_type="multipart/form-data").status_code == 400
    assert client.put(URL, {}).status_code == 405


def test_a_huge_body_is_refused_before_the_token_is_looked_for_in_it(alice: Any, find: FakeFind) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    assert post(strict, made.photo()).status_code == 403
    answer = strict.post(
        URL,
        data=b"x",
        content_type="multipart/form-data; boundary=b",
        CONTENT_LENGTH=str(views.MAX_REQUEST_BYTES + 1),
    )
    assert (answer.status_code, "over 5 MB" in answer.json()["image"][0]) == (413, True)


# Suggestions


def test_suggestions_are_products_categories_and_queries_with_where_they_lead(
    client: Client, mug: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    ProductImage.objects.create(product=mug, url="https://example.com/a.jpg")
    asked: list[tuple[str, int]] = []

    def suggest(text: str, *, visitor: Any, limit: int) -> Suggestions:
        asked.append((text, limit))
        return Suggestions(products=(mug,), categories=(mug.category,), queries=("mug & bowl",))

    monkeypatch.setattr(suggestions, "suggest", suggest)
    answer = client.get(SUGGESTIONS, {"q": " MU\x00 "}).json()
    assert asked == [("MU", 6)]
    product = answer["products"][0]
    assert (product["name"], product["price_label"]) == ("Mug", "$10.00")
    assert (product["url"], product["picture"]) == (mug.get_absolute_url(), "https://example.com/a.jpg")
    assert answer["categories"] == [{"name": "Mugs", "url": mug.category.get_absolute_url()}]
    assert answer["queries"] == [{"text": "mug & bowl", "url": "/search/?q=mug+%26+bowl"}]


@pytest.mark.parametrize(
    "text", ["", "\x00", "x" * 10_000, "🍵", "'; --", "אד", "(", "%", "\\", '"', "a & b"], ids=ascii
)
def test_whatever_is_typed_so_far_gets_suggestions(client: Client, mug: Product, text: str) -> None:
    answer = client.get(SUGGESTIONS, {"q": text})
    assert answer.status_code == 200
    assert set(answer.json()) == {"products", "categories", "queries"}


def test_what_is_found_for_a_beginning_is_suggested(client: Client, mug: Product) -> None:
    answer = client.get(SUGGESTIONS, {"q": "mu"}).json()
    assert [product["name"] for product in answer["products"]] == ["Mug"]
    assert [category["name"] for category in answer["categories"]] == ["Mugs"]
