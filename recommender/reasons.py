"""Why a product is in a list, in words that are true."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import BooleanField, CharField, ExpressionWrapper, Q, QuerySet, Value
from django.utils import timezone

from ml.data import MAX_HISTORY
from recommender.candidates import Reason
from recommender.filtering import MAX_MARKS
from recommender.interactions import Kind, interactions_of
from shop.models import Category, Product
from shop.visitors import Visitor

NEW_FOR = timedelta(days=60)  # after its release a product is no news any more
ABOUT_A_PRODUCT = frozenset({"viewed", "bought", "bought_with"})
ABOUT_A_CATEGORY = frozenset({"liked_category", "popular_in"})
LOOKED_AT = (Kind.VIEW, Kind.CLICK)
PRODUCT, CATEGORY = "product", "category"


@dataclass(frozen=True, kw_only=True)
class Fact:
    """What a product or a category is called, and what the visitor did with the product."""

    name: str
    viewed: bool
    bought: bool


Facts = dict[tuple[str, int], Fact]


def in_words(reasons: Sequence[Reason | None], *, products: Sequence[Product], visitor: Visitor) -> list[str]:
    """Return a short sentence for each product, "" where nothing true can be said.

    A product is named as viewed or bought only when this visitor did so, whatever the reason says. One query
    when a reason names a product, a category or an earlier purchase; else none.
    """
    facts = _facts(reasons, products=products, visitor=visitor)
    return [
        _sentence(reason, product=product, facts=facts, visitor=visitor) if reason else ""
        for reason, product in zip(reasons, products, strict=True)
    ]


def _facts(reasons: Sequence[Reason | None], *, products: Sequence[Product], visitor: Visitor) -> Facts:
    named: set[int | None] = set()
    categories: set[int | None] = set()
    for reason, product in zip(reasons, products, strict=True):
        if reason is None:
            continue
        if reason.kind == "again":
            named.add(product.pk)
        elif reason.kind in ABOUT_A_PRODUCT:
            named.add(reason.product_id)
        elif reason.kind in ABOUT_A_CATEGORY:
            categories.add(reason.category_id)
    product_ids, category_ids = [pk for pk in named if pk], [pk for pk in categories if pk]
    if not product_ids and not category_ids:
        return {}
    rows = _named(_products(product_ids, visitor=visitor), _categories(category_ids))
    return {
        (table, pk): Fact(name=name, viewed=viewed, bought=bought) for table, pk, name, viewed, bought in rows
    }


def _named(*selections: QuerySet) -> Iterable[tuple[str, int, str, bool, bool]]:
    columns = ("table", "pk", "name", "viewed", "bought")
    first, *others = [selection.order_by().values_list(*columns) for selection in selections]
    return first.union(*others, all=True)


def _products(product_ids: Sequence[int], *, visitor: Visitor) -> QuerySet[Product]:
    return Product.objects.filter(pk__in=product_ids).annotate(
        table=_text(PRODUCT),
        viewed=_did(LOOKED_AT, visitor=visitor, latest=MAX_HISTORY),
        bought=_did((Kind.PURCHASE,), visitor=visitor, latest=MAX_MARKS),
    )


def _did(kinds: Sequence[str], *, visitor: Visitor, latest: int) -> ExpressionWrapper:
    """Whether a product is among the latest of these kinds: of a hundred thousand events not all are read."""
    mine = interactions_of(visitor).filter(kind__in=kinds).order_by("-occurred_at")[:latest]
    return ExpressionWrapper(Q(pk__in=mine.values("product_id")), output_field=BooleanField())


def _categories(category_ids: Sequence[int]) -> QuerySet[Category]:
    no = Value(value=False, output_field=BooleanField())
    return Category.objects.filter(pk__in=category_ids).annotate(table=_text(CATEGORY), viewed=no, bought=no)


def _text(value: str) -> Value:
    return Value(value, output_field=CharField())


def _sentence(reason: Reason, *, product: Product, facts: Facts, visitor: Visitor) -> str:
    if reason.kind in ABOUT_A_PRODUCT:
        return _about_a_product(reason, product=product, fact=facts.get((PRODUCT, reason.product_id or 0)))
    if reason.kind in ABOUT_A_CATEGORY:
        return _about_a_category(reason, fact=facts.get((CATEGORY, reason.category_id or 0)), visitor=visitor)
    if reason.kind == "again":
        fact = facts.get((PRODUCT, product.pk))
        return "You bought this before" if fact and fact.bought else ""
    if reason.kind in ("new", "explore"):
        return "New" if timezone.now() - product.released_at <= NEW_FOR else ""
    if reason.kind == "on_sale":
        return "On sale" if product.discount_percent else ""
    return "Trending now" if reason.kind == "popular" else ""


def _about_a_product(reason: Reason, *, product: Product, fact: Fact | None) -> str:
    if fact is None:
        return ""
    if reason.product_id == product.pk:
        return "You viewed this" if fact.viewed else ""
    if reason.kind == "bought_with":
        return f"Bought with {fact.name}"
    if reason.kind == "viewed" and fact.viewed:
        return f"Because you viewed {fact.name}"
    return f"Because you bought {fact.name}" if fact.bought else ""


def _about_a_category(reason: Reason, *, fact: Fact | None, visitor: Visitor) -> str:
    if fact is None:
        return ""
    if reason.kind == "popular_in":
        return f"Popular in {fact.name}"
    likes = reason.category_id in visitor.preference_ids
    return f"Picked from {fact.name}, which you like" if likes else ""
