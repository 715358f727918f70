"""Full-text search over the stored words of every product."""

# N = products that were found

import re

import numpy as np
from django.contrib.postgres.search import SearchQuery, SearchRank, SearchVectorField
from django.db.models import BooleanField, ExpressionWrapper, F, Q
from django.db.models.functions import Coalesce

from recommender.documents import CONFIG, weighted_words
from recommender.search.requests import Leg, Scene, Understood
from shop.models import Product

NAME = "lexical"
LEG_SIZE = 240
MAX_WORDS = 12


def look(understood: Understood, *, scene: Scene) -> Leg:
    """Return the allowed products that hold a word of the query, best first; one query."""
    query = understood.text
    all_terms, any_term = _text_queries(query)
    exact = Q(name__iexact=query) | Q(sku__iexact=query)
    words = Coalesce(F("search_document__vector"), weighted_words(), output_field=SearchVectorField())
    rows = list(
        Product.objects.listed()
        .eligible(region=scene.visitor.region, age=scene.visitor.age)
        .alias(words=words)
        .filter(exact | Q(words=any_term))
        .annotate(
            exact=_flag(exact),
            all_terms=_flag(Q(words=all_terms)),
            score=SearchRank(F("words"), all_terms) + SearchRank(F("words"), any_term),
        )
        .order_by("-exact", "-all_terms", "-score", "-rating_count", "pk")
        .values_list("pk", "exact", "all_terms", "score")
    )
    found = scene.catalogue.rows_of(np.array([row[0] for row in rows], dtype=np.int64))
    kept = (found >= 0) & scene.allowed_I[found]
    sure_N = np.array([row[1] or row[2] for row in rows], dtype=bool)
    scores_N = np.array([row[1] + round(row[3], 6) for row in rows], dtype=np.float32)
    exact_N = np.array([row[1] for row in rows], dtype=bool)
    num = max(LEG_SIZE, int(np.count_nonzero(sure_N[kept])))
    return Leg(
        name=NAME,
        rows_N=found[kept][:num],
        scores_N=scores_N[kept][:num],
        sure_N=sure_N[kept][:num],
        exact_N=exact_N[kept][:num],
    )


def has_operators(query: str) -> bool:
    """Return whether the query uses websearch syntax: a phrase, a minus or an "or"."""
    return bool(re.search(r'"|(^|\s)-\w|\sor\s', query, re.IGNORECASE))


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
