"""Candidates from every source: the two-tower model, similar items, trending, newest.

Each source is a function of the products that may be shown, so that the filters hold inside the query and
k asked is k given while the shop has that many.
"""

import time
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone
from pgvector.django import MaxInnerProduct

from ml.data import weight_of
from ml.serving import HistoryEvent
from recommender import interactions, versions
from recommender.datasets import user_features_online
from recommender.models import ItemEmbedding, ModelVersion
from shop.models import Product
from shop.visitors import Visitor

TRENDING_WINDOW_DAYS = 14
TRENDING_HALF_LIFE_DAYS = 3
TRENDING_DEPTH = 1000
TRENDING_FRESH_SECONDS = 60


def user_vector(version: ModelVersion, *, visitor: Visitor) -> np.ndarray | None:
    """Return the visitor's (D,) vector from what they are and just did, or None when nothing is known.

    Raises versions.ArtifactError when the version's weights cannot be read.
    """
    history = interactions.recent_history(visitor)
    if not history and not visitor.preference_ids:
        return None
    features = user_features_online(visitor)
    now = timezone.now()
    events = [
        HistoryEvent(
            item_id=row.product_id,
            weight=weight_of(row.kind, row.value),
            age_seconds=max((now - row.occurred_at).total_seconds(), 0.0),
        )
        for row in history
    ]
    tower = versions.load_user_tower(version)
    return tower.encode_user(
        numeric=features.numeric,
        categorical=features.categorical,
        multi=features.multi,
        user_id=visitor.user_id,
        history=events,
    )


def nearest_to_vector(
    products: QuerySet[Product], *, version: ModelVersion, vector: np.ndarray, k: int
) -> list[Product]:
    """Return the k products whose item vectors have the largest inner product with `vector`. One query."""
    scored = products.filter(item_embeddings__version=version)
    return list(scored.order_by(MaxInnerProduct("item_embeddings__vector", vector), "pk")[:k])


def similar_to(
    products: QuerySet[Product], *, version: ModelVersion, anchor: Product, k: int
) -> list[Product]:
    """Return the k products nearest to the anchor in the item tower's space; none for an unknown anchor."""
    vector = (
        ItemEmbedding.objects.filter(version=version, product=anchor).values_list("vector", flat=True).first()
    )
    if vector is None:
        return []
    vector = np.array(vector, dtype=np.float32)
    vector[-1] = 0.0  # the popularity bias: what is near is wanted here, not what is near and popular
    return nearest_to_vector(products, version=version, vector=vector, k=k)


def trending(products: QuerySet[Product], k: int) -> list[Product]:
    """Return the k products with the most recent, time-decayed interest, most wanted first."""
    ids = trending_ids(int(time.time()) // TRENDING_FRESH_SECONDS)
    return in_order(products, ids=ids)[:k]


def newest(products: QuerySet[Product], k: int) -> list[Product]:
    """Return the k products released last."""
    return list(products.order_by("-released_at", "-pk")[:k])


def in_order(products: QuerySet[Product], *, ids: Sequence[int]) -> list[Product]:
    """Return the products among `ids`, in the order of `ids`."""
    found = {product.pk: product for product in products.filter(pk__in=ids)}
    return [found[pk] for pk in ids if pk in found]


@lru_cache(maxsize=2)
def trending_ids(minute: int) -> tuple[int, ...]:
    """Return product ids by interest, halved every 3 days, over the last 14 days of events.

    The window ends at the newest event, so an imported shop of old data trends too. Computed once a minute
    in each process; `minute` is the cache key.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH latest AS (SELECT max(occurred_at) AS at FROM recommender_interaction)
            SELECT product_id
            FROM recommender_interaction, latest
            WHERE occurred_at > latest.at - make_interval(days => %s)
                AND kind IN ('view', 'click', 'cart_add', 'purchase')
            GROUP BY product_id
            ORDER BY sum(
                CASE kind WHEN 'purchase' THEN 5 WHEN 'cart_add' THEN 3 ELSE 1 END
                * power(0.5, extract(epoch FROM latest.at - occurred_at) / %s)
            ) DESC, product_id
            LIMIT %s
            """,
            [TRENDING_WINDOW_DAYS, TRENDING_HALF_LIFE_DAYS * 86_400, TRENDING_DEPTH],
        )
        return tuple(row[0] for row in cursor.fetchall())
