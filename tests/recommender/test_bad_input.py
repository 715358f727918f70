"""What nobody should send: a clear 4xx from the API, a whole page from the shop, never a 500."""

import json
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.utils import timezone

from recommender.interactions import record_interaction
from recommender.models import BusinessRule, Interaction
from recommender.previews import compare, notes
from recommender.retrieval.counted import interest_of
from recommender.snapshot import current
from shop.models import Product, User
from shop.visitors import COOKIE, PAUSE_COOKIE, Visitor

NOBODY = "6a3f0c52-9d1b-4f7e-8a21-5c0de4b7f913"  # the same in every process of a test run
pytestmark = pytest.mark.django_db
API = "/api/recommendations/"
NUM_EVENTS = 100_000
# At most these rows of interactions may a page read for one who did very much: history, marks, names, counts.
MOST_ROWS = 40_000


@pytest.fixture
def products(make_product: Callable[..., Product]) -> list[Product]:
    return [make_product(category=f"Home > Room {number % 2}") for number in range(20)]


@pytest.fixture
def browser() -> Client:
    return Client(raise_request_exception=False)


def pages(products: list[Product]) -> list[str]:
    first = products[0]
    return [
        "/",
        "/more/",
        first.get_absolute_url(),
        first.category.get_absolute_url(),
        "/cart/",
        "/your-data/",
    ]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("k=0", 400),
        ("k=-1", 400),
        ("k=101", 400),
        ("k=ten", 400),
        ("k=1e3", 400),
        ("k=%00", 400),
        ("k=" + "9" * 5000, 400),
        ("placement=nowhere", 400),
        ("placement=home_for_you%00", 400),
        ("placement=product_similar", 400),
        ("placement=product_bought_together", 400),
        ("placement=product_similar&anchor=0", 400),
        ("placement=product_similar&anchor=mug", 400),
        ("placement=product_similar&anchor=%00", 400),
        ("placement=product_similar&anchor=999999999", 404),
        ("placement=product_similar&anchor=" + "9" * 40, 400),
    ],
)
def test_the_api_names_what_is_wrong(browser, products, query, status):
    answer = browser.get(f"{API}?{query}")
    assert answer.status_code == status
    assert answer.json()


def test_the_api_refuses_what_it_does_not_take(browser, products):
    assert browser.post(API, {}).status_code in (403, 405)
    assert browser.get(API, headers={"Accept": "text/html"}).status_code in (200, 406)


@pytest.mark.parametrize("name", [COOKIE, PAUSE_COOKIE, "sessionid", "csrftoken", "messages"])
@pytest.mark.parametrize("value", ["", "x", ":::", "é", "a" * 200, "{}", "\x7f", NOBODY])
def test_malformed_cookies_are_no_cookies(browser, products, name, value):
    for page in ("/", f"{API}?k=3"):
        browser.cookies[name] = value
        assert browser.get(page).status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "page=0",
        "page=-1",
        "page=" + "9" * 30,
        "page=x",
        "page=%00",
        "q=%00",
        "q=" + "a" * 3000,
        "q=%22%22%22",
        "q=%27%29%3B--",
        "q=%26%7C%21%28%29%3A%2A",
        "imp=x&pl=home_for_you",
        f"imp={NOBODY}&pl=%00",
        f"imp={NOBODY}&pl=home_for_you",
        "sort=x&brand=%00&min_price=x&max_price=-1",
        "min_price=" + "9" * 400,
        "min_price=nan",
    ],
)
def test_pages_take_odd_addresses(browser, products, query):
    for page in [*pages(products), "/search/"]:
        assert browser.get(f"{page}?{query}").status_code == 200, page


def test_an_oversized_request_is_refused(browser, products):
    junk = "x" * (6 * 2**20)
    entry = [{"impression": str(uuid.uuid4()), "positions": [0], "junk": junk}]
    told = browser.post(
        "/api/seen/",
        json.dumps(entry),
        content_type="application/json",
        headers={"Sec-Fetch-Site": "same-origin"},
    )
    assert told.status_code == 413
    hidden = browser.post("/not-interested/", {"product": products[0].pk, "next": junk})
    assert hidden.status_code in (302, 400, 413)
    picture = SimpleUploadedFile("a.jpg", b"x" * (6 * 2**20), "image/jpeg")
    assert browser.post("/search/image/", {"image": picture}).status_code == 413


@pytest.mark.parametrize("product", ["", "0", "999999999", "9" * 30, "-1", "mug", "\x00", "١"])
def test_nobody_can_hide_what_is_not_there(browser, products, product):
    for headers in ({}, {"HX-Request": "true"}):
        assert browser.post("/not-interested/", {"product": product}, headers=headers).status_code == 404
    assert not Interaction.objects.exists()


def test_events_of_a_wrong_clock_hide_nothing_and_break_nothing(alice, products):
    shopper = Visitor(id=uuid.uuid4(), user=alice)
    for number, days in enumerate((-30, -1, 0, 400, 20_000)):
        event_id = uuid.uuid4()
        record_interaction(event_id=event_id, visitor=shopper, product_id=products[number].pk, kind="view")
        then = timezone.now() - timedelta(days=days)
        Interaction.objects.filter(event_id=event_id).update(occurred_at=then)
    client = Client(raise_request_exception=False)
    client.force_login(alice)
    for page in pages(products):
        assert client.get(page).status_code == 200, page
    assert len(client.get(f"{API}?k=12").json()["products"]) == 12


# A rule that excludes everything


@pytest.fixture
def nothing_left(products: list[Product]) -> BusinessRule:
    return BusinessRule.objects.create(name="All", action="exclude", category=products[0].category.parent)


def test_a_rule_that_excludes_everything_leaves_whole_pages_without_shelves(browser, products, nothing_left):
    for page in pages(products):
        html = browser.get(page)
        assert html.status_code == 200
        assert b"data-placement" not in html.content
    assert browser.get(f"{API}?k=5").json()["products"] == []


def test_the_preview_says_that_a_rule_leaves_nothing(products, nothing_left):
    now = timezone.now()
    found = compare(
        nothing_left, placement="home_for_you", visitor=Visitor(id=uuid.uuid4()), anchor=None, now=now
    )
    assert (len(found.before), found.after) == (12, [])
    assert "Too little is left to fill the list." in notes(
        nothing_left, found, placement="home_for_you", now=now
    )


# One who did very much


@pytest.fixture
def busy(alice: User, products: list[Product]) -> User:
    """Alice with 100,000 events, a tenth of them purchases."""
    statement = (
        "COPY recommender_interaction (event_id, visitor_id, user_id, product_id, kind, value, placement,"
        " occurred_at, created_at) FROM STDIN"
    )
    now, visitor_id = timezone.now(), uuid.uuid4()
    for product in products[10:]:
        Product.objects.filter(pk=product.pk).update(repeatable=True)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for number in range(NUM_EVENTS):
            kind, value = ("purchase", 1) if number % 10 == 0 else ("view", None)
            then = now - timedelta(minutes=number)
            product = products[number % 20]
            copy.write_row((uuid.uuid4(), visitor_id, alice.pk, product.pk, kind, value, "", then, then))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE recommender_interaction")
    return alice


def rows_read() -> int:
    """Return how many rows of interactions this transaction has read so far."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables"
            " WHERE relname = 'recommender_interaction'"
        )
        return int(cursor.fetchone()[0])


@pytest.mark.slow
def test_a_page_reads_few_rows_of_one_with_a_hundred_thousand_events(busy, products, browser):
    browser.force_login(busy)
    interest_of(current())  # counts everybody's events, once a minute and for all
    # Your data counts them all, which is what it is for.
    for page in [*pages(products)[:-1], f"{API}?k=5", "/search/?q=zyxw"]:
        before = rows_read()
        assert browser.get(page).status_code == 200, page
        assert rows_read() - before <= MOST_ROWS, page


def test_an_unknown_account_and_a_deleted_one_are_guests(browser, alice, products):
    browser.force_login(alice)
    alice.delete()
    for page in [*pages(products), f"{API}?k=5"]:
        assert browser.get(page).status_code == 200, page
