"""Each placement on its page: there when it has something to show, at a fixed cost, and explained."""

import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.test import Client
from django.utils import timezone

from recommender import versions
from recommender.candidates import Reason
from recommender.interactions import record_interaction
from recommender.models import CoPurchase, Impression, Interaction, ItemEmbedding, ModelVersion, Placement
from recommender.recommendations import RecommendedList
from recommender.templatetags import recommender_tags
from shop.models import Cart, Product, ProductImage, User
from shop.visitors import Visitor

pytestmark = pytest.mark.django_db
Kind = Interaction.Kind


def did(visitor: Visitor, product: Product, kind: str, *, days_ago: float = 0) -> None:
    event_id = uuid.uuid4()
    record_interaction(event_id=event_id, visitor=visitor, product_id=product.pk, kind=kind)
    then = timezone.now() - timedelta(days=days_ago)
    Interaction.objects.filter(event_id=event_id).update(occurred_at=then)


@pytest.fixture
def stocked(make_product: Callable[..., Product]) -> list[Product]:
    """Eight coffees and eight mugs, looked at by others; the first of each are bought together."""
    products = [
        make_product(f"{kind} {number}", category=f"Home > {kind}s", repeatable=kind == "Coffee")
        for kind in ("Coffee", "Mug")
        for number in range(8)
    ]
    for product in products:
        ProductImage.objects.create(product=product, url="https://example.com/a.jpg")
        did(Visitor(id=uuid.uuid4()), product, Kind.VIEW)
    for product, other in ((products[0], products[8]), (products[8], products[0])):
        CoPurchase.objects.create(
            product=product, other=other, support=9, lift=4.0, computed_at=timezone.now()
        )
    return products


class TowardsCoffee:
    """A user tower for whom everybody likes coffee."""

    def encode_user(self, **_: Any) -> np.ndarray:
        return np.array([1.0, 0.1, 0.0], dtype=np.float32)


@pytest.fixture
def version(stocked: list[Product], monkeypatch: pytest.MonkeyPatch) -> ModelVersion:
    """A version under which coffees point one way and mugs another."""
    monkeypatch.setattr(versions, "load_user_tower", lambda _version: TowardsCoffee())
    version = ModelVersion.objects.create(status=ModelVersion.Status.ACTIVE)
    ItemEmbedding.objects.bulk_create(
        ItemEmbedding(version=version, product=product, vector=[float(at < 8), float(at >= 8), 0.0])
        for at, product in enumerate(stocked)
    )
    return version


@pytest.fixture
def shopper(alice: User, stocked: list[Product]) -> User:
    """Alice, who bought a coffee long ago and looked at two mugs."""
    visitor = Visitor(id=uuid.uuid4(), user=alice)
    did(visitor, stocked[0], Kind.PURCHASE, days_ago=40)
    for product in stocked[13:15]:
        did(visitor, product, Kind.VIEW)
    return alice


@pytest.fixture
def alice_client(shopper: User) -> Client:
    client = Client()
    client.force_login(shopper)
    return client


def order_of(user: User, product: Product) -> str:
    order = user.orders.create(
        total=5, ship_to_name="Alice", ship_to_address="1 High Street", ship_to_region="DE"
    )
    order.items.create(product=product, name=product.name, price=5, quantity=1)
    return order.get_absolute_url()


def fill_cart(user: User, product: Product) -> str:
    Cart.objects.create(user=user).items.create(product=product)
    return "/cart/"


# Where each placement is, and how many queries that page may take for a shopper with a past.
PAGES: dict[str, tuple[Callable[[User, list[Product]], str], list[str], int]] = {
    "home": (lambda user, stocked: "/", [Placement.HOME_FOR_YOU, Placement.HOME_BECAUSE_YOU_VIEWED], 24),
    "more": (
        lambda user, stocked: "/more/",
        [
            Placement.HOME_RECENTLY_VIEWED,
            Placement.HOME_BUY_AGAIN,
            Placement.HOME_TRENDING,
            Placement.HOME_NEW_ARRIVALS,
        ],
        34,
    ),
    "product": (
        lambda user, stocked: stocked[8].get_absolute_url(),
        [Placement.PRODUCT_BOUGHT_TOGETHER, Placement.PRODUCT_SIMILAR],
        27,
    ),
    "cart": (lambda user, stocked: fill_cart(user, stocked[8]), [Placement.CART_COMPLEMENTS], 16),
    "empty cart": (lambda user, stocked: "/cart/", [Placement.CART_EMPTY], 15),
    "search": (lambda user, stocked: "/search/?q=zyxw", [Placement.SEARCH_EMPTY], 16),
    "order": (lambda user, stocked: order_of(user, stocked[8]), [Placement.ORDER_NEXT], 17),
}


def placements_on(html: str) -> list[str]:
    return re.findall(r'data-placement="(\w+)"', html)


def cost_of(client: Client, address: str, capture: Any) -> tuple[str, int]:
    """Return the page, and its queries without the savepoints that only a test's transaction needs."""
    with capture(200) as captured:
        html = client.get(address).content.decode()
    queries = [query["sql"] for query in captured]
    return html, sum("SAVEPOINT" not in sql for sql in queries)


def test_every_placement_has_its_page():
    assert {placement for _, placements, _ in PAGES.values() for placement in placements} == set(Placement)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_shows_its_placements_in_a_fixed_number_of_queries(
    name, alice_client, shopper, stocked, version, django_assert_max_num_queries, make_product
):
    prepare, placements, budget = PAGES[name]
    address = prepare(shopper, stocked)
    alice_client.get(address)  # what a process keeps is read once
    html, num_queries = cost_of(alice_client, address, django_assert_max_num_queries)
    assert placements_on(html) == placements
    assert num_queries <= budget
    assert Impression.objects.filter(placement__in=placements).count() >= len(placements)
    for _ in range(6):  # a fuller shop costs no more
        make_product(category="Home > Mugs")
    # One of the two may be the one that reads the catalogue anew.
    costs = [cost_of(alice_client, address, django_assert_max_num_queries)[1] for _ in range(2)]
    assert min(costs) <= num_queries


@pytest.fixture
def listing(monkeypatch):
    """Return a function that makes every placement show these products for these reasons."""

    def show(*pairs, source="two_tower", version_id=1):
        def recommend(placement, **_):
            return RecommendedList(
                impression_id=uuid.uuid4(),
                placement=placement,
                products=[product for product, _ in pairs],
                source=source if pairs else "",
                version_id=version_id,
                sources=[source] * len(pairs),
                reasons=[reason for _, reason in pairs],
            )

        monkeypatch.setattr(recommender_tags, "recommend", recommend)

    return show


def shelf(html, placement):
    """Return the heading of a placement's shelf, and what its cards say of themselves."""
    part = html.split(f'data-placement="{placement}"')[1].split("</section>")[0]
    heading = re.search(r"<h2[^>]*>(.*?)</h2>", part)[1]
    return heading, [words for words in re.findall(r'class="card-why"[^>]*>(.*?)<', part) if words]


def test_a_list_with_nothing_in_it_shows_no_shelf(client, listing, make_product):
    product = make_product()
    listing()
    for address in ("/", "/more/", "/cart/", product.get_absolute_url(), "/search/?q=zyxw"):
        assert placements_on(client.get(address).content.decode()) == []


def test_a_card_says_why_in_words_that_are_escaped(client, listing, stocked):
    odd = stocked[0]
    Product.objects.filter(pk=odd.pk).update(name="<b>Tea & Co</b>")
    listing((stocked[1], Reason(kind="bought_with", product_id=odd.pk)), (stocked[2], None))
    _, words = shelf(client.get("/").content.decode(), "home_for_you")
    assert words == ["Bought with &lt;b&gt;Tea &amp; Co&lt;/b&gt;"]


@pytest.mark.parametrize(
    ("placement", "source", "version_id", "heading"),
    [
        ("home_for_you", "two_tower", 1, "For you"),
        ("home_for_you", "trending", None, "Popular right now"),
        ("home_for_you", "newest", None, "Worth a look"),
        ("home_trending", "trending", None, "Trending now"),
        ("home_trending", "newest", None, "Worth a look today"),
        ("product_similar", "similar", 1, "Similar products"),
        ("product_similar", "newest", None, "You may also like"),
    ],
)
def test_a_heading_claims_no_more_than_its_list_holds(
    client, listing, stocked, placement, source, version_id, heading
):
    listing((stocked[1], None), source=source, version_id=version_id)
    address = stocked[0].get_absolute_url() if placement == "product_similar" else "/"
    address = "/more/" if placement == "home_trending" else address
    assert shelf(client.get(address).content.decode(), placement)[0] == heading


def test_new_in_holds_only_of_what_is_new(client, listing, stocked, make_product):
    old = make_product(released_at=timezone.now() - timedelta(days=400))
    listing((stocked[0], Reason(kind="new")))
    assert shelf(client.get("/more/").content.decode(), "home_new_arrivals") == ("New in", [])
    listing((stocked[0], Reason(kind="new")), (old, Reason(kind="new")))
    assert shelf(client.get("/more/").content.decode(), "home_new_arrivals") == ("Latest additions", ["New"])


def test_cards_keep_room_for_the_longest_reason_of_their_shelf(client, listing, stocked):
    listing((stocked[1], Reason(kind="bought_with", product_id=stocked[0].pk)), (stocked[2], None))
    assert client.get("/").content.decode().count('class="card-why"') == 4  # two shelves of two
    assert "product-grid why-1" in client.get("/").content.decode()
    Product.objects.filter(pk=stocked[0].pk).update(name="Coffee of the far side of the hill")
    assert "product-grid why-2" in client.get("/").content.decode()
    listing((stocked[1], None))
    assert "card-why" not in client.get("/").content.decode()


def test_because_you_viewed_names_what_was_viewed_once_for_all(alice_client, listing, stocked, shopper):
    viewed = Reason(kind="viewed", product_id=stocked[13].pk)
    listing((stocked[9], viewed), (stocked[10], viewed))
    html = alice_client.get("/").content.decode()
    assert shelf(html, "home_because_you_viewed") == ("Because you viewed Mug 5", [])


def test_a_products_page_does_not_say_that_it_was_just_viewed(client, listing, stocked):
    listing((stocked[9], Reason(kind="viewed", product_id=stocked[8].pk)))
    html = client.get(stocked[8].get_absolute_url()).content.decode()
    assert shelf(html, "product_similar")[1] == []


def test_each_card_can_be_hidden_by_a_form_that_works_without_scripts(client, listing, stocked):
    listing((stocked[0], None), (stocked[1], None))
    html = client.get("/").content.decode()
    part = html.split('data-placement="home_for_you"')[1].split("</section>")[0]
    assert re.findall(r'form="home_for_you-hide" name="product" value="(\d+)"', part) == [
        str(product.pk) for product in stocked[:2]
    ]
    form = re.search(
        r'<form id="home_for_you-hide" action="/not-interested/" method="post">(.*?)</form>', part, re.S
    )
    assert "csrfmiddlewaretoken" in form[1]
    assert "Not interested in Coffee 0" in part


def test_more_shelves_are_a_part_for_htmx_and_a_page_for_others(client, stocked):
    part, page = client.get("/more/", headers={"HX-Request": "true"}), client.get("/more/")
    assert b"<html" not in part.content
    assert b"<h1>More to look at</h1>" in page.content
    assert placements_on(part.content.decode()) == placements_on(page.content.decode())
    assert "HX-Request" in page["Vary"]


def test_a_cart_change_refreshes_what_goes_with_it(alice_client, shopper, stocked):
    fill_cart(shopper, stocked[8])
    answer = alice_client.post(f"/cart/remove/{stocked[8].pk}/", headers={"HX-Request": "true"})
    assert placements_on(answer.content.decode()) == ["cart_empty"]
    assert 'id="cart-ideas" hx-swap-oob="true"' in answer.content.decode()


def products_by_placement(html):
    """Return the ids of the products of each shelf."""
    shelves = re.findall(r'data-placement="(\w+)"(.*?)</section>', html, re.DOTALL)
    return {name: set(re.findall(r'<a href="/product/(\d+)/', cards)) for name, cards in shelves}


def test_no_shelf_of_a_page_repeats_what_stands_above_it(client, stocked, make_product):
    for number in range(20):
        did(Visitor(id=uuid.uuid4()), make_product(f"Cup {number}", category="Home > Cups"), Kind.VIEW)
    home = client.get("/").content.decode()
    address = re.search(r'hx-get="(/more/\?shown=[\d.]+)"', home)[1]
    above = products_by_placement(home)["home_for_you"]
    below = products_by_placement(client.get(address).content.decode())["home_trending"]
    assert (len(above), len(below)) == (12, 6)
    assert not above & below
    alone = products_by_placement(client.get("/more/").content.decode())["home_trending"]
    assert alone & above


def test_a_shelf_repeats_rather_than_be_short(client, stocked):
    shown = ".".join(str(product.pk) for product in stocked)
    below = products_by_placement(client.get(f"/more/?shown={shown}").content.decode())
    assert len(below["home_trending"]) == 6


@pytest.mark.parametrize("shown", ["", "x", "-1", "1..2", "9" * 5000, "%00", "\u0661", ".".join("1" * 5000)])
def test_an_odd_list_of_what_is_shown_is_none(client, stocked, shown):
    assert client.get(f"/more/?shown={shown}").status_code == 200
