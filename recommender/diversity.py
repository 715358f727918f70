"""The last order of a list: varied, not worn out, and with room for what nobody has been shown yet."""

# I = products of the catalogue, N = candidates, D = dimensions of an item vector, R = new products

import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from django.conf import settings

from ml.breadth import POPULARITY_COLUMNS
from recommender import exposures, windows
from recommender.candidates import Candidate, Reason
from recommender.context import Context
from recommender.models import Placement
from recommender.rules import ORDERED_BY_FACT, PINNED, admissible
from shop.visitors import Visitor

EXPLORE = "explore"
DAY_SECONDS = 86_400
HOUR_SECONDS = 3_600
MOST_NEW = 2_000  # that one list looks at
NEAR = 50  # the new products nearest to the shopper, among whom chance decides
LEAST_TO_VARY = 6  # in a shorter list there is room for what fits best alone

SeenCounts = Callable[[Visitor, Sequence[int]], np.ndarray]  # (N,) how often seen and not clicked
KnownIds = Callable[[], Collection[int]]  # the new products that were shown often enough


@dataclass(frozen=True, kw_only=True)
class Mix:
    """How much of each setting holds at a placement: 1 as it is set, 0 not at all."""

    variety: float = 1.0
    category_cap: bool = True
    brand_cap: bool = True
    exploration: float = 1.0
    rotation: float = 1.0


AS_IT_IS = Mix(variety=0, category_cap=False, brand_cap=False, exploration=0, rotation=0)
PLACEMENT_MIX: dict[str, Mix] = {
    Placement.HOME_FOR_YOU: Mix(),
    Placement.CART_EMPTY: Mix(),
    Placement.SEARCH_EMPTY: Mix(),
    Placement.ORDER_NEXT: Mix(),
    # Their headings say what is in them, so that nothing else may be tried there.
    Placement.HOME_BECAUSE_YOU_VIEWED: Mix(category_cap=False, exploration=0),
    Placement.PRODUCT_SIMILAR: Mix(category_cap=False, exploration=0),
    Placement.PRODUCT_BOUGHT_TOGETHER: Mix(category_cap=False, brand_cap=False, exploration=0, rotation=0),
    Placement.CART_COMPLEMENTS: Mix(exploration=0),
    Placement.HOME_TRENDING: Mix(variety=0, exploration=0, rotation=0),
    **dict.fromkeys(ORDERED_BY_FACT, AS_IT_IS),
}


def arrange(
    candidates: Sequence[Candidate],
    *,
    context: Context,
    taken: Sequence[Candidate] = (),
    seen: SeenCounts = windows.seen_without_click,
    well_known: KnownIds = exposures.well_known,
) -> list[Candidate]:
    """Return what goes on the page behind `taken`: k with those in it, fewer only when candidates are few.

    Takes the candidates in their order, best first, and trades places for variety: maximal marginal
    relevance (Carbonell and Goldstein, 1998) on the cosine of item vectors, with relevance as the place in
    the list over k, since scores of two sources are not on one scale. A category or a brand has at most its
    share of the k. What the shopper saw and passed over sinks. A few places go to new products, by chance,
    under the source "explore"; the chance is the same for one visitor, placement and hour. Pinned products
    stay where they are. Placements whose order is a fact come back as they are.
    """
    mix = PLACEMENT_MIX.get(context.placement, AS_IT_IS)
    room = context.k - len(taken)
    left = admissible(candidates, allowed=context.allowed, without=(each.product_id for each in taken))
    if room <= 0 or not left or mix is AS_IT_IS:
        return left[: max(room, 0)]
    length = min(room, len(left))
    fixed = {place: each for place, each in enumerate(left[:length]) if each.source == PINNED}
    if not taken:
        fixed |= _explored(left, context=context, mix=mix, fixed=fixed, well_known=well_known)
    held = {each.product_id for each in fixed.values()}
    free = [each for each in left if each.product_id not in held]
    places_N = _places(free, context=context, mix=mix, seen=seen)
    picker = _Picker(free, context=context, mix=mix, places_N=places_N)
    picker.count([*taken, *fixed.values()])
    return [fixed[place] if place in fixed else picker.pick() for place in range(length)]


def _places(candidates: list[Candidate], *, context: Context, mix: Mix, seen: SeenCounts) -> np.ndarray:
    """Return (N,) the place that each candidate starts from: its own, or further for what is worn out."""
    place_N = np.arange(len(candidates), dtype=np.float64)
    price = settings.ROTATION_PLACES * mix.rotation
    if not price or not context.visitor.personalised or not candidates:
        return place_N
    return place_N + price * seen(context.visitor, [each.product_id for each in candidates])


class _Picker:
    """Gives the candidates one by one, each time the best beside those that are in the list already."""

    def __init__(
        self, candidates: list[Candidate], *, context: Context, mix: Mix, places_N: np.ndarray
    ) -> None:
        self.candidates = candidates
        row_N = np.array([each.row for each in candidates], dtype=np.int64)
        self.variety = settings.DIVERSITY * mix.variety if context.k >= LEAST_TO_VARY else 0.0
        self.relevance_N = (1 - self.variety) * (1 - places_N / context.k)
        self.left_N = np.ones(len(candidates), dtype=bool)
        self.caps = _caps(context, mix=mix, row_N=row_N)
        self.item_vectors = context.item_vectors if self.variety else None
        if self.item_vectors is not None:
            self.vectors_ND = _directions(self.item_vectors, rows=row_N)
            self.has_no_vector_N = ~self.vectors_ND.any(axis=1)
            self.nearest_N = np.zeros(len(candidates))  # cosine to the nearest one in the list, at least 0

    def count(self, chosen: Sequence[Candidate]) -> None:
        """Take notice of products that stand in the list without having been picked here."""
        rows = np.array([each.row for each in chosen], dtype=np.int64)
        for row in rows:
            self._count(int(row))
        if self.item_vectors is not None and len(rows):
            self._approach(_directions(self.item_vectors, rows=rows))

    def pick(self) -> Candidate:
        """Return the next one; a cap yields only when nothing under it is left."""
        under_N = self.left_N
        for cap in self.caps:
            under_N = under_N & cap.open_N
        value_N = self.relevance_N
        if self.item_vectors is not None:
            value_N = value_N - self.variety * self.nearest_N
        index = int(np.argmax(np.where(under_N if under_N.any() else self.left_N, value_N, -np.inf)))
        self.left_N[index] = False
        self._count(self.candidates[index].row)
        if self.item_vectors is not None:
            self._approach(self.vectors_ND[index : index + 1])
        return self.candidates[index]

    def _count(self, row: int) -> None:
        for cap in self.caps:
            cap.count(row)

    def _approach(self, chosen_CD: np.ndarray) -> None:
        """Keep the cosine to the nearest; a product without a vector is as near as the others on average."""
        np.maximum(self.nearest_N, (self.vectors_ND @ chosen_CD.T).max(axis=1), out=self.nearest_N)
        if self.has_no_vector_N.any() and not self.has_no_vector_N.all():
            self.nearest_N[self.has_no_vector_N] = self.nearest_N[~self.has_no_vector_N].mean()


class _Cap:
    """At most so many products of one code, which is a category or a brand."""

    def __init__(self, code_I: np.ndarray, *, row_N: np.ndarray, most: int, no_code: int | None) -> None:
        self.code_I, self.code_N = code_I, code_I[row_N]
        self.most = most
        self.no_code = no_code  # that of products which have no brand
        self.counts: Counter[int] = Counter()
        self.open_N = np.ones(len(row_N), dtype=bool)  # which candidates have a place left

    def count(self, row: int) -> None:
        """Take notice of a product in the list."""
        code = int(self.code_I[row])
        self.counts[code] += 1
        if self.counts[code] == self.most and code != self.no_code:
            self.open_N &= self.code_N != code


def _caps(context: Context, *, mix: Mix, row_N: np.ndarray) -> list[_Cap]:
    catalogue, caps = context.catalogue, []
    no_brand = catalogue.brands.index("") if "" in catalogue.brands else None
    for wanted, share, code_I, no_code in (
        (mix.category_cap, settings.CATEGORY_CAP, catalogue.category_id, None),
        (mix.brand_cap, settings.BRAND_CAP, catalogue.brand, no_brand),
    ):
        if wanted and 0 < share < 1 and context.k >= LEAST_TO_VARY:
            most = math.ceil(share * context.k)
            caps.append(_Cap(code_I, row_N=row_N, most=most, no_code=no_code))
    return caps


def _directions(item_vectors: np.ndarray, *, rows: np.ndarray) -> np.ndarray:
    """Return (N, D) item vectors of length 1 without the popularity column; zeros stay zeros."""
    vectors_ND = item_vectors[rows, :-POPULARITY_COLUMNS]
    lengths_N1 = np.linalg.norm(vectors_ND, axis=1, keepdims=True)
    return vectors_ND / np.maximum(lengths_N1, 1e-12)


def _explored(
    candidates: list[Candidate],
    *,
    context: Context,
    mix: Mix,
    fixed: Mapping[int, Candidate],
    well_known: KnownIds,
) -> dict[int, Candidate]:
    """Return new products by the places of the list that they are tried at, all in its second half."""
    length = min(context.k, len(candidates))
    share = settings.EXPLORATION_SHARE * mix.exploration
    if not share or length < LEAST_TO_VARY:
        return {}
    seed = _seed(context)
    number = int(share * length + _chances(seed, keys=np.zeros(1))[0])  # in the mean share * length
    open_places = np.array([place for place in range(length // 2, length) if place not in fixed])
    if not number or not len(open_places):
        return {}
    known = {each.product_id for each in candidates[:length]} | set(context.anchor_ids)
    known |= {row.product_id for row in context.history}
    row_R = _new_rows(context, seed=seed, without=known, well_known=well_known)
    drawn = row_R[np.argsort(-_chances(seed, keys=context.catalogue.product_id[row_R]), kind="stable")]
    places = open_places[np.argsort(_chances(seed, keys=open_places + 1), kind="stable")]
    return {
        int(place): Candidate(
            row=int(row),
            product_id=int(context.catalogue.product_id[row]),
            source=EXPLORE,
            score=0.0,
            reason=Reason(kind=EXPLORE),
        )
        for place, row in zip(places[:number], drawn, strict=False)
    }


def _new_rows(context: Context, *, seed: int, without: set[int], well_known: KnownIds) -> np.ndarray:
    """Return (R,) rows of the allowed new products that few have been shown, those nearest to the shopper."""
    catalogue, now = context.catalogue, context.now.timestamp()
    since = now - settings.EXPLORATION_DAYS * DAY_SECONDS
    rows = np.flatnonzero(context.allowed & (catalogue.released_at >= since))
    step = -(-len(rows) // MOST_NEW)
    if step > 1:  # of a whole catalogue that is new, chance picks those to look at
        rows = rows[seed % step :: step]
    if len(rows):
        rows = rows[~np.isin(catalogue.product_id[rows], [*without, *well_known()])]
    if len(rows) <= NEAR or context.user_vector is None or context.item_vectors is None:
        return rows
    score_R = context.item_vectors[rows, :-POPULARITY_COLUMNS] @ context.user_vector[:-POPULARITY_COLUMNS]
    return rows[np.argpartition(-score_R, NEAR)[:NEAR]]


def _seed(context: Context) -> int:
    """Return one number for a visitor, placement, anchor and hour; all who are paused share theirs."""
    who = str(context.visitor.user_id or context.visitor.id) if context.visitor.personalised else ""
    hour = int(context.now.timestamp()) // HOUR_SECONDS
    text = f"{who}/{context.placement}/{context.anchor_ids}/{hour}"
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())


def _chances(seed: int, *, keys: np.ndarray) -> np.ndarray:
    """Return a number from 0 to 1 for each key, by chance, and the same whatever the other keys are.

    So a draw holds while the pool around it changes. The mixing is SplitMix64 (Steele and others, 2014).
    """
    mixed = keys.astype(np.uint64) + np.uint64(seed)
    mixed = (mixed + np.uint64(0x9E3779B97F4A7C15)).astype(np.uint64)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)) * 2.0**-53
