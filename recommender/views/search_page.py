"""What the search page shows of an answer: what narrows it, what can be taken away, and where links lead."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from recommender.search.asking import Asked
from recommender.search.requests import Facet, FacetValue, Filters, SearchPage, SearchRequest
from recommender.search.requests_url import address, filter_pairs, pairs
from shop.models import Category, Product
from shop.money import money
from shop.templatetags.shop_tags import attribute_label

VALUES_SHOWN = 8  # of a facet, before "More"
CATEGORIES_OFFERED = 6
SWITCHES = ("on_sale", "in_stock")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One value to narrow by: a link to the page that it leads to, or a box of the form."""

    label: str
    count: int
    chosen: bool
    address: str = ""  # of a link
    name: str = ""  # of a box, with its value
    value: str = ""
    is_said: bool = False  # the words of the query say it; the chip takes it away
    depth: int = 0  # of a category below the first one shown


@dataclass(frozen=True, kw_only=True)
class Choices:
    """One thing to narrow by."""

    label: str
    first: list[Choice]
    more: list[Choice]


@dataclass(frozen=True, kw_only=True)
class Removable:
    """Something that the search is narrowed by, and the page without it."""

    label: str
    address: str


def choices(found: SearchPage) -> list[Choices]:
    """Return the facets of an answer as the page shows them; one without a value is left out."""
    shown = []
    for facet in found.facets:
        values = [_choice(facet, value, request=found.request) for value in facet.values]
        values = [choice for choice in _indented(values) if choice.chosen or choice.count]
        chosen = [choice for choice in values[VALUES_SHOWN:] if choice.chosen]
        first = values[:VALUES_SHOWN] + chosen
        more = [choice for choice in values[VALUES_SHOWN:] if not choice.chosen]
        if first:
            shown.append(Choices(label=facet.label, first=first, more=more))
    return shown


def _indented(values: list[Choice]) -> list[Choice]:
    """Return categories with how far each lies below the highest of them."""
    highest = min((choice.depth for choice in values), default=0)
    return [replace(choice, depth=min(choice.depth - highest, 3)) for choice in values]


def _choice(facet: Facet, value: FacetValue, *, request: SearchRequest) -> Choice:
    shown = Choice(label=value.label, count=value.count, chosen=value.chosen)
    if facet.name in ("category", "price", "rating"):
        filters = narrowed(request.filters, name=facet.name, value="" if value.chosen else value.value)
        depth = value.value.count("/") if facet.name == "category" else 0
        is_said = value.chosen and filters == request.filters  # there is nothing to take away
        there = "" if is_said else address(request, filters=filters)
        return replace(shown, address=there, depth=depth, is_said=is_said)
    name, own = _box(facet, value)
    is_said = value.chosen and (name, own) not in set(filter_pairs(request.filters))
    return replace(shown, name=name, value=own, is_said=is_said)


def _box(facet: Facet, value: FacetValue) -> tuple[str, str]:
    """Return the parameter that a box of the form sends."""
    if facet.name == "brand":
        return "brand", value.value
    if facet.name in SWITCHES:
        return facet.name, "1"
    if value.value in SWITCHES:
        return value.value, "1"
    return "attribute", f"{facet.name}:{value.value}"


def narrowed(filters: Filters, *, name: str, value: str) -> Filters:
    """Return the filters with another category, price range or rating; "" for none."""
    if name == "category":
        return replace(filters, category=value)
    if name == "rating":
        return replace(filters, rating_from=int(value) if value else None)
    least, _, most = value.partition("-")
    return replace(
        filters,
        price_from=Decimal(least) if least else None,
        price_to=Decimal(most) if most else None,
    )


def removables(asked: Asked, *, found: SearchPage) -> list[Removable]:
    """Return what the search is narrowed by, chosen or said in words, each with the page without it."""
    request = asked.request
    said = [
        Removable(label=chip.label, address=address(request, text=chip.without))
        for chip in found.understood.chips
    ]
    chosen = [
        Removable(label=label, address=address(request, filters=filters))
        for label, filters in _without_each(request.filters)
    ]
    return [*_pictures(asked), *said, *chosen]


def _pictures(asked: Asked) -> Iterator[Removable]:
    request = asked.request
    if asked.like is not None:
        yield Removable(label="This product’s picture", address=address(request, like=None))
    if request.picture_D is not None:
        yield Removable(label="Your picture", address=address(request, picture_token=""))


def _without_each(filters: Filters) -> Iterator[tuple[str, Filters]]:
    """Yield the name of each filter that is set, and the filters without it."""
    if filters.category:
        name = Category.objects.filter(path=filters.category).values_list("name", flat=True).first()
        yield f"Category: {name or filters.category}", replace(filters, category="")
    for brand in filters.brands:
        others = tuple(other for other in filters.brands if other != brand)
        yield f"Brand: {brand}", replace(filters, brands=others)
    for pair in filters.attributes:
        rest = tuple(other for other in filters.attributes if other != pair)
        yield f"{attribute_label(pair[0])}: {pair[1]}", replace(filters, attributes=rest)
    if filters.price_from is not None or filters.price_to is not None:
        yield _price_in_words(filters), replace(filters, price_from=None, price_to=None)
    if filters.rating_from is not None:
        stars = "5 stars" if filters.rating_from == 5 else f"{filters.rating_from} stars and more"
        yield stars, replace(filters, rating_from=None)
    if filters.on_sale:
        yield "On sale", replace(filters, on_sale=False)
    if filters.in_stock:
        yield "In stock", replace(filters, in_stock=False)


def _price_in_words(filters: Filters) -> str:
    least, most = filters.price_from, filters.price_to
    if least is None:
        return f"Up to {_short(most or Decimal(0))}"
    return f"From {_short(least)}" if most is None else f"{_short(least)} to {_short(most)}"


def _short(price: Decimal) -> str:
    return money(price).removesuffix(".00")


def without_filters(found: SearchPage) -> str:
    """Return the page of the same words without any filter, those that the words were taken for included."""
    literal = found.request.literal or bool(found.understood.chips)
    return address(found.request, filters=Filters(), literal=literal)


def hidden_pairs(request: SearchRequest, *, shown: Sequence[Choices]) -> list[tuple[str, str]]:
    """Return what the form of filters must send along: all of the request that it has no control for."""
    controls = {"sort", "min_price", "max_price"}
    boxes = {(choice.name, choice.value) for facet in shown for choice in (*facet.first, *facet.more)}
    return [pair for pair in pairs(request) if pair[0] not in controls and pair not in boxes]


def refining_pairs(request: SearchRequest) -> list[tuple[str, str]]:
    """Return what "Like this, but ..." sends along: all but the words."""
    return [pair for pair in pairs(request) if pair[0] not in ("q", "literal")]


def categories_of(products: Sequence[Product]) -> list[Category]:
    """Return the categories of the products, the commonest first; at most one query."""
    common = Counter(product.category_id for product in products).most_common(CATEGORIES_OFFERED)
    there: dict[Any, Category] = Category.objects.in_bulk([pk for pk, _ in common]) if common else {}
    return [there[pk] for pk, _ in common if pk in there]
