"""Everything that a list is made from, gathered once: who asks, what they did, what they may be shown."""

# I = products of the catalogue

import logging
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from django.db import connection
from django.utils import timezone

from ml.data import KINDS, MAX_HISTORY, weights_of
from ml.serving import HistoryEvent
from recommender import filtering, item_matrix, rules, snapshot, versions
from recommender.context import Context
from recommender.datasets import user_features_online
from recommender.filtering import IN_CART, SEEN_WINDOW, Mark, Past
from recommender.interactions import HistoryRow
from recommender.ladder import NAMED_ERRORS, attempt
from recommender.models import BusinessRule, Interaction, ModelVersion
from recommender.plans import CART, ORDER, VIEWED, Plan
from recommender.retrieval.counted import interest_of
from recommender.snapshot import Snapshot
from shop.visitors import Visitor

LOOKED_AT = frozenset({Interaction.Kind.VIEW, Interaction.Kind.CLICK})
ONE_ORDER = timedelta(minutes=10)  # purchases so close to the last one belong to it
MAX_ANCHORS = 50

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """A request's context, the rules in force, and what may fill a list that would be short."""

    context: Context
    rules: Sequence[BusinessRule]
    allowed_at_last: np.ndarray  # (I,) bool: context.allowed, with what the list only prefers to hide
    hides: bool  # whether there is any such thing


def gather(
    plan: Plan,
    *,
    placement: str,
    visitor: Visitor,
    anchor_ids: Iterable[int],
    k: int,
    in_force: Sequence[BusinessRule] | None = None,
    without: Sequence[int] = (),
) -> Gathered:
    """Return what the list is made from; one query, and one more at most for an account's features.

    `in_force` are the business rules to go by; None: those of this moment. Products `without`, by id, are
    only preferred not to be shown.
    What is broken is left out: without readable weights there is no vector. Raises DatabaseError when the
    catalogue itself cannot be read. A paused visitor is everybody: no history, no preferences.
    """
    now, catalogue = timezone.now(), snapshot.current()
    if not visitor.personalised:
        visitor = Visitor(
            id=visitor.id, user=visitor.user, region=visitor.region, age=visitor.age, personalised=False
        )
    version = attempt("the active version", versions.serving_version, otherwise=None)
    num_events = MAX_HISTORY if plan.uses_history else 0
    past = attempt(
        "what the shopper did",
        lambda: filtering.past_of(visitor, num_events=num_events),
        otherwise=Past(history=[], marks=[]),
    )
    history, marks = past.history, past.marks
    if in_force is None:
        in_force = attempt("the rules", lambda: rules.current(placement, now), otherwise=())
    anchors = tuple(anchor_ids)[:MAX_ANCHORS] or _own_anchors(plan, history=history, marks=marks)
    at_last = filtering.allowed_mask(
        catalogue, visitor=visitor, marks=marks, now=now, hides_bought=plan.hides_bought
    )
    at_last &= ~rules.excluded(in_force, catalogue)
    at_last[_rows(catalogue, ids=anchors)] = False
    allowed = at_last.copy()
    if plan.hides_seen:
        seen = [row.product_id for row in history if now - row.occurred_at <= SEEN_WINDOW]
        allowed[_rows(catalogue, ids=seen)] = False
    allowed[_rows(catalogue, ids=without)] = False
    context = Context(
        placement=placement,
        visitor=visitor,
        k=k,
        now=now,
        anchor_ids=anchors,
        version=version,
        history=history,
        catalogue=catalogue,
        allowed=allowed,
        user_vector=_vector(plan, version=version, visitor=visitor, history=history),
        item_vectors=_item_vectors(version, catalogue=catalogue),
        marks=marks,
    )
    hides = plan.hides_seen or bool(without)
    return Gathered(context=context, rules=in_force, allowed_at_last=at_last, hides=hides)


def user_vector(
    version: ModelVersion, *, visitor: Visitor, history: Sequence[HistoryRow]
) -> np.ndarray | None:
    """Return the visitor's (D + 1,) vector from what they are and just did, or None when nothing is known.

    Raises versions.ArtifactError when the version's weights cannot be read.
    """
    if not visitor.personalised or not (history or visitor.preference_ids):
        return None
    features = user_features_online(visitor)
    return versions.load_user_tower(version).encode_user(
        numeric=features.numeric,
        categorical=features.categorical,
        multi=features.multi,
        user_id=visitor.user_id,
        history=_events(history),
    )


def warm_in_background() -> None:
    """Start reading what every list needs; for the start of a web process. Returns at once."""
    threading.Thread(target=_warm, name="warm the recommendations", daemon=True).start()


def _warm() -> None:
    try:
        catalogue = snapshot.current()
        interest_of(catalogue)
        version = versions.serving_version()
        if version is not None:
            versions.load_user_tower(version)
            item_matrix.current(version, catalogue=catalogue)
    except NAMED_ERRORS as error:
        logger.warning("the recommendations are read when the first page asks for them: %s", error)
    finally:
        connection.close()  # of this thread, which ends here


def _events(history: Sequence[HistoryRow]) -> list[HistoryEvent]:
    if not history:
        return []
    now = timezone.now()
    codes = np.array([KINDS.index(row.kind) for row in history])
    values = np.array([np.nan if row.value is None else row.value for row in history], dtype=np.float32)
    return [
        HistoryEvent(
            item_id=row.product_id,
            weight=weight,
            age_seconds=max((now - row.occurred_at).total_seconds(), 0.0),
        )
        for row, weight in zip(history, weights_of(codes, values).tolist(), strict=True)
    ]


def _vector(
    plan: Plan, *, version: ModelVersion | None, visitor: Visitor, history: Sequence[HistoryRow]
) -> np.ndarray | None:
    if version is None or not plan.uses_vector:
        return None
    return attempt(
        "the user's vector", lambda: user_vector(version, visitor=visitor, history=history), otherwise=None
    )


def _item_vectors(version: ModelVersion | None, *, catalogue: Snapshot) -> np.ndarray | None:
    if version is None:
        return None
    return attempt(
        "the item vectors", lambda: item_matrix.current(version, catalogue=catalogue), otherwise=None
    )


def _own_anchors(plan: Plan, *, history: Sequence[HistoryRow], marks: Sequence[Mark]) -> tuple[int, ...]:
    """The products that the slot is about when its page names none: the cart, the last order or view."""
    if plan.anchors == CART:
        return tuple(mark.product_id for mark in marks if mark.kind == IN_CART)[:MAX_ANCHORS]
    if plan.anchors == ORDER:
        bought = [mark for mark in marks if mark.kind == Interaction.Kind.PURCHASE]
        return tuple(mark.product_id for mark in bought if bought[0].at - mark.at <= ONE_ORDER)[:MAX_ANCHORS]
    if plan.anchors == VIEWED:
        return tuple(row.product_id for row in history if row.kind in LOOKED_AT)[:1]
    return ()


def _rows(catalogue: Snapshot, *, ids: Sequence[int]) -> np.ndarray:
    rows = catalogue.rows_of(np.array(ids, dtype=np.int64))
    return rows[rows >= 0]
