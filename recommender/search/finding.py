"""Search by words and by picture: full text and vectors, fused so that exact hits stay first."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.contrib.postgres.search import SearchQuery, SearchRank, SearchVectorField
from django.db.models import BooleanField, ExpressionWrapper, F, Q
from django.db.models.functions import Coalesce
from pgvector import HalfVector
from pgvector.django import CosineDistance
from PIL import Image

from recommender import encoders
from recommender.documents import CONFIG, weighted_words
from recommender.ladder import attempt
from recommender.models import ContentEmbedding
from recommender.search.requests import SearchPage, SearchRequest, Understood
from recommender.search.requests_url import clean_query
from shop.models import Product
from shop.selectors.catalogue import shown_to
from shop.visitors import Visitor

MAX_WORDS = 12
MAX_RESULTS = 240
PAGE_SIZE = 24
LEG_SIZE = 120
RRF_K = 60  # Cormack, Clarke and Buettcher (2009), reciprocal rank fusion


class EncoderNotReady(RuntimeError):
    """Pictures cannot be compared until the encoder is loaded; it is being loaded."""


@dataclass(frozen=True, kw_only=True)
class LexicalHit:
    """A product that full text found; equal scores share a rank."""

    product_id: int
    exact: bool  # the SKU or the whole name
    all_terms: bool
    rank: int


@dataclass(frozen=True, kw_only=True)
class SearchResults:
    """Product ids, best first; of them the first `num_matching` hold every word of the query."""

    query: str
    product_ids: list[int]
    num_matching: int

    @property
    def nearest_only(self) -> bool:
        return bool(self.product_ids) and self.num_matching == 0


def find(request: SearchRequest, *, visitor: Visitor, start: int = 0, number: int = PAGE_SIZE) -> SearchPage:
    """Return the listed products that answer the request, and how it was understood.

    The page shows `number` of them from `start` on.
    """
    vector = request.picture_D
    if request.like is not None:
        vector = _picture_vector_of(request.like)
    if vector is not None:
        name = encoders.current_name()
        ids = _nearest(vector, field="image_vector", encoder_name=name, visitor=visitor, limit=LEG_SIZE)
        num_matching = len(ids)
    elif request.text:
        results = search_products(request.text, visitor=visitor)
        ids, num_matching = results.product_ids, results.num_matching
    else:
        ids = popular_products(visitor=visitor, limit=MAX_RESULTS)
        num_matching = len(ids)
    return SearchPage(
        request=request,
        understood=Understood(text=request.text, filters=request.filters),
        product_ids=ids,
        num_matching=num_matching,
    )


def _picture_vector_of(product_id: int) -> np.ndarray | None:
    row = ContentEmbedding.objects.filter(product=product_id, encoder=encoders.current_name()).first()
    vector = row.image_vector if row is not None else None
    return np.asarray(vector.to_numpy(), dtype=np.float32) if isinstance(vector, HalfVector) else None


def search_products(query: str, *, visitor: Visitor, limit: int = MAX_RESULTS) -> SearchResults:
    """Return the listed products this visitor may buy that answer the query; two or three queries.

    Exact SKU or name first, then products with every word, then those that are near: the lexical leg's
    own order is only refined by the vectors, never cut. While the encoder is loading, and where vectors
    cannot be compared, words alone answer.
    """
    query = clean_query(query)
    if not query:
        return SearchResults(query="", product_ids=[], num_matching=0)
    hits = lexical_hits(query, visitor=visitor)
    if hits and has_operators(query):  # a phrase or a minus is meant to the letter
        legs: list[list[int]] = []
    else:
        legs = _text_legs(query, visitor=visitor)
    return SearchResults(
        query=query,
        product_ids=fuse(hits, vector_legs=legs)[:limit],
        num_matching=sum(hit.exact or hit.all_terms for hit in hits),
    )


def search_by_image(
    picture: Image.Image, *, visitor: Visitor, limit: int = LEG_SIZE, wait_seconds: float = 0
) -> list[int]:
    """Return the ids of products by how like the picture theirs are; none where vectors cannot be compared.

    Raises EncoderNotReady.
    """
    encoder = encoders.encoder_if_ready(wait_seconds=wait_seconds)
    if encoder is None:
        raise EncoderNotReady("The encoder is still loading.")
    vector = encoder.encode_images([picture])[0]
    return _nearest(vector, field="image_vector", encoder_name=encoder.name, visitor=visitor, limit=limit)


def popular_products(*, visitor: Visitor, limit: int) -> list[int]:
    """Return the ids of what sells, for a search page without a query."""
    products = shown_to(visitor).order_by("-rating_count", "-pk")
    return list(products.values_list("pk", flat=True)[:limit])


def has_operators(query: str) -> bool:
    """Return whether the query uses websearch syntax: a phrase, a minus or an "or"."""
    return bool(re.search(r'"|(^|\s)-\w|\sor\s', query, re.IGNORECASE))


def lexical_hits(query: str, *, visitor: Visitor) -> list[LexicalHit]:
    """Return at most 120 products that hold a word of the query, best first; one query.

    The last word is also taken as the beginning of one, since shoppers search while they type.
    """
    all_terms, any_term = _text_queries(query)
    exact = Q(name__iexact=query) | Q(sku__iexact=query)
    words = Coalesce(
        F("search_document__vector"), weighted_words(), output_field=SearchVectorField()
    )  # a product of the last minute has no document yet
    rows = (
        shown_to(visitor)
        .prefetch_related(None)
        .alias(words=words)
        .filter(exact | Q(words=any_term))
        .annotate(
            exact=_flag(exact),
            all_terms=_flag(Q(words=all_terms)),
            score=SearchRank(F("words"), all_terms) + SearchRank(F("words"), any_term),
        )
        .order_by("-exact", "-all_terms", "-score", "-rating_count", "pk")
        .values_list("pk", "exact", "all_terms", "score")[:LEG_SIZE]
    )
    return _ranked(list(rows))


def _ranked(rows: Sequence[tuple[int, bool, bool, float]]) -> list[LexicalHit]:
    hits: list[LexicalHit] = []
    rank, previous = 0, None
    for product_id, exact, all_terms, score in rows:
        key = (exact, all_terms, round(score, 6))
        rank += key != previous
        previous = key
        hits.append(LexicalHit(product_id=product_id, exact=exact, all_terms=all_terms, rank=rank))
    return hits


def _flag(condition: Q) -> ExpressionWrapper:
    return ExpressionWrapper(condition, output_field=BooleanField())


def _text_queries(query: str) -> tuple[SearchQuery, SearchQuery]:
    """Return the queries for every word and for any word, the last one as a prefix too."""
    whole = SearchQuery(query, config=CONFIG, search_type="websearch")
    words = re.findall(r"\w+", query)[:MAX_WORDS]
    if has_operators(query) or not words:
        return whole, whole
    head, last = words[:-1], words[-1]
    prefix = SearchQuery(f"'{last}':*", config=CONFIG, search_type="raw")
    tail = SearchQuery(last, config=CONFIG, search_type="plain") | prefix
    all_terms = SearchQuery(" ".join(head), config=CONFIG, search_type="plain") & tail if head else tail
    any_term = tail
    for word in head:
        any_term = any_term | SearchQuery(word, config=CONFIG, search_type="plain")
    return all_terms, any_term


def _text_legs(query: str, *, visitor: Visitor) -> list[list[int]]:
    """Return the products nearest to the query by text and by picture; nothing until the encoder is warm."""
    encoder = encoders.encoder_if_ready()
    if encoder is None:
        return []
    vector = encoders.encode_query(query, encoder=encoder)
    return [
        _nearest(vector, field=field, encoder_name=encoder.name, visitor=visitor, limit=LEG_SIZE)
        for field in ("text_vector", "image_vector")
    ]


def _nearest(vector: np.ndarray, *, field: str, encoder_name: str, visitor: Visitor, limit: int) -> list[int]:
    """Return the ids of the nearest products by cosine, exactly; one query. None of them where it fails."""
    column = f"content_embedding__{field}"
    products = shown_to(visitor).prefetch_related(None)
    rows = (
        products.filter(**{"content_embedding__encoder": encoder_name, f"{column}__isnull": False})
        .annotate(distance=CosineDistance(column, HalfVector(vector)))
        .order_by("distance", "pk")
    )
    ids = rows.values_list("pk", flat=True)[:limit]
    return attempt("the search by vectors", lambda: list(ids), otherwise=[])


def fuse(hits: Sequence[LexicalHit], *, vector_legs: Sequence[Sequence[int]]) -> list[int]:
    """Return product ids, best first: exact hits, hits on every word, then the rest.

    Inside the first two the lexical order stands and the vectors only order its ties; so nothing that
    full text ranks by every word can fall. The rest is by reciprocal rank fusion of all legs.
    """
    scores: dict[int, float] = {}
    for leg in vector_legs:
        for rank, product_id in enumerate(leg, start=1):
            scores[product_id] = scores.get(product_id, 0.0) + 1 / (RRF_K + rank)
    sure = [hit for hit in hits if hit.exact or hit.all_terms]
    sure.sort(key=lambda hit: (hit.rank, -scores.get(hit.product_id, 0.0)))
    for hit in hits:
        scores[hit.product_id] = scores.get(hit.product_id, 0.0) + 1 / (RRF_K + hit.rank)
    first = [hit.product_id for hit in sure]
    taken = set(first)
    rest = sorted((pk for pk in scores if pk not in taken), key=lambda pk: (-scores[pk], pk))
    return first + rest


def load_products(product_ids: Sequence[int], *, visitor: Visitor) -> list[Product]:
    """Return the products in the ids' order, with their pictures; two queries."""
    products = shown_to(visitor).in_bulk(list(product_ids))
    return [products[product_id] for product_id in product_ids if product_id in products]
