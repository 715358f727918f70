import pytest
from django.urls import reverse

from shop.models import Product, Review

pytestmark = pytest.mark.django_db


@pytest.fixture
def mug(make_product):
    return make_product("Mug")


def send(client, product, **fields):
    return client.post(reverse("shop:review", args=[product.pk]), {"rating": 4, **fields}, follow=True)


def test_a_review_is_shown_and_counts(alice_client, mug):
    page = send(alice_client, mug, title="Good mug", text="Holds <b>tea</b>.").content.decode()
    assert "Thank you for your review." in page
    assert "Good mug" in page
    assert "Holds &lt;b&gt;tea&lt;/b&gt;." in page
    assert "You have reviewed this product" in page
    assert Product.objects.get().rating_count == 1


def test_a_second_review_changes_nothing(alice_client, mug):
    send(alice_client, mug)
    assert "You have reviewed Mug already" in send(alice_client, mug, rating=1).content.decode()
    assert Review.objects.get().rating == 4


@pytest.mark.parametrize(
    "fields",
    [
        {"rating": ""},
        {"rating": "0"},
        {"rating": "6"},
        {"rating": "text"},
        {"rating": "4.5"},
        {"title": "x" * 151},
        {"text": "x" * 5001},
        {"text": "\x00"},
    ],
)
def test_a_mistake_is_shown_and_nothing_is_saved(alice_client, mug, fields):
    answer = send(alice_client, mug, **fields)
    assert answer.status_code == 200
    assert answer.context["review_form"].errors
    assert not Review.objects.exists()


def test_the_form_has_a_page_of_its_own(alice_client, mug):
    assert "Review Mug" in alice_client.get(reverse("shop:review", args=[mug.pk])).content.decode()


def test_a_guest_logs_in_first(client, mug):
    url = reverse("shop:review", args=[mug.pk])
    assert client.post(url, {"rating": 4}).url == f"/log-in/?next={url}"


def test_what_is_not_sold_to_a_shopper_is_not_reviewed(alice_client, make_product):
    for product in (make_product(active=False), make_product(min_age=18)):
        assert alice_client.post(reverse("shop:review", args=[product.pk]), {"rating": 4}).status_code == 404
    assert alice_client.post("/product/999999/review/", {"rating": 4}).status_code == 404
