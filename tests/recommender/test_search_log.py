"""The search log holds what was asked and what came of it, off the page's path, and nothing of who paused."""

import dataclasses
import json
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from recommender import (
    consumer,
    encoders,
    redis_door,
    search_log,
    search_outcomes,
    streams,
    your_data,
)
from recommender.interactions import record_interaction
from recommender.models import Impression, Interaction, SearchQuery
from recommender.search import finding
from recommender.search.requests import Filters, SearchPage, SearchRequest
from shop.models import Product
from shop.visitors import Visitor
from tests.recommender import redis_states

MakeProduct = Callable[..., Product]
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _by_words_alone(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.BUFFER_IMPRESSIONS = False
    monkeypatch.setattr(encoders, "encoder_if_ready", lambda wait_seconds=0: None)


@pytest.fixture
def administrator(admin_client: Client) -> Client:
    return admin_client


def search_for(text: str, *, visitor: Visitor, **options: Any) -> SearchPage:
    return finding.find(SearchRequest(text=text), visitor=visitor, **options)


def click(product: Product, page: SearchPage, *, visitor: Visitor) -> None:
    record_interaction(
        event_id=uuid.uuid4(),
        visitor=visitor,
        product_id=product.pk,
        kind=Interaction.Kind.CLICK,
        placement=search_log.PLACEMENT,
        impression_id=page.search_id,
    )


def test_a_search_is_written_down_with_what_it_showed(make_product: MakeProduct, alice: Any) -> None:
    mug = make_product("Mug")
    shopper = Visitor(id=uuid.uuid4(), user=alice)
    request = SearchRequest(
        text="mug", filters=Filters(in_stock=True, brands=("A",), attributes=(("a", "b"),))
    )
    page = finding.find(dataclasses.replace(request, filters=Filters(in_stock=True)), visitor=shopper)
    row = SearchQuery.objects.get()
    assert (row.text, row.kind, row.filters, row.corrected) == ("mug", "words", {"in_stock": True}, "")
    assert (row.num_matching, row.num_found, row.user_id, row.visitor_id) == (1, 1, alice.pk, shopper.id)
    assert row.latency_ms > 0
    impression = Impression.objects.get()
    assert impression.pk == row.impression_id == page.search_id
    assert (impression.placement, impression.product_ids, impression.user_id) == (
        "search",
        [mug.pk],
        alice.pk,
    )
    assert search_log.plain_filters(request.filters)["attributes"] == (("a", "b"),)


def test_a_search_without_results_is_written_down_without_an_impression(visitor: Visitor, db: None) -> None:
    page = search_for("zyxw", visitor=visitor)
    assert page.search_id is None
    row = SearchQuery.objects.get()
    assert (row.num_matching, row.num_found, row.impression_id) == (0, 0, None)
    assert not Impression.objects.exists()


def test_a_later_page_is_an_impression_of_its_own_and_no_search(
    make_product: MakeProduct, visitor: Visitor
) -> None:
    ids = [make_product(f"Mug {number}").pk for number in range(5)]
    found = search_for("mug", visitor=visitor, number=2).product_ids
    assert sorted(found) == ids
    search_for("mug", visitor=visitor, start=2, number=2)
    search_for("mug", visitor=visitor, start=2_000, number=2)  # beyond the last page is the last page
    assert SearchQuery.objects.count() == 1
    shown = Impression.objects.order_by("created_at").values_list("product_ids", flat=True)
    assert list(shown) == [found[:2], found[2:4], found[4:]]


def test_the_bare_page_is_no_search(make_product: MakeProduct, visitor: Visitor) -> None:
    mug = make_product("Mug")
    page = search_for("", visitor=visitor)
    assert (page.product_ids, page.search_id) == ([mug.pk], None)
    assert not SearchQuery.objects.exists()


def test_nothing_is_written_of_who_paused_personalisation(
    make_product: MakeProduct, visitor: Visitor
) -> None:
    make_product("Mug")
    page = search_for("mug", visitor=dataclasses.replace(visitor, personalised=False))
    assert page.num_matching == 1
    assert page.search_id is None
    assert not SearchQuery.objects.exists()
    assert not Impression.objects.exists()


def test_a_database_that_refuses_the_row_breaks_no_search(
    make_product: MakeProduct, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_product("Mug")
    monkeypatch.setattr(search_log, "_INSERT", "SELECT 1 FROM there_is_no_such_table")
    page = search_for("mug", visitor=visitor)
    assert (page.num_matching, page.search_id) == (1, None)


# By the consumer


@pytest.fixture
def stream(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.BUFFER_IMPRESSIONS = True
    monkeypatch.setattr(streams._fullness, "full_until", 0.0)
    redis_states.empty_redis()
    streams.prepare(redis_door.connect(reply_seconds=5))
    yield
    redis_states.empty_redis()


def turn() -> None:
    consumer.Consumer().turn(block_seconds=0.01)


@pytest.mark.django_db(transaction=True)
def test_the_consumer_writes_searches_and_their_impressions(
    make_product: MakeProduct, visitor: Visitor, stream: None
) -> None:
    make_product("Mug")
    page = search_for("mug", visitor=visitor)
    assert not SearchQuery.objects.exists()
    turn()
    assert SearchQuery.objects.get().impression_id == Impression.objects.get().pk == page.search_id


@pytest.mark.django_db(transaction=True)
def test_a_search_that_cannot_be_saved_and_one_of_a_deleted_account_hold_up_no_other(
    alice: Any, visitor: Visitor, stream: None
) -> None:
    streams.add_impression(json.dumps({search_log.MARK: {"id": "no id"}}))
    search_for("of alice", visitor=Visitor(id=uuid.uuid4(), user=alice))
    search_for("kept", visitor=visitor)
    alice.delete()
    turn()
    assert SearchQuery.objects.get().text == "kept"
    assert streams.status().num_waiting["impressions"] == 0


# Kept, taken along, deleted


def test_old_searches_are_deleted(visitor: Visitor, settings: Any, db: None) -> None:
    settings.IMPRESSION_DAYS = 30
    search_for("old", visitor=visitor)
    SearchQuery.objects.update(created_at=timezone.now() - timedelta(days=31))
    search_for("new", visitor=visitor)
    assert search_log.purge() == 1
    assert SearchQuery.objects.get().text == "new"


def test_searches_are_counted_taken_along_and_deleted_with_the_rest(alice: Any, bob: Any) -> None:
    shopper, other = (Visitor(id=uuid.uuid4(), user=user) for user in (alice, bob))
    search_for("as a guest", visitor=Visitor(id=shopper.id))
    search_for("mine", visitor=shopper)
    search_for("of another", visitor=other)
    assert your_data.holdings(shopper).searches == 2
    exported = json.loads("".join(your_data.export(shopper)))
    assert [row["text"] for row in exported["searches"]] == ["as a guest", "mine"]
    your_data.delete_all(shopper)
    assert SearchQuery.objects.get().text == "of another"


# Read


def test_the_report_tells_what_was_followed_and_what_found_nothing(
    make_product: MakeProduct, visitor: Visitor
) -> None:
    mug = make_product("Mug")
    pages = [search_for(text, visitor=visitor) for text in ("mug", "Mug", "zyxw")]
    click(mug, pages[0], visitor=visitor)
    click(mug, pages[0], visitor=visitor)
    since = timezone.now() - timedelta(days=1)
    whole = search_outcomes.summary(since)
    assert (whole.number, whole.without_match, whole.followed) == (3, 1, 1)
    assert whole.median_ms is not None
    assert [(row.text, row.number, row.followed) for row in search_outcomes.most_frequent(since)] == [
        ("mug", 2, 1),
        ("zyxw", 1, 0),
    ]
    assert [row.text for row in search_outcomes.most_frequent(since, without_match=True)] == ["zyxw"]
    assert search_outcomes.summary(timezone.now() + timedelta(days=1)).median_ms is None


def test_the_admin_shows_the_log_and_the_report(
    make_product: MakeProduct, visitor: Visitor, administrator: Client
) -> None:
    report = reverse("admin:recommender_searchquery_report")
    assert "Nobody searched in that time" in administrator.get(report).content.decode()
    mug = make_product("Mug")
    click(mug, search_for("blue <b>mug</b>", visitor=visitor), visitor=visitor)
    search_for("zyxw", visitor=visitor)
    changelist = reverse("admin:recommender_searchquery_changelist")
    assert "blue &lt;b&gt;mug" in administrator.get(changelist).content.decode()
    for found, text in (("nothing", "zyxw"), ("something", "")):
        page = administrator.get(changelist, {"found": found}).content.decode()
        assert ("zyxw" in page) == bool(text)
    page = administrator.get(report, {"days": "7"}).content.decode()
    assert "zyxw" in page
    assert "<b>mug" not in page


def test_the_report_needs_the_permission(client: Client, alice: Any) -> None:
    alice.is_staff = True
    alice.save()
    client.force_login(alice)
    assert client.get(reverse("admin:recommender_searchquery_report")).status_code == 403
