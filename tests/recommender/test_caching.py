"""A kept list is shown only to its shopper and only while nothing that it was made of has changed."""

import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.template import Context
from django.template.context_processors import csrf
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from recommender import caching, impressions, redis_door, rules, snapshot, throttling, versions
from recommender.interactions import join_guest_history, record_interaction
from recommender.models import BusinessRule, Impression, ModelVersion, Placement
from recommender.templatetags import recommender_tags
from shop.models import Product
from shop.services.accounts import save_preferences, set_personalised
from shop.signals import account_changed, catalogue_changed
from shop.visitors import COOKIE, Visitor, visitor_of
from tests.recommender.redis_states import break_redis, empty_redis, mend_redis

pytestmark = pytest.mark.django_db(transaction=True)
FOR_YOU = "home_for_you"
URL = "/api/recommendations/"
TOKEN = r'name="csrfmiddlewaretoken" value="(\w+)"'


@pytest.fixture(autouse=True)
def kept_for_a_minute(settings: Any) -> Iterator[None]:
    settings.LIST_CACHE_SECONDS = 60
    empty_redis()
    throttling.calls.forget()
    yield
    mend_redis()


@pytest.fixture
def mugs(make_product: Any) -> list[Product]:
    return [make_product(f"Mug {number}") for number in range(6)]


def shelf(visitor: Visitor, *, k: int = 3, placement: str = FOR_YOU, anchor: Product | None = None) -> str:
    """The HTML of a shelf on a page of this visitor."""
    request = RequestFactory().get("/a page/", {"of": "theirs"})
    request.visitor = visitor
    anchors = [anchor] if anchor else []
    context = Context({"request": request, **csrf(request)})
    return recommender_tags._shelf(context, Placement(placement), k=k, anchors=anchors)


def shown(visitor: Visitor, **asked: Any) -> list[str]:
    return re.findall(r'<h3 class="card-name">(.*?)</h3>', shelf(visitor, **asked))


def look(visitor: Visitor, *, k: int = 3, placement: str = FOR_YOU, **asked: Any) -> caching.Place:
    return caching.look(placement, visitor=visitor, k=k, form=caching.SHELF, **asked)


def is_kept(visitor: Visitor, **asked: Any) -> bool:
    return look(visitor, **asked).found is not None


def test_a_shelf_is_made_once_and_shown_again_it_is_the_same_impression(visitor, mugs):
    first = shelf(visitor)
    with CaptureQueriesContext(connection) as queries:
        second = shelf(visitor)
    assert len(queries) == 0
    assert re.sub(TOKEN, "", second) == re.sub(TOKEN, "", first)
    assert str(Impression.objects.get().pk) in second


def test_each_page_writes_its_own_token_and_address_into_a_kept_shelf(visitor, mugs):
    pages = [shelf(visitor) for _ in range(2)]
    tokens = {re.search(TOKEN, page)[1] for page in pages}
    assert len(tokens) == 2
    assert all('name="next" value="/a%20page/?of=theirs"' in page for page in pages)
    assert all("\x02" not in page for page in pages)


def test_a_list_whose_impression_could_not_be_written_is_not_kept(visitor, mugs, monkeypatch):
    def refuse(*_: Any, **__: Any) -> None:
        raise DatabaseError("full")

    monkeypatch.setattr(impressions, "record_served", refuse)
    assert len(shown(visitor)) == 3
    assert not is_kept(visitor)


def test_an_empty_list_is_kept_too_and_is_no_impression(visitor, mugs):
    for _ in range(2):
        assert shown(visitor, placement="home_recently_viewed") == []
    assert is_kept(visitor, placement="home_recently_viewed")
    assert not Impression.objects.exists()


def test_what_is_kept_is_of_one_shopper_placement_length_and_anchor(visitor, mugs, alice):
    shelf(visitor, placement="product_similar", anchor=mugs[0])
    asked: dict[str, Any] = {"placement": "product_similar", "anchor_ids": (mugs[0].pk,)}
    assert is_kept(visitor, **asked)
    assert not is_kept(Visitor(id=uuid.uuid4()), **asked)
    assert not is_kept(replace(visitor, user=alice), **asked)  # who logged in on the same browser
    assert not is_kept(visitor, k=4, **asked)
    assert not is_kept(visitor, **{**asked, "anchor_ids": (mugs[1].pk,)})
    assert not is_kept(visitor, **{**asked, "placement": "product_bought_together"})
    for change in ({"region": "DE"}, {"age": 30}, {"preference_ids": (1,)}, {"personalised": False}):
        assert not is_kept(replace(visitor, **change), **asked)


def view(visitor: Visitor, product: Product) -> None:
    record_interaction(event_id=uuid.uuid4(), visitor=visitor, product_id=product.pk, kind="view")


def exclude(product: Product, **fields: Any) -> None:
    BusinessRule.objects.create(name="E", action="exclude", product=product, **fields)
    rules.changed()


def activate(_: Any = None) -> None:
    ModelVersion.objects.create(status=ModelVersion.Status.ACTIVE)
    versions._serving.forget()


def sell_out_without_a_word(product: Product) -> None:
    Product.objects.filter(pk=product.pk).update(stock=0)
    snapshot.forget()  # as two seconds do


def edit_in_the_admin(product: Product) -> None:
    Product.objects.filter(pk=product.pk).update(price=99)
    catalogue_changed.send(Product)


@pytest.mark.parametrize(
    "change",
    [
        view,
        lambda visitor, mug: exclude(mug),
        lambda visitor, mug: activate(),
        lambda visitor, mug: sell_out_without_a_word(mug),
        lambda visitor, mug: edit_in_the_admin(mug),
        lambda visitor, mug: empty_redis(),
    ],
    ids=["event", "rule", "version", "stock", "edit", "redis-lost-its-data"],
)
def test_what_changes_a_list_ends_its_keeping(visitor, mugs, change: Callable[[Visitor, Product], None]):
    shown(visitor)
    assert is_kept(visitor)
    change(visitor, mugs[-1])
    assert not is_kept(visitor)


def test_the_event_of_one_shopper_leaves_the_lists_of_others(visitor, mugs):
    other = Visitor(id=uuid.uuid4())
    shown(visitor)
    view(other, mugs[0])
    assert is_kept(visitor)


def test_a_rule_that_starts_by_the_clock_ends_the_keeping(visitor, mugs, monkeypatch):
    exclude(mugs[-1], starts_at=timezone.now() + timedelta(hours=1))
    assert "Mug 5" in shown(visitor)
    later = timezone.now() + timedelta(hours=2)
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert "Mug 5" not in shown(visitor)


def test_a_log_in_shows_nothing_of_the_guest_and_ends_what_the_account_had(visitor, mugs, alice):
    member = replace(visitor, user=alice)
    shown(member)
    view(visitor, mugs[0])
    join_guest_history(member)
    assert not is_kept(member)


def test_pausing_and_preferences_are_another_state(visitor, mugs, alice):
    browser = visitor.id
    shown(visitor_of(alice, browser_id=browser))
    set_personalised(alice, personalised=False)
    assert not is_kept(visitor_of(alice, browser_id=browser))
    set_personalised(alice, personalised=True)
    shown(visitor_of(alice, browser_id=browser))
    save_preferences(alice, categories=[mugs[0].category])
    assert not is_kept(visitor_of(alice, browser_id=browser))


def test_a_kept_shelf_shows_what_its_own_products_have_become(visitor, mugs):
    assert "Mug 5" in shown(visitor)
    Product.objects.filter(name="Mug 5").update(price=42)
    snapshot.forget()  # as two seconds do
    assert "$42.00" in shelf(visitor)
    sell_out_without_a_word(mugs[-1])
    names = shown(visitor)
    assert len(names) == 3
    assert "Mug 5" not in names


def test_what_is_written_to_other_products_leaves_a_list_alone(visitor, mugs):
    names = shown(visitor)
    Product.objects.exclude(name__in=names).update(stock=1)
    snapshot.forget()
    assert is_kept(visitor)
    Product.objects.filter(name=names[0]).delete()
    snapshot.forget()
    assert not is_kept(visitor)


def test_a_change_while_the_list_is_made_keeps_nothing_of_use(visitor, mugs):
    place = look(visitor)
    view(visitor, mugs[0])
    caching.keep(place, "{}", product_ids=[])
    assert not is_kept(visitor)


def test_a_product_written_to_while_the_list_is_made_ends_its_keeping(visitor, mugs):
    place = look(visitor)
    Product.objects.filter(pk=mugs[0].pk).update(price=42)
    snapshot.forget()  # another request read the catalogue anew meanwhile
    caching.keep(place, "what it cost before", product_ids=[mugs[0].pk])
    assert not is_kept(visitor)


def test_nothing_is_kept_without_redis_within_a_transaction_or_when_turned_off(visitor, mugs, settings):
    with transaction.atomic():
        assert look(visitor).state is None
    break_redis()
    assert len(shown(visitor)) == 3
    assert look(visitor).state is None
    mend_redis()
    settings.LIST_CACHE_SECONDS = 0
    shown(visitor)
    settings.LIST_CACHE_SECONDS = 60
    assert not is_kept(visitor)


def test_what_is_kept_is_gone_after_the_set_time(visitor, mugs):
    shown(visitor)
    key = look(visitor).key
    assert 50 < redis_door.ask(lambda client: client.ttl(key)) <= 60


# The API


def call(client: Client, **query: Any) -> dict:
    response = client.get(URL, {"k": 3, **query})
    assert response.status_code == 200
    return response.json()


@pytest.fixture
def browser(client: Client, mugs: list[Product]) -> Client:
    """A browser with its cookie, whose list is kept."""
    call(client)
    call(client)
    return client


def test_the_apis_second_answer_asks_no_query_and_is_the_same_impression(browser):
    with CaptureQueriesContext(connection) as queries:
        answers = [call(browser), call(browser)]
    assert len(queries) == 0
    assert answers[0] == answers[1]
    assert str(Impression.objects.get().pk) == answers[0]["impression_id"]


def test_the_ready_answer_is_that_of_the_full_way(browser, settings):
    ready = browser.get(URL, {"k": 3})
    settings.LIST_CACHE_SECONDS = 0
    full = browser.get(URL, {"k": 3})
    ours, theirs = ready.json(), full.json()
    served = [uuid.UUID(answer.pop("impression_id")) for answer in (ours, theirs)]
    assert ours == theirs
    assert list(ours) == list(theirs)
    assert Impression.objects.filter(pk__in=served).count() == 2
    for header in ("Content-Type", "Allow", "X-Frame-Options", "X-Content-Type-Options", "Referrer-Policy"):
        assert ready.headers[header] == full.headers[header]
    assert set(full.headers["Vary"].split(", ")) == set(ready.headers["Vary"].split(", "))


def test_the_api_shows_nothing_stale(browser, mugs):
    names = [product["name"] for product in call(browser)["products"]]
    sold_out = Product.objects.get(name=names[0])
    Product.objects.filter(pk=sold_out.pk).update(stock=0)
    snapshot.forget()
    assert names[0] not in [product["name"] for product in call(browser)["products"]]
    edit_in_the_admin(Product.objects.get(name=names[1]))
    prices = {product["name"]: product["price"] for product in call(browser)["products"]}
    assert prices[names[1]] == "99.00"


def test_the_api_shows_nothing_foreign(browser, alice, mugs):
    visitor = Visitor(id=Impression.objects.first().visitor_id)
    call(Client())
    assert Impression.objects.values("visitor_id").distinct().count() == 2
    browser.force_login(alice)
    for _ in range(3):
        call(browser)
    of_alice = Impression.objects.get(user=alice, visitor_id=visitor.id)
    browser.logout()
    assert call(browser)["impression_id"] != str(of_alice.pk)
    assert Impression.objects.filter(user=alice).count() == 1


@pytest.fixture
def member(browser: Client, alice: Any) -> Client:
    """A browser that Alice is logged in on, whose answer is kept for her session."""
    browser.force_login(alice)
    for _ in range(4):
        call(browser)
    return browser


def queries_of(client: Client) -> int:
    with CaptureQueriesContext(connection) as queries:
        call(client)
    return len(queries)


def test_a_sessions_answer_asks_no_query(member, alice):
    assert queries_of(member) == 0
    assert Impression.objects.get(user=alice).pk == uuid.UUID(call(member)["impression_id"])


def test_a_session_that_ended_shows_nothing_of_its_account(member, alice):
    thief = Client()
    thief.cookies.load({name: cookie.value for name, cookie in member.cookies.items()})
    assert queries_of(thief) == 0
    hers = call(thief)["impression_id"]
    member.logout()
    assert hers not in [call(thief)["impression_id"] for _ in range(2)]
    assert Impression.objects.filter(user=alice).count() == 1


@pytest.mark.parametrize("change", ["password", "rights", "profile"])
def test_an_edit_of_the_account_in_the_admin_ends_its_keeping(member, alice, admin_client, change):
    page, hers = f"/admin/shop/user/{alice.pk}/", call(member)["impression_id"]
    if change == "password":
        new = {"password1": "battery-horse-7", "password2": "battery-horse-7", "usable_password": "true"}
        assert admin_client.post(f"{page}password/", new).status_code == 302
    else:
        account_changed.send(type(alice), user_id=alice.pk)
        if change == "rights":
            type(alice).objects.filter(pk=alice.pk).update(is_active=False)
    assert call(member)["impression_id"] != hers
    assert Impression.objects.filter(user=alice).count() == 1 + (change == "profile")


def test_a_forged_cookie_is_nobodys(browser, mugs):
    forger = Client()
    forger.cookies[COOKIE] = f"{Impression.objects.first().visitor_id}:forged:signature"
    before = set(Impression.objects.values_list("visitor_id", flat=True))
    call(forger)
    assert Impression.objects.exclude(visitor_id__in=before).count() == 1


def test_errors_are_those_of_the_full_way(browser):
    bad = [{"k": "0"}, {"k": "many"}, {"placement": "sidebar"}, {"placement": "product_bought_together"}]
    for query in bad:
        assert browser.get(URL, query).status_code == 400
    assert browser.get(URL, {"placement": "product_similar", "anchor": 10**9}).status_code == 404
    assert browser.get(URL, {"k": 3}, headers={"Accept": "text/html"}).status_code == 406
    assert browser.post(URL).status_code in (403, 405)


def test_the_api_lives_through_an_outage_of_redis(browser):
    break_redis()
    assert len(call(browser)["products"]) == 3


def test_a_caller_beyond_the_limit_is_told_to_wait(browser, settings):
    settings.API_REQUESTS_PER_MINUTE = 4
    throttling.calls.forget()
    statuses = [browser.get(URL, {"k": 3}).status_code for _ in range(6)]
    assert statuses == [200] * 4 + [429] * 2
    refused = browser.get(URL, {"k": 3})
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert "throttled" in refused.json()["detail"]


def test_a_stranger_may_make_half_as_many_calls(mugs, settings):
    settings.API_REQUESTS_PER_MINUTE = 4
    throttling.calls.forget()
    assert [Client().get(URL).status_code for _ in range(3)] == [200, 200, 429]


# Words and faces of cards


def test_the_words_of_a_kept_list_cost_no_query_and_go_with_what_they_tell(client, mugs, make_product):
    client.get(f"/product/{mugs[0].pk}/")
    pages = [client.get("/more/").content.decode() for _ in range(3)]
    assert all("You viewed this" in page or "Recently viewed" in page for page in pages)
    Product.objects.filter(pk=mugs[0].pk).update(name="Renamed")
    catalogue_changed.send(Product)
    assert "Renamed" in client.get("/more/").content.decode()


def test_the_face_of_a_card_is_always_that_of_its_product(client, mugs):
    assert "$10.00" in client.get("/").content.decode()
    Product.objects.update(price="12.34", list_price="24.68")
    snapshot.forget()  # as two seconds do
    page = client.get("/").content.decode()
    assert "$12.34" in page
    assert "50% off" in page
    assert "$10.00" not in page
