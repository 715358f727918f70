"""The search in a browser: without scripts, by keyboard alone, by picture, and for who hears the page."""

import base64
import random
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from recommender import encoders
from recommender.search import finding, suggestions
from recommender.search.requests import Facet, FacetValue, Filters, SearchPage, SearchRequest, Understood
from recommender.search.suggestions import Suggestions
from shop.models import Category, Product, ProductImage
from tests.recommender.pictures_made import encoded, photo
from tests.recommender.search.fake_finding import ColourEncoder

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PIXEL = "data:image/gif;base64,R0lGODlhAQABAIAAAHd3dwAAACwAAAAAAQABAAACAkQBADs="


class Searching:
    """A search over the few products of these tests: a word of the name, brands, and a picture's colour."""

    def __init__(self) -> None:
        self.asked: list[SearchRequest] = []

    def find(self, request: SearchRequest, *, visitor: Any, start: int = 0, number: int = 24) -> SearchPage:
        self.asked.append(request)
        text = "mug" if request.text == "mgu" and not request.literal else request.text
        answering = [p for p in Product.objects.order_by("pk") if text.lower() in p.name.lower()]
        chosen = request.filters.brands
        found = [product for product in answering if not chosen or product.brand in chosen]
        if request.sort == "-price":
            found.sort(key=lambda product: -product.price)
        brands = sorted({product.brand for product in answering})
        return SearchPage(
            request=request,
            understood=Understood(
                text=text, filters=Filters(brands=chosen), corrected=text if text != request.text else ""
            ),
            product_ids=[product.pk for product in found],
            num_matching=len(found),
            facets=(
                Facet(
                    name="brand",
                    label="Brand",
                    values=tuple(
                        FacetValue(
                            value=brand,
                            label=brand,
                            count=sum(product.brand == brand for product in answering),
                            chosen=brand in chosen,
                        )
                        for brand in brands
                    ),
                ),
                Facet(
                    name="price",
                    label="Price",
                    values=(FacetValue(value="-20", label="Up to $20", count=9, chosen=False),),
                ),
            ),
        )

    def suggest(self, text: str, *, visitor: Any, limit: int) -> Suggestions:
        return Suggestions(
            products=tuple(Product.objects.filter(name__icontains=text).order_by("pk")[:limit]),
            categories=tuple(Category.objects.filter(name__istartswith=text)),
            queries=("mug tree",) if "mug tree".startswith(text.lower()) else (),
        )


@pytest.fixture
def mugs(transactional_db: None, make_product: Callable[..., Product]) -> list[Product]:
    """Thirty mugs of two brands, with pictures."""
    made = [
        make_product(
            f"Mug {number}",
            category="Home > Mugs",
            brand="Harlow" if number % 3 else "Wren",
            price=Decimal(5 + number),
            stock=number,
        )
        for number in range(30)
    ]
    for product in made:
        ProductImage.objects.create(product=product, url=PIXEL, alt=product.name)
    return made


@pytest.fixture
def searching(monkeypatch: pytest.MonkeyPatch, mugs: list[Product]) -> Searching:
    searching, encoder = Searching(), ColourEncoder()
    monkeypatch.setattr(finding, "find", searching.find)
    monkeypatch.setattr(suggestions, "suggest", searching.suggest)
    monkeypatch.setattr(encoders, "encoder_if_ready", lambda wait_seconds=0: encoder)
    monkeypatch.setattr(encoders, "current_name", lambda: encoder.name)
    return searching


@pytest.fixture
def plain_page(chromium: Browser) -> Iterator[Page]:
    """A browser that runs no scripts."""
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.set_default_timeout(20_000)
    yield page
    context.close()


def count(page: Page) -> Any:
    return page.locator("#results-heading")


def suggested(page: Page) -> Any:
    return page.get_by_role("listbox", name="Suggestions").get_by_role("option")


def names(page: Page) -> list[str]:
    return page.locator("#search .card-name").all_inner_texts()


def red(folder: Path, *, side: int = 64) -> Path:
    path = folder / "red.png"
    path.write_bytes(encoded(Image.new("RGB", (side, side), (250, 10, 10))))
    return path


# Without scripts


def test_without_scripts_words_filters_order_and_pages_are_forms_and_links(
    plain_page: Page, live_server: Any, searching: Searching
) -> None:
    page = plain_page
    page.goto(live_server.url)
    page.get_by_label("Search for products").fill("mug")
    page.get_by_role("button", name="Search", exact=True).click()
    expect(count(page)).to_contain_text("30 products match")

    page.get_by_label("Wren").check()
    page.get_by_role("button", name="Apply").click()
    expect(count(page)).to_contain_text("10 products match")
    page.get_by_label("Sort by").select_option("-price")
    page.get_by_role("button", name="Sort").click()
    assert names(page)[0] == "Mug 27"
    expect(page).to_have_url(re.compile(r"q=mug.*brand=Wren"))

    page.get_by_role("link", name="Remove Brand: Wren").click()
    expect(count(page)).to_contain_text("30 products match")
    page.get_by_role("link", name="Next").click()
    assert names(page)[-1] == "Mug 0"
    page.get_by_role("link", name="Products that look like Mug 0", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Looks like Mug 0")
    page.get_by_label("Like this, but").fill("mug 1")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("mug 1")


def test_without_scripts_a_picture_is_searched_by_and_a_bad_one_is_explained(
    plain_page: Page, live_server: Any, searching: Searching, tmp_path: Path
) -> None:
    page = plain_page
    page.goto(live_server.url)
    page.get_by_role("banner").get_by_role("link", name="Search by picture").click()
    page.get_by_label("Your picture", exact=True).set_input_files(red(tmp_path))
    page.get_by_label("Words to go with it").fill("mug 2")
    page.get_by_role("button", name="Find products like it").click()
    expect(page).to_have_url(re.compile(r"picture=[\w-]{24}"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("Looks like your picture")
    assert int(np.argmax(searching.asked[-1].picture_D)) == 0
    assert searching.asked[-1].text == "mug 2"

    (tmp_path / "bad.png").write_text("no picture")
    page.get_by_label("Your picture", exact=True).set_input_files(tmp_path / "bad.png")
    page.get_by_role("button", name="Find products like it").click()
    expect(page.get_by_role("alert")).to_contain_text("not a JPEG, PNG or WebP")


def test_a_corrected_query_offers_what_was_typed(
    plain_page: Page, live_server: Any, searching: Searching
) -> None:
    plain_page.goto(f"{live_server.url}/search/?q=mgu")
    expect(plain_page.get_by_text("Showing results for mug")).to_be_visible()
    plain_page.get_by_role("link", name="mgu").click()
    expect(count(plain_page)).to_contain_text("Nothing matches “mgu”")
    expect(plain_page.get_by_role("navigation", name="Look around in all departments")).to_be_visible()


# By keyboard alone


def test_suggestions_are_chosen_with_the_keyboard(page: Page, live_server: Any, searching: Searching) -> None:
    page.goto(live_server.url)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    box = page.get_by_role("combobox", name="Search for products")
    expect(box).to_be_focused()
    expect(box).to_have_attribute("aria-expanded", "false")
    page.keyboard.type("mug")
    options = suggested(page)
    expect(options).to_have_count(8)
    expect(box).to_have_attribute("aria-expanded", "true")
    expect(page.locator("#suggestions-status")).to_have_text("8 suggestions")
    assert [title.strip() for title in page.locator(".suggestion-title").all_inner_texts()] == [
        "Searches",
        "Categories",
        "Products",
    ]

    page.keyboard.press("ArrowDown")
    expect(box).to_have_value("mug tree")  # a search that others made stands in the box
    expect(box).to_have_attribute("aria-activedescendant", options.first.get_attribute("id"))
    page.keyboard.press("ArrowDown")
    expect(box).to_have_value("mug")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")  # past the first: what was typed
    expect(box).not_to_have_attribute("aria-activedescendant", re.compile(".+"))
    page.keyboard.press("Escape")
    expect(options.first).to_be_hidden()
    expect(box).to_be_focused()
    expect(box).to_have_value("mug")

    page.keyboard.press("ArrowDown")  # opens again
    expect(options.first).to_be_visible()
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/product/\d+/"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Mug 0")


def test_enter_without_a_choice_searches_for_what_is_typed(
    page: Page, live_server: Any, searching: Searching
) -> None:
    page.goto(live_server.url)
    page.get_by_label("Search for products").focus()
    page.keyboard.type("mug 1")
    expect(suggested(page).first).to_be_visible()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/search/\?q=mug\+1$"))


def test_a_filter_is_changed_with_the_keyboard_and_the_focus_stays(
    page: Page, live_server: Any, searching: Searching
) -> None:
    page.goto(f"{live_server.url}/search/?q=mug")
    box = page.get_by_label("Wren")
    box.focus()
    page.keyboard.press("Space")
    expect(count(page)).to_contain_text("10 products match")
    expect(page.get_by_label("Wren")).to_be_focused()
    expect(page.locator("#search-status")).to_have_text("10 products match")
    expect(page).to_have_url(f"{live_server.url}/search/?q=mug&brand=Wren")
    page.keyboard.press("Space")
    expect(count(page)).to_contain_text("30 products match")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the next one is a link: prices up to 20
    expect(page).to_have_url(re.compile(r"q=mug&max_price=20"))


def test_going_back_finds_the_page_as_it_was_with_its_scripts(
    page: Page, live_server: Any, searching: Searching
) -> None:
    page.goto(f"{live_server.url}/search/?q=mug")
    page.get_by_label("Wren").check()
    expect(count(page)).to_contain_text("10 products match")
    page.go_back()
    expect(count(page)).to_contain_text("30 products match")
    expect(page.get_by_label("Wren")).not_to_be_checked()
    page.get_by_label("Search for products").fill("mug 2")
    expect(suggested(page).first).to_be_visible()


# By picture, with scripts

GIVE = """([kind, content, type]) => {
    const bytes = Uint8Array.from(atob(content), (char) => char.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], "given", { type }));
    const event = kind === "paste"
        ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true })
        : new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true });
    document.querySelector("main").dispatchEvent(event);
}"""


def give(page: Page, kind: str, content: bytes, *, type_: str = "image/png") -> None:
    page.evaluate(GIVE, [kind, base64.b64encode(content).decode(), type_])


@pytest.mark.parametrize("kind", ["paste", "drop"])
def test_a_picture_may_be_pasted_and_dropped_and_is_shown_beside_what_it_found(
    page: Page, live_server: Any, searching: Searching, kind: str
) -> None:
    page.goto(f"{live_server.url}/search/")
    expect(page.get_by_text("Drop one here, or paste it.")).to_be_visible()
    if kind == "drop":
        give(page, "dragover", b"")
        expect(page.locator("body.dropping")).to_have_count(1)
    with page.expect_navigation():
        give(page, kind, photo())
    expect(page).to_have_url(re.compile(r"picture=[\w-]{24}"))
    own = page.get_by_role("img", name="Your picture")
    expect(own).to_be_visible()
    page.reload()
    expect(own).to_be_visible()
    page.get_by_label("Wren").check()
    expect(count(page)).to_contain_text("look most like your picture")
    expect(own).to_be_visible()


def test_a_large_photo_is_made_small_before_it_is_sent(
    page: Page, live_server: Any, searching: Searching, tmp_path: Path
) -> None:
    noise = Image.frombytes("RGB", (2000, 1500), random.Random(1).randbytes(2000 * 1500 * 3))
    path = tmp_path / "large.png"
    path.write_bytes(encoded(noise))
    assert path.stat().st_size > 8_000_000
    page.goto(f"{live_server.url}/search/")
    with page.expect_request(lambda request: request.method == "POST") as sent:
        page.get_by_label("Your picture", exact=True).set_input_files(path)
    expect(page).to_have_url(re.compile(r"picture="))
    assert int(sent.value.all_headers()["content-length"]) < 2_000_000


def test_a_file_that_is_no_picture_is_explained(page: Page, live_server: Any, searching: Searching) -> None:
    page.goto(f"{live_server.url}/search/")
    with page.expect_navigation():
        give(page, "drop", b"no picture at all")
    expect(page.get_by_role("alert")).to_contain_text("not a JPEG, PNG or WebP")


def test_a_phone_offers_its_camera(
    chromium: Browser, page: Page, live_server: Any, searching: Searching
) -> None:
    page.goto(f"{live_server.url}/search/")
    expect(page.get_by_label("Or take a photo")).to_be_hidden()
    context = chromium.new_context(is_mobile=True, has_touch=True, viewport={"width": 375, "height": 700})
    phone = context.new_page()
    phone.goto(f"{live_server.url}/search/")
    camera = phone.get_by_label("Or take a photo")
    expect(camera).to_be_visible()
    expect(camera).to_have_attribute("capture", "environment")
    context.close()


# For those who hear the page


def violations(page: Page) -> list[str]:
    """What axe finds, by its every rule."""
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [f"{rule['id']}: {node['html'][:160]}" for rule in found for node in rule["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 375])
def test_axe_finds_nothing_on_any_state_of_the_search_page(
    chromium: Browser, live_server: Any, searching: Searching, settings: Any, scheme: str, width: int
) -> None:
    settings.SEARCH_IMAGE_HOSTS = ("a.example",)
    context = chromium.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    page = context.new_page()
    like = Product.objects.order_by("pk")[0].pk
    for address in (
        "",
        "?q=mug",
        "?q=mug&brand=Wren&min_price=5&sort=-price&page=2",
        "?q=mug&brand=Nobody&min_price=x",
        "?q=mgu",
        "?q=zyxw",
        "?q=zyxw&brand=Wren",
        f"?like={like}",
        f"?like={like}&q=mug",
    ):
        page.goto(f"{live_server.url}/search/{address}")
        assert violations(page) == [], address
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
    page.locator("details.filters > summary").first.dispatch_event("click")
    assert violations(page) == []
    page.get_by_label("Search for products").fill("mug")
    expect(suggested(page).first).to_be_visible()
    page.keyboard.press("ArrowDown")
    assert violations(page) == []
    page.keyboard.press("Escape")
    with page.expect_navigation():
        give(page, "drop", b"no picture at all")
    expect(page.get_by_role("alert")).to_be_visible()
    assert violations(page) == []
    with page.expect_navigation():
        give(page, "drop", photo())
    expect(page.get_by_role("heading", level=1)).to_contain_text("your picture")
    assert violations(page) == []
    context.close()
