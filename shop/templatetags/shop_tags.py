"""How pages show money, stars and links."""

from decimal import Decimal
from typing import Any

from django import template
from django.template.context import Context

from shop.countries import COUNTRIES
from shop.models import Product
from shop.money import money

register = template.Library()
NAMES = dict(COUNTRIES)

register.filter("money", money)


@register.inclusion_tag("shop/_stars.html")
def stars(
    rating: Decimal | float | None, count: int | None = None, *, in_words: bool = False
) -> dict[str, Any]:
    """Show a rating as stars, with its words for those who hear the page; `in_words` shows them to all."""
    halves = round(float(rating or 0) * 2)
    return {"rating": rating, "count": count, "halves": halves, "in_words": in_words}


@register.filter
def brand_apart(product: Product) -> bool:
    """Return whether the brand says something that the name does not begin with already."""
    return bool(product.brand) and not product.name.casefold().startswith(product.brand.casefold())


@register.simple_tag(takes_context=True)
def with_query(context: Context, **changes: Any) -> str:
    """Return this page's query string with some parameters changed, to go on with `?`."""
    query = context["request"].GET.copy()
    for name, value in changes.items():
        query[name] = str(value)
    return query.urlencode()


@register.filter
def attribute_label(name: str) -> str:
    """Return an attribute's name as a heading: `screen_size` becomes `Screen size`."""
    return name.replace("_", " ").strip().capitalize()


@register.filter
def country_name(code: str) -> str:
    """Return a country's English name; the code itself when it is not one of ours."""
    return NAMES.get(code, code)
