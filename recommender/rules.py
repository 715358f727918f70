"""Business rules in force: what is pinned, boosted, buried and excluded, whatever the model thinks."""

# I = products of the catalogue, N = candidates of a list

import time
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from django.db import transaction

from recommender import revisions
from recommender.candidates import Candidate
from recommender.context import Context
from recommender.models import BusinessRule, Placement
from recommender.refreshing import Refreshed
from recommender.snapshot import Snapshot

Action = BusinessRule.Action

PINNED = "pinned"  # the source of a product that stands where a rule put it
# Lists whose order is a fact. A rule for everywhere leaves it alone; one that names the list may change it.
ORDERED_BY_FACT = frozenset(
    {Placement.HOME_RECENTLY_VIEWED, Placement.HOME_NEW_ARRIVALS, Placement.HOME_BUY_AGAIN}
)
FRESH_SECONDS = 1.0  # how long a process trusts what it holds before it looks at the rules' mark
READ_SECONDS = 60.0  # and before it reads them though their mark is the same: a row may go without a word
KEPT_MASKS = 500  # of 100,000 products, 50 MB


@dataclass(frozen=True, kw_only=True)
class _Loaded:
    """The active rules as one process holds them."""

    rules: tuple[BusinessRule, ...]
    mark: str | None  # of the rules when they were read; None: Redis was away
    read_at: float


def current(placement: str, now: datetime) -> Sequence[BusinessRule]:
    """Return the rules in force at the placement, first to be applied first.

    Held in the process and read anew in the background: no query of a page but the very first. Raises
    DatabaseError when they were never read and cannot be.
    """
    return tuple(rule for rule in _kept.get().rules if in_force(rule, placement=placement, now=now))


def fingerprint(placement: str, now: datetime) -> str:
    """Return the same text for as long as the rules in force here are the same, for the keys of kept lists.

    Unlike the mark in Redis it changes when a rule's time begins or ends, and never before this process
    applies the edit that it stands for.
    """
    return ",".join(f"{rule.pk}@{rule.updated_at.timestamp()}" for rule in current(placement, now))


def in_force(rule: BusinessRule, *, placement: str, now: datetime) -> bool:
    """Return whether the rule says anything of this placement at this moment."""
    started = rule.starts_at is None or rule.starts_at <= now
    ended = rule.ends_at is not None and rule.ends_at <= now
    return rule.active and started and not ended and concerns(rule, placement=placement)


def concerns(rule: BusinessRule, *, placement: str) -> bool:
    """Return whether the rule's placements include this one, whatever the time."""
    if rule.placement:
        return rule.placement == placement
    return rule.action == Action.EXCLUDE or placement not in ORDERED_BY_FACT


def changed() -> None:
    """Let every process read the rules anew, this one at once, as soon as the transaction is committed."""
    revisions.bump(revisions.RULES)
    transaction.on_commit(_kept.forget)


def _read(held: _Loaded | None) -> _Loaded:
    """Return the rules as they are now; `held` itself while they are as marked."""
    mark, moment = revisions.current([revisions.RULES]), time.monotonic()
    if held is not None and mark is not None and mark == held.mark and moment - held.read_at < READ_SECONDS:
        return held
    return _Loaded(rules=tuple(BusinessRule.objects.filter(active=True)), mark=mark, read_at=moment)


_kept = Refreshed(_read, seconds=FRESH_SECONDS, name="the business rules")


def excluded(rules: Iterable[BusinessRule], catalogue: Snapshot) -> np.ndarray:
    """Return (I,) bool: which products the rules exclude."""
    mask = np.zeros(len(catalogue), dtype=bool)
    for rule in rules:
        if rule.action == Action.EXCLUDE:
            mask |= matched(rule, catalogue)
    return mask


def matched(rule: BusinessRule, catalogue: Snapshot) -> np.ndarray:
    """Return (I,) bool, read only: the products that fit every target of the rule; none without a target."""
    return _masks.of(rule, catalogue)


class _Masks:
    """What each rule's targets match in the latest catalogue, worked out once for all requests."""

    def __init__(self) -> None:
        self._held: tuple[weakref.ref[Snapshot] | None, dict[tuple[object, ...], np.ndarray]] = (None, {})

    def of(self, rule: BusinessRule, catalogue: Snapshot) -> np.ndarray:
        reference, masks = self._held
        if reference is None or reference() is not catalogue or len(masks) >= KEPT_MASKS:
            masks = {}
            self._held = (weakref.ref(catalogue), masks)
        targets = (rule.product_id, rule.category_id, rule.brand, rule.attribute, rule.attribute_value)
        if targets not in masks:
            masks[targets] = _match(rule, catalogue)
        return masks[targets]


_masks = _Masks()


def _match(rule: BusinessRule, catalogue: Snapshot) -> np.ndarray:
    parts = []
    if rule.product_id is not None:
        parts.append(catalogue.product_id == rule.product_id)
    if rule.category_id is not None:
        parts.append(np.isin(catalogue.category_id, _subtree(rule.category_id, catalogue.category_path)))
    if rule.brand:
        wanted = rule.brand.casefold()
        codes = [code for code, brand in enumerate(catalogue.brands) if brand.casefold() == wanted]
        parts.append(np.isin(catalogue.brand, codes))
    if rule.attribute:
        pair = f"{rule.attribute}={rule.attribute_value}".lower()
        parts.append(np.fromiter((pair in facts for facts in catalogue.attributes), bool, len(catalogue)))
    return np.logical_and.reduce(parts) if parts else np.zeros(len(catalogue), dtype=bool)


def _subtree(category_id: int, paths: dict[int, str]) -> list[int]:
    """Return the category and all below it; none when the catalogue does not have it."""
    top = paths.get(category_id)
    if top is None:
        return []
    return [pk for pk, path in paths.items() if path == top or path.startswith(f"{top}/")]


def apply(
    candidates: Sequence[Candidate], *, context: Context, rules: Iterable[BusinessRule]
) -> list[Candidate]:
    """Return the candidates as the rules want them: buried and boosted ones moved, pinned ones in place.

    Boosts and burials count in places, since scores of two stages are not on one scale: strength 1 moves a
    product by a third of the k places that are shown, and several rules of one product add up. Pins come
    last and hold: a pin takes its position, counted from 1, even when no source proposed the product, and
    its source is then "pinned". The first pin of a position has it, the next takes the first free one after.
    What the context does not allow, or has as its anchor, is not pinned. Exclusions are in the context.
    """
    in_order = list(rules)
    listed = admissible(candidates, allowed=context.allowed)
    return _pinned(_moved(listed, context=context, rules=in_order), context=context, rules=in_order)


def admissible(
    candidates: Iterable[Candidate], *, allowed: np.ndarray, without: Iterable[int] = ()
) -> list[Candidate]:
    """Return each allowed product once, at its first place, but for the product ids `without`."""
    met = set(without)
    kept = []
    for candidate in candidates:
        if candidate.product_id not in met and allowed[candidate.row]:
            met.add(candidate.product_id)
            kept.append(candidate)
    return kept


def _moved(
    candidates: list[Candidate], *, context: Context, rules: Sequence[BusinessRule]
) -> list[Candidate]:
    directions = {Action.BOOST: -1.0, Action.BURY: 1.0}
    movers = [rule for rule in rules if rule.action in directions]
    if not movers or not candidates:
        return candidates
    row_N = np.array([candidate.row for candidate in candidates])
    shift_N = np.zeros(len(candidates))
    for rule in movers:
        places = directions[Action(rule.action)] * rule.strength * context.k / 3
        shift_N += places * matched(rule, context.catalogue)[row_N]
    # Of two at one place the one that was moved there goes on: a boost before, a burial behind.
    order = np.lexsort((shift_N, np.arange(len(candidates)) + shift_N))
    return [candidates[index] for index in order]


def _pinned(
    candidates: list[Candidate], *, context: Context, rules: Sequence[BusinessRule]
) -> list[Candidate]:
    places = _pins(context, rules=rules)
    if not places:
        return candidates
    proposed = {candidate.product_id: candidate for candidate in candidates}
    pinned_ids = {int(context.catalogue.product_id[row]) for row in places.values()}
    listed = [candidate for candidate in candidates if candidate.product_id not in pinned_ids]
    for position, row in sorted(places.items()):
        product_id = int(context.catalogue.product_id[row])
        pin = Candidate(row=row, product_id=product_id, source=PINNED, score=0.0)
        if product_id in proposed:
            pin = replace(proposed[product_id], source=PINNED)
        listed.insert(position - 1, pin)  # behind the last one, where the list is too short for its position
    return listed


def _pins(context: Context, *, rules: Sequence[BusinessRule]) -> dict[int, int]:
    """Return the rows of pinned products by their positions, all of them within the k that are shown."""
    rows: dict[int, int] = {}
    for rule in rules:
        if rule.action != Action.PIN or rule.product_id is None or rule.position is None:
            continue
        found = np.flatnonzero(matched(rule, context.catalogue) & context.allowed)
        if not len(found) or rule.product_id in context.anchor_ids or int(found[0]) in rows.values():
            continue
        free = (place for place in range(max(rule.position, 1), context.k + 1) if place not in rows)
        position = next(free, None)
        if position is not None:
            rows[position] = int(found[0])
    return rows
