import pytest
from django.test import RequestFactory

from shop.context_processors import shop
from shop.visitors import read_visitor

pytestmark = pytest.mark.django_db


def request_of(visitor):
    request = RequestFactory().get("/")
    request.visitor = visitor
    return request


def test_what_a_page_does_not_read_costs_nothing(visitor, django_assert_num_queries):
    with django_assert_num_queries(0):
        shop(request_of(visitor))


def test_departments_and_cart_cost_a_query_each(
    shopper, alice, make_product, cart_holding, django_assert_num_queries
):
    cart_holding(alice, make_product(category="Home > Kitchen"), 3)
    context = shop(request_of(shopper))
    with django_assert_num_queries(2):
        assert [department.name for department in context["departments"]] == ["Home"]
        assert context["cart_count"] == 3


def test_a_visitor_costs_one_query_and_a_guest_none(alice, django_assert_num_queries):
    request = RequestFactory().get("/")
    request.user = alice
    with django_assert_num_queries(1):
        assert read_visitor(request).user_id == alice.pk
    with django_assert_num_queries(0):
        request.user = None
        assert read_visitor(request).user is None
