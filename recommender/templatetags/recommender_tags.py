"""Template tags that put recommendations on the shop's pages."""

from typing import Any

from django import template
from django.template import Context

from recommender.models import Placement
from recommender.recommendations import RecommendedList, recommend
from shop.models import Product

register = template.Library()


@register.inclusion_tag("recommender/_for_you.html", takes_context=True)
def for_you(context: Context, k: int = 12) -> dict[str, Any]:
    """Show k products for whoever is looking at the page."""
    visitor = context["request"].visitor
    return _shelf(context, recommend(Placement.HOME_FOR_YOU, visitor=visitor, k=k))


@register.inclusion_tag("recommender/_similar_products.html", takes_context=True)
def similar_products(context: Context, product: Product, k: int = 6) -> dict[str, Any]:
    """Show k products like this one."""
    visitor = context["request"].visitor
    return _shelf(context, recommend(Placement.PRODUCT_SIMILAR, visitor=visitor, anchor=product, k=k))


def _shelf(context: Context, recommended: RecommendedList) -> dict[str, Any]:
    return {"request": context["request"], "recommended": recommended, "visitor": context["request"].visitor}
