"""The tiny shop with a version that serves, as a page sees it: snapshot, context, candidates."""

import uuid
from collections.abc import Sequence
from typing import Any

import numpy as np
from django.utils import timezone

from ml.ranking import rankers as second_stages
from ml.ranking.features import FEATURES
from ml.ranking.lists import RankingLists
from ml.ranking.neighbours import Neighbours
from ml.ranking.rankers import SecondStage
from recommender import filtering, rankers
from recommender.candidates import Candidate
from recommender.context import Context
from recommender.models import ItemEmbedding, ModelVersion, Placement, Ranker
from recommender.snapshot import Snapshot
from shop.models import Category, Product, User
from shop.visitors import Visitor


def snapshot_of_shop() -> Snapshot:
    """The catalogue as it is in the database."""
    products = list(Product.objects.order_by("pk"))
    brands = sorted({product.brand for product in products})

    def column(kind: type, of: Any) -> np.ndarray:
        return np.array([of(product) for product in products], dtype=kind)

    return Snapshot(
        revision=uuid.uuid4().hex,
        product_id=column(np.int64, lambda product: product.pk),
        category_id=column(np.int64, lambda product: product.category_id),
        category_path=dict(Category.objects.values_list("pk", "path")),
        brand=column(np.int32, lambda product: brands.index(product.brand)),
        brands=tuple(brands),
        price=column(np.float32, lambda product: product.price),
        discount=column(
            np.float32, lambda product: 1 - product.price / product.list_price if product.list_price else 0
        ),
        rating=column(np.float32, lambda product: np.nan if product.rating is None else product.rating),
        rating_count=column(np.int32, lambda product: product.rating_count),
        stock=column(np.int32, lambda product: product.stock),
        active=column(np.bool_, lambda product: product.active),
        repeatable=column(np.bool_, lambda product: product.repeatable),
        min_age=column(np.int16, lambda product: product.min_age),
        regions=column(np.uint64, lambda product: 2**64 - 1),
        region_names=(),
        released_at=column(np.float64, lambda product: product.released_at.timestamp()),
        attributes=tuple(() for _ in products),
        written=column(np.int64, lambda product: 0),
    )


def context_for(
    user: User | None,
    *,
    version: ModelVersion | None,
    user_vector: np.ndarray | None,
    placement: str = Placement.HOME_FOR_YOU,
    catalogue: Snapshot | None = None,
) -> Context:
    """A request of the user, by the vectors of the version."""
    catalogue = catalogue or snapshot_of_shop()
    visitor = Visitor(id=uuid.uuid4(), user=user)
    return Context(
        placement=placement,
        visitor=visitor,
        k=5,
        now=timezone.now(),
        anchor_ids=(),
        version=version,
        history=filtering.past_of(visitor).history,
        catalogue=catalogue,
        allowed=np.ones(len(catalogue), dtype=bool),
        user_vector=user_vector,
        item_vectors=_item_vectors(version, catalogue=catalogue),
    )


def candidates_in(rows: Sequence[int], *, catalogue: Snapshot) -> list[Candidate]:
    """Candidates of the model, in this order."""
    return [
        Candidate(
            row=row,
            product_id=int(catalogue.product_id[row]),
            source="two_tower",
            score=1.0 - place / 100,
        )
        for place, row in enumerate(rows)
    ]


def active_ranker(version: ModelVersion, *, prefers: str = "log_price", better: bool = True) -> Ranker:
    """A LightGBM ranker, active where it is better, that puts what has most of one feature first."""
    stage = SecondStage(
        ranker=second_stages.fit("lightgbm", lists_that_prefer(prefers), seed=1),
        item_ids=np.array(sorted(Product.objects.values_list("pk", flat=True)), dtype=np.int64),
        follows=Neighbours.none(Product.objects.count()),
        alike=Neighbours.none(Product.objects.count()),
    )
    metrics = {
        "rows": {"two_tower": {"ndcg@10": 0.2}, "lightgbm": {"ndcg@10": 0.25}},
        "ahead": {"lightgbm": [0.01, 0.09]},
    }
    origin = rankers.Origin(version=version, metrics=metrics, num_lists=60, better=better)
    ranker = rankers.register(stage, origin=origin)
    return rankers.activate(ranker) if better else ranker


def lists_that_prefer(name: str, *, count: int = 60, size: int = 20) -> RankingLists:
    """Lists in which the six with the largest values of a feature, from 1.5 to 4, were bought."""
    rng = np.random.default_rng(2)
    features = np.full((count, size, len(FEATURES)), np.nan, dtype=np.float32)
    values = rng.uniform(1.5, 4, size=(count, size)).astype(np.float32)
    features[:, :, FEATURES.index(name)] = values
    labels = np.zeros((count, size), dtype=np.int32)
    np.put_along_axis(labels, np.argsort(-values, axis=1)[:, :6], 3, axis=1)
    return RankingLists(
        names=FEATURES,
        offsets=np.arange(count + 1, dtype=np.int64) * size,
        features=features.reshape(-1, len(FEATURES)),
        labels=labels.ravel(),
    )


def _item_vectors(version: ModelVersion | None, *, catalogue: Snapshot) -> np.ndarray | None:
    if version is None:
        return None
    stored = dict(ItemEmbedding.objects.filter(version=version).values_list("product_id", "vector"))
    width = len(next(iter(stored.values()))) if stored else 3
    vectors = np.zeros((len(catalogue), width), dtype=np.float32)
    for row, product_id in enumerate(catalogue.product_id.tolist()):
        if product_id in stored:
            vectors[row] = np.asarray(stored[product_id], dtype=np.float32)
    return vectors


def serving_version(*, width: int = 3) -> ModelVersion:
    """An active version without weights, whose products have vectors."""
    version = ModelVersion.objects.create(status="active", activated_at=timezone.now())
    rng = np.random.default_rng(4)
    for product_id in Product.objects.values_list("pk", flat=True):
        vector = np.append(rng.normal(size=width - 1), 0.1).astype(np.float32)
        ItemEmbedding.objects.create(version=version, product_id=product_id, vector=vector)
    return version
