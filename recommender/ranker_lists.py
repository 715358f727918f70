"""Logged impressions with their outcomes, as lists that a ranker learns from."""

# C = candidates of a list, F = the features of each

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from ml.data import KINDS, weights_of
from ml.ranking.examples import GRADES
from ml.ranking.features import FEATURES
from ml.ranking.lists import RankingLists
from recommender import feature_logs
from recommender.models import Impression, Interaction

REACH = timedelta(days=90)
MAX_LISTS = 20_000  # the newest ones

Grades = dict[Any, dict[int, int]]  # impression id -> product id -> grade


def logged_lists(*, now: datetime) -> RankingLists:
    """Return the lists of the last 90 days that kept features and that something came of, oldest first.

    A list holds what was seen where the browser told so, else all of it; what was followed was seen.
    The grade is 1 for a click, 2 for the cart, 3 for a purchase that carries the impression's id. Lists of
    another set of features are left out. Two queries.
    """
    grades = _grades(now)
    impressions = (
        Impression.objects.filter(created_at__gte=now - REACH, features__isnull=False, pk__in=list(grades))
        .order_by("-created_at")
        .values("pk", "product_ids", "features", "seen_positions")[:MAX_LISTS]
    )
    parts = [part for part in _parts(impressions, grades=grades) if len(part[1]) > 1]
    parts.reverse()
    sizes = [len(labels) for _, labels in parts]
    nothing = np.zeros((0, len(FEATURES)), dtype=np.float32)
    return RankingLists(
        names=FEATURES,
        offsets=np.cumsum([0, *sizes]).astype(np.int64),
        features=np.concatenate([features for features, _ in parts]) if parts else nothing,
        labels=np.concatenate([np.zeros(0, dtype=np.int32), *(labels for _, labels in parts)]),
    ).with_choice()


def _grades(now: datetime) -> Grades:
    """Return what came of each impression."""
    events = Interaction.objects.filter(impression_id__isnull=False, occurred_at__gte=now - REACH)
    grades: Grades = defaultdict(dict)
    rows = events.values_list("impression_id", "product_id", "kind", "value")
    for impression_id, product_id, kind, value in rows.iterator():
        weight = weights_of(
            np.array([KINDS.index(kind)]), np.array([np.nan if value is None else value], dtype=np.float32)
        )
        grade = int(np.searchsorted(np.array(GRADES), weight[0], side="left"))
        of_list = grades[impression_id]
        of_list[product_id] = max(of_list.get(product_id, 0), grade)
    return grades


def _parts(impressions: Any, *, grades: Grades) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the (C, F) features and (C,) labels of each list."""
    for impression in impressions:
        names, rows = feature_logs.from_log(impression["features"])
        if names != FEATURES:
            continue
        outcome, seen = grades[impression["pk"]], set(impression["seen_positions"])
        kept = [
            (row, outcome.get(product_id, 0))
            for place, (product_id, row) in enumerate(zip(impression["product_ids"], rows, strict=False))
            if row is not None and (not seen or place in seen or product_id in outcome)
        ]
        if kept:
            features, labels = zip(*kept, strict=True)
            yield np.stack(features), np.array(labels, dtype=np.int32)
