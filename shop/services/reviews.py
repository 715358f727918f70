"""Writing a review, and with it the product's mean rating."""

from decimal import Decimal

from django.db import transaction

from shop.models import Product, Review
from shop.signals import review_submitted
from shop.visitors import Visitor


class AlreadyReviewed(ValueError):
    """One user reviews one product once."""


@transaction.atomic
def submit_review(
    visitor: Visitor, *, product: Product, rating: int, title: str = "", text: str = ""
) -> Review:
    """Return the saved review; raise AlreadyReviewed for a second one.

    The mean moves by the new rating alone, because imported products bring a mean and a count whose
    single ratings are not here.
    """
    assert visitor.user is not None
    locked = Product.objects.select_for_update().get(pk=product.pk)
    if locked.reviews.filter(user=visitor.user).exists():
        raise AlreadyReviewed(f"You have reviewed {locked.name} already.")
    review = Review.objects.create(product=locked, user=visitor.user, rating=rating, title=title, text=text)
    locked.rating = mean_with(rating, mean=locked.rating, count=locked.rating_count)
    locked.rating_count += 1
    locked.save(update_fields=["rating", "rating_count"])
    review_submitted.send(Review, visitor=visitor, review=review)
    return review


def mean_with(rating: int, *, mean: Decimal | None, count: int) -> Decimal:
    """Return the mean of `count` ratings with one more, to the hundredth."""
    total = (mean or Decimal(0)) * count + rating
    return (total / (count + 1)).quantize(Decimal("0.01"))
