"""What the search box suggests while somebody types: products, categories, and what others searched for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from django.utils import timezone

from recommender import cards, snapshot
from recommender.filtering import buyable_mask
from recommender.ladder import attempt
from recommender.search import lexical, popular, word_index
from recommender.search.filters import mask
from recommender.search.matching import content_words, match
from recommender.search.requests import Scene, SearchRequest
from recommender.search.tokens import STOP_WORDS, stem, words_of
from recommender.search.understanding import understand
from shop.models import Category, Product
from shop.visitors import Visitor

LIMIT = 6


@dataclass(frozen=True, kw_only=True)
class Suggestions:
    """Products that can be bought, categories that have some, and queries that found something."""

    products: tuple[Product, ...] = ()
    categories: tuple[Category, ...] = ()
    queries: tuple[str, ...] = ()


def suggest(text: str, *, visitor: Visitor, limit: int = LIMIT) -> Suggestions:
    """Return at most `limit` of each for a text whose last word may be unfinished; two queries, mostly none.

    Where no product has the words as they are, what a search would take them to mean stands for them.
    """
    if not content_words(text):
        return Suggestions()
    catalogue = snapshot.current()
    allowed_I = buyable_mask(catalogue, visitor=visitor, now=timezone.now())
    scene = Scene(catalogue=catalogue, visitor=visitor, allowed_I=allowed_I)
    rows_N = _rows(text, scene=scene)[:limit]
    products = attempt("the suggested products", lambda: cards.of(rows_N, catalogue=catalogue), otherwise=[])
    queries = attempt("the popular queries", lambda: popular.beginning_with(text, limit=limit), otherwise=[])
    return Suggestions(
        products=tuple(products),
        categories=tuple(_categories(text, scene=scene, limit=limit)),
        queries=tuple(queries),
    )


def _rows(text: str, *, scene: Scene) -> np.ndarray:
    """The catalogue's rows of the products that have the words, best first."""
    index = attempt("the index of words", lambda: word_index.current(scene.catalogue), otherwise=None)
    if index is None:
        return np.empty(0, dtype=np.int64)
    leg = lexical.found(match(text, index, is_typing=True), index=index, scene=scene)
    if not leg.sure_N.any():
        meant = understand(SearchRequest(text=text), catalogue=scene.catalogue)
        allowed_I = scene.allowed_I & mask(meant.filters, catalogue=scene.catalogue)
        leg = lexical.look(meant, scene=replace(scene, allowed_I=allowed_I))
    return leg.rows_N[leg.sure_N]


def _categories(text: str, *, scene: Scene, limit: int) -> list[Category]:
    """The categories that all words are said of, with something in them; the nearest to the root first."""
    catalogue, words = scene.catalogue, words_of(text)
    names = catalogue.category_name
    named = [pk for pk, name in names.items() if _is_named(_words_and_stems(name), words)]
    named.sort(key=lambda pk: (catalogue.category_path[pk].count("/"), names[pk]))
    found: list[Category] = []
    for pk in named:
        if len(found) < limit and (catalogue.rows_in([pk]) & scene.allowed_I).any():
            found.append(Category(pk=pk, name=names[pk], path=catalogue.category_path[pk]))
    return found


@lru_cache(maxsize=10_000)
def _words_and_stems(name: str) -> tuple[tuple[str, ...], frozenset[str]]:
    words = tuple(words_of(name))
    return words, frozenset(stem(word) for word in words)


def _is_named(name: tuple[tuple[str, ...], frozenset[str]], words: Sequence[str]) -> bool:
    """Whether the name has every word, of which the last may be the beginning of one."""
    known, stems = name
    *whole, last = words
    begins = stem(last) in stems or any(word.startswith(last) for word in known)
    return begins and all(stem(word) in stems or word in STOP_WORDS for word in whole)
