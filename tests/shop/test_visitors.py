import uuid
from datetime import date

import pytest
from django.http import HttpRequest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from shop.models import Cart, Category, Profile
from shop.signals import product_viewed, visitor_logged_in
from shop.visitors import COOKIE

pytestmark = pytest.mark.django_db
PASSWORD = "correct-horse-battery"


def cookie_id(client):
    request = HttpRequest()
    request.COOKIES[COOKIE] = client.cookies[COOKIE].value
    return uuid.UUID(request.get_signed_cookie(COOKIE, salt=COOKIE))


def log_in(client):
    return client.post(reverse("shop:login"), {"username": "alice@example.com", "password": PASSWORD})


@pytest.fixture
def seen_by(make_product, hear):
    """Return a function that shows which visitor a browser is."""
    page = make_product().get_absolute_url()
    heard = hear(product_viewed)

    def ask(client):
        assert client.get(page).status_code == 200
        return heard[-1]["visitor"]

    return ask


def test_a_new_browser_is_given_a_signed_cookie_that_scripts_cannot_read(client, seen_by):
    visitor = seen_by(client)
    cookie = client.cookies[COOKIE]
    assert cookie_id(client) == visitor.id
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert int(cookie["max-age"]) > 300 * 24 * 3600


def test_a_browser_that_comes_back_is_the_same_visitor_and_gets_no_second_cookie(client, seen_by):
    first = seen_by(client)
    answer = client.get(reverse("shop:cart"))
    assert COOKIE not in answer.cookies
    assert seen_by(client).id == first.id


def test_a_forged_cookie_gives_a_new_id(client, seen_by):
    forged = uuid.uuid4()
    client.cookies[COOKIE] = f"{forged}:1abc:signature"
    visitor = seen_by(client)
    assert visitor.id != forged
    assert cookie_id(client) == visitor.id


def test_a_page_that_asks_for_nobody_sets_no_cookie(client, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    (tmp_path / "a.txt").write_text("a")
    answer = client.get("/media/a.txt")
    assert answer.status_code == 200
    assert COOKIE not in answer.cookies


def test_pages_that_depend_on_the_visitor_say_so_to_caches(client, seen_by):
    assert "Cookie" in client.get(reverse("shop:cart"))["Vary"]


def test_a_guest_lives_in_the_default_region(client, seen_by, settings):
    settings.DEFAULT_REGION = "DE"
    visitor = seen_by(client)
    assert (visitor.user, visitor.region, visitor.age, visitor.preference_ids) == (None, "DE", None, ())


def test_a_user_brings_region_age_and_preferences(alice_client, alice, seen_by):
    toys = Category.objects.create(name="Toys", slug="toys", path="toys")
    today = timezone.localdate()
    Profile.objects.filter(user=alice).update(region="FR", birth_date=date(today.year - 30, 1, 1))
    alice.profile.preferences.add(toys)
    visitor = seen_by(alice_client)
    assert (visitor.user_id, visitor.region, visitor.age) == (alice.pk, "FR", 30)
    assert visitor.preference_ids == (toys.pk,)


def test_a_user_without_a_profile_is_still_a_visitor(alice_client, alice, seen_by):
    alice.profile.delete()
    assert seen_by(alice_client).user_id == alice.pk


def test_at_log_in_the_guests_cart_joins_the_account_and_the_listeners_hear(
    client, alice, make_product, seen_by, hear
):
    guest = seen_by(client)
    mug = make_product("Mug")
    client.post(reverse("shop:cart_add", args=[mug.pk]), {"quantity": 2})
    heard = hear(visitor_logged_in)
    log_in(client)
    assert [(item.product, item.quantity) for item in alice.cart.items.all()] == [(mug, 2)]
    assert [(fact["visitor"].id, fact["visitor"].user_id) for fact in heard] == [(guest.id, alice.pk)]
    assert not Cart.objects.filter(visitor_id=guest.id).exists()


def test_the_admins_log_in_joins_the_guest_too(client, alice, make_product):
    alice.is_staff = alice.is_superuser = True
    alice.save()
    mug = make_product("Mug")
    client.post(reverse("shop:cart_add", args=[mug.pk]))
    client.post(reverse("admin:login"), {"username": alice.email, "password": PASSWORD, "next": "/admin/"})
    assert alice.cart.items.get().product == mug


def test_a_log_in_by_code_without_a_browser_joins_nothing(alice, hear):
    heard = hear(visitor_logged_in)
    assert Client().login(username="alice@example.com", password=PASSWORD)
    assert heard == []


def test_after_a_log_out_the_browser_is_somebody_new(client, alice, seen_by):
    before = seen_by(client).id
    log_in(client)
    assert seen_by(client).id == before
    client.post(reverse("shop:logout"))
    after = seen_by(client)
    assert after.id != before
    assert after.user is None
