"""find(): the only door to a search, by words, by picture or by both."""

# D = dimension of the encoder's vectors, I = products of the catalogue, N = products that a leg found

import re
import time
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

import numpy as np
from django.utils import timezone

from recommender import filtering, search_log, snapshot
from recommender.ladder import attempt
from recommender.models import SearchQuery
from recommender.search import facets, fusion, lexical, ranking, sorting, understanding, vectors
from recommender.search.requests import Filters, Leg, Scene, SearchPage, SearchRequest, Understood
from recommender.snapshot import Snapshot
from shop.models import Product
from shop.selectors.catalogue import shown_to
from shop.visitors import Visitor

Kind = SearchQuery.Kind
Side = Literal["text", "image"]
MAX_QUERY_LENGTH = 200
PAGE_SIZE = 24
MAX_RESULTS = 240  # what answers the whole query is never cut; what is only near is, beyond these
OPERATORS = re.compile(r'"|(^|\s)-\w|\sor\s', re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Found:
    """What each way of looking found, and what was made of it."""

    legs: tuple[Leg, ...]
    fused: Leg
    final: Leg
    answered_N: np.ndarray  # rows of what answers the query, whatever the filters; facets count these


def find(request: SearchRequest, *, visitor: Visitor, start: int = 0, number: int = PAGE_SIZE) -> SearchPage:
    """Return the listed products this visitor may see that answer the request, best first, and log it.

    The page shows `number` of them from `start` on: those are what the impression holds, and only a search's
    first page counts as a search. While the encoder is loading, words alone answer. One query and those of
    the shopper's affinity; one more for a page whose filters leave nothing that has every word.
    """
    began = time.perf_counter()
    catalogue = snapshot.current()
    understood = understanding.understand(request, catalogue=catalogue)
    everything, scene = scenes(understood.filters, catalogue=catalogue, visitor=visitor)
    found = look(request, understood=understood, everything=everything, scene=scene)
    rows_N = sorting.in_order(found.final, sort=request.sort, catalogue=catalogue)
    num_matching = int(np.count_nonzero(found.final.sure_N))
    product_ids = catalogue.product_id[rows_N[: max(MAX_RESULTS, num_matching)]].tolist()
    page = SearchPage(
        request=request,
        understood=understood,
        product_ids=product_ids,
        num_matching=num_matching if by_words(request, understood=understood) else len(product_ids),
        facets=facets.count(found.answered_N, scene=everything, filters=understood.filters),
    )
    if is_empty(request):
        return page
    seconds = time.perf_counter() - began
    start = min(start, max(0, len(product_ids) - 1) // number * number)  # what lies beyond is the last page
    shown = product_ids[start : start + number]
    search_id = _logged(page, visitor=visitor, shown=shown, is_first=start == 0, seconds=seconds)
    return replace(page, search_id=search_id)


def clean_query(text: str) -> str:
    """Return the query without control characters and spare white space, at most 200 characters of it."""
    printable = "".join(
        " " if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") else char for char in text
    )
    return " ".join(printable.split())[:MAX_QUERY_LENGTH].strip()


def scenes(filters: Filters, *, catalogue: Snapshot, visitor: Visitor) -> tuple[Scene, Scene]:
    """Return what the visitor may see at all, and of it what the filters let through."""
    listed_I = filtering.listed_mask(catalogue, visitor=visitor, now=timezone.now())
    everything = Scene(catalogue=catalogue, visitor=visitor, allowed_I=listed_I)
    if filters == Filters():
        return everything, everything
    return everything, replace(everything, allowed_I=listed_I & facets.mask(filters, catalogue=catalogue))


def look(request: SearchRequest, *, understood: Understood, everything: Scene, scene: Scene) -> Found:
    """Return what every leg found and how it is ordered: by words, by picture, or else all by popularity."""
    answered_N: np.ndarray | None = None
    if request.like is not None or request.picture_D is not None:
        legs = _by_picture(request, understood=understood, scene=scene)
    elif understood.text:
        legs, answered_N = _by_words(understood, everything=everything, scene=scene)
    else:
        legs = [_most_popular(scene)]
        answered_N = np.flatnonzero(everything.allowed_I)
    fused = fusion.fuse(legs)
    final = ranking.order(fused, scene=scene, understood=understood, legs=legs)
    if answered_N is None:
        answered_N = fused.rows_N
    return Found(legs=tuple(legs), fused=fused, final=final, answered_N=answered_N)


def by_words(request: SearchRequest, *, understood: Understood) -> bool:
    """Return whether products answer the request only by holding its words."""
    return bool(understood.text) and request.like is None and request.picture_D is None


def is_empty(request: SearchRequest) -> bool:
    """Return whether nothing is asked but the bare page."""
    is_bare = not request.text and request.filters == Filters()
    return is_bare and request.like is None and request.picture_D is None


def load_products(product_ids: Sequence[int], *, visitor: Visitor) -> list[Product]:
    """Return the products in the ids' order, with their pictures; two queries."""
    products = shown_to(visitor).in_bulk(list(product_ids))
    return [products[product_id] for product_id in product_ids if product_id in products]


# The legs


def _by_words(understood: Understood, *, everything: Scene, scene: Scene) -> tuple[list[Leg], np.ndarray]:
    """Return the legs, and the rows with every word, whatever the filters; else those with any."""
    unfiltered = lexical.look(understood, scene=everything)
    words = unfiltered
    if scene is not everything:
        words = _restricted(unfiltered, allowed_I=scene.allowed_I)
        if not words.sure_N.any():  # what has some of the words was cut before the filters had their say
            words = lexical.look(understood, scene=scene)
    sure_N = unfiltered.rows_N[unfiltered.sure_N]
    answered_N = sure_N if len(sure_N) else unfiltered.rows_N
    if len(words.rows_N) and OPERATORS.search(understood.text):  # a phrase or a minus is meant to the letter
        return [words], answered_N
    vector_D = vectors.of_text(understood.text)
    if vector_D is None:
        return [words], answered_N
    return [words, *_nearest(vector_D, scene=scene, sides=("text", "image"))], answered_N


def _by_picture(request: SearchRequest, *, understood: Understood, scene: Scene) -> list[Leg]:
    """Return what looks like the picture, or like it and as the text says; never the product itself."""
    vector_D = request.picture_D
    if vector_D is None and request.like is not None:
        scene = _without(scene, product_id=request.like)
        vector_D = vectors.of_product(request.like)
    if vector_D is None:
        return [_most_popular(_beside(scene, product_id=request.like))]
    text_D = vectors.of_text(understood.text) if understood.text else None
    if text_D is None:
        return _nearest(vector_D, scene=scene, sides=("image",))
    return _nearest(vectors.blend(vector_D, text_D), scene=scene, sides=("text", "image"))


def _nearest(vector_D: np.ndarray, *, scene: Scene, sides: Sequence[Side]) -> list[Leg]:
    found = [vectors.look(vector_D, scene=scene, side=side) for side in sides]
    return [leg for leg in found if leg is not None]


def _most_popular(scene: Scene) -> Leg:
    """Return all that is allowed, what many rated first: the order of a page without a query."""
    rows_N = np.flatnonzero(scene.allowed_I)
    rows_N = rows_N[np.lexsort((-rows_N, -scene.catalogue.rating_count[rows_N]))]
    return Leg(
        name="popular",
        rows_N=rows_N,
        scores_N=scene.catalogue.rating_count[rows_N].astype(np.float32),
        sure_N=np.ones(len(rows_N), dtype=bool),
    )


def _restricted(leg: Leg, *, allowed_I: np.ndarray) -> Leg:
    kept_N = allowed_I[leg.rows_N]
    return replace(
        leg,
        rows_N=leg.rows_N[kept_N],
        scores_N=leg.scores_N[kept_N],
        sure_N=leg.sure_N[kept_N],
        exact_N=None if leg.exact_N is None else leg.exact_N[kept_N],
    )


def _without(scene: Scene, *, product_id: int) -> Scene:
    allowed_I = scene.allowed_I.copy()
    allowed_I[scene.catalogue.product_id == product_id] = False
    return replace(scene, allowed_I=allowed_I)


def _beside(scene: Scene, *, product_id: int | None) -> Scene:
    """Return the scene of the product's own category; nothing for a product that there is not."""
    catalogue = scene.catalogue
    row = int(catalogue.rows_of(np.array([product_id or 0]))[0])
    category_id = catalogue.category_id[row] if row >= 0 else -1
    return replace(scene, allowed_I=scene.allowed_I & (catalogue.category_id == category_id))


# The record


def _logged(
    page: SearchPage, *, visitor: Visitor, shown: Sequence[int], is_first: bool, seconds: float
) -> UUID | None:
    asked = search_log.Asked(
        text=page.request.text,
        kind=_kind(page.request),
        filters=search_log.plain_filters(page.understood.filters),
        corrected=page.understood.corrected,
        num_matching=page.num_matching,
        num_found=len(page.product_ids),
        latency_ms=1000 * seconds,
        shown_ids=tuple(shown),
        is_first_page=is_first,
    )
    return attempt("the search log", lambda: search_log.record(asked, visitor=visitor), otherwise=None)


def _kind(request: SearchRequest) -> str:
    if request.like is None and request.picture_D is None:
        return Kind.WORDS if request.text else Kind.FILTERS
    return Kind.BOTH if request.text else Kind.PICTURE
