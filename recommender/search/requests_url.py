"""The address of a search page and the request that it stands for: the one way there, and back."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from django.http import QueryDict
from django.urls import reverse

from recommender.search.requests import Filters, SearchRequest
from shop.selectors import catalogue

MAX_QUERY_LENGTH = 200
MAX_VALUES = 20  # of one filter
MAX_PRICE = Decimal("99999999.99")
SORTS = {"relevance": "Best match", **{key: label for key, (label, _) in catalogue.SORTS.items()}}
TOKEN = re.compile(r"[\w-]{16,64}", re.ASCII)
_UNSEEN = ("Cc", "Cs", "Zl", "Zp")  # control characters, halves of a character, ends of a line
_TURNING = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")  # they turn the page's own text


@dataclass(frozen=True, kw_only=True)
class Read:
    """What an address says; each of `errors` tells what of it makes no sense and was left out."""

    request: SearchRequest
    was_cut: bool = False  # the text was longer than we look for
    errors: dict[str, str] = field(default_factory=dict)  # by parameter


def clean_query(text: str) -> str:
    """Return the query without unseen characters and spare white space, at most 200 characters of it."""
    return _cleaned(text)[:MAX_QUERY_LENGTH].strip()


def _cleaned(text: str) -> str:
    seen = "".join(" " if unicodedata.category(char) in _UNSEEN else char for char in text[:100_000])
    return " ".join(_TURNING.sub("", unicodedata.normalize("NFC", seen)).split())


def read_request(parameters: QueryDict) -> Read:
    """Return what the parameters ask; what makes no sense is left out and said so in `errors`."""
    reading = _Reading(parameters)
    price_from, price_to = reading.price("min_price"), reading.price("max_price")
    if price_from is not None and price_to is not None and price_from > price_to:
        reading.errors["min_price"] = "The lowest price was above the highest, so we took them the other way."
        price_from, price_to = price_to, price_from
    filters = Filters(
        category=clean_query(parameters.get("category", "")),
        brands=tuple(reading.values("brand")),
        attributes=tuple(reading.attributes()),
        price_from=price_from,
        price_to=price_to,
        rating_from=reading.number("rating", least=1, most=5, cure="Choose from 1 to 5 stars."),
        on_sale=reading.is_set("on_sale"),
        in_stock=reading.is_set("in_stock"),
    )
    typed = _cleaned(parameters.get("q", ""))
    request = SearchRequest(
        text=clean_query(typed),
        filters=filters,
        sort=reading.sort(),
        literal=reading.is_set("literal"),
        like=reading.number("like", least=1, most=2**63 - 1, cure="Choose a product to compare with."),
        picture_token=reading.token(),
    )
    return Read(request=request, was_cut=len(typed) > MAX_QUERY_LENGTH, errors=reading.errors)


def address(request: SearchRequest, **changes: Any) -> str:
    """Return the address of the first page of the request, with fields of it changed.

    Raises TypeError for a change of what a request does not have.
    """
    query = QueryDict(mutable=True)
    for name, value in pairs(replace(request, **changes)):
        query.appendlist(name, value)
    page = reverse("recommender:search")
    return f"{page}?{query.urlencode()}" if query else page


def pairs(request: SearchRequest) -> Iterator[tuple[str, str]]:
    """Yield the parameters that `read_request` reads the request from; what is not set is left out."""
    given = (
        ("q", request.text),
        ("like", request.like or ""),
        ("picture", request.picture_token),
        ("literal", "1" if request.literal else ""),
        ("sort", "" if request.sort == "relevance" else request.sort),
    )
    yield from ((name, str(value)) for name, value in given if value)
    yield from filter_pairs(request.filters)


def filter_pairs(filters: Filters) -> Iterator[tuple[str, str]]:
    """Yield the parameters of the filters that are set."""
    if filters.category:
        yield "category", filters.category
    yield from (("brand", brand) for brand in filters.brands)
    yield from (("attribute", f"{name}:{value}") for name, value in filters.attributes)
    for name, number in (
        ("min_price", filters.price_from),
        ("max_price", filters.price_to),
        ("rating", filters.rating_from),
    ):
        if number is not None:
            yield name, str(number)
    yield from ((name, "1") for name in ("on_sale", "in_stock") if getattr(filters, name))


class _Reading:
    """The parameters, and what is wrong with them."""

    def __init__(self, parameters: QueryDict) -> None:
        self._parameters = parameters
        self.errors: dict[str, str] = {}

    def is_set(self, name: str) -> bool:
        return self._parameters.get(name, "").strip().lower() in ("1", "on", "true", "yes")

    def values(self, name: str) -> list[str]:
        """Return the different values of a filter, cleaned."""
        given = [clean_query(value) for value in self._parameters.getlist(name)]
        different = list(dict.fromkeys(value for value in given if value))
        if len(different) > MAX_VALUES:
            self.errors[name] = f"We took the first {MAX_VALUES} values only."
        return different[:MAX_VALUES]

    def attributes(self) -> Iterator[tuple[str, str]]:
        for value in self.values("attribute"):
            name, colon, wanted = value.lower().partition(":")
            if name and colon and wanted:
                yield name, wanted
            else:
                self.errors["attribute"] = f"“{value}” is no attribute such as colour:blue."

    def price(self, name: str) -> Decimal | None:
        text = self._parameters.get(name, "").strip()
        if not text:
            return None
        try:
            price = Decimal(text[:30]).quantize(Decimal("0.01"))
        except InvalidOperation:
            price = Decimal(-1)
        if price.is_finite() and 0 <= price <= MAX_PRICE:
            return Decimal(f"{abs(price).normalize():f}")
        self.errors[name] = f"“{clean_query(text)[:30]}” is no price. Enter a number such as 20 or 19.99."
        return None

    def number(self, name: str, *, least: int, most: int, cure: str) -> int | None:
        text = self._parameters.get(name, "").strip()
        if not text:
            return None
        number = int(text) if re.fullmatch(r"[0-9]{1,19}", text) else -1
        if least <= number <= most:
            return number
        self.errors[name] = f"“{clean_query(text)[:30]}” makes no sense here. {cure}"
        return None

    def sort(self) -> str:
        sort = self._parameters.get("sort") or "relevance"
        if sort in SORTS:
            return sort
        self.errors["sort"] = f"“{clean_query(sort)[:30]}” is no order. Choose one of {', '.join(SORTS)}."
        return "relevance"

    def token(self) -> str:
        token = self._parameters.get("picture", "").strip()
        if not token or TOKEN.fullmatch(token):
            return token
        self.errors["picture"] = "That is no picture of ours. Choose it once more."
        return ""
