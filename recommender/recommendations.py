"""recommend(): the only door to a list of products for a visitor."""

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from django.db import DatabaseError, transaction
from django.db.models import QuerySet

from recommender import filtering, impressions, retrieval, versions
from recommender.models import ModelVersion, Placement
from shop.models import Product
from shop.visitors import Visitor

MAX_K = 100
MODEL = "two_tower"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class RecommendedList:
    """What to show, best first, and the impression that a click on it carries back."""

    impression_id: uuid.UUID
    placement: str
    products: list[Product]
    source: str  # the step that gave the first product; "" when the shop has nothing to show
    version_id: int | None  # the version that ranked it; None when the model had no part


@dataclass(frozen=True, kw_only=True)
class Step:
    """One rung of the fallback ladder: `fetch(products, k)` picks from the products still allowed."""

    name: str
    products: QuerySet[Product]
    fetch: Callable[[QuerySet[Product], int], list[Product]]


def recommend(
    placement: str, *, visitor: Visitor, anchor: Product | None = None, k: int = 12
) -> RecommendedList:
    """Return k products for the visitor at this placement: fewer only when the shop has fewer to show.

    The model answers first; what it cannot fill falls to the next step, at last to the newest products. A
    broken model is logged and skipped, never shown to the shopper. Costs about eight queries, one an insert.
    Raises ValueError for an unknown placement, a placement without its anchor, or a k outside 1 to 100.
    """
    _check(placement, anchor=anchor, k=k)
    version = versions.active_version()
    chosen: list[Product] = []
    sources: list[str] = []
    for step in _ladder(placement, visitor=visitor, anchor=anchor, version=version):
        found = _climb(step, taken=chosen, k=k - len(chosen))
        chosen += found
        sources += [step.name] * len(found)
        if len(chosen) == k:
            break
    return _served(placement, visitor=visitor, anchor=anchor, version=version, chosen=chosen, sources=sources)


def _check(placement: str, *, anchor: Product | None, k: int) -> None:
    if placement not in Placement.values:
        raise ValueError(
            f"There is no placement {placement!r}; the placements are {', '.join(Placement.values)}."
        )
    if placement == Placement.PRODUCT_SIMILAR and anchor is None:
        raise ValueError(f"The placement {placement!r} needs an anchor: the product that the list is about.")
    if not 1 <= k <= MAX_K:
        raise ValueError(f"k is {k}; ask for 1 to {MAX_K} products.")


def _ladder(
    placement: str, *, visitor: Visitor, anchor: Product | None, version: ModelVersion | None
) -> list[Step]:
    showable = filtering.showable(visitor)
    if anchor is not None:
        showable = showable.exclude(pk=anchor.pk)
    if placement == Placement.PRODUCT_SIMILAR and anchor is not None:
        return _similar_steps(showable, anchor=anchor, version=version)
    return _for_you_steps(showable, visitor=visitor, version=version)


def _similar_steps(
    showable: QuerySet[Product], *, anchor: Product, version: ModelVersion | None
) -> list[Step]:
    def by_model(products: QuerySet[Product], k: int) -> list[Product]:
        return retrieval.similar_to(products, version=version, anchor=anchor, k=k) if version else []

    beside = showable.filter(category_id=anchor.category_id)
    return [
        Step(name=MODEL, products=showable, fetch=by_model),
        Step(name="category", products=beside, fetch=retrieval.trending),
        Step(name="category_newest", products=beside, fetch=retrieval.newest),
        Step(name="trending", products=showable, fetch=retrieval.trending),
        Step(name="newest", products=showable, fetch=retrieval.newest),
    ]


def _for_you_steps(
    showable: QuerySet[Product], *, visitor: Visitor, version: ModelVersion | None
) -> list[Step]:
    def by_model(products: QuerySet[Product], k: int) -> list[Product]:
        vector = retrieval.user_vector(version, visitor=visitor) if version else None
        if version is None or vector is None:
            return []
        return retrieval.nearest_to_vector(products, version=version, vector=vector, k=k)

    seen = filtering.seen_recently(visitor)
    unseen = showable.exclude(pk__in=seen.values("product_id"))
    # Of a newcomer nothing is known but what they picked, so the model ranks that before anything else.
    picked = filtering.preferred(unseen, visitor=visitor) if not seen.exists() else unseen.none()
    return [
        Step(name=MODEL, products=picked, fetch=by_model),
        Step(name=MODEL, products=unseen, fetch=by_model),
        Step(name="trending", products=unseen, fetch=retrieval.trending),
        Step(name="newest", products=unseen, fetch=retrieval.newest),
        Step(name="seen", products=showable, fetch=retrieval.newest),
    ]


def _climb(step: Step, *, taken: list[Product], k: int) -> list[Product]:
    """Return up to k products of this step that are not taken yet; none when the step is broken."""
    products = step.products
    if taken:
        products = products.exclude(pk__in=[product.pk for product in taken])
    try:
        with transaction.atomic():  # so that a failed query leaves the caller's transaction usable
            return step.fetch(products.select_related("category").prefetch_related("images"), k)
    except (versions.ArtifactError, DatabaseError) as error:
        logger.warning("recommendation step %s failed and was skipped: %s", step.name, error)
        return []


def _served(
    placement: str,
    *,
    visitor: Visitor,
    anchor: Product | None,
    version: ModelVersion | None,
    chosen: list[Product],
    sources: list[str],
) -> RecommendedList:
    version_id = version.pk if version and MODEL in sources else None
    source = sources[0] if sources else ""
    impression_id = impressions.record_served(
        placement,
        visitor=visitor,
        product_ids=[product.pk for product in chosen],
        source=source,
        version_id=version_id,
        anchor_id=anchor.pk if anchor else None,
    )
    return RecommendedList(
        impression_id=impression_id,
        placement=placement,
        products=chosen,
        source=source,
        version_id=version_id,
    )
