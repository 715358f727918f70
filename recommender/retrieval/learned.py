"""What the two-tower model proposes: for the shopper, and like a product."""

# H = products of the history, K = candidates, D = columns of a stored vector

from itertools import takewhile

import numpy as np

from ml.breadth import POPULARITY_COLUMNS, without_popularity
from ml.data import KINDS, weights_of
from recommender import item_matrix
from recommender.candidates import Candidate, Reason
from recommender.context import Context
from recommender.models import Interaction, ItemEmbedding
from recommender.retrieval.nearest import nearest, nearest_to_user
from recommender.retrieval.proposing import candidates
from recommender.snapshot import Snapshot

EXPLAINED_BY = 50  # the latest products of a history that a recommendation may be explained with
WIDER = 3  # times as many as are asked for are put in the order of their likeness
KINSHIP = 0.3  # of cosine that the very category of an anchor is worth
LEAST_COSINE = 0.35  # below this, "similar" and "because you viewed" would not be true
BOUGHT = frozenset({Interaction.Kind.PURCHASE})


def two_tower(context: Context, k: int) -> list[Candidate]:
    """The products nearest to the shopper's vector; of a newcomer's picked categories first."""
    if context.user_vector is None or context.version is None:
        return []
    allowed, picked = context.allowed, context.visitor.preference_ids
    masks = [allowed]
    if picked and not context.history:
        # Of a newcomer nothing is known but what they picked, so the model ranks that before anything else.
        within = context.catalogue.rows_in(picked)
        masks = [allowed & within, allowed & ~within]
    parts, left = [], k
    for mask in masks:
        parts.append(nearest_to_user(context, k=left, allowed=mask))
        left -= len(parts[-1][0])
    rows, scores = (np.concatenate(part) for part in zip(*parts, strict=True))
    reasons = _explained(context, rows=rows)
    return candidates(context, source="two_tower", rows=rows, scores=scores, reason_of=reasons.get)


def similar(context: Context, k: int) -> list[Candidate]:
    """The products most like the anchors: with vectors near theirs, and of their category or one near it.

    The vectors alone know what the same shoppers like: beside a camera, house plants.
    """
    vectors = _vectors_of(context, product_ids=context.anchor_ids)
    if not len(vectors):
        return []
    query = without_popularity(vectors.mean(axis=0))  # what is near is wanted, not what is near and popular
    rows, scores = nearest(context, query=query, k=WIDER * k, allowed=context.allowed)
    cosines = _cosines(context, rows=rows, scores=scores, query=query)
    alike = cosines + KINSHIP * _kinship(context, rows=rows)
    order = np.argsort(-alike, kind="stable")
    order = order[cosines[order] >= LEAST_COSINE][:k]
    rows, scores = rows[order], scores[order]
    viewed = {row.product_id for row in context.history}.intersection(context.anchor_ids)
    reason = Reason(kind="viewed", product_id=viewed.pop()) if len(viewed) == 1 else None
    return candidates(context, source="similar", rows=rows, scores=scores, reason_of=lambda _row: reason)


def _vectors_of(context: Context, *, product_ids: tuple[int, ...]) -> np.ndarray:
    """The (N, D) vectors of those products that have one; a query only where there is no matrix."""
    if context.version is None or not product_ids:
        return np.empty((0, 0), dtype=np.float32)
    if context.item_vectors is not None:
        rows = context.catalogue.rows_of(np.array(product_ids, dtype=np.int64))
        rows = rows[rows >= 0]
        return context.item_vectors[rows[item_matrix.rows_with_vector(context.item_vectors)[rows]]]
    found = ItemEmbedding.objects.filter(version=context.version, product__in=product_ids)
    return np.array(list(found.values_list("vector", flat=True)), dtype=np.float32)


def _cosines(context: Context, *, rows: np.ndarray, scores: np.ndarray, query: np.ndarray) -> np.ndarray:
    """(K,) cosines of the rows with the query; without a matrix, stored vectors count as of length 1."""
    lengths = np.linalg.norm(query)
    if context.item_vectors is not None:
        directions = context.item_vectors[rows, :-POPULARITY_COLUMNS]
        lengths = lengths * np.linalg.norm(directions, axis=1)
    return np.asarray(scores / np.maximum(lengths, 1e-12))


def _kinship(context: Context, *, rows: np.ndarray) -> np.ndarray:
    """(K,) how much of its category's path each product shares with the anchors', 1 for the very category."""
    catalogue = context.catalogue
    anchors = catalogue.rows_of(np.array(context.anchor_ids, dtype=np.int64))
    own = {_path(catalogue, category_id) for category_id in set(catalogue.category_id[anchors[anchors >= 0]])}
    category_ids, which = np.unique(catalogue.category_id[rows], return_inverse=True)
    shares = [
        max((_shared(_path(catalogue, category_id), path) for path in own), default=0.0)
        for category_id in category_ids
    ]
    return np.array(shares)[which]


def _path(catalogue: Snapshot, category_id: int) -> tuple[str, ...]:
    return tuple(catalogue.category_path.get(int(category_id), "").split("/"))


def _shared(one: tuple[str, ...], other: tuple[str, ...]) -> float:
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
    return same / max(len(one), len(other))


def _explained(context: Context, *, rows: np.ndarray) -> dict[int, Reason]:
    """Why a product fits: the nearest liked one of the history, else a category that the shopper picked."""
    reasons: dict[int, Reason] = {}
    for category_id in context.visitor.preference_ids:
        reason = Reason(kind="liked_category", category_id=category_id)
        reasons |= dict.fromkeys(rows[context.catalogue.rows_in([category_id])[rows]].tolist(), reason)
    liked = _liked(context)
    rows_H = context.catalogue.rows_of(np.array(list(liked), dtype=np.int64))
    reason_H = [reason for reason, row in zip(liked.values(), rows_H, strict=True) if row >= 0]
    if context.item_vectors is None or not reason_H or not len(rows):
        return reasons
    liked_HD = _directions(context.item_vectors[rows_H[rows_H >= 0]])
    cosine_KH = _directions(context.item_vectors[rows]) @ liked_HD.T
    cosine_KH[rows[:, None] == rows_H[rows_H >= 0]] = -1.0  # no product is the reason for itself
    best_K = cosine_KH.argmax(axis=1)
    for row, best, cosine in zip(rows.tolist(), best_K.tolist(), cosine_KH.max(axis=1).tolist(), strict=True):
        if cosine >= LEAST_COSINE:
            reasons[row] = reason_H[best]
    return reasons


def _liked(context: Context) -> dict[int, Reason]:
    """The latest liked products, by id, each with what was done with it last."""
    latest = context.history[: 4 * EXPLAINED_BY]
    if not latest:
        return {}
    codes = np.array([KINDS.index(row.kind) for row in latest])
    values = np.array([np.nan if row.value is None else row.value for row in latest])
    liked: dict[int, Reason] = {}
    for row, weight in zip(latest, weights_of(codes, values).tolist(), strict=True):
        if weight > 0 and row.product_id not in liked and len(liked) < EXPLAINED_BY:
            kind = "bought" if row.kind in BOUGHT else "viewed"
            liked[row.product_id] = Reason(kind=kind, product_id=row.product_id)
    return liked


def _directions(vectors_ND: np.ndarray) -> np.ndarray:
    """The vectors without the popularity bias, of length 1; zeros stay zeros."""
    directions = vectors_ND[:, :-POPULARITY_COLUMNS]
    return directions / np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-12)
