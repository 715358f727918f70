import uuid
from decimal import Decimal

import pytest

from shop.models import Product, Review
from shop.services.reviews import AlreadyReviewed, mean_with, submit_review
from shop.signals import review_submitted
from shop.visitors import Visitor

pytestmark = pytest.mark.django_db


def rating_of(product):
    fresh = Product.objects.get(pk=product.pk)
    return fresh.rating, fresh.rating_count


def test_a_first_review_is_the_mean(shopper, make_product, hear):
    mug, heard = make_product(), hear(review_submitted)
    review = submit_review(shopper, product=mug, rating=4, title="Good", text="Holds tea.")
    assert rating_of(mug) == (Decimal("4.00"), 1)
    assert (review.title, review.text) == ("Good", "Holds tea.")
    assert [(fact["sender"], fact["review"], fact["visitor"]) for fact in heard] == [
        (Review, review, shopper)
    ]


def test_a_review_moves_an_imported_mean_by_its_own_weight(shopper, make_product):
    mug = make_product(rating=Decimal("4.50"), rating_count=9)
    submit_review(shopper, product=mug, rating=2)
    assert rating_of(mug) == (Decimal("4.25"), 10)  # (4.5 * 9 + 2) / 10


@pytest.mark.parametrize(
    ("rating", "mean", "count", "result"),
    [(5, None, 0, "5.00"), (1, Decimal("5.00"), 1, "3.00"), (5, Decimal("4.00"), 2, "4.33")],
)
def test_the_mean_is_kept_to_the_hundredth(rating, mean, count, result):
    assert mean_with(rating, mean=mean, count=count) == Decimal(result)


def test_one_user_reviews_a_product_once(shopper, bob, make_product):
    mug = make_product()
    submit_review(shopper, product=mug, rating=5)
    with pytest.raises(AlreadyReviewed):
        submit_review(shopper, product=mug, rating=1)
    submit_review(Visitor(id=uuid.uuid4(), user=bob), product=mug, rating=4)
    assert rating_of(mug) == (Decimal("4.50"), 2)


def test_a_listener_that_fails_takes_the_review_back(shopper, make_product, break_listener):
    mug = make_product()
    break_listener(review_submitted)
    with pytest.raises(RuntimeError):
        submit_review(shopper, product=mug, rating=5)
    assert rating_of(mug) == (None, 0)
    assert Review.objects.count() == 0
