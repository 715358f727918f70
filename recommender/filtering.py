"""Which products a visitor may be shown: availability, eligibility and history."""

from datetime import timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from recommender.interactions import interactions_of
from recommender.models import Interaction
from shop.models import Category, Product
from shop.selectors.carts import items_of
from shop.visitors import Visitor

SEEN_WINDOW = timedelta(days=30)  # a product looked at this recently is no discovery


def showable(visitor: Visitor) -> QuerySet[Product]:
    """Return the products that can be bought now and that the visitor may and might buy.

    Leaves out what is sold out, inactive or unreleased, what the visitor's age or region forbids, what they
    bought and would not buy again, what they disliked, and what is in their cart. Costs no query by itself.
    """
    mine = interactions_of(visitor)
    bought = mine.filter(kind=Interaction.Kind.PURCHASE, product__repeatable=False)
    disliked = mine.filter(Q(kind=Interaction.Kind.DISLIKE) | Q(kind=Interaction.Kind.RATING, value__lt=3))
    return (
        Product.objects.available()
        .eligible(region=visitor.region, age=visitor.age)
        .exclude(pk__in=bought.values("product_id"))
        .exclude(pk__in=disliked.values("product_id"))
        .exclude(pk__in=items_of(visitor).values("product_id"))
    )


def preferred(products: QuerySet[Product], *, visitor: Visitor) -> QuerySet[Product]:
    """Return the products of the categories that the visitor picked and of all below them. One query."""
    wanted = Q(category_id__in=visitor.preference_ids)
    for path in Category.objects.filter(pk__in=visitor.preference_ids).values_list("path", flat=True):
        wanted |= Q(category__path__startswith=f"{path}/")
    return products.filter(wanted)


def seen_recently(visitor: Visitor) -> QuerySet[Interaction]:
    """Return the visitor's interactions of the last 30 days; their products are no discovery."""
    return interactions_of(visitor).filter(occurred_at__gte=timezone.now() - SEEN_WINDOW)
