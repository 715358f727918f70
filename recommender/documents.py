"""Search documents: the weighted words of every product, stored for full-text search."""

from django.contrib.postgres.search import SearchVectorField
from django.db import connection
from django.db.models import F, Func, Q, TextField, Value
from django.db.models.functions import MD5, Cast

from recommender.models import SearchDocument
from shop.models import Product

CONFIG = "english"


def text_digest() -> MD5:
    """Return the expression of a hash over every text of a product that search and vectors are made of."""
    texts = (
        "name",
        "brand",
        "category__path",
        "category__name",
        Cast("attributes", TextField()),
        "description",
    )
    return MD5(Func(Value("\x1f"), *texts, function="CONCAT_WS", output_field=TextField()))


def weighted_words() -> Func:
    """Return the expression of a product's lexemes, weighted: name A, brand and category B, attributes C."""
    parts = [
        _weighted("name", weight="A"),
        _weighted("brand", weight="B"),
        _weighted("category__name", weight="B"),
        Func(
            "attributes",
            Value('["string", "numeric"]'),  # the values alone: "colour" is no word of a blue mug
            template=f"setweight(jsonb_to_tsvector('{CONFIG}', %(expressions)s::jsonb), 'C')",
        ),
        _weighted("description", weight="D"),
    ]
    return Func(*parts, template="(%(expressions)s)", arg_joiner=" || ", output_field=SearchVectorField())


def _weighted(field: str, *, weight: str) -> Func:
    return Func(field, template=f"setweight(to_tsvector('{CONFIG}', %(expressions)s), '{weight}')")


def update_search_documents() -> int:
    """Store the words of every active product that is new or changed; return how many. One statement."""
    changed = (
        Product.objects.filter(active=True)
        .annotate(digest=text_digest())
        .filter(~Q(search_document__content_hash=F("digest")) | Q(search_document__isnull=True))
        .order_by()
        .values_list("pk", "digest", weighted_words())
    )
    query, parameters = changed.query.sql_with_params()
    table = SearchDocument._meta.db_table  # noqa: SLF001 (Django documents it)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (product_id, content_hash, vector) {query}"
            " ON CONFLICT (product_id) DO UPDATE"
            " SET content_hash = EXCLUDED.content_hash, vector = EXCLUDED.vector",
            parameters,
        )
        return cursor.rowcount
