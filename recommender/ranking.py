"""The second stage of a page: the active ranker's order of the candidates, or the order they came in."""

# C = the candidates of a list, F = the features of each

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
from django.db import DatabaseError

from ml.data import KINDS, Histories, Interactions
from ml.folders import ArtifactError
from ml.ranking.examples import past_of
from ml.ranking.features import (
    FEATURES,
    SOURCES,
    WINDOWS,
    Past,
    Shelf,
    features_of,
)
from ml.ranking.rankers import SecondStage
from recommender import rankers, shelves
from recommender import windows as windows_now
from recommender.candidates import Candidate, RankedList
from recommender.context import Context
from recommender.models import Placement, Ranker

# Where the shopper is the question; elsewhere the page's own product is, of which a ranker knows nothing.
PERSONAL = frozenset({Placement.HOME_FOR_YOU, Placement.SEARCH_EMPTY, Placement.CART_EMPTY})
MAX_RANKED = 200  # what comes after so many candidates keeps its order, behind the ranked ones
MAX_EVENTS = 400  # of the history that are read: more than ml.ranking.features.LONGEST, for repeats
BELOW = 1e-3  # by how much the score of each unranked candidate falls below the one before

Windows = Mapping[str, np.ndarray]  # name of ml.ranking.features.WINDOWS -> (C,), in the candidates' order
logger = logging.getLogger(__name__)


def rank(candidates: Sequence[Candidate], *, context: Context, windows: Windows | None = None) -> RankedList:
    """Return the candidates by the active ranker, with the feature values it saw, by product.

    The given order stands where the placement is not a personal one, where nothing is known of the shopper,
    and where no ranker is active that was trained on the version's candidates. So it does where a ranker's
    files are damaged, which is logged once. Candidates without an item vector, and those past the first 200,
    come after the others. One query in five seconds, one in two minutes; about a millisecond.
    """
    given = RankedList(candidates=list(candidates))
    if context.placement not in PERSONAL or len(candidates) < 2:
        return given
    if context.version is None or context.user_vector is None or context.item_vectors is None:
        return given
    try:
        ranker = rankers.ranker_for(context.version)
        if ranker is None:
            return given
        stage = rankers.load_second_stage(ranker)
        shelf = shelves.current(
            context.catalogue, stage=stage, item_vectors=context.item_vectors, now=context.now
        )
    except ArtifactError as error:
        assert ranker is not None
        rankers.set_aside(ranker, because=error)
        return given
    except DatabaseError as error:
        logger.warning("the ranker was left out: %s", error)
        return given
    windows = windows_of(candidates, now=context.now) if windows is None else windows
    return _ranked(candidates, context=context, windows=windows, ranker=ranker, stage=stage, shelf=shelf)


def windows_of(candidates: Sequence[Candidate], *, now: datetime) -> Windows:
    """Return what happened to the candidates of late, by name; nothing while Redis is away."""
    counted = windows_now.of_products([candidate.product_id for candidate in candidates], now=now)
    if counted is None:
        return {}
    columns = np.column_stack([counted.views, counted.clicks, counted.velocity]).astype(np.float32)
    return dict(zip(WINDOWS, columns.T, strict=True))


def features_for(
    candidates: Sequence[Candidate], *, context: Context, shelf: Shelf, windows: Windows | None = None
) -> np.ndarray:
    """Return the (C, F) features of the candidates, as of the context's moment."""
    assert context.user_vector is not None
    return features_of(
        shelf,
        rows=np.array([candidate.row for candidate in candidates], dtype=np.int64),
        user_vector=context.user_vector,
        past=past_now(context),
        moment=context.now.timestamp(),
        sources=np.array([_source_code(candidate.source) for candidate in candidates], dtype=np.int64),
        windows=windows,
    )


def past_now(context: Context) -> Past:
    """Return what the shopper did, merged and ordered as in training, without products that have gone."""
    history = context.history[:MAX_EVENTS]
    rows = context.catalogue.rows_of(np.array([row.product_id for row in history], dtype=np.int64))
    here = [place for place, row in enumerate(rows.tolist()) if row >= 0]
    events = Interactions.from_columns(
        np.zeros(len(here), dtype=np.int32),
        item_index=rows[here],
        kind=np.array([KINDS.index(history[place].kind) for place in here], dtype=np.int8),
        value=np.array([_number(history[place].value) for place in here], dtype=np.float32),
        timestamp=np.array([int(history[place].occurred_at.timestamp()) for place in here], dtype=np.int64),
    )
    after = int(context.now.timestamp()) + 1  # the event of this second is part of the past
    return past_of(Histories.from_interactions(events, num_users=1, as_of=after), row=0)


def _ranked(
    candidates: Sequence[Candidate],
    *,
    context: Context,
    windows: Windows | None,
    ranker: Ranker,
    stage: SecondStage,
    shelf: Shelf,
) -> RankedList:
    has_vector = shelf.vectors[[candidate.row for candidate in candidates]].any(axis=1)
    places = np.flatnonzero(has_vector)[:MAX_RANKED]
    head = [candidates[place] for place in places]
    ranked = set(places.tolist())
    tail = [candidate for place, candidate in enumerate(candidates) if place not in ranked]
    if not head:
        return RankedList(candidates=list(candidates))
    seen = {name: values[places] for name, values in (windows or {}).items()}
    features = features_for(head, context=context, shelf=shelf, windows=seen)
    scores = stage.ranker.score(_chosen(features, names=stage.ranker.names))
    order = np.argsort(-scores, kind="stable")
    best_first = [_scored(head[place], score=float(scores[place])) for place in order]
    lowest = best_first[-1].score
    behind = [
        _scored(candidate, score=lowest - BELOW * place) for place, candidate in enumerate(tail, start=1)
    ]
    return RankedList(
        candidates=best_first + behind,
        ranker_id=ranker.pk,
        feature_names=FEATURES,
        features={candidate.product_id: row for candidate, row in zip(head, features, strict=True)},
    )


def _scored(candidate: Candidate, *, score: float) -> Candidate:
    """Return the candidate with another score; dataclasses.replace takes four times as long."""
    return Candidate(
        row=candidate.row,
        product_id=candidate.product_id,
        source=candidate.source,
        score=score,
        reason=candidate.reason,
    )


def _chosen(features: np.ndarray, *, names: tuple[str, ...]) -> np.ndarray:
    """Return the columns that the ranker was trained on, in its order."""
    if names == FEATURES:
        return features
    return features[:, [FEATURES.index(name) for name in names]]


def _source_code(source: str) -> int:
    return SOURCES.index(source) if source in SOURCES else -1


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
