"""Each placement in a browser: a card is followed, and the click finds the list that it was in."""

import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page, expect

from recommender.interactions import record_interaction
from recommender.models import CoPurchase, Impression, Interaction, Placement
from shop.models import Cart, Order, Product, User
from shop.visitors import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Kind = Interaction.Kind


@pytest.fixture
def stocked(transactional_db: None, make_product: Callable[..., Product]) -> list[Product]:
    """Two categories of eight products, of which the first two are bought together."""
    long_ago = timezone.now() - timedelta(days=90)
    products = [
        make_product(
            f"{kind} {number}",
            category=f"Home > {kind}s",
            repeatable=kind == "Coffee",
            price=Decimal(5 + number),
            released_at=timezone.now() if number == 7 else long_ago,
        )
        for kind in ("Coffee", "Mug")
        for number in range(8)
    ]
    coffee, mug = products[0], products[8]
    for product, other in ((coffee, mug), (mug, coffee)):
        CoPurchase.objects.create(
            product=product, other=other, support=9, lift=4.0, computed_at=timezone.now()
        )
    for product in products:
        for _ in range(3):
            did(Visitor(id=uuid.uuid4()), product, Kind.VIEW)
    return products


@pytest.fixture
def shopper(stocked: list[Product], alice: User) -> User:
    """Alice, who bought the first coffee and looked at the last mugs."""
    visitor = Visitor(id=uuid.uuid4(), user=alice)
    did(visitor, stocked[0], Kind.PURCHASE)
    Interaction.objects.filter(user=alice).update(occurred_at=timezone.now() - timedelta(days=40))
    for product in stocked[13:15]:
        did(visitor, product, Kind.VIEW)
    return alice


@pytest.fixture
def shop_page(page: Page, live_server: Any, shopper: User) -> Page:
    """Alice's browser, logged in."""
    client = Client()
    client.force_login(shopper)
    session = client.cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    return page


def did(visitor: Visitor, product: Product, kind: str) -> None:
    record_interaction(event_id=uuid.uuid4(), visitor=visitor, product_id=product.pk, kind=kind)


def eventually(found: Callable[[], Any], *, seconds: float = 10) -> Any:
    """Return what `found` returns once it is true; what is shown is written down a moment later."""
    until = time.monotonic() + seconds
    while not (value := found()) and time.monotonic() < until:
        time.sleep(0.1)
    assert value
    return value


def reveal_all(page: Page) -> None:
    """Scroll to the end of the home page, where its lower shelves are fetched."""
    page.locator(".more-shelves").scroll_into_view_if_needed()
    expect(page.locator(".more-shelves")).to_have_count(0)


def nothing(stocked: list[Product], shopper: User) -> None:
    """The page needs no preparation."""


def fill_cart(stocked: list[Product], shopper: User) -> None:
    cart, _ = Cart.objects.get_or_create(user=shopper)
    cart.items.create(product=stocked[8])


def place_order(stocked: list[Product], shopper: User) -> None:
    order = Order.objects.create(
        user=shopper, total=5, ship_to_name="Alice", ship_to_address="1 High Street", ship_to_region="DE"
    )
    order.items.create(product=stocked[0], name=stocked[0].name, price=5, quantity=1)


PAGES = {
    Placement.HOME_FOR_YOU: (nothing, "/"),
    Placement.HOME_BECAUSE_YOU_VIEWED: (nothing, "/"),
    Placement.HOME_TRENDING: (nothing, "/"),
    Placement.HOME_NEW_ARRIVALS: (nothing, "/"),
    Placement.HOME_RECENTLY_VIEWED: (nothing, "/"),
    Placement.HOME_BUY_AGAIN: (nothing, "/"),
    Placement.PRODUCT_SIMILAR: (nothing, "product"),
    Placement.PRODUCT_BOUGHT_TOGETHER: (nothing, "product"),
    Placement.CART_COMPLEMENTS: (fill_cart, "/cart/"),
    Placement.CART_EMPTY: (nothing, "/cart/"),
    Placement.SEARCH_EMPTY: (nothing, "/search/?q=zyxwv"),
    Placement.ORDER_NEXT: (place_order, "order"),
}


def address_of(path: str, *, stocked: list[Product], shopper: User) -> str:
    if path == "product":
        return stocked[8].get_absolute_url()
    return shopper.orders.get().get_absolute_url() if path == "order" else path


def test_every_placement_has_its_page_here():
    assert set(PAGES) == set(Placement)


@pytest.mark.parametrize("placement", PAGES)
def test_a_card_followed_finds_the_list_that_it_was_in(placement, shop_page, live_server, stocked, shopper):
    prepare, path = PAGES[placement]
    prepare(stocked, shopper)
    shop_page.goto(live_server.url + address_of(path, stocked=stocked, shopper=shopper))
    if path == "/":
        reveal_all(shop_page)
    card = shop_page.locator(f"[data-placement={placement}] .card a").first
    name = card.locator(".card-name").inner_text()
    card.click()
    expect(shop_page.get_by_role("heading", level=1)).to_have_text(name)
    click = Interaction.objects.get(kind=Kind.CLICK)
    assert (click.user, click.placement, click.product.name) == (shopper, placement, name)
    shown = eventually(lambda: Impression.objects.filter(pk=click.impression_id).first())
    assert (shown.placement, shown.user) == (placement, shopper)
    assert click.product_id in shown.product_ids


def test_what_was_in_view_for_a_second_is_told_and_what_was_not_is_not(shop_page, live_server, stocked):
    shop_page.set_viewport_size({"width": 1280, "height": 400})
    shop_page.goto(live_server.url)
    shelf = shop_page.locator("[data-placement=home_for_you]")
    shelf.scroll_into_view_if_needed()
    impression = shelf.locator("[data-impression]").get_attribute("data-impression")

    def seen() -> list[int]:
        found = Impression.objects.filter(pk=impression).first()
        return found.seen_positions if found else []

    assert 0 in eventually(seen)
    reveal_all(shop_page)
    below = shop_page.locator("[data-impression]").last.get_attribute("data-impression")
    assert Impression.objects.get(pk=below).seen_positions == []


def test_what_was_seen_is_told_when_the_page_is_left_early(shop_page, live_server, stocked):
    shop_page.goto(live_server.url)
    shelf = shop_page.locator("[data-placement=home_for_you] [data-impression]")
    shelf.locator(".card").first.scroll_into_view_if_needed()
    impression = shelf.get_attribute("data-impression")
    shop_page.wait_for_timeout(1300)  # a second in view, and not yet the two of a batch
    shop_page.goto(f"{live_server.url}/cart/")
    assert eventually(lambda: Impression.objects.filter(pk=impression, seen_at__isnull=False).exists())
