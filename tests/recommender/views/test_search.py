"""The search page answers every address and upload with a page, and keeps nothing of a picture."""

import html
import io
import random
import re
import uuid
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict
from django.test import Client
from django.urls import reverse
from PIL import Image

from recommender import encoders, redis_door
from recommender.search import fetching, finding
from recommender.search.requests import Chip, Filters, SearchRequest, Understood
from recommender.search.requests_url import read_request
from recommender.uploads import MAX_BYTES
from recommender.views import search as views
from recommender.views import search_page
from shop.models import Product, ProductImage
from tests.recommender import pictures_made as made
from tests.recommender.redis_states import break_redis, empty_redis, mend_redis
from tests.recommender.search.fake_finding import ColourEncoder, FakeFind, facet

MakeProduct = Callable[..., Product]
pytestmark = pytest.mark.django_db
SEARCH_ID = uuid.UUID("6a3f0c52-9d1b-4f7e-8a21-5c0de4b7f913")


@pytest.fixture
def find(monkeypatch: pytest.MonkeyPatch) -> FakeFind:
    fake = FakeFind()
    monkeypatch.setattr(finding, "find", fake)
    return fake


@pytest.fixture(autouse=True)
def encoder(monkeypatch: pytest.MonkeyPatch) -> ColourEncoder:
    encoder = ColourEncoder()
    monkeypatch.setattr(encoders, "encoder_if_ready", lambda wait_seconds=0: encoder)
    monkeypatch.setattr(encoders, "current_name", lambda: encoder.name)
    return encoder


@pytest.fixture
def mug(make_product: MakeProduct) -> Product:
    return make_product("Mug", category="Home > Mugs", brand="Harlow", attributes={"colour": "blue"})


def search_for(client: Client, query: str = "") -> Any:
    return client.get(f"{reverse('recommender:search')}?{query}")


def upload(client: Client, content: bytes, *, name: str = "photo.png", **data: Any) -> Any:
    file = SimpleUploadedFile(name, content, content_type="image/png")
    return client.post(reverse("recommender:search_by_image"), {"image": file, **data})


def shown(response: Any) -> list[str]:
    return [product.name for product in response.context["products"]]


def page_of(response: Any) -> str:
    """The page's text, entities and white space as they are read."""
    return " ".join(html.unescape(response.content.decode()).split())


def links_of(response: Any) -> dict[str, str]:
    """The address behind each text of a link."""
    found = re.findall(r'<a [^>]*?href="([^"]*)"[^>]*>(.*?)</a>', response.content.decode(), re.DOTALL)
    return {
        " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split()): html.unescape(address)
        for address, text in found
    }


def asked_by(address: str) -> SearchRequest:
    return read_request(QueryDict(address.partition("?")[2])).request


# What is found


def test_a_query_shows_its_products_as_cards_that_carry_the_search(
    client: Client, find: FakeFind, mug: Product
) -> None:
    find.product_ids, find.search_id = [mug.pk], SEARCH_ID
    response = search_for(client, "q=red+mug")
    assert shown(response) == ["Mug"]
    assert find.asked == [SearchRequest(text="red mug")]
    assert f"{mug.get_absolute_url()}?imp={SEARCH_ID}&pl=search" in page_of(response)
    assert "1 product matches" in page_of(response)


def test_products_come_in_the_order_in_which_they_were_found(
    client: Client, find: FakeFind, make_product: MakeProduct
) -> None:
    products = [make_product(f"Mug {number}") for number in range(4)]
    find.product_ids, find.num_matching = [products[n].pk for n in (2, 0, 3)], 2
    response = search_for(client, "q=mug")
    assert shown(response) == ["Mug 2", "Mug 0", "Mug 3"]
    assert "2 products match, then what comes close" in page_of(response)


def test_nothing_asked_explains_itself_and_shows_what_sells(
    client: Client, find: FakeFind, make_product: MakeProduct
) -> None:
    find.product_ids = [make_product().pk for _ in range(views.POPULAR_SHOWN + 3)]
    for query in ("", "q=+%09+", "q=%00", "page=2"):
        response = search_for(client, query)
        assert response.status_code == 200
        assert len(shown(response)) == views.POPULAR_SHOWN
        assert "What others like" in page_of(response)
        assert "Filters" not in page_of(response)


def test_what_only_comes_close_is_said_to_and_its_categories_are_offered(
    client: Client, find: FakeFind, mug: Product
) -> None:
    find.product_ids, find.num_matching = [mug.pk], 0
    response = search_for(client, "q=beaker")
    assert "Nothing matches “beaker” exactly. These come closest:" in re.sub(
        r"</?bdi>", "", page_of(response)
    )
    assert links_of(response)["Mugs"] == mug.category.get_absolute_url()
    assert "Look around in" in page_of(response)


def test_where_nothing_is_near_there_are_departments_and_other_products(
    client: Client, find: FakeFind, mug: Product
) -> None:
    response = search_for(client, "q=zyxw")
    page = page_of(response)
    assert "Nothing matches “<bdi>zyxw</bdi>”" in page
    assert "Look around in all departments" in page
    assert "Mug" in page.split('data-placement="search_empty"')[1]


def test_filters_that_leave_nothing_can_be_left(client: Client, find: FakeFind, mug: Product) -> None:
    response = search_for(client, "q=mug&min_price=900")
    assert "Nothing is left with this filter" in page_of(response)
    assert asked_by(links_of(response)["Search without filters"]) == SearchRequest(text="mug")


def test_an_empty_shop_still_has_a_search_page(client: Client) -> None:
    for query in ("", "q=mug", "in_stock=1"):
        assert search_for(client, query).status_code == 200


def test_a_very_long_query_is_cut_with_a_message(client: Client, find: FakeFind) -> None:
    response = search_for(client, "q=" + "mug+" * 2_500)
    assert response.status_code == 200
    assert "we searched for its first 199 characters" in page_of(response)


@pytest.mark.parametrize(
    "query",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "' OR 1=1 --",
        "'; DROP TABLE shop_product; --",
        "🍵",
        "\x00\x1b",
        "אדום",
        "\u202eabc",
        "%",
        "\ud800",
    ],
    ids=ascii,
)
def test_odd_queries_get_a_page_and_are_escaped(client: Client, query: str) -> None:
    response = client.get(reverse("recommender:search"), {"q": query.encode("utf-8", "replace")})
    assert response.status_code == 200
    assert "<script>alert" not in response.content.decode()
    assert "<img src=x" not in response.content.decode()


@pytest.mark.parametrize(
    ("page", "number", "start"),
    [("2", 2, 24), ("0", 2, 0), ("-1", 2, 0), ("1000000000", 2, 0), ("99999", 2, 24 * 99998), ("x", 1, 0)],
)
def test_any_page_number_gets_a_page(
    client: Client, find: FakeFind, make_product: MakeProduct, page: str, number: int, start: int
) -> None:
    find.product_ids = [make_product().pk for _ in range(views.PAGE_SIZE + 3)]
    response = search_for(client, f"q=mug&page={page}")
    assert response.status_code == 200
    assert response.context["page"].number == number
    assert len(shown(response)) == (3 if number == 2 else views.PAGE_SIZE)
    assert find.starts == [start]


def test_the_number_of_queries_does_not_grow_with_the_results(
    client: Client, find: FakeFind, make_product: MakeProduct, django_assert_max_num_queries: Any
) -> None:
    find.product_ids = [make_product(category=f"Home > Room {n}").pk for n in range(20)]
    find.num_matching = 0
    search_for(client, "q=mug")
    with django_assert_max_num_queries(8):
        search_for(client, "q=mug")


# How it was understood


def test_a_corrected_query_is_shown_beside_what_was_typed(
    client: Client, find: FakeFind, mug: Product
) -> None:
    find.product_ids = [mug.pk]
    find.understood = Understood(text="blue mug", filters=Filters(), corrected="blue mug")
    response = search_for(client, "q=bleu+mgu&in_stock=1")
    links = links_of(response)
    assert "Showing results for" in page_of(response)
    assert asked_by(links["blue mug"]).text == "blue mug"
    literal = asked_by(links["bleu mgu"])
    assert (literal.text, literal.literal, literal.filters.in_stock) == ("bleu mgu", True, True)


def test_what_the_words_were_taken_for_can_be_taken_away(
    client: Client, find: FakeFind, mug: Product
) -> None:
    find.product_ids = [mug.pk]
    find.understood = Understood(
        text="mug",
        filters=Filters(attributes=(("colour", "blue"),)),
        chips=(Chip(label="Colour: blue", without="mug"),),
    )
    find.facets = (facet("colour", ("blue", 3, True), ("red", 1)),)
    response = search_for(client, "q=blue+mug&sort=price")
    assert links_of(response)["Remove Colour: blue ×"] == "/search/?q=mug&sort=price"
    boxes = {tag for tag in re.findall(r"<input[^>]*>", page_of(response)) if "colour:" in tag}
    assert {("disabled" in tag, "checked" in tag) for tag in boxes} == {(True, True), (False, False)}
    assert "said in your words" in page_of(response)


def test_a_category_that_the_words_said_is_no_link_and_all_filters_can_be_cleared(
    client: Client, find: FakeFind, mug: Product
) -> None:
    find.product_ids = [mug.pk]
    find.understood = Understood(
        text="",
        filters=Filters(category="home/mugs", in_stock=True),
        chips=(Chip(label="Category: Mugs", without=""),),
    )
    find.facets = (facet("category", ("home/mugs", 3, True), ("home", 9)),)
    response = search_for(client, "q=mugs&in_stock=1")
    links = links_of(response)
    assert not any(text.startswith("Home/mugs") for text in links)
    assert asked_by(links["Home 9 products"]).filters == Filters(category="home", in_stock=True)
    assert asked_by(links["Clear all filters"]) == SearchRequest(text="mugs", literal=True)


WHOLE = (
    "q=mug&category=home/mugs&brand=Harlow&attribute=colour:blue&min_price=5&max_price=20&rating=4"
    "&on_sale=1&in_stock=1&sort=price"
)


def test_every_filter_is_a_chip_that_takes_it_and_nothing_else_away(
    client: Client, find: FakeFind, mug: Product
) -> None:
    links = links_of(search_for(client, WHOLE))
    request = asked_by("?" + WHOLE)
    chips = {
        "Category: Mugs": {"category": ""},
        "Brand: Harlow": {"brands": ()},
        "Colour: blue": {"attributes": ()},
        "$5 to $20": {"price_from": None, "price_to": None},
        "4 stars and more": {"rating_from": None},
        "On sale": {"on_sale": False},
        "In stock": {"in_stock": False},
    }
    for label, change in chips.items():
        left = asked_by(links[f"Remove {label} ×"])
        assert left.filters == Filters(**{**vars(request.filters), **change}), label
        assert (left.text, left.sort) == ("mug", "price")
    assert asked_by(links["Clear all filters"]) == SearchRequest(text="mug", sort="price")


@pytest.mark.parametrize(
    ("filters", "label"),
    [
        (Filters(price_to=Decimal("19.5")), "Up to $19.50"),
        (Filters(price_from=Decimal(5)), "From $5"),
        (Filters(rating_from=5), "5 stars"),
    ],
)
def test_chips_say_what_they_are(filters: Filters, label: str) -> None:
    assert [label for label, _ in search_page._without_each(filters)] == [label]


def test_what_is_left_out_is_said_on_the_page(client: Client, find: FakeFind, mug: Product) -> None:
    response = search_for(client, "q=mug&brand=<b>Nobody</b>&min_price=cheap&like=99")
    page = page_of(response)
    assert response.status_code == 200
    for message in ("There is no brand “<b>Nobody</b>”.", "“cheap” is no price", "not here any more"):
        assert message in page
    assert "<b>Nobody" not in response.content.decode()
    assert find.asked == [SearchRequest(text="mug")]


# Facets


FACETS = (
    facet("category", ("home", 5), ("home/mugs", 3, True)),
    facet("brand", *((f"Brand {n}", 20 - n, n == 11) for n in range(12))),
    facet("price", ("-10", 4), ("10-25", 2, True), ("25-", 1)),
    facet("rating", ("4", 3)),
    facet("colour", ("blue", 2), ("sage green", 1)),
    facet("on_sale", ("1", 2), label="Offers"),
    facet("shape", ("round", 0)),
)


def test_facets_of_one_choice_are_links_and_the_others_boxes_of_one_form(
    client: Client, find: FakeFind, mug: Product
) -> None:
    find.product_ids, find.facets = [mug.pk], FACETS
    response = search_for(client, "q=mug&category=home/mugs&min_price=10&max_price=25")
    page, links = page_of(response), links_of(response)
    assert asked_by(links["Home 5 products"]).filters.category == "home"
    assert asked_by(links["Home/mugs 3 products"]).filters.category == ""  # chosen: it takes it away
    upper = asked_by(links["25- 1 product"]).filters
    assert (upper.price_from, upper.price_to, upper.category) == (25, None, "home/mugs")
    assert asked_by(links["10-25 2 products"]).filters == Filters(category="home/mugs")
    assert asked_by(links["4 3 products"]).filters.rating_from == 4
    for name, value in (("brand", "Brand 0"), ("attribute", "colour:sage green"), ("on_sale", "1")):
        assert f'name="{name}" value="{value}"' in page
    assert "Round" not in page  # nothing to choose
    assert "3 more of Brand" in re.sub(r"<[^>]+>", "", page)  # twelve, but for the first eight and the chosen


def test_the_form_of_filters_loses_nothing_of_the_search(
    client: Client, find: FakeFind, mug: Product
) -> None:
    """Sent as it stands, the form asks what the page showed."""
    find.product_ids = [mug.pk]
    find.facets = (facet("brand", ("Harlow", 2, True)), facet("size", ("xl", 1)))
    response = search_for(client, WHOLE)
    form = response.content.decode().split('<form class="listing"')[1].split("</form>")[0]
    sent = QueryDict(mutable=True)
    for tag in re.findall(r"<input[^>]*>", form):
        of_tag = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        if "checkbox" not in tag or " checked" in tag:
            sent.appendlist(html.unescape(of_tag["name"]), html.unescape(of_tag["value"]))
    sent["sort"] = re.search(r'<option value="([^"]*)" selected', form)[1]
    assert read_request(sent).request == asked_by("?" + WHOLE)


def test_pages_of_one_search_keep_it(client: Client, find: FakeFind, make_product: MakeProduct) -> None:
    find.product_ids = [make_product().pk for _ in range(views.PAGE_SIZE + 1)]
    following = links_of(search_for(client, "q=mug&in_stock=1&sort=new"))["Next"]
    assert asked_by(following) == asked_by("?q=mug&in_stock=1&sort=new")
    assert "page=2" in following


# By picture


def test_a_picture_leads_to_a_page_with_an_address_of_its_own(
    client: Client, find: FakeFind, mug: Product
) -> None:
    find.product_ids = [mug.pk]
    red = made.encoded(Image.new("RGB", (64, 64), (250, 5, 5)))
    response = upload(client, red, q=" not  so red\x00 ")
    assert response.status_code == 302
    assert find.asked == []
    for _ in range(2):
        page = client.get(response["Location"])
        assert shown(page) == ["Mug"]
        assert "Looks like your picture, “<bdi>not so red</bdi>”" in page_of(page)
    asked = find.asked[-1]
    assert asked.text == "not so red"
    assert asked.picture_D is not None
    assert int(np.argmax(asked.picture_D)) == 0


@pytest.mark.parametrize(("kind", "name"), [("PNG", "a.png"), ("JPEG", "a.jpg"), ("WEBP", "holiday.exe")])
def test_the_content_counts_and_not_the_name(client: Client, find: FakeFind, kind: str, name: str) -> None:
    blue = made.encoded(Image.new("RGB", (64, 64), "blue"), kind=kind)
    client.get(upload(client, blue, name=name)["Location"])
    assert int(np.argmax(find.asked[0].picture_D)) == 2


def test_a_search_by_picture_can_be_narrowed_and_given_words(
    client: Client, find: FakeFind, mug: Product
) -> None:
    find.product_ids, find.facets = [mug.pk], (facet("category", ("home", 5)),)
    response = client.get(upload(client, made.photo())["Location"])
    token = find.asked[0].picture_token
    links = links_of(response)
    assert asked_by(links["Home 5 products"]).picture_token == token
    assert asked_by(links["Remove Your picture ×"]) == SearchRequest()
    refine = page_of(response).split('<form class="refine"')[1].split("</form>")[0]
    assert f'name="picture" value="{token}"' in refine


def test_a_picture_that_is_kept_no_longer_is_asked_for_again(client: Client, find: FakeFind) -> None:
    response = search_for(client, "q=red&picture=" + "x" * 24)
    assert response.status_code == 200
    assert "Choose it once more" in page_of(response)
    assert find.asked == [SearchRequest(text="red")]


def test_without_redis_the_answer_comes_at_once_and_has_no_address(
    client: Client, find: FakeFind, mug: Product
) -> None:
    find.product_ids = [mug.pk]
    break_redis()
    try:
        response = upload(client, made.photo())
    finally:
        mend_redis()
    assert response.status_code == 200
    assert shown(response) == ["Mug"]


def test_what_looks_like_a_product_is_a_link_away_on_every_card(
    client: Client, find: FakeFind, mug: Product
) -> None:
    ProductImage.objects.create(product=mug, url="https://example.com/a.jpg")
    find.product_ids = [mug.pk]
    like = links_of(search_for(client, "q=mug"))["Products that look like Mug"]
    assert like == f"/search/?like={mug.pk}"
    response = client.get(like)
    assert find.asked[-1] == SearchRequest(like=mug.pk)
    assert "Looks like Mug" in page_of(response)
    assert links_of(response)["Remove This product’s picture ×"] == "/search/"
    client.get(f"{like}&q=red")
    assert find.asked[-1] == SearchRequest(like=mug.pk, text="red")


def test_a_product_without_a_picture_has_no_such_link(client: Client, find: FakeFind, mug: Product) -> None:
    find.product_ids = [mug.pk]
    assert "look like Mug" not in page_of(search_for(client, "q=mug"))


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        (b"", 400, "Choose a picture"),
        (b"hello", 415, "not a JPEG, PNG or WebP"),
        (made.animated("PNG"), 415, "animated"),
        (made.photo() + made.archive(), 415, "more than a picture"),
        (made.photo()[:1500], 400, "damaged"),
        (made.png_that_claims(60_000, 60_000), 413, "20 megapixels"),
        (made.encoded(Image.new("RGB", (1, 1))), 400, "1 by 1 pixels"),
        (made.encoded(Image.new("RGB", (50, 50))), 400, "all black"),
        (b"\xff\xd8\xff\xe0" + b"\0" * (MAX_BYTES + 1), 413, "over 5 MB"),
    ],
    ids=lambda value: None if isinstance(value, bytes) else str(value),
)
def test_what_cannot_be_searched_by_is_explained_on_a_whole_page(
    client: Client, find: FakeFind, mug: Product, content: bytes, status: int, said: str
) -> None:
    find.product_ids = [mug.pk]
    response = upload(client, content)
    assert response.status_code == status
    assert said in page_of(response)
    assert shown(response) == ["Mug"]


def test_a_form_without_a_file_is_explained(client: Client, find: FakeFind) -> None:
    for data in ({}, {"image": "just text"}, {"image": "", "q": "red"}):
        response = client.post(reverse("recommender:search_by_image"), data)
        assert response.status_code == 400
        assert "Choose a picture" in page_of(response)


def test_of_two_fields_the_one_that_was_filled_counts(client: Client, find: FakeFind) -> None:
    """A phone's form has a field for a file and one for the camera; an empty one is sent without a name."""
    part = b'--b\r\nContent-Disposition: form-data; name="image"; filename="%b"\r\n\r\n%b\r\n'
    body = part % (b"", b"") + part % (b"photo.jpg", made.photo()) + b"--b--\r\n"
    response = client.post(
        reverse("recommender:search_by_image"), body, content_type="multipart/form-data; boundary=b"
    )
    assert response.status_code == 302


def test_a_huge_body_is_refused_unread(client: Client, find: FakeFind) -> None:
    response = client.post(
        reverse("recommender:search_by_image"),
        data=b"x",
        content_type="multipart/form-data; boundary=b",
        CONTENT_LENGTH=str(views.MAX_REQUEST_BYTES + 1),
    )
    assert response.status_code == 413
    assert "over 5 MB" in page_of(response)


def test_a_cold_encoder_asks_to_try_again(
    client: Client, find: FakeFind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoders, "encoder_if_ready", lambda wait_seconds=0: None)
    response = upload(client, made.photo())
    assert response.status_code == 503
    assert "Try again in a moment" in page_of(response)


def test_the_upload_form_needs_its_token_and_a_post() -> None:
    strict = Client(enforce_csrf_checks=True)
    assert upload(strict, made.photo()).status_code == 403
    assert strict.get(reverse("recommender:search_by_image")).status_code == 405


def test_nothing_of_a_picture_is_stored(
    client: Client, find: FakeFind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file, not even for the moment; and in Redis, for an hour, its vector alone: three numbers."""

    def no_file(*arguments: Any, **options: Any) -> None:
        raise AssertionError("A temporary file was opened.")

    monkeypatch.setattr("django.core.files.uploadedfile.TemporaryUploadedFile.__init__", no_file)
    empty_redis()
    media = Path(settings.MEDIA_ROOT)
    before = sorted(media.rglob("*")) if media.is_dir() else []
    noise = random.Random(1).randbytes(2400 * 740 * 3)
    large = made.encoded(Image.frombytes("RGB", (2400, 740), noise), kind="PNG")
    for content, status in ((made.photo(), 302), (large[: MAX_BYTES - 10], 400), (large, 413)):
        assert upload(client, content).status_code == status
    assert (sorted(media.rglob("*")) if media.is_dir() else []) == before
    pattern = redis_door.key("search", "*")
    [key] = redis_door.ask(lambda client: list(client.scan_iter(match=pattern)))
    assert redis_door.ask(lambda client: client.strlen(key)) == len("colours") + 1 + 3 * 4
    assert 3500 < redis_door.ask(lambda client: client.ttl(key)) <= 3600


# By the address of a picture


def test_an_address_is_not_asked_for_and_not_fetched_unless_the_owner_lets_it(
    client: Client, find: FakeFind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "fetch", None)  # which would be called
    assert "image_url" not in page_of(search_for(client))
    response = client.post(reverse("recommender:search_by_image"), {"image_url": "https://a.example/a.jpg"})
    assert response.status_code == 400
    assert "fetches no pictures by address" in page_of(response)


def test_a_picture_at_an_allowed_address_is_searched_by(
    client: Client, find: FakeFind, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SEARCH_IMAGE_HOSTS = ("a.example",)
    fetched: list[str] = []
    red = made.encoded(Image.new("RGB", (64, 64), "red"))
    monkeypatch.setattr(fetching, "fetch", lambda address: fetched.append(address) or red)
    assert "image_url" in page_of(search_for(client))
    form = {"image_url": " https://a.example/a.jpg ", "q": "round"}
    client.get(client.post(reverse("recommender:search_by_image"), form)["Location"])
    assert fetched == ["https://a.example/a.jpg"]
    assert (find.asked[-1].text, int(np.argmax(find.asked[-1].picture_D))) == ("round", 0)


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1/", "http://169.254.169.254/latest/", "file:///etc/passwd", "nonsense"]
)
def test_an_address_that_is_refused_is_explained_on_the_page(
    client: Client, find: FakeFind, settings: Any, address: str
) -> None:
    settings.SEARCH_IMAGE_HOSTS = ("a.example",)
    response = client.post(reverse("recommender:search_by_image"), {"image_url": address})
    assert response.status_code == 400
    assert 'role="alert"' in page_of(response)


def test_what_an_address_gives_is_checked_as_an_upload_is(
    client: Client, find: FakeFind, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SEARCH_IMAGE_HOSTS = ("a.example",)
    for content, status in ((b"<html>", 415), (b"", 400), (made.png_that_claims(60_000, 60_000), 413)):
        monkeypatch.setattr(fetching, "fetch", lambda address, content=content: io.BytesIO(content).read())
        form = {"image_url": "https://a.example/a.jpg"}
        assert client.post(reverse("recommender:search_by_image"), form).status_code == status
