"""What the shop knows of a visitor can be read, taken along, deleted, and paused; never another's."""

import json
import uuid

import pytest
from django.test import Client

from recommender import forgetting, your_data
from recommender.interactions import interactions_of, record_interaction
from recommender.models import Impression, Interaction, ModelVersion, Recommendation, UserEmbedding
from recommender.redis_door import RedisAway
from shop.models import Category, Order
from shop.visitors import Visitor

pytestmark = pytest.mark.django_db
Kind = Interaction.Kind
PAGE = "/your-data/"


@pytest.fixture
def mug(make_product):
    return make_product("Blue mug", category="Home > Mugs")


@pytest.fixture
def shopper(alice, mug):
    """Alice, who viewed a mug, was shown a list, has vectors and a list made ahead, and ordered once."""
    visitor = Visitor(id=uuid.uuid4(), user=alice)
    filled(visitor, mug)
    version = ModelVersion.objects.create(status="active")
    UserEmbedding.objects.create(version=version, user=alice, vector=[0.5, 1.0])
    Recommendation.objects.create(version=version, user=alice, product_ids=[mug.pk], scores=[0.25])
    order = Order.objects.create(
        user=alice, total=16, ship_to_name="Alice", ship_to_address="1 High Street", ship_to_region="DE"
    )
    order.items.create(product=mug, name="Blue mug", price=8, quantity=2)
    alice.profile.preferences.add(Category.objects.get(path="home/mugs"))
    return visitor


@pytest.fixture
def alice_client(alice):
    client = Client()
    client.force_login(alice)
    return client


def filled(visitor, product):
    """Give the visitor an event and a list that they were shown."""
    record_interaction(event_id=uuid.uuid4(), visitor=visitor, product_id=product.pk, kind=Kind.VIEW)
    Impression.objects.create(
        placement="home_for_you",
        visitor_id=visitor.id,
        user=visitor.user,
        source="newest",
        product_ids=[product.pk],
        seen_positions=[0],
    )


def exported(visitor):
    return json.loads("".join(your_data.export(visitor)))


def test_the_page_lists_what_an_account_did_told_and_was_shown(alice_client, shopper):
    page = alice_client.get(PAGE).content.decode()
    for text in ("Looked at", "Blue mug", "alice@example.com", "Mugs", "/preferences/?next=/your-data/"):
        assert text in page
    holdings = your_data.holdings(shopper)
    assert (holdings.lists_shown, holdings.products_seen, holdings.vectors, holdings.orders) == (1, 1, 1, 1)


def test_a_guest_sees_what_this_browser_did(client, mug):
    client.get(mug.get_absolute_url())
    page = client.get(PAGE).content.decode()
    assert "Blue mug" in page
    assert "random number in a cookie" in page
    assert "Nothing is written down" in Client().get(PAGE).content.decode()


def test_events_come_page_by_page_at_the_same_cost(alice_client, shopper, mug, django_assert_max_num_queries):
    with django_assert_max_num_queries(22):
        alice_client.get(PAGE)
    for _ in range(30):
        record_interaction(event_id=uuid.uuid4(), visitor=shopper, product_id=mug.pk, kind=Kind.VIEW)
    with django_assert_max_num_queries(22):
        assert alice_client.get(PAGE).content.decode().count("Looked at</span>") == 25
    assert alice_client.get(PAGE, {"page": 2}).content.decode().count("Looked at</span>") == 6
    assert alice_client.get(PAGE, {"page": "9" * 40}).status_code == 200


def test_a_single_event_is_deleted_by_whoever_it_is_of(alice_client, bob, shopper):
    event = interactions_of(shopper).get()
    address = f"/your-data/events/{event.event_id}/delete/"
    other = Client()
    other.force_login(bob)
    other.post(address)
    assert interactions_of(shopper).exists()
    assert alice_client.get(address).status_code == 405
    assert alice_client.post(address, {"page": "2"}).url == "/your-data/?page=2"
    assert not interactions_of(shopper).exists()
    assert alice_client.post(address, {"page": "x"}).url == PAGE


def test_deleting_all_is_asked_for_first_and_leaves_orders_and_others_alone(
    alice_client, shopper, alice, bob, mug
):
    other = Visitor(id=uuid.uuid4(), user=bob)
    filled(other, mug)
    question = alice_client.get("/your-data/delete/").content.decode()
    assert "1 order, which the shop must keep" in question
    assert interactions_of(shopper).exists()
    page = alice_client.post("/your-data/delete/", follow=True).content.decode()
    assert "Deleted: 1 event" in page
    assert not interactions_of(shopper).exists()
    for rows in (Impression, UserEmbedding, Recommendation):
        assert not rows.objects.filter(user=alice).exists()
    assert alice.orders.count() == 1
    assert alice.profile.preferences.count() == 1
    assert interactions_of(other).exists()
    assert Impression.objects.filter(user=bob).exists()


def test_deleting_all_of_an_account_includes_what_this_browser_was_shown_before_the_log_in(alice, mug):
    guest = Visitor(id=uuid.uuid4())
    filled(guest, mug)
    stranger = Visitor(id=uuid.uuid4())
    filled(stranger, mug)
    your_data.delete_all(Visitor(id=guest.id, user=alice))
    assert list(Impression.objects.values_list("visitor_id", flat=True)) == [stranger.id]


def test_a_guest_deletes_what_this_browser_did_and_nothing_else(client, shopper, mug):
    client.get(mug.get_absolute_url())
    client.post("/your-data/delete/")
    assert list(Interaction.objects.values_list("user", flat=True)) == [shopper.user_id]


def test_a_feature_store_that_is_away_is_told_and_can_be_tried_again(alice_client, shopper, monkeypatch):
    def away(_visitor):
        raise RedisAway("no answer")

    forget = forgetting.forget
    monkeypatch.setattr(forgetting, "forget", away)
    page = alice_client.post("/your-data/delete/", follow=True).content.decode()
    assert "Delete once more" in page
    assert not interactions_of(shopper).exists()
    monkeypatch.setattr(forgetting, "forget", forget)
    assert "Deleted: 0 events" in alice_client.post("/your-data/delete/", follow=True).content.decode()


def test_the_export_is_one_json_file_with_all_of_it(alice_client, shopper, mug):
    answer = alice_client.get("/your-data/export/")
    assert answer.streaming
    assert "attachment" in answer["Content-Disposition"]
    data = json.loads(b"".join(answer.streaming_content))
    assert data["account"]["email"] == "alice@example.com"
    assert data["account"]["preferences"] == ["home/mugs"]
    assert [(event["kind"], event["sku"]) for event in data["events"]] == [("view", mug.sku)]
    assert data["lists_shown"][0]["product_ids"] == [mug.pk]
    assert data["vectors"][0]["vector"] == [0.5, 1.0]
    assert data["lists_made_ahead"][0]["scores"] == [0.25]
    assert data["orders"][0]["product"] == "Blue mug"


def test_a_guests_export_holds_what_this_browser_did(visitor, shopper, mug):
    filled(visitor, mug)
    data = exported(visitor)
    assert (data["account"], len(data["events"]), len(data["lists_shown"])) == (None, 1, 1)
    assert "orders" not in data


def test_an_export_of_nothing_is_json_too(visitor):
    assert exported(visitor)["events"] == []


class TestPause:
    def test_an_account_that_pauses_is_not_written_down_but_its_orders_are(self, alice_client, shopper, mug):
        alice_client.post("/your-data/personalisation/", {"on": "0"})
        before = Interaction.objects.count(), Impression.objects.count()
        alice_client.get(mug.get_absolute_url())
        alice_client.get("/")
        assert (Interaction.objects.count(), Impression.objects.count()) == before
        paused = Visitor(id=shopper.id, user=shopper.user, personalised=False)
        assert record_interaction(
            event_id=uuid.uuid4(), visitor=paused, product_id=mug.pk, kind=Kind.PURCHASE
        )
        assert "Personalisation is paused" in alice_client.get(PAGE).content.decode()

    def test_an_account_that_resumes_is_written_down_again(self, alice_client, shopper, mug):
        for on in ("0", "1"):
            alice_client.post("/your-data/personalisation/", {"on": on})
        alice_client.get(mug.get_absolute_url())
        assert interactions_of(shopper).count() == 2

    def test_a_guest_pauses_this_browser_by_a_signed_cookie(self, client, mug):
        client.post("/your-data/personalisation/", {"on": "0"})
        client.get(mug.get_absolute_url())
        assert not Interaction.objects.exists()
        client.post("/your-data/personalisation/", {"on": "1"})
        client.get(mug.get_absolute_url())
        assert Interaction.objects.count() == 1

    def test_a_forged_cookie_pauses_nothing(self, client, mug):
        client.cookies["unpersonalised"] = "yes"
        client.get(mug.get_absolute_url())
        assert Interaction.objects.count() == 1
