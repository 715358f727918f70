"""What a visitor may be shown."""

import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from recommender import filtering, snapshot
from recommender.interactions import record_interaction
from recommender.models import Interaction
from shop.models import Cart, CartItem, Product
from shop.visitors import Visitor

pytestmark = pytest.mark.django_db
Kind = Interaction.Kind


def did(visitor, product, kind, value=None):
    record_interaction(event_id=uuid.uuid4(), visitor=visitor, product_id=product.pk, kind=kind, value=value)


def mask_of(visitor):
    """The catalogue as it is now, and the rows of it that the visitor may be shown."""
    snapshot.forget()
    catalogue, marks = snapshot.current(), filtering.past_of(visitor).marks
    return catalogue, filtering.allowed_mask(catalogue, visitor=visitor, marks=marks, now=timezone.now())


def shown(visitor):
    """The names of the products that the visitor may be shown."""
    catalogue, mask = mask_of(visitor)
    products = Product.objects.filter(pk__in=catalogue.product_id[mask].tolist())
    return {product.name for product in products}


def test_shows_only_what_can_be_bought_now(visitor, make_product):
    make_product("Mug")
    make_product("Sold out", stock=0)
    make_product("Withdrawn", active=False)
    make_product("Tomorrow", released_at=timezone.now() + timedelta(days=1))
    assert shown(visitor) == {"Mug"}


def test_region_and_age_decide_who_may_see_a_product(visitor, make_product):
    make_product("Mug")
    make_product("Wine", min_age=18)
    make_product("German only", regions=["DE"])
    assert shown(visitor) == {"Mug"}
    assert shown(replace(visitor, age=18)) == {"Mug", "Wine"}
    assert shown(replace(visitor, region="DE")) == {"Mug", "German only"}
    assert shown(replace(visitor, region="FR", age=17)) == {"Mug"}


def test_what_was_bought_is_hidden_unless_it_is_bought_again_and_again(alice, make_product):
    visitor = Visitor(id=uuid.uuid4(), user=alice)
    mug, coffee = make_product("Mug"), make_product("Coffee", repeatable=True)
    did(visitor, mug, Kind.PURCHASE, 1)
    did(visitor, coffee, Kind.PURCHASE, 1)
    assert shown(visitor) == {"Coffee"}


@pytest.mark.parametrize(("kind", "value"), [(Kind.DISLIKE, None), (Kind.RATING, 2)])
def test_what_was_disliked_is_hidden(visitor, make_product, kind, value):
    mug = make_product("Mug")
    make_product("Lamp")
    did(visitor, mug, kind, value)
    assert shown(visitor) == {"Lamp"}


def test_a_good_rating_hides_nothing(visitor, make_product):
    did(visitor, make_product("Mug"), Kind.RATING, 3)
    assert shown(visitor) == {"Mug"}


def test_what_is_in_the_cart_is_hidden(visitor, make_product):
    mug = make_product("Mug")
    make_product("Lamp")
    CartItem.objects.create(cart=Cart.objects.create(visitor_id=visitor.id), product=mug)
    assert shown(visitor) == {"Lamp"}


def test_what_is_in_the_cart_of_an_account_is_hidden_from_its_owner_alone(alice, bob, make_product):
    mug = make_product("Mug")
    CartItem.objects.create(cart=Cart.objects.create(user=alice), product=mug)
    assert shown(Visitor(id=uuid.uuid4(), user=alice)) == set()
    assert shown(Visitor(id=uuid.uuid4(), user=bob)) == {"Mug"}


def test_after_log_out_the_browser_no_longer_speaks_for_the_account(alice, make_product):
    mug = make_product("Mug")
    browser = uuid.uuid4()
    did(Visitor(id=browser, user=alice), mug, Kind.PURCHASE, 1)
    assert shown(Visitor(id=browser)) == {"Mug"}


def test_the_mask_shows_what_the_query_shows(alice, make_product):
    visitor = Visitor(id=uuid.uuid4(), user=alice)
    make_product("Mug")
    make_product("Sold out", stock=0)
    make_product("Withdrawn", active=False)
    make_product("Tomorrow", released_at=timezone.now() + timedelta(days=1))
    make_product("Wine", min_age=18)
    make_product("German only", regions=["DE"])
    make_product("German or French", regions=["FR", "DE"])
    for name, kind, value in (
        ("Bought", Kind.PURCHASE, 1),
        ("Disliked", Kind.DISLIKE, None),
        ("Rated 2", Kind.RATING, 2),
        ("Rated 3", Kind.RATING, 3),
    ):
        did(visitor, make_product(name), kind, value)
    did(visitor, make_product("Coffee", repeatable=True), Kind.PURCHASE, 1)
    CartItem.objects.create(cart=Cart.objects.create(user=alice), product=make_product("In the cart"))
    assert shown(visitor) == {"Mug", "Rated 3", "Coffee"}
    assert shown(replace(visitor, age=18)) == {"Mug", "Rated 3", "Coffee", "Wine"}
    assert shown(replace(visitor, region="FR")) == {"Mug", "Rated 3", "Coffee", "German or French"}
    assert shown(replace(visitor, region="XX")) == {"Mug", "Rated 3", "Coffee"}
    assert shown(Visitor(id=uuid.uuid4())) >= {"Bought", "Disliked", "Rated 2", "In the cart"}


def test_more_regions_than_bits_never_show_too_little(visitor, make_product):
    letters = [f"{first}{second}" for first in "ABCDEFGHIJ" for second in "ABCDEFGHIJ"]
    for region in letters[:70]:
        make_product(region, regions=[region])
    catalogue = snapshot.current()
    for region in (letters[0], letters[62], letters[63], letters[69]):
        mask = filtering.buyable_mask(catalogue, visitor=replace(visitor, region=region), now=timezone.now())
        assert mask[letters.index(region)]
        assert mask.sum() <= 7  # the rest of the last bit, which the query for the cards leaves out


def test_a_paused_visitor_is_filtered_by_age_and_region_alone(alice, make_product):
    paused = Visitor(id=uuid.uuid4(), user=alice, personalised=False)
    did(replace(paused, personalised=True), make_product("Bought"), Kind.PURCHASE, 1)
    make_product("Wine", min_age=18)
    _, mask = mask_of(paused)
    assert mask.tolist() == [True, False]


def test_the_marks_of_who_did_very_much_are_read_to_a_limit(visitor, make_product, monkeypatch):
    monkeypatch.setattr(filtering, "MAX_MARKS", 2)
    products = [make_product(str(n)) for n in range(3)]
    for product in products:
        did(visitor, product, Kind.PURCHASE, 1)
    assert [mark.product_id for mark in filtering.past_of(visitor).marks] == [products[2].pk, products[1].pk]
