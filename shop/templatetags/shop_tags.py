"""How pages show money, stars and links."""

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, cast

from django import template
from django.conf import settings
from django.template.context import Context
from django.template.loader import get_template
from django.utils.safestring import SafeString

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


@dataclass(frozen=True, kw_only=True)
class Picture:
    """Where a card's picture is, and what it shows."""

    src: str
    alt: str


@dataclass(frozen=True, kw_only=True)
class Face:
    """All that the face of a card shows of a product: two products with the same have the same face."""

    name: str
    brand: str
    picture: Picture | None
    price: Decimal
    list_price: Decimal | None
    discount_percent: int
    in_stock: bool
    rating: Decimal | float | None
    rating_count: int


@register.simple_tag
def card_face(product: Product) -> SafeString:
    """Show picture, name, stars and price; rendered once for what they are at present, not for each page."""
    picture = product.picture
    face = Face(
        name=product.name,
        brand=product.brand,
        picture=Picture(src=picture.src, alt=picture.alt) if picture else None,
        price=product.price,
        list_price=product.list_price,
        discount_percent=product.discount_percent,
        in_stock=product.in_stock,
        rating=product.rating,
        rating_count=product.rating_count,
    )
    return _rendered(face, currency=settings.CURRENCY)


@lru_cache(maxsize=20_000)
def _rendered(face: Face, *, currency: str) -> SafeString:
    """Return the face's HTML, about 1 KB; `currency` is in it too."""
    return cast(SafeString, get_template("shop/_card_face.html").render({"product": face}))


@register.simple_tag(takes_context=True)
def card_tools(context: Context, product: Product) -> SafeString:
    """Show what to do with a card: more like it, and not interested where the shelf can hide it."""
    can_hide = context.get("hide_url") and context["visitor"].personalised
    return _tools(
        product.pk,
        product.name,
        has_picture=product.picture is not None,
        placement=context["placement"] if can_hide else "",
        hide_url=context["hide_url"] if can_hide else "",
    )


@lru_cache(maxsize=20_000)
def _tools(pk: int, name: str, *, has_picture: bool, placement: str, hide_url: str) -> SafeString:
    """Return the tools' HTML, about 1 KB."""
    facts = {
        "pk": pk,
        "name": name,
        "has_picture": has_picture,
        "placement": placement,
        "hide_url": hide_url,
    }
    return cast(SafeString, get_template("shop/_card_tools.html").render(facts))


@register.filter
def brand_apart(product: Product | Face) -> bool:
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
