"""What a card says of itself is so, or is not said."""

import uuid
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from recommender.candidates import Reason
from recommender.interactions import record_interaction
from recommender.models import Interaction
from recommender.reasons import in_words
from shop.visitors import Visitor

pytestmark = pytest.mark.django_db
Kind = Interaction.Kind


@pytest.fixture
def mug(make_product):
    return make_product("Blue mug", category="Home > Mugs")


@pytest.fixture
def pan(make_product):
    return make_product("Pan", category="Home > Pans")


def did(visitor, product, kind):
    record_interaction(event_id=uuid.uuid4(), visitor=visitor, product_id=product.pk, kind=kind)


def said(reason, *, of, visitor):
    return in_words([reason], products=[of], visitor=visitor)[0]


def test_what_was_viewed_is_named(visitor, mug, pan):
    did(visitor, mug, Kind.VIEW)
    reason = Reason(kind="viewed", product_id=mug.pk)
    assert said(reason, of=pan, visitor=visitor) == "Because you viewed Blue mug"


def test_what_somebody_else_viewed_is_not_claimed_of_this_visitor(visitor, mug, pan):
    did(Visitor(id=uuid.uuid4()), mug, Kind.VIEW)
    for kind in ("viewed", "bought"):
        assert said(Reason(kind=kind, product_id=mug.pk), of=pan, visitor=visitor) == ""


def test_what_was_bought_without_a_look_is_named_as_bought(visitor, mug, pan):
    did(visitor, mug, Kind.PURCHASE)
    for kind in ("viewed", "bought"):
        reason = Reason(kind=kind, product_id=mug.pk)
        assert said(reason, of=pan, visitor=visitor) == "Because you bought Blue mug"


def test_a_product_seen_again_says_so_without_naming_itself(visitor, mug):
    did(visitor, mug, Kind.VIEW)
    assert said(Reason(kind="viewed", product_id=mug.pk), of=mug, visitor=visitor) == "You viewed this"


def test_bought_with_names_the_other_product_whoever_bought_it(visitor, mug, pan):
    reason = Reason(kind="bought_with", product_id=mug.pk)
    assert said(reason, of=pan, visitor=visitor) == "Bought with Blue mug"


def test_buy_again_is_said_only_of_what_was_bought(visitor, mug, pan):
    did(visitor, mug, Kind.PURCHASE)
    assert said(Reason(kind="again"), of=mug, visitor=visitor) == "You bought this before"
    assert said(Reason(kind="again"), of=pan, visitor=visitor) == ""


def test_a_category_is_liked_when_it_was_picked_and_popular_for_everybody(visitor, mug):
    liked = Reason(kind="liked_category", category_id=mug.category_id)
    fan = replace(visitor, preference_ids=(mug.category_id,))
    assert said(liked, of=mug, visitor=fan) == "Picked from Mugs, which you like"
    assert said(liked, of=mug, visitor=visitor) == ""
    popular = Reason(kind="popular_in", category_id=mug.category_id)
    assert said(popular, of=mug, visitor=visitor) == "Popular in Mugs"


def test_new_and_on_sale_hold_of_the_product_itself(visitor, mug, make_product):
    old = make_product(released_at=timezone.now() - timedelta(days=61))
    reduced = make_product(price=Decimal(8), list_price=Decimal(10))
    assert said(Reason(kind="new"), of=mug, visitor=visitor) == "New"
    assert said(Reason(kind="new"), of=old, visitor=visitor) == ""
    assert said(Reason(kind="on_sale"), of=reduced, visitor=visitor) == "On sale"
    assert said(Reason(kind="on_sale"), of=mug, visitor=visitor) == ""
    assert said(Reason(kind="popular"), of=mug, visitor=visitor) == "Trending now"


@pytest.mark.parametrize(
    "reason",
    [
        None,
        Reason(kind="viewed", product_id=10**9),
        Reason(kind="viewed"),
        Reason(kind="popular_in", category_id=10**9),
        Reason(kind="bought_with"),
        Reason(kind="no such kind"),
    ],
)
def test_a_reason_that_cannot_be_told_is_not_told(visitor, mug, reason):
    assert said(reason, of=mug, visitor=visitor) == ""


def test_a_list_of_every_kind_costs_one_query_and_a_list_without_names_none(
    visitor, mug, pan, django_assert_num_queries
):
    did(visitor, mug, Kind.VIEW)
    named = [
        Reason(kind="viewed", product_id=mug.pk),
        Reason(kind="bought_with", product_id=mug.pk),
        Reason(kind="popular_in", category_id=mug.category_id),
        Reason(kind="again"),
    ]
    with django_assert_num_queries(1):
        words = in_words(named, products=[pan] * 4, visitor=visitor)
    assert words == ["Because you viewed Blue mug", "Bought with Blue mug", "Popular in Mugs", ""]
    with django_assert_num_queries(0):
        in_words([Reason(kind="new"), None], products=[pan, pan], visitor=visitor)
