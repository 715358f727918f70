"""How pages show money, stars and links."""

from decimal import Decimal
from typing import Any

from django import template
from django.template.context import Context

from shop.countries import COUNTRIES
from shop.money import money

register = template.Library()
NAMES = dict(COUNTRIES)

register.filter("money", money)


@register.inclusion_tag("shop/_stars.html")
def stars(rating: Decimal | float | None, count: int | None = None) -> dict[str, Any]:
    """Show a rating as stars, with its words for those who hear the page."""
    halves = round(float(rating or 0) * 2)
    return {"rating": rating, "count": count, "halves": halves}


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
