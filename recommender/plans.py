"""What each placement is made of: its sources in their order, what fills it up, what it hides."""

import math
from dataclasses import dataclass

from recommender.models import Placement

DEPTH_PER_PLACE = 4  # candidates that the ranker and the rules choose from, for each place of the list
LEAST_DEPTH = 60
# Where anchors come from when the caller names none.
CART, ORDER, VIEWED = "cart", "order", "viewed"


@dataclass(frozen=True, kw_only=True)
class Leg:
    """A source, and how many of the candidates it may propose."""

    source: str
    share: float = 1.0
    beside_model: bool = False  # says nothing of the shopper, so is asked only beside what does


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How one placement's list is made."""

    legs: tuple[Leg, ...]  # all of them are asked; their candidates are ranked together
    fill: tuple[str, ...] = ("trending", "newest")  # asked one by one, behind the rest, until k are found
    anchors: str = ""  # CART, ORDER or VIEWED; a list about nothing else is empty where there are none
    needs_anchor: bool = False  # the caller must name one
    hides_seen: bool = False  # prefers what was not looked at for 30 days
    hides_bought: bool = True  # and what is in the cart
    uses_history: bool = True
    uses_vector: bool = False
    only_about: bool = False  # shorter than k, or empty, rather than about something else

    def depth(self, k: int) -> int:
        """How many candidates are wanted for a list of k."""
        return max(DEPTH_PER_PLACE * k, LEAST_DEPTH)

    def number(self, leg: Leg, *, k: int) -> int:
        """How many candidates the leg may propose for a list of k."""
        return math.ceil(leg.share * self.depth(k))


PLANS: dict[str, Plan] = {
    Placement.HOME_FOR_YOU: Plan(
        legs=(
            Leg(source="two_tower"),
            Leg(source="bought_together", share=0.2),
            Leg(source="popular_in_category", share=0.2),
            Leg(source="on_sale", share=0.1, beside_model=True),
        ),
        uses_vector=True,
        hides_seen=True,
    ),
    Placement.HOME_BECAUSE_YOU_VIEWED: Plan(
        legs=(Leg(source="similar"),), fill=("popular_in_category",), anchors=VIEWED, only_about=True
    ),
    Placement.HOME_TRENDING: Plan(legs=(Leg(source="trending"),), fill=("newest",), uses_history=False),
    Placement.HOME_NEW_ARRIVALS: Plan(
        legs=(Leg(source="new_arrivals"),), fill=(), uses_history=False, only_about=True
    ),
    Placement.HOME_RECENTLY_VIEWED: Plan(
        legs=(Leg(source="recently_viewed"),), fill=(), hides_bought=False, only_about=True
    ),
    Placement.HOME_BUY_AGAIN: Plan(
        legs=(Leg(source="buy_again"),), fill=(), uses_history=False, only_about=True
    ),
    Placement.PRODUCT_SIMILAR: Plan(
        legs=(Leg(source="similar"),),
        fill=("popular_in_category", "trending", "newest"),
        needs_anchor=True,
    ),
    Placement.PRODUCT_BOUGHT_TOGETHER: Plan(
        legs=(Leg(source="bought_together"),),
        fill=(),
        needs_anchor=True,
        uses_history=False,
        only_about=True,
    ),
    Placement.CART_COMPLEMENTS: Plan(
        legs=(Leg(source="bought_together", share=0.5), Leg(source="two_tower", share=0.5)),
        anchors=CART,
        uses_vector=True,
    ),
    Placement.CART_EMPTY: Plan(
        legs=(
            Leg(source="buy_again", share=0.1),
            Leg(source="two_tower"),
            Leg(source="on_sale", share=0.2, beside_model=True),
        ),
        uses_vector=True,
    ),
    Placement.SEARCH_EMPTY: Plan(
        legs=(Leg(source="two_tower"), Leg(source="popular_in_category", share=0.2)), uses_vector=True
    ),
    Placement.ORDER_NEXT: Plan(
        legs=(Leg(source="bought_together", share=0.5), Leg(source="two_tower", share=0.5)),
        anchors=ORDER,
        uses_vector=True,
    ),
}
