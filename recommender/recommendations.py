"""recommend(): the only door to a list of products for a visitor."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from recommender import cards, diversity, feature_logs, impressions, ranking, rules, seasons
from recommender.candidates import Candidate, RankedList, Reason
from recommender.context import Context
from recommender.gathering import Gathered, gather
from recommender.ladder import attempt
from recommender.models import BusinessRule, Placement
from recommender.plans import PLANS, Plan
from recommender.retrieval import SOURCES
from shop.models import Product
from shop.visitors import Visitor

MAX_K = 100
MODEL = "two_tower"
BY_MODEL = frozenset({MODEL, "similar"})
SPARE = 4  # candidates more than asked of what fills a list up: the database may turn some down
MAX_ROUNDS = 3  # of asking the database for cards, when products are sold out faster than they are read


@dataclass(frozen=True, kw_only=True)
class RecommendedList:
    """What to show, best first, and the impression that a click on it carries back.

    A list with no products is no impression: nothing is written down, and no click can come.
    """

    impression_id: uuid.UUID
    placement: str
    products: list[Product]
    source: str  # of the first product; "" when there is nothing to show
    version_id: int | None  # the version that proposed some of it; None when the model had no part
    sources: list[str]  # of each product
    reasons: list[Reason | None]  # of each product
    lasting: bool = True  # may be shown again under its impression id: nothing of it failed to be written


@dataclass(kw_only=True)
class _Page:
    """A list in the making."""

    chosen: list[Candidate]
    products: list[Product]
    refused: bool  # whether the database turned something down


@dataclass(frozen=True, kw_only=True)
class _Made:
    """A list that is made, and what it was made from."""

    page: _Page
    context: Context
    ranked: RankedList


def recommend(
    placement: str,
    *,
    visitor: Visitor,
    anchor: Product | None = None,
    k: int = 12,
    anchors: Sequence[Product] = (),
    without: Sequence[int] = (),
) -> RecommendedList:
    """Return k products for the visitor at this placement: fewer only when the shop has fewer to show.

    Placements that are about one thing, such as what was viewed, are shorter rather than about another. A
    broken part is logged and skipped, never shown to the shopper. `anchors` are the products of a cart or an
    order; those in `without`, by id, stand on the page already and fill a list only at last. Costs six
    queries at most once the process is warm, one of them an insert; one more where an account's features are
    not in the online store. Raises ValueError for an unknown placement, a placement without its anchor, or a
    k outside 1 to 100.
    """
    about = [*([anchor] if anchor else []), *anchors]
    made = _made(placement, visitor=visitor, about=about, k=k, in_force=None, without=without)
    return _recorded(_listed(made.page, context=made.context), made=made)


def preview(
    placement: str,
    *,
    visitor: Visitor,
    anchor: Product | None = None,
    k: int = 12,
    rules: Sequence[BusinessRule],
) -> RecommendedList:
    """Return what recommend() would under these rules instead of those in force; nothing is written down.

    Its impression id is of no impression. Raises as recommend() does.
    """
    about = [anchor] if anchor else []
    made = _made(placement, visitor=visitor, about=about, k=k, in_force=rules)
    return _listed(made.page, context=made.context)


def _made(
    placement: str,
    *,
    visitor: Visitor,
    about: Sequence[Product],
    k: int,
    in_force: Sequence[BusinessRule] | None,
    without: Sequence[int] = (),
) -> _Made:
    plan = _checked_plan(placement, about=about, k=k)
    gathered = gather(
        plan,
        placement=placement,
        visitor=visitor,
        anchor_ids=dict.fromkeys(product.pk for product in about),
        k=k,
        in_force=in_force,
        without=without,
    )
    ranked = ranking.rank(_from_legs(plan, context=gathered.context), context=gathered.context)
    page = _composed(plan, ranked=_with_comparable_scores(ranked), gathered=gathered)
    return _Made(page=page, context=gathered.context, ranked=ranked)


def _checked_plan(placement: str, *, about: Sequence[Product], k: int) -> Plan:
    plan = PLANS.get(placement)
    if plan is None:
        raise ValueError(
            f"There is no placement {placement!r}; the placements are {', '.join(Placement.values)}."
        )
    if plan.needs_anchor and not about:
        raise ValueError(f"The placement {placement!r} needs an anchor: the product that the list is about.")
    if not 1 <= k <= MAX_K:
        raise ValueError(f"k is {k}; ask for 1 to {MAX_K} products.")
    return plan


# Candidates


def _from_legs(plan: Plan, *, context: Context) -> list[Candidate]:
    """The candidates of all legs in the plan's order, each product once, by the first that proposes it."""
    if plan.anchors and plan.only_about and not context.anchor_ids:
        return []
    found: dict[int, Candidate] = {}
    for leg in plan.legs:
        if leg.beside_model and context.user_vector is None:
            continue
        for candidate in _ask(leg.source, context=context, number=plan.number(leg, k=context.k)):
            found.setdefault(candidate.product_id, candidate)
    return list(found.values())


def _filled(plan: Plan, *, context: Context, known: Sequence[Candidate], number: int) -> list[Candidate]:
    """Up to `number` more candidates, by the sources that fill the list, in their order."""
    more: list[Candidate] = []
    for source in plan.fill:
        if len(more) >= number:
            break
        taken = [candidate.row for candidate in (*known, *more)]
        more += _ask(source, context=_without(context, rows=taken), number=number - len(more))
    return more


def _ask(source: str, *, context: Context, number: int) -> list[Candidate]:
    return attempt(source, lambda: SOURCES[source](context, number), otherwise=[])


def _without(context: Context, *, rows: Sequence[int]) -> Context:
    allowed = context.allowed.copy()
    allowed[np.array(rows, dtype=np.int64)] = False
    return replace(context, allowed=allowed)


def _with_comparable_scores(ranked: RankedList) -> list[Candidate]:
    """The candidates with scores of one scale: the ranker's, or by place where sources stand side by side."""
    if ranked.ranker_id is not None:
        return list(ranked.candidates)
    number = len(ranked.candidates)
    return [
        replace(candidate, score=1.0 - place / number) for place, candidate in enumerate(ranked.candidates)
    ]


# The page


def _composed(plan: Plan, *, ranked: list[Candidate], gathered: Gathered) -> _Page:
    """The list that the database confirms: of the ranked, then of what fills it up, at last of anything."""
    page, context = _Page(chosen=[], products=[], refused=False), gathered.context
    anything = replace(context, allowed=gathered.allowed_at_last)
    pool, k = list(ranked), context.k
    fillable = bool(context.anchor_ids) or not plan.only_about
    if fillable and len(pool) < k:
        pool += _filled(plan, context=context, known=pool, number=k - len(pool) + SPARE)
    if fillable and len(pool) < k and gathered.hides:
        context = anything
        pool += _filled(plan, context=context, known=pool, number=k - len(pool))
    if not pool:
        return page
    pool = seasons.apply(pool, context=context)
    # A pin holds for what was seen before too.
    _extend(page, pool=rules.apply(pool, context=anything, rules=gathered.rules), context=anything)
    if page.refused and fillable and len(page.chosen) < k:
        more = _filled(plan, context=anything, known=pool, number=k - len(page.chosen) + SPARE)
        _extend(page, pool=more, context=anything)
    return page


def _extend(page: _Page, *, pool: Sequence[Candidate], context: Context) -> None:
    """Put products of the pool on the page until it has k, each confirmed by the query of its card."""
    left = list(pool)
    for _ in range(MAX_ROUNDS):
        picked = diversity.arrange(left, context=context, taken=page.chosen)
        if not picked:
            return
        found = cards.buyable([candidate.product_id for candidate in picked], visitor=context.visitor)
        confirmed = [candidate for candidate in picked if candidate.product_id in found]
        page.chosen += confirmed
        page.products += [found[candidate.product_id] for candidate in confirmed]
        if len(confirmed) == len(picked):
            return
        page.refused = True
        tried = {candidate.product_id for candidate in picked}
        left = [candidate for candidate in left if candidate.product_id not in tried]


# The record


def _listed(page: _Page, *, context: Context) -> RecommendedList:
    sources = [candidate.source for candidate in page.chosen]
    reasons = [candidate.reason for candidate in page.chosen]
    version_id = context.version.pk if context.version and BY_MODEL.intersection(sources) else None
    return RecommendedList(
        impression_id=uuid.uuid4(),
        placement=context.placement,
        products=page.products,
        source=sources[0] if sources else "",
        version_id=version_id,
        sources=sources,
        reasons=reasons,
    )


def _recorded(listed: RecommendedList, *, made: _Made) -> RecommendedList:
    """The list with the id of its new impression; none is made of an empty list or for who paused."""
    if not listed.products or not made.context.visitor.personalised:
        return listed
    impression_id = attempt("the impression", lambda: _record(listed, made=made), otherwise=None)
    if impression_id is None:
        return replace(listed, lasting=False)
    return replace(listed, impression_id=impression_id)


def _record(listed: RecommendedList, *, made: _Made) -> uuid.UUID:
    context, product_ids = made.context, [product.pk for product in listed.products]
    return impressions.record_served(
        context.placement,
        visitor=context.visitor,
        product_ids=product_ids,
        source=listed.source,
        version_id=listed.version_id,
        anchor_id=context.anchor_ids[0] if context.anchor_ids else None,
        sources=listed.sources,
        reasons=listed.reasons,
        ranker_id=made.ranked.ranker_id,
        features=feature_logs.to_log(made.ranked, product_ids=product_ids),
    )
