"""What the search box suggests for what is typed so far."""

from dataclasses import dataclass

from recommender.search.finding import lexical_hits, load_products
from shop.models import Category, Product
from shop.visitors import Visitor


@dataclass(frozen=True, kw_only=True)
class Suggestions:
    """Products, categories and queries that begin as the text does."""

    products: tuple[Product, ...] = ()
    categories: tuple[Category, ...] = ()
    queries: tuple[str, ...] = ()


def suggest(text: str, *, visitor: Visitor, limit: int = 6) -> Suggestions:
    """Return at most `limit` of each; three queries."""
    hits = lexical_hits(text, visitor=visitor)[:limit] if text else []
    return Suggestions(
        products=tuple(load_products([hit.product_id for hit in hits], visitor=visitor)),
        categories=tuple(Category.objects.filter(name__istartswith=text)[:limit]) if text else (),
    )
