from decimal import Decimal

import pytest
from django.template import Context, Template
from django.test import RequestFactory

from shop.models import Product
from shop.templatetags.shop_tags import attribute_label, brand_apart, country_name


def render(text, **context):
    return Template("{% load shop_tags %}" + text).render(Context(context))


@pytest.mark.parametrize(
    ("rating", "halves"), [(Decimal("4.30"), 9), (Decimal("4.20"), 8), (Decimal("5.00"), 10), (1, 2)]
)
def test_stars_are_rounded_to_the_half_and_said_in_words(rating, halves):
    html = render("{% stars rating 12 %}", rating=rating)
    assert f'class="stars stars-{halves}"' in html
    assert f'aria-label="{rating:.1f} of 5 stars"' in html
    assert "12" in html


def test_a_product_without_ratings_shows_no_stars():
    assert render("{% stars rating 0 %}", rating=None).strip() == ""


def test_the_word_rating_is_for_those_who_hear_the_page_or_for_all():
    hidden = '<span class="visually-hidden"> ratings</span>'
    assert hidden in render("{% stars 4 1200 %}")
    shown = render("{% stars 4 1200 in_words=True %}")
    assert hidden not in shown
    assert "1,200<span> ratings</span>" in shown


@pytest.mark.parametrize(
    ("name", "brand", "apart"),
    [("Acme Mug", "Acme", False), ("ACME mug", "Acme", False), ("Mug", "Acme", True), ("Mug", "", False)],
)
def test_a_brand_stands_apart_unless_the_name_begins_with_it(name, brand, apart):
    assert brand_apart(Product(name=name, brand=brand)) is apart


def test_a_changed_query_keeps_the_rest_and_is_escaped():
    request = RequestFactory().get("/", {"brand": ["A&B", "C"], "page": "3"})
    assert render("{% with_query page=4 %}", request=request) == "brand=A%26B&amp;brand=C&amp;page=4"


def test_an_attributes_name_reads_as_a_heading():
    assert attribute_label("screen_size") == "Screen size"


def test_a_country_reads_by_its_name_and_an_unknown_code_as_itself():
    assert (country_name("DE"), country_name("XX")) == ("Germany", "XX")


def test_money_is_a_filter():
    assert render("{{ amount|money }}", amount=Decimal(3)) == "$3.00"
