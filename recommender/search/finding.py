"""find(): the only door to a search, by words, by picture or by both."""

# D = dimension of the encoder's vectors, I = products of the catalogue, N = products that a leg found

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

import numpy as np
from django.utils import timezone

from recommender import filtering, search_log, snapshot
from recommender.ladder import attempt
from recommender.models import SearchQuery
from recommender.search import facets, fusion, lexical, ranking, sorting, tokens, understanding, vectors
from recommender.search.requests import Filters, Leg, Scene, SearchPage, SearchRequest, Understood
from recommender.snapshot import Snapshot
from shop.models import Product
from shop.selectors.catalogue import shown_to
from shop.visitors import Visitor

Kind = SearchQuery.Kind
Side = Literal["text", "image"]
PAGE_SIZE = 24
MAX_RESULTS = 240  # what answers the whole query is never cut; what is only near is, beyond these


@dataclass(frozen=True, kw_only=True)
class Scenes:
    """What may be looked at, ever narrower; the same scene where nothing narrows it."""

    everything: Scene  # that the visitor may see
    chosen: Scene  # by the filters of the page
    meant: Scene  # by those in the words as well


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
    first page counts as a search. While the encoder is loading, words alone answer. Beside what the legs and
    the shopper's affinity cost there is no query.
    """
    began = time.perf_counter()
    catalogue = snapshot.current()
    understood = understanding.understand(request, catalogue=catalogue)
    seen = scenes(request, understood=understood, catalogue=catalogue, visitor=visitor)
    found = look(request, understood=understood, seen=seen)
    rows_N = sorting.in_order(found.final, sort=request.sort, catalogue=catalogue)
    num_matching = int(np.count_nonzero(found.final.sure_N))
    product_ids = catalogue.product_id[rows_N[: max(MAX_RESULTS, num_matching)]].tolist()
    page = SearchPage(
        request=request,
        understood=understood,
        product_ids=product_ids,
        num_matching=num_matching if by_words(request, understood=understood) else len(product_ids),
        facets=facets.count(found.answered_N, scene=seen.everything, filters=understood.filters),
    )
    if is_empty(request):
        return page
    seconds = time.perf_counter() - began
    start = min(start, max(0, len(product_ids) - 1) // number * number)  # what lies beyond is the last page
    shown = product_ids[start : start + number]
    search_id = _logged(page, visitor=visitor, shown=shown, is_first=start == 0, seconds=seconds)
    return replace(page, search_id=search_id)


def scenes(
    request: SearchRequest, *, understood: Understood, catalogue: Snapshot, visitor: Visitor
) -> Scenes:
    """Return the scenes of a request as it was understood."""
    listed_I = filtering.listed_mask(catalogue, visitor=visitor, now=timezone.now())
    everything = Scene(catalogue=catalogue, visitor=visitor, allowed_I=listed_I)
    chosen = _filtered(everything, filters=request.filters)
    if understood.filters == request.filters:
        return Scenes(everything=everything, chosen=chosen, meant=chosen)
    meant = _filtered(everything, filters=understood.filters)
    return Scenes(everything=everything, chosen=chosen, meant=meant)


def look(request: SearchRequest, *, understood: Understood, seen: Scenes) -> Found:
    """Return what every leg found and how it is ordered: by words, by picture, or else all by popularity."""
    answered_N: np.ndarray | None = None
    if request.like is not None or request.picture_D is not None:
        legs = _by_picture(request, understood=understood, scene=seen.meant)
    elif understood.text:
        legs, answered_N = _by_words(understood, seen=seen)
    else:
        legs = [_most_popular(seen.meant)]
        answered_N = np.flatnonzero(seen.everything.allowed_I)
    fused = fusion.fuse(legs)
    final = ranking.order(fused, scene=seen.chosen, understood=understood, legs=legs)
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


def _by_words(understood: Understood, *, seen: Scenes) -> tuple[list[Leg], np.ndarray]:
    """Return the legs, and the rows with every word, whatever the filters; else those with any.

    Where the filters in the words leave less than a page, what they shut out follows as what comes close.
    """
    unfiltered = lexical.look(understood, scene=seen.everything)
    sure_N = unfiltered.rows_N[unfiltered.sure_N]
    answered_N = sure_N if len(sure_N) else unfiltered.rows_N
    scene = seen.meant
    words = unfiltered if scene is seen.everything else lexical.look(understood, scene=scene)
    if scene is not seen.chosen and np.count_nonzero(words.sure_N) < PAGE_SIZE:
        words = _demoted(lexical.look(understood, scene=seen.chosen), but_I=scene.allowed_I)
        scene = seen.chosen
    if len(words.rows_N) and tokens.has_operators(
        understood.text
    ):  # a phrase or a minus is meant to the letter
        return [words], answered_N
    vector_D = vectors.of_text(understood.text)
    if vector_D is None:
        return [words], answered_N
    return [words, *_nearest(vector_D, scene=scene, sides=("text", "image"))], answered_N


def _demoted(leg: Leg, *, but_I: np.ndarray) -> Leg:
    """Return the leg with no row sure but those that the mask lets through, and these first."""
    sure_N = leg.sure_N & but_I[leg.rows_N]
    best = np.argsort(~sure_N, kind="stable")
    return replace(
        leg,
        rows_N=leg.rows_N[best],
        scores_N=leg.scores_N[best],
        sure_N=sure_N[best],
        exact_N=None if leg.exact_N is None else (leg.exact_N & sure_N)[best],
    )


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


def _filtered(scene: Scene, *, filters: Filters) -> Scene:
    if filters == Filters():
        return scene
    return replace(scene, allowed_I=scene.allowed_I & facets.mask(filters, catalogue=scene.catalogue))


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
