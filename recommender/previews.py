"""A list as one shopper would see it without a business rule and with it; nothing of it is logged."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.conf import settings

from recommender import recommendations, rules
from recommender.interactions import interactions_of
from recommender.models import BusinessRule, Placement
from shop.models import Product, User
from shop.visitors import Visitor, visitor_of

NUM_PRODUCTS = 12
NEWCOMER = uuid.UUID(int=0)  # one browser for all previews, so that chance draws for it as it did before
Mark = Literal["", "up", "down", "pinned", "in", "gone"]


class PreviewError(ValueError):
    """The preview cannot be made; the message says what to change."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A product of one of the two lists, and what the rule does to it."""

    position: int  # counted from 1
    product: Product
    mark: Mark = ""
    places: int = 0  # that it moved up or down


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The two lists."""

    before: list[Line]
    after: list[Line]

    @property
    def changed(self) -> bool:
        """Whether the rule makes any difference."""
        return [line.product.pk for line in self.before] != [line.product.pk for line in self.after]


def shopper_of(text: str) -> Visitor:
    """Return the visitor of an account's email or of a visitor id; a newcomer for an empty text.

    Raises PreviewError when there is nobody of that name.
    """
    text = text.strip()
    if not text:
        return Visitor(id=NEWCOMER, region=settings.DEFAULT_REGION)
    if "@" in text:
        user = User.objects.filter(email__iexact=text).first()
        if user is None:
            raise PreviewError(f"No account has the email {text}.")
        return visitor_of(user, browser_id=NEWCOMER)
    try:
        guest = Visitor(id=uuid.UUID(text), region=settings.DEFAULT_REGION)
    except ValueError:
        raise PreviewError(
            f"{text} is neither an email nor a visitor id; leave it empty for a newcomer."
        ) from None
    if not interactions_of(guest).exists():
        raise PreviewError(f"No guest with the visitor id {text} did anything yet.")
    return guest


def anchor_of(sku: str) -> Product | None:
    """Return the product of a SKU, None for an empty text; raises PreviewError for an unknown one."""
    sku = sku.strip()
    if not sku:
        return None
    product = Product.objects.filter(sku=sku).first()
    if product is None:
        raise PreviewError(f"No product has the SKU {sku}.")
    return product


def compare(
    rule: BusinessRule, *, placement: str, visitor: Visitor, anchor: Product | None, now: datetime
) -> Comparison:
    """Return the list at the placement without the rule and with it, as it stands in memory, saved or not.

    The rule counts as in force, whatever its switch and its time say. Raises PreviewError where the placement
    needs a product that it is about.
    """
    others = [each for each in rules.current(placement, now) if each.pk != rule.pk]
    both = others
    if rules.concerns(rule, placement=placement):
        both = sorted([*others, rule], key=lambda each: (each.order, each.pk or float("inf")))
    try:
        without, with_it = (
            recommendations.preview(
                placement, visitor=visitor, anchor=anchor, k=NUM_PRODUCTS, rules=wanted
            ).products
            for wanted in (others, both)
        )
    except ValueError as error:
        raise PreviewError(str(error)) from None
    return _marked(without, with_it, pinned_id=rule.product_id if rule.action == rule.Action.PIN else None)


def _marked(without: Sequence[Product], with_it: Sequence[Product], *, pinned_id: int | None) -> Comparison:
    """Return the two lists with the moves that lead from one to the other."""
    places = {product.pk: place for place, product in enumerate(without, start=1)}
    kept = {product.pk for product in with_it}
    before = [
        Line(position=place, product=product, mark="" if product.pk in kept else "gone")
        for place, product in enumerate(without, start=1)
    ]
    after = []
    for place, product in enumerate(with_it, start=1):
        was = places.get(product.pk)
        moved = was - place if was is not None else 0
        mark: Mark = "in" if was is None else "up" if moved > 0 else "down" if moved < 0 else ""
        if product.pk == pinned_id:
            mark = "pinned"
        after.append(Line(position=place, product=product, mark=mark, places=abs(moved)))
    return Comparison(before=before, after=after)


def notes(rule: BusinessRule, comparison: Comparison, *, placement: str, now: datetime) -> list[str]:
    """Return what the two lists do not say by themselves: why nothing changed, or that it is not so yet."""
    label = Placement(placement).label
    if not rules.concerns(rule, placement=placement):
        where = f"It is for {Placement(rule.placement).label}." if rule.placement else "Name it in the rule."
        return [f"This rule says nothing of {label}. {where}"]
    found = []
    if not rules.in_force(rule, placement=placement, now=now):
        found.append("The rule is not in force at this moment; the list shows what it does when it is.")
    if rule.action == rule.Action.PIN and all(line.mark != "pinned" for line in comparison.after):
        found.append(
            f"{rule.product} is not pinned: it is not to be shown to this shopper, or its position is taken."
        )
    elif not comparison.changed:
        found.append("The rule changes nothing in this list.")
    if len(comparison.after) < min(NUM_PRODUCTS, len(comparison.before)):
        found.append("Too little is left to fill the list.")
    return found
