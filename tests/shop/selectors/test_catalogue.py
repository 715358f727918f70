import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from shop.models import Category, ProductImage
from shop.selectors import catalogue
from shop.selectors.catalogue import ListingFilter
from shop.visitors import Visitor

pytestmark = pytest.mark.django_db


def names(products):
    return [product.name for product in products]


def test_a_visitor_is_shown_what_is_active_released_and_allowed(make_product, visitor):
    make_product("Mug")
    make_product("Inactive", active=False)
    make_product("Tomorrow", released_at=timezone.now() + timedelta(days=1))
    make_product("Wine", min_age=18)
    make_product("German", regions=["DE"])
    assert names(catalogue.shown_to(visitor)) == ["Mug"]
    german = Visitor(id=uuid.uuid4(), region="DE", age=18)
    assert set(names(catalogue.shown_to(german))) == {"Mug", "Wine", "German"}


@pytest.mark.parametrize(
    ("region", "age", "shown"),
    [
        ("", None, False),
        ("DE", None, False),
        ("", 40, False),
        ("FR", 40, False),
        ("DE", 17, False),
        ("DE", 18, True),
    ],
)
def test_one_product_is_judged_as_the_listing_judges(make_product, region, age, shown):
    product = make_product(regions=["DE", "AT"], min_age=18)
    visitor = Visitor(id=uuid.uuid4(), region=region, age=age)
    assert catalogue.is_shown_to(product, visitor=visitor) is shown
    assert catalogue.shown_to(visitor).exists() is shown


def test_a_tile_shows_a_picture_from_anywhere_below_its_department(make_product):
    mug = make_product(category="Home > Kitchen > Mugs")
    make_product(category="Homeware")  # the same letters, another department
    ProductImage.objects.create(product=mug, url="https://example.com/mug.jpg")
    tiles = {tile.name: tile.picture for tile in catalogue.pictured_departments()}
    assert tiles["Home"].src == "https://example.com/mug.jpg"
    assert tiles["Homeware"] is None


def test_a_tile_never_shows_what_is_for_adults_or_not_sold(make_product):
    for fields in ({"min_age": 18}, {"active": False}):
        ProductImage.objects.create(product=make_product(**fields), url="https://example.com/a.jpg")
    assert [tile.picture for tile in catalogue.pictured_departments()] == [None]


def test_tiles_cost_two_queries_however_many(make_product, django_assert_num_queries):
    for number in range(5):
        product = make_product(category=f"Department {number}")
        ProductImage.objects.create(product=product, url="https://example.com/a.jpg")
    with django_assert_num_queries(2):
        assert len(catalogue.pictured_departments()) == 5


def test_the_picker_offers_the_second_level_and_tops_that_end_there(make_product, visitor):
    make_product(category="Home > Kitchen > Mugs")
    make_product(category="Toys")
    assert names(catalogue.preference_choices(visitor)) == ["Kitchen", "Toys"]


def test_departments_are_worked_out_once_a_minute_but_asked_again_while_there_are_none(
    make_product, monkeypatch, django_assert_num_queries
):
    monkeypatch.setattr(catalogue.time, "time", lambda: 600.0)
    assert catalogue.pictured_departments() == []
    make_product(category="Home")
    assert names(catalogue.pictured_departments()) == ["Home"]
    make_product(category="Toys")
    with django_assert_num_queries(0):
        assert names(catalogue.pictured_departments()) == ["Home"]
    monkeypatch.setattr(catalogue.time, "time", lambda: 660.0)
    assert names(catalogue.pictured_departments()) == ["Home", "Toys"]


def test_the_picker_offers_again_what_was_picked_at_another_level(make_product, visitor):
    make_product(category="Home > Kitchen > Mugs")
    mugs = Category.objects.get(name="Mugs")
    fan = Visitor(id=visitor.id, preference_ids=(mugs.pk,))
    assert names(catalogue.preference_choices(fan)) == ["Kitchen", "Mugs"]


def test_well_rated_needs_four_stars_and_then_many_ratings(make_product, visitor):
    make_product("Few", rating=Decimal("5.00"), rating_count=2)
    make_product("Many", rating=Decimal("4.20"), rating_count=80)
    make_product("Poor", rating=Decimal("3.90"), rating_count=500)
    make_product("Unrated")
    assert names(catalogue.well_rated(visitor, limit=5)) == ["Many", "Few"]


def test_the_way_to_a_category_starts_at_the_root(make_product):
    mugs = make_product(category="Home > Kitchen > Mugs").category
    assert names(catalogue.ancestors(mugs)) == ["Home", "Kitchen", "Mugs"]
    assert names(catalogue.subcategories(mugs.parent)) == ["Mugs"]


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("popular", ["B", "C", "A"]),
        ("rating", ["A", "B", "C"]),
        ("new", ["C", "B", "A"]),
        ("price", ["A", "C", "B"]),
        ("-price", ["B", "C", "A"]),
    ],
)
def test_a_listing_comes_in_the_order_asked_for_with_sold_out_last(make_product, visitor, sort, order):
    now = timezone.now()
    rows = {
        "A": {"price": 1, "rating": Decimal(5), "rating_count": 1, "released_at": now - timedelta(days=3)},
        "B": {"price": 9, "rating": Decimal(4), "rating_count": 9, "released_at": now - timedelta(days=2)},
        "C": {"price": 5, "rating_count": 2, "released_at": now - timedelta(days=1)},
        "Sold out": {"price": 0, "rating": Decimal(5), "rating_count": 99, "released_at": now, "stock": 0},
    }
    for name, fields in rows.items():
        make_product(name, **fields)
    chosen = ListingFilter(sort=sort)
    assert names(catalogue.arranged(catalogue.shown_to(visitor), chosen=chosen)) == [*order, "Sold out"]


def test_a_listing_is_narrowed_by_price_stock_and_brand(make_product, visitor):
    for name, price, brand, stock in (("A", 5, "Acme", 1), ("B", 15, "Acme", 1), ("C", 15, "Bolt", 0)):
        make_product(name, price=price, brand=brand, stock=stock)
    shown = catalogue.shown_to(visitor)

    def pick(**fields):
        chosen = ListingFilter(**fields)
        return set(names(catalogue.arranged(catalogue.narrowed(shown, chosen=chosen), chosen=chosen)))

    assert pick() == {"A", "B", "C"}
    assert pick(min_price=Decimal(10)) == {"B", "C"}
    assert pick(max_price=Decimal("5.00")) == {"A"}
    assert pick(in_stock=True) == {"A", "B"}
    assert pick(brands=("Bolt",)) == {"C"}
    assert pick(brands=("Bolt", "Acme"), min_price=Decimal(10)) == {"B", "C"}


def test_brands_are_counted_and_a_chosen_one_is_never_dropped(make_product, visitor, monkeypatch):
    monkeypatch.setattr(catalogue, "BRANDS_SHOWN", 2)
    for brand, times in (("Acme", 3), ("Bolt", 2), ("Crumb", 1), ("", 4)):
        for _ in range(times):
            make_product(brand=brand)
    shown = catalogue.shown_to(visitor)
    plain = [(facet.name, facet.count) for facet in catalogue.brand_facets(shown, selected=())]
    assert plain == [("Acme", 3), ("Bolt", 2)]
    chosen = catalogue.brand_facets(shown, selected=("Crumb",))
    assert [(facet.name, facet.selected) for facet in chosen] == [("Acme", False), ("Crumb", True)]


def test_a_review_says_whether_its_writer_bought_the_product(make_product, alice, bob):
    mug = make_product()
    order = alice.orders.create(ship_to_name="A", ship_to_address="B", ship_to_region="US", total=10)
    order.items.create(product=mug, name="Mug", price=10, quantity=1)
    for user in (alice, bob):
        mug.reviews.create(user=user, rating=5)
    assert {review.user: review.bought for review in catalogue.reviews(mug)} == {alice: True, bob: False}


def test_a_product_without_pictures_has_none(make_product):
    mug = make_product()
    assert mug.picture is None
    ProductImage.objects.create(product=mug, url="https://example.com/2.jpg", position=1)
    first = ProductImage.objects.create(product=mug, url="https://example.com/1.jpg", position=0)
    assert catalogue.listed_product(mug.pk).picture == first
