"""What a shopper controls, in a browser: Not interested and its Undo, and Your data; scripts on and off."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from recommender.models import Interaction
from shop.models import Product

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Kind = Interaction.Kind


@pytest.fixture
def mugs(transactional_db: None, make_product: Callable[..., Product]) -> list[Product]:
    return [make_product(f"Mug {number}", category="Home > Mugs") for number in range(8)]


@pytest.fixture
def plain_page(chromium: Browser) -> Iterator[Page]:
    """A browser that runs no scripts."""
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.set_default_timeout(20_000)
    yield page
    context.close()


def first_card(page: Page) -> Any:
    return page.locator("[data-placement=home_for_you] li").first


def suggested(page: Page, url: str) -> list[str]:
    page.goto(url)
    return page.locator("[data-placement=home_for_you] .card-name").all_inner_texts()


def test_not_interested_hides_at_once_and_undo_brings_back_with_the_keyboard(page, live_server, mugs):
    suggested(page, live_server.url)
    card = first_card(page)
    name = card.locator(".card-name").inner_text()
    hide = card.get_by_role("button", name=f"Not interested in {name}")
    hide.focus()
    page.keyboard.press("Enter")
    expect(card.get_by_text("Hidden.")).to_be_visible()
    expect(card.locator(".card")).to_be_hidden()
    assert Interaction.objects.get(kind=Kind.DISLIKE).product.name == name

    expect(card.get_by_role("button", name=f"Undo hiding {name}")).to_be_focused()
    page.keyboard.press("Enter")
    expect(card.locator(".card")).to_be_visible()
    expect(hide).to_be_focused()
    assert not Interaction.objects.filter(kind=Kind.DISLIKE).exists()
    assert name in suggested(page, live_server.url)


def test_without_scripts_the_lower_shelves_are_a_link_away(plain_page, live_server, mugs):
    plain_page.goto(live_server.url)
    plain_page.get_by_role("link", name="More: what trends").click()
    expect(plain_page.locator("[data-placement=home_new_arrivals] .card").first).to_be_visible()


def test_what_was_hidden_is_not_in_the_next_list(page, live_server, mugs):
    suggested(page, live_server.url)
    card = first_card(page)
    name = card.locator(".card-name").inner_text()
    card.locator(".card-hide").click()
    expect(card.get_by_text("Hidden.")).to_be_visible()
    assert name not in suggested(page, live_server.url)


def test_without_scripts_a_page_says_hidden_and_offers_undo(plain_page, live_server, mugs):
    suggested(plain_page, live_server.url)
    name = first_card(plain_page).locator(".card-name").inner_text()
    first_card(plain_page).locator(".card-hide").click()
    expect(plain_page.get_by_role("heading", level=1)).to_have_text("Hidden")
    plain_page.get_by_role("link", name="Go back").click()
    assert name not in plain_page.locator("[data-placement=home_for_you] .card-name").all_inner_texts()
    plain_page.go_back()
    plain_page.get_by_role("button", name="Undo").click()
    assert name in suggested(plain_page, live_server.url)


@pytest.mark.parametrize("width", [375, 1280])
def test_nothing_on_the_pages_is_wider_than_the_screen(page, live_server, mugs, width):
    page.set_viewport_size({"width": width, "height": 800})
    for path in ("/", mugs[0].get_absolute_url(), "/cart/", "/search/?q=zyxw", "/your-data/"):
        page.goto(live_server.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_a_guest_reads_takes_along_and_deletes_what_this_browser_did(page, live_server, mugs):
    for mug in mugs[:2]:
        page.goto(live_server.url + mug.get_absolute_url())
    page.get_by_role("contentinfo").get_by_role("link", name="Your data").click()
    events = page.locator(".events li")
    expect(events).to_have_count(2)

    with page.expect_download() as download:
        page.get_by_role("link", name="Download everything").click()
    taken = json.loads(Path(download.value.path()).read_text())
    assert {event["product_name"] for event in taken["events"]} == {"Mug 0", "Mug 1"}

    page.get_by_role("button", name=re.compile("^Delete the entry: Looked at Mug 1")).click()
    expect(events).to_have_count(1)
    page.get_by_role("link", name="Delete everything").click()
    page.get_by_role("button", name="Delete everything").click()
    expect(page.get_by_text("Nothing is written down")).to_be_visible()
    assert not Interaction.objects.exists()


def test_paused_nothing_is_written_down_and_resumed_it_is(plain_page, live_server, mugs):
    def look() -> int:
        plain_page.goto(live_server.url + mugs[0].get_absolute_url())
        return Interaction.objects.count()

    plain_page.goto(f"{live_server.url}/your-data/")
    plain_page.get_by_role("button", name="Pause personalisation").click()
    expect(plain_page.get_by_role("heading", name="Personalisation is paused")).to_be_visible()
    assert look() == 0
    plain_page.goto(live_server.url)
    expect(plain_page.locator(".card-hide")).to_have_count(0)
    plain_page.goto(f"{live_server.url}/your-data/")
    plain_page.get_by_role("button", name="Resume personalisation").click()
    assert look() == 1
