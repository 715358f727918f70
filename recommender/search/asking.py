"""From the parameters of a page or a call of the API to a request that can be answered."""

import weakref
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from django.http import QueryDict

from recommender import snapshot
from recommender.search.kept_pictures import recalled
from recommender.search.requests import Filters, SearchRequest
from recommender.search.requests_url import read_request
from recommender.snapshot import Snapshot
from shop.models import Product
from shop.selectors.catalogue import shown_to
from shop.visitors import Visitor

PICTURE_GONE = "We keep nothing of a picture for longer than an hour. Choose it once more."
_attributes: tuple[Callable[[], Snapshot | None], frozenset[str]] = (lambda: None, frozenset())


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request that can be answered, and what was left out of it because it makes no sense."""

    request: SearchRequest
    like: Product | None = None  # whose picture is meant
    was_cut: bool = False  # the text was longer than what we look for
    errors: dict[str, str] = field(default_factory=dict)  # by parameter

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked at all."""
        asks = self.request.text or self.request.like or self.request.picture_D is not None
        return not asks and self.request.filters == Filters()


def ask(parameters: QueryDict, *, visitor: Visitor) -> Asked:
    """Return what the parameters ask of the shop as it is now.

    What no product has, a product that is not shown to the visitor and a picture that is kept no longer are
    left out, and said so in `errors`.
    """
    read = read_request(parameters)
    request, errors = read.request, dict(read.errors)
    if request.filters != Filters():
        filters, unknown = known(request.filters, catalogue=snapshot.current())
        request, errors = replace(request, filters=filters), errors | unknown
    if request.picture_token:
        with_picture = recalled(request)
        if with_picture is None:
            errors["picture"] = PICTURE_GONE
        request = with_picture or replace(request, picture_token="")
    like = None
    if request.like is not None:
        like, problem = _like(request, visitor=visitor)
        errors |= {"like": problem} if problem else {}
        request = replace(request, like=like.pk if like else None)
    return Asked(request=request, like=like, was_cut=read.was_cut, errors=errors)


def _like(request: SearchRequest, *, visitor: Visitor) -> tuple[Product | None, str]:
    if request.picture_D is not None:
        return None, "We compare with one picture at a time: yours."
    product = shown_to(visitor).filter(pk=request.like or 0).first()
    return product, "" if product else "The product to compare with is not here any more."


def known(filters: Filters, *, catalogue: Snapshot) -> tuple[Filters, dict[str, str]]:
    """Return the filters without categories, brands and attributes that no product has, and what went.

    A brand is taken in the shop's own spelling.
    """
    errors: dict[str, str] = {}
    category = filters.category
    if category and category not in catalogue.category_path.values():
        errors["category"], category = f"There is no category “{category}”.", ""
    spelling = {brand.casefold(): brand for brand in catalogue.brands if brand} if filters.brands else {}
    brands = tuple(spelling.get(brand.casefold(), "") for brand in filters.brands)
    for asked, brand in zip(filters.brands, brands, strict=True):
        if not brand:
            errors["brand"] = f"There is no brand “{asked}”."
    there = attributes_of(catalogue) if filters.attributes else frozenset()
    for name, value in filters.attributes:
        if f"{name}={value}" not in there:
            errors["attribute"] = f"Nothing here has “{value}” as its {name}."
    checked = replace(
        filters,
        category=category,
        brands=tuple(dict.fromkeys(brand for brand in brands if brand)),
        attributes=tuple(pair for pair in filters.attributes if "=".join(pair) in there),
    )
    return checked, errors


def attributes_of(catalogue: Snapshot) -> frozenset[str]:
    """Return every attribute that a product has, such as "colour=blue"; worked out once for a snapshot."""
    global _attributes  # noqa: PLW0603 - one for the process
    held, found = _attributes
    if held() is not catalogue:
        found = frozenset(pair for pairs in set(catalogue.attributes) for pair in pairs)
        _attributes = (weakref.ref(catalogue), found)
    return found
