"""Not interested acts at once, only for whoever said it, and can be taken back."""

import uuid

import pytest
from django.test import Client
from django.urls import reverse

from recommender.interactions import interactions_of, record_interaction, withdraw
from recommender.models import Interaction
from shop.visitors import Visitor

pytestmark = pytest.mark.django_db
HIDE = "/not-interested/"
Kind = Interaction.Kind
HTMX = {"HX-Request": "true"}


@pytest.fixture
def mug(make_product):
    make_product("Pan")
    return make_product("Blue mug")


def event():
    return Interaction.objects.get(kind=Kind.DISLIKE)


def suggested(client):
    return [product["name"] for product in client.get("/api/recommendations/").json()["products"]]


def test_a_product_hidden_is_gone_from_the_next_list_and_back_after_undo(client, mug):
    assert "Blue mug" in suggested(client)
    answer = client.post(HIDE, {"product": mug.pk}, headers=HTMX)
    assert "Hidden." in answer.content.decode()
    assert suggested(client) == ["Pan"]
    assert client.post(reverse("recommender:unhide", args=[event().event_id]), headers=HTMX).content == b""
    assert "Blue mug" in suggested(client)


def test_hiding_twice_is_one_event_that_one_undo_takes_back(client, mug):
    for _ in range(2):
        client.post(HIDE, {"product": mug.pk})
    undo = reverse("recommender:unhide", args=[event().event_id])
    for _ in range(2):
        assert client.post(undo).status_code == 302
    assert not Interaction.objects.filter(kind=Kind.DISLIKE).exists()
    client.post(HIDE, {"product": mug.pk})
    assert event().product == mug


def test_the_event_carries_the_list_that_the_card_was_in(client, mug):
    impression = uuid.uuid4()
    client.post(HIDE, {"product": mug.pk, "imp": impression, "pl": "home_trending"})
    assert (event().impression_id, event().placement) == (impression, "home_trending")


def test_without_scripts_a_page_offers_undo_and_the_way_back(client, mug):
    page = client.post(HIDE, {"product": mug.pk, "next": "/cart/"}, follow=True).content.decode()
    assert "Blue mug will not be among" in page
    assert reverse("recommender:unhide", args=[event().event_id]) in page
    assert 'class="button" href="/cart/"' in page
    answer = client.post(reverse("recommender:unhide", args=[event().event_id]), {"next": "/cart/"})
    assert answer.url == "/cart/"


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "\\"]
)
def test_the_way_back_never_leaves_the_shop(client, mug, elsewhere):
    page = client.post(HIDE, {"product": mug.pk, "next": elsewhere}, follow=True).content.decode()
    assert "evil" not in page
    assert 'class="button" href="/"' in page


def test_nobody_takes_back_or_sees_what_another_hid(client, alice, bob, mug):
    client.force_login(alice)
    client.post(HIDE, {"product": mug.pk})
    other = Client()
    other.force_login(bob)
    other.post(reverse("recommender:unhide", args=[event().event_id]))
    assert event().user == alice
    assert other.get(reverse("recommender:hidden", args=[event().event_id])).status_code == 404


def test_only_a_dislike_can_be_withdrawn(visitor, mug):
    viewed = uuid.uuid4()
    record_interaction(event_id=viewed, visitor=visitor, product_id=mug.pk, kind=Kind.VIEW)
    assert withdraw(viewed, visitor=visitor) is False
    assert interactions_of(visitor).count() == 1


@pytest.mark.parametrize("product", ["", "0", "-1", "999999", "1e3", "²", "9" * 60, "mug"])
def test_a_product_that_is_not_there_is_not_found(client, mug, product):
    assert client.post(HIDE, {"product": product}).status_code == 404
    assert not Interaction.objects.exists()


def test_it_is_a_form_with_a_token(mug):
    client = Client(enforce_csrf_checks=True)
    assert client.post(HIDE, {"product": mug.pk}).status_code == 403
    assert client.get(HIDE).status_code == 405


def test_while_personalisation_is_paused_nothing_is_written_and_the_page_says_so(client, alice, mug):
    alice.profile.personalised = False
    alice.profile.save()
    client.force_login(alice)
    page = client.post(HIDE, {"product": mug.pk}, follow=True).content.decode()
    assert "Personalisation is paused" in page
    answer = client.post(HIDE, {"product": mug.pk}, headers=HTMX)
    assert answer.headers["HX-Redirect"] == reverse("recommender:your_data")
    assert not interactions_of(Visitor(id=uuid.uuid4(), user=alice)).exists()
    home = client.get("/").content.decode()
    assert "Not interested" not in home
    assert "shapes what you see here" in home
    assert "Personalisation is paused: nothing that you do" in home
