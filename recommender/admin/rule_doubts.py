"""What about a business rule should make its author think again."""

import json
from collections.abc import Iterator
from datetime import datetime

from recommender.admin.rule_words import moment, sentence
from recommender.models import BusinessRule
from shop.models import Product

Action = BusinessRule.Action
OPPOSITES = (
    {Action.BOOST, Action.BURY},
    {Action.BOOST, Action.EXCLUDE},
    {Action.PIN, Action.EXCLUDE},
    {Action.PIN, Action.BURY},
)


def doubts(rule: BusinessRule, *, now: datetime) -> list[str]:
    """Return what the author may not have meant: no product, a time gone by, a rule that says otherwise."""
    found = []
    if not _fits_a_product(rule):
        found.append("No product of the shop fits this rule now.")
    if rule.ends_at and rule.ends_at <= now:
        found.append(f"Its time ended on {moment(rule.ends_at)}: it does nothing any more.")
    return found + [f"{reason}: {sentence(other)} ({other})." for other, reason in _contradictions(rule)]


def _fits_a_product(rule: BusinessRule) -> bool:
    products = Product.objects.all()
    if rule.product_id is not None:
        products = products.filter(pk=rule.product_id)
    if rule.category is not None:
        products = products.in_category(rule.category)
    if rule.brand:
        products = products.filter(brand__iexact=rule.brand)
    if not rule.attribute:
        return products.exists()
    values = products.values_list("attributes", flat=True)
    return any(_has(attributes, rule=rule) for attributes in values.iterator())


def _has(attributes: object, *, rule: BusinessRule) -> bool:
    """Return whether a product's attributes have the rule's value, in any case."""
    wanted = f"{rule.attribute}={rule.attribute_value}".lower()
    pairs = attributes.items() if isinstance(attributes, dict) else ()
    texts = ((name, value if isinstance(value, str) else json.dumps(value)) for name, value in pairs)
    return any(f"{name}={text}".lower() == wanted for name, text in texts)


def _contradictions(rule: BusinessRule) -> Iterator[tuple[BusinessRule, str]]:
    """Yield the active rules that meet this one at one place and time, each with how they differ."""
    if not rule.active:
        return
    others = (
        BusinessRule.objects.filter(active=True).exclude(pk=rule.pk).select_related("product", "category")
    )
    for other in others:
        reason = _difference(rule, other) if _meet(rule, other) else ""
        if reason:
            yield other, reason


def _meet(rule: BusinessRule, other: BusinessRule) -> bool:
    """Return whether there is a placement and a moment at which both are in force."""
    if rule.placement and other.placement and rule.placement != other.placement:
        return False
    start = max((each.starts_at for each in (rule, other) if each.starts_at), default=None)
    end = min((each.ends_at for each in (rule, other) if each.ends_at), default=None)
    return start is None or end is None or start < end


def _difference(rule: BusinessRule, other: BusinessRule) -> str:
    actions = {Action(rule.action), Action(other.action)}
    if actions == {Action.PIN}:
        if rule.product_id == other.product_id:
            return "Another rule pins the same product"
        first = min(rule, other, key=lambda each: (each.order, each.pk))
        mine = "this one has it" if first is rule else "this one moves on"
        return (
            f"Another rule pins to the same position, and {mine}" if rule.position == other.position else ""
        )
    if actions in OPPOSITES and (_covers(rule, other) or _covers(other, rule)):
        return "Another rule says the opposite"
    return ""


def _covers(rule: BusinessRule, other: BusinessRule) -> bool:
    """Return whether the first rule's targets take in all that the other names."""
    if rule.product_id is not None and rule.product_id != other.product_id:
        return False
    brand = other.product.brand if other.product else other.brand
    if rule.brand and rule.brand.casefold() != brand.casefold():
        return False
    category = other.product.category if other.product else other.category
    if rule.category is not None:
        path = f"{category.path}/" if category else ""
        if not path.startswith(f"{rule.category.path}/"):
            return False
    if not rule.attribute:
        return True
    if other.product:
        return _has(other.product.attributes, rule=rule)
    return _has({other.attribute: other.attribute_value}, rule=rule)
