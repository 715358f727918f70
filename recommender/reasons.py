"""Why a product is in a list, in words that are true."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from ml.data import MAX_HISTORY
from recommender.candidates import Reason
from recommender.filtering import MAX_MARKS
from recommender.interactions import OF_ACCOUNT, OF_GUEST, whose
from shop.models import Product
from shop.visitors import Visitor

NEW_FOR = timedelta(days=60)  # after its release a product is no news any more
ABOUT_A_PRODUCT = frozenset({"viewed", "bought", "bought_with"})
ABOUT_A_CATEGORY = frozenset({"liked_category", "popular_in"})
PRODUCT, CATEGORY = "product", "category"

# Whether a product is among the latest: of a hundred thousand events not all are read. Written out, since to
# have the ORM build it took longer than the database needs to answer.
_FACTS = """
    SELECT 'product', id, name,
        id IN (SELECT product_id FROM recommender_interaction WHERE {mine} AND kind IN ('view', 'click')
               ORDER BY occurred_at DESC LIMIT %(latest_views)s),
        id IN (SELECT product_id FROM recommender_interaction WHERE {mine} AND kind = 'purchase'
               ORDER BY occurred_at DESC LIMIT %(latest_purchases)s)
    FROM shop_product WHERE id = ANY(%(product_ids)s)
    UNION ALL
    SELECT 'category', id, name, false, false FROM shop_category WHERE id = ANY(%(category_ids)s)
"""
_OF_GUEST, _OF_ACCOUNT = _FACTS.format(mine=OF_GUEST), _FACTS.format(mine=OF_ACCOUNT)


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
    values: dict[str, Any] = {
        "whose": whose(visitor),
        "product_ids": product_ids,
        "category_ids": category_ids,
        "latest_views": MAX_HISTORY,
        "latest_purchases": MAX_MARKS,
    }
    with connection.cursor() as cursor:
        cursor.execute(_OF_ACCOUNT if visitor.user else _OF_GUEST, values)
        rows = cursor.fetchall()
    return {
        (table, pk): Fact(name=name, viewed=viewed, bought=bought) for table, pk, name, viewed, bought in rows
    }


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
