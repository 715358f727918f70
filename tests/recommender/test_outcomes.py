"""A click, a cart addition and a purchase count for the list that led to them, and for that one alone."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from recommender import outcomes
from recommender.interactions import interactions_of, join_guest_history, record_interaction
from recommender.models import Impression, Interaction, Placement
from shop.visitors import Visitor

pytestmark = pytest.mark.django_db
Kind = Interaction.Kind


@pytest.fixture
def mug(make_product):
    return make_product("Mug")


def shown(visitor, *products, placement=Placement.HOME_FOR_YOU, seen=()):
    return Impression.objects.create(
        placement=placement,
        visitor_id=visitor.id,
        user=visitor.user,
        source="newest",
        product_ids=[product.pk for product in products],
        seen_positions=list(seen),
        created_at=timezone.now() - timedelta(days=20),
    )


def did(visitor, product, kind, *, days_ago=0.0, impression=None):
    event_id = uuid.uuid4()
    record_interaction(
        event_id=event_id,
        visitor=visitor,
        product_id=product.pk,
        kind=kind,
        impression_id=impression.pk if impression else None,
    )
    then = timezone.now() - timedelta(days=days_ago)
    interactions_of(visitor).filter(event_id=event_id).update(occurred_at=then)


def report():
    """Return {placement: (lists, products, seen, clicks, carts, purchases)}."""
    rows = outcomes.by_placement(timezone.now() - timedelta(days=28))
    return {
        row.placement: (row.lists, row.products, row.seen, row.clicks, row.carts, row.purchases)
        for row in rows
    }


def test_a_purchase_counts_for_the_list_whose_card_was_followed(visitor, mug, make_product):
    impression = shown(visitor, mug, make_product(), seen=[0])
    did(visitor, mug, Kind.CLICK, days_ago=2, impression=impression)
    did(visitor, mug, Kind.CART_ADD, days_ago=2)
    did(visitor, mug, Kind.PURCHASE, days_ago=1)
    assert report() == {"home_for_you": (1, 2, 1, 1, 1, 1)}
    (row,) = outcomes.by_placement(timezone.now() - timedelta(days=28))
    assert row.click_rate == 1.0  # one click, one product seen


def test_of_two_lists_the_one_followed_last_has_it(visitor, mug):
    first, second = shown(visitor, mug), shown(visitor, mug, placement=Placement.HOME_TRENDING)
    did(visitor, mug, Kind.CLICK, days_ago=3, impression=first)
    did(visitor, mug, Kind.CLICK, days_ago=2, impression=second)
    did(visitor, mug, Kind.PURCHASE, days_ago=1)
    assert report() == {"home_for_you": (1, 1, 0, 1, 0, 0), "home_trending": (1, 1, 0, 1, 0, 1)}


def test_what_comes_after_the_window_or_before_the_click_does_not_count(visitor, mug, settings):
    settings.ATTRIBUTION_DAYS = 3
    impression = shown(visitor, mug)
    did(visitor, mug, Kind.PURCHASE, days_ago=9)
    did(visitor, mug, Kind.CLICK, days_ago=8, impression=impression)
    did(visitor, mug, Kind.PURCHASE, days_ago=4)
    assert report()["home_for_you"] == (1, 1, 0, 1, 0, 0)
    settings.ATTRIBUTION_DAYS = 5
    assert report()["home_for_you"] == (1, 1, 0, 1, 0, 1)


def test_anothers_purchase_does_not_count(visitor, mug):
    did(visitor, mug, Kind.CLICK, days_ago=1, impression=shown(visitor, mug))
    did(Visitor(id=uuid.uuid4()), mug, Kind.PURCHASE)
    assert report()["home_for_you"] == (1, 1, 0, 1, 0, 0)


def test_a_guest_who_logs_in_and_buys_counts(visitor, mug, alice):
    did(visitor, mug, Kind.CLICK, days_ago=1, impression=shown(visitor, mug))
    known = Visitor(id=visitor.id, user=alice)
    join_guest_history(known)
    did(known, mug, Kind.PURCHASE)
    assert report()["home_for_you"] == (1, 1, 0, 1, 0, 1)


def test_the_report_costs_one_query(visitor, mug, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert report() == {}


def test_the_admin_shows_it_to_staff_who_may_see_lists(admin_client, client, visitor, mug):
    page = "/admin/recommender/impression/placements/"
    assert "No list was served" in admin_client.get(page).content.decode()
    did(visitor, mug, Kind.CLICK, days_ago=1, impression=shown(visitor, mug, mug))
    html = admin_client.get(page, {"days": "28"}).content.decode()
    for text in ("Home: For You", "No model", "50.00%", "<strong>28</strong>"):
        assert text in html
    assert "<strong>28</strong>" in admin_client.get(page, {"days": "-1; DROP"}).content.decode()
    assert page in admin_client.get("/admin/recommender/impression/").content.decode()
    assert client.get(page).status_code == 302


def test_a_card_that_was_followed_was_seen_however_fast(visitor, mug, make_product):
    cup = make_product("Cup")
    impression = shown(visitor, mug, cup, seen=[1])
    for product in (mug, cup):
        did(visitor, product, Kind.CLICK, days_ago=2, impression=impression)
    (row,) = outcomes.by_placement(timezone.now() - timedelta(days=28))
    assert (row.seen, row.clicks, row.clicked_unseen) == (1, 2, 1)
    assert row.click_rate == 1.0
