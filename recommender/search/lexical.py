"""The leg of words: products that hold the query's words, exact names and SKUs first."""

# I = products of the catalogue, N = products found

import numpy as np
from django.contrib.postgres.search import SearchQuery, SearchRank
from django.db.models import F, Max

from recommender.documents import CONFIG, weighted_words
from recommender.ladder import attempt
from recommender.models import SearchDocument
from recommender.search import word_index
from recommender.search.matching import Matches, content_words, match
from recommender.search.requests import Leg, Scene, Understood
from recommender.search.tokens import has_operators
from recommender.search.word_index import WordIndex
from shop.models import Product

NAME = "lexical"
MAX_NEAR = 1_000  # products that hold only some of the words
SORTED = 5_000  # of more products than these, the rest stands in no order
NEAR_SHARE = 0.25  # of the best score: what holds less of the query is not near
MAX_LITERAL = 5_000


def look(understood: Understood, *, scene: Scene) -> Leg:
    """Return the allowed products that hold words of the query, best first; no query of a warm process.

    Those with every word are sure and come first, all of them, an exact name or SKU before the others; up to
    1,000 with some of the words follow. A query with phrases, minus or "or" is answered by PostgreSQL, to the
    letter; so is any other until a large catalogue's words have been read. Where all words became filters,
    all that these let through is found.
    """
    if not understood.text:
        return _all_or_none(scene, wants_all=bool(understood.chips))
    index = attempt("the index of words", lambda: word_index.current(scene.catalogue), otherwise=None)
    if has_operators(understood.text) or index is None:
        return _stored(understood.text, scene=scene)
    return found(match(understood.text, index, synonyms=understood.synonyms), index=index, scene=scene)


def found(matches: Matches, *, index: WordIndex, scene: Scene) -> Leg:
    """Return the allowed ones of the index's matches as a leg."""
    score_I, sure_I, exact_I = (
        index.in_rows_of(scene.catalogue, values_I)
        for values_I in (matches.score_I, matches.every_word_I, matches.exact_I)
    )
    return _leg(scene, score_I=score_I, sure_I=sure_I, exact_I=exact_I)


def _all_or_none(scene: Scene, *, wants_all: bool) -> Leg:
    score_I = np.full(len(scene.catalogue), np.float32(wants_all))
    return _leg(scene, score_I=score_I, sure_I=score_I > 0, exact_I=score_I < 0)


def _leg(scene: Scene, *, score_I: np.ndarray, sure_I: np.ndarray, exact_I: np.ndarray) -> Leg:
    near_I = (score_I > 0) & ~sure_I
    if near_I.any():
        near_I &= score_I >= NEAR_SHARE * score_I.max()
    groups = (exact_I, sure_I & ~exact_I, near_I)
    found = [
        _best_first(np.flatnonzero(group_I & scene.allowed_I), scene=scene, score_I=score_I)
        for group_I in groups
    ]
    rows_N = np.concatenate([*found[:2], found[2][:MAX_NEAR]])
    return Leg(
        name=NAME,
        rows_N=rows_N,
        scores_N=score_I[rows_N].astype(np.float32),
        sure_N=sure_I[rows_N],
        exact_N=exact_I[rows_N],
    )


def _best_first(rows: np.ndarray, *, scene: Scene, score_I: np.ndarray) -> np.ndarray:
    """The rows by score, the popular ones first among equals; only the best of very many are sorted."""
    rest = rows[:0]
    if len(rows) > SORTED:
        order = np.argpartition(-score_I[rows], SORTED)
        rows, rest = rows[order[:SORTED]], rows[order[SORTED:]]
    score, popularity = np.round(score_I[rows], 3), scene.catalogue.rating_count[rows]
    return np.concatenate([rows[np.lexsort((rows, -popularity, -score))], rest])


def _stored(text: str, *, scene: Scene) -> Leg:
    """What PostgreSQL finds in the stored words; one query, and three for products not yet stored."""
    query = SearchQuery(text, config=CONFIG, search_type="websearch")
    if not has_operators(text):
        query = _any_word(text)
    found = attempt("the search in stored words", lambda: _ranked(query), otherwise=[])
    score_I = np.zeros(len(scene.catalogue), dtype=np.float32)
    rows = scene.catalogue.rows_of(np.array([pk for pk, _ in found], dtype=np.int64))
    scores = np.array([score for _, score in found], dtype=np.float32)
    score_I[rows[rows >= 0]] = scores[rows >= 0] + 1e-3  # a rank may be 0
    sure_I = (score_I > 0) if has_operators(text) else np.zeros(len(scene.catalogue), dtype=bool)
    return _leg(scene, score_I=score_I, sure_I=sure_I, exact_I=np.zeros(len(scene.catalogue), dtype=bool))


def _any_word(text: str) -> SearchQuery:
    words = content_words(text) or [text]
    query = SearchQuery(words[0], config=CONFIG, search_type="plain")
    for word in words[1:]:
        query = query | SearchQuery(word, config=CONFIG, search_type="plain")
    return query


def _ranked(query: SearchQuery) -> list[tuple[int, float]]:
    """Ids and ranks of the products that answer the query, the best first."""
    stored = SearchDocument.objects.filter(vector=query).annotate(score=SearchRank(F("vector"), query))
    # The newest ones by their ids: to look for the few without words would read the whole catalogue.
    last = SearchDocument.objects.aggregate(last=Max("pk"))["last"] or 0
    new_ids = Product.objects.filter(pk__gt=last, active=True).order_by("pk").values_list("pk", flat=True)
    new = (
        Product.objects.filter(pk__in=list(new_ids[:MAX_NEAR]))
        .annotate(words=weighted_words())
        .filter(words=query)
        .annotate(score=SearchRank(F("words"), query))
        .order_by("-score")
    )
    rows = [
        *stored.order_by("-score").values_list("pk", "score")[:MAX_LITERAL],
        *new.values_list("pk", "score")[:MAX_LITERAL],
    ]
    return [(pk, float(score)) for pk, score in rows]
