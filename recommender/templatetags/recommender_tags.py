"""Template tags that put recommendations on the shop's pages."""

from collections.abc import Sequence
from dataclasses import dataclass

from django import template
from django.template import Context, loader
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from recommender import caching, reasons
from recommender.candidates import Reason
from recommender.models import Placement
from recommender.recommendations import RecommendedList, recommend
from recommender.templatetags import shown_products
from shop.models import Order, Product
from shop.selectors.carts import CartView
from shop.visitors import Visitor

register = template.Library()
TEMPLATE = "recommender/_shelf.html"
CSRF_MARK, ADDRESS_MARK = "\x02token\x02", "\x02address\x02"  # no text of a shop holds such a sign
LINE = 24  # characters of a card's reason that fit on one line of the narrowest card
# What stands on the page already is in these only when there is nothing else. The others list facts.
SHOWS_OTHERS = frozenset(
    {Placement.HOME_BECAUSE_YOU_VIEWED, Placement.HOME_TRENDING, Placement.PRODUCT_SIMILAR}
)
HEADINGS = {
    Placement.HOME_FOR_YOU: "Worth a look",
    Placement.HOME_BECAUSE_YOU_VIEWED: "More like what you viewed",
    Placement.HOME_TRENDING: "Worth a look today",
    Placement.HOME_NEW_ARRIVALS: "Latest additions",
    Placement.HOME_RECENTLY_VIEWED: "Recently viewed",
    Placement.HOME_BUY_AGAIN: "Buy again",
    Placement.PRODUCT_SIMILAR: "You may also like",
    Placement.PRODUCT_BOUGHT_TOGETHER: "Bought together",
    Placement.CART_COMPLEMENTS: "You may also want",
    Placement.CART_EMPTY: "Start with one of these",
    Placement.SEARCH_EMPTY: "What else there is",
    Placement.ORDER_NEXT: "What to look at next",
}
# What a shelf's heading says, its cards need not say again.
SAID_BY_HEADING = {
    "New in": "New",
    "Recently viewed": "You viewed this",
    "Buy again": "You bought this before",
    "Popular right now": "Trending now",
}


@dataclass(frozen=True, kw_only=True)
class Card:
    """A product, and why it is here."""

    product: Product
    why: str


@register.simple_tag(takes_context=True)
def shown_here(context: Context) -> str:
    """Return the products of the page's shelves so far, for the address of what will stand below them."""
    return shown_products.written(shown_products.of(context["request"]))


@register.simple_tag(takes_context=True)
def for_you(context: Context, k: int = 12) -> SafeString:
    """Show k products for whoever is looking at the page."""
    return _shelf(context, Placement.HOME_FOR_YOU, k=k)


@register.simple_tag(takes_context=True)
def because_you_viewed(context: Context, k: int = 6) -> SafeString:
    """Show k products like one that the visitor viewed."""
    return _shelf(context, Placement.HOME_BECAUSE_YOU_VIEWED, k=k)


@register.simple_tag(takes_context=True)
def trending(context: Context, k: int = 6) -> SafeString:
    """Show k products that many look at these days."""
    return _shelf(context, Placement.HOME_TRENDING, k=k)


@register.simple_tag(takes_context=True)
def new_arrivals(context: Context, k: int = 6) -> SafeString:
    """Show k products of the latest."""
    return _shelf(context, Placement.HOME_NEW_ARRIVALS, k=k)


@register.simple_tag(takes_context=True)
def recently_viewed(context: Context, k: int = 6) -> SafeString:
    """Show up to k products that the visitor looked at."""
    return _shelf(context, Placement.HOME_RECENTLY_VIEWED, k=k)


@register.simple_tag(takes_context=True)
def buy_again(context: Context, k: int = 6) -> SafeString:
    """Show up to k products that the visitor bought and may want once more."""
    return _shelf(context, Placement.HOME_BUY_AGAIN, k=k)


@register.simple_tag(takes_context=True)
def similar_products(context: Context, product: Product, k: int = 6) -> SafeString:
    """Show k products like this one."""
    return _shelf(context, Placement.PRODUCT_SIMILAR, anchors=[product], k=k)


@register.simple_tag(takes_context=True)
def bought_together(context: Context, product: Product, k: int = 6) -> SafeString:
    """Show up to k products that were bought with this one."""
    return _shelf(context, Placement.PRODUCT_BOUGHT_TOGETHER, anchors=[product], k=k)


@register.simple_tag(takes_context=True)
def cart_ideas(context: Context, cart: CartView, k: int = 6) -> SafeString:
    """Show k products that go with what is in the cart; some to begin with when it is empty."""
    if not cart.lines:
        return _shelf(context, Placement.CART_EMPTY, k=k)
    anchors = [line.product for line in cart.lines]
    return _shelf(context, Placement.CART_COMPLEMENTS, anchors=anchors, k=k)


@register.simple_tag(takes_context=True)
def search_ideas(context: Context, k: int = 12) -> SafeString:
    """Show k products to somebody whose search found nothing."""
    return _shelf(context, Placement.SEARCH_EMPTY, k=k)


@register.simple_tag(takes_context=True)
def order_next(context: Context, order: Order, k: int = 6) -> SafeString:
    """Show k products to somebody who has just bought."""
    anchors = [item.product for item in order.items.all()]
    return _shelf(context, Placement.ORDER_NEXT, anchors=anchors, k=k)


def _shelf(context: Context, placement: Placement, *, k: int, anchors: Sequence[Product] = ()) -> SafeString:
    """Return the shelf's HTML: the one that is kept for the visitor, or a new one."""
    request = context["request"]
    without = shown_products.of(request) if placement in SHOWS_OTHERS else ()
    anchor_ids = [anchor.pk for anchor in anchors]
    place = caching.look(
        placement,
        visitor=request.visitor,
        anchor_ids=anchor_ids,
        k=k,
        without=without,
        form=caching.SHELF,
    )
    html, product_ids = place.found, place.product_ids[len(anchor_ids) :]
    if html is None:
        recommended = recommend(placement, visitor=request.visitor, anchors=anchors, k=k, without=without)
        product_ids = tuple(product.pk for product in recommended.products)
        html = _rendered(recommended, anchors=anchors, visitor=request.visitor)
        if recommended.lasting:
            caching.keep(place, html, product_ids=(*anchor_ids, *product_ids))
    shown_products.remember(request, product_ids)
    return _with_own(html, context=context)


def _rendered(recommended: RecommendedList, *, anchors: Sequence[Product], visitor: Visitor) -> str:
    """Return the shelf's HTML, with marks where each page writes something of its own."""
    words = _words(recommended, anchors=anchors, visitor=visitor)
    heading = _heading(recommended, words=words)
    said = (heading, SAID_BY_HEADING.get(heading))
    words = ["" if why in said else why for why in words]
    return loader.render_to_string(
        TEMPLATE,
        {
            "csrf_token": CSRF_MARK,
            "address": ADDRESS_MARK,
            "visitor": visitor,
            "recommended": recommended,
            "heading": heading,
            "lines": 1 + (len(max(words, key=len)) > LINE) if any(words) else 0,
            "cards": [
                Card(product=product, why=why)
                for product, why in zip(recommended.products, words, strict=True)
            ],
        },
    )


def _with_own(html: str, *, context: Context) -> SafeString:
    if CSRF_MARK in html:
        html = html.replace(CSRF_MARK, str(context["csrf_token"]))
        html = html.replace(ADDRESS_MARK, escape(context["request"].get_full_path()))
    return mark_safe(html)  # noqa: S308 - the template escaped it


def _words(recommended: RecommendedList, *, anchors: Sequence[Product], visitor: Visitor) -> list[str]:
    """Return why each product is there."""
    given = [None if _names_anchor(reason, anchors=anchors) else reason for reason in recommended.reasons]
    return reasons.in_words(given, products=recommended.products, visitor=visitor)


def _names_anchor(reason: Reason | None, *, anchors: Sequence[Product]) -> bool:
    """Return whether the reason is that one viewed the very product whose page this is."""
    anchor_ids = [anchor.pk for anchor in anchors]
    return reason is not None and reason.kind == "viewed" and reason.product_id in anchor_ids


def _heading(recommended: RecommendedList, *, words: Sequence[str]) -> str:
    """Return what the list is, as far as its own products bear it out."""
    placement, only = Placement(recommended.placement), set(recommended.sources)
    if placement == Placement.HOME_FOR_YOU and recommended.version_id:
        return "For you"
    if placement == Placement.HOME_FOR_YOU and only == {"trending"}:
        return "Popular right now"
    if placement == Placement.HOME_TRENDING and only == {"trending"}:
        return "Trending now"
    if placement == Placement.HOME_NEW_ARRIVALS and set(words) == {"New"}:
        return "New in"
    if placement == Placement.PRODUCT_SIMILAR and only == {"similar"}:
        return "Similar products"
    if placement == Placement.HOME_BECAUSE_YOU_VIEWED and words and words[0].startswith("Because you"):
        return words[0]
    return HEADINGS[placement]
