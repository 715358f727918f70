"""What a visitor may be shown."""

import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from recommender import filtering
from recommender.interactions import record_interaction
from recommender.models import Interaction
from shop.models import Cart, CartItem
from shop.visitors import Visitor

pytestmark = pytest.mark.django_db
Kind = Interaction.Kind


def did(visitor, product, kind, value=None):
    record_interaction(event_id=uuid.uuid4(), visitor=visitor, product_id=product.pk, kind=kind, value=value)


def names(products):
    return {product.name for product in products}


def test_shows_only_what_can_be_bought_now(visitor, make_product):
    make_product("Mug")
    make_product("Sold out", stock=0)
    make_product("Withdrawn", active=False)
    make_product("Tomorrow", released_at=timezone.now() + timedelta(days=1))
    assert names(filtering.showable(visitor)) == {"Mug"}


def test_region_and_age_decide_who_may_see_a_product(visitor, make_product):
    make_product("Mug")
    make_product("Wine", min_age=18)
    make_product("German only", regions=["DE"])
    assert names(filtering.showable(visitor)) == {"Mug"}
    assert names(filtering.showable(replace(visitor, age=18))) == {"Mug", "Wine"}
    assert names(filtering.showable(replace(visitor, region="DE"))) == {"Mug", "German only"}
    assert names(filtering.showable(replace(visitor, region="FR", age=17))) == {"Mug"}


def test_what_was_bought_is_hidden_unless_it_is_bought_again_and_again(alice, make_product):
    visitor = Visitor(id=uuid.uuid4(), user=alice)
    mug, coffee = make_product("Mug"), make_product("Coffee", repeatable=True)
    did(visitor, mug, Kind.PURCHASE, 1)
    did(visitor, coffee, Kind.PURCHASE, 1)
    assert names(filtering.showable(visitor)) == {"Coffee"}


@pytest.mark.parametrize(("kind", "value"), [(Kind.DISLIKE, None), (Kind.RATING, 2)])
def test_what_was_disliked_is_hidden(visitor, make_product, kind, value):
    mug = make_product("Mug")
    make_product("Lamp")
    did(visitor, mug, kind, value)
    assert names(filtering.showable(visitor)) == {"Lamp"}


def test_a_good_rating_hides_nothing(visitor, make_product):
    did(visitor, make_product("Mug"), Kind.RATING, 3)
    assert names(filtering.showable(visitor)) == {"Mug"}


def test_what_is_in_the_cart_is_hidden(visitor, make_product):
    mug = make_product("Mug")
    make_product("Lamp")
    CartItem.objects.create(cart=Cart.objects.create(visitor_id=visitor.id), product=mug)
    assert names(filtering.showable(visitor)) == {"Lamp"}


def test_what_is_in_the_cart_of_an_account_is_hidden_from_its_owner_alone(alice, bob, make_product):
    mug = make_product("Mug")
    CartItem.objects.create(cart=Cart.objects.create(user=alice), product=mug)
    assert names(filtering.showable(Visitor(id=uuid.uuid4(), user=alice))) == set()
    assert names(filtering.showable(Visitor(id=uuid.uuid4(), user=bob))) == {"Mug"}


def test_after_log_out_the_browser_no_longer_speaks_for_the_account(alice, make_product):
    mug = make_product("Mug")
    browser = uuid.uuid4()
    did(Visitor(id=browser, user=alice), mug, Kind.PURCHASE, 1)
    assert names(filtering.showable(Visitor(id=browser))) == {"Mug"}


def test_only_the_last_thirty_days_count_as_seen(visitor, make_product):
    mug, lamp = make_product("Mug"), make_product("Lamp")
    did(visitor, mug, Kind.VIEW)
    did(visitor, lamp, Kind.VIEW)
    long_ago = timezone.now() - timedelta(days=31)
    Interaction.objects.filter(product=lamp).update(occurred_at=long_ago)
    assert [row.product_id for row in filtering.seen_recently(visitor)] == [mug.pk]
