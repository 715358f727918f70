"""A shopper's vector scores what was found; what cannot be scored stays unknown."""

import uuid
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from recommender import gathering, snapshot
from recommender.interactions import record_interaction
from recommender.models import Interaction, ItemEmbedding, ModelVersion
from recommender.search import affinity
from recommender.search.requests import Scene
from shop.models import Product
from shop.visitors import Visitor

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene(make_product: Callable[..., Product], alice: Any, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Three products, the last without a vector, and Alice, whose vector is that of what she viewed."""
    products = [make_product() for _ in range(3)]
    version = ModelVersion.objects.create(status=ModelVersion.Status.ACTIVE)
    for product, vector in zip(products[:2], ([1.0, 0.0], [0.5, 1.0]), strict=True):
        ItemEmbedding.objects.create(version=version, product=product, vector=vector)
    visitor = Visitor(id=uuid.uuid4(), user=alice)
    kind = Interaction.Kind.VIEW
    record_interaction(event_id=uuid.uuid4(), visitor=visitor, product_id=products[0].pk, kind=kind)

    def user_vector(version: ModelVersion, *, visitor: Visitor, history: list[Any]) -> np.ndarray | None:
        return np.array([2.0, 1.0], dtype=np.float32) if history else None

    monkeypatch.setattr(gathering, "user_vector", user_vector)
    catalogue = snapshot.current()
    return Scene(catalogue=catalogue, visitor=visitor, allowed_I=np.ones(len(catalogue), dtype=bool))


def test_products_are_scored_by_the_shoppers_vector(scene: Scene) -> None:
    # (2, 1) times (.5, 1) is 2, times (1, 0) is 2 as well; the third has no vector.
    scores = affinity.scores(np.array([1, 2, 0]), scene=scene)
    assert scores is not None
    assert scores.tolist() == pytest.approx([2.0, np.nan, 2.0], nan_ok=True)


def test_of_a_stranger_nothing_is_known(scene: Scene) -> None:
    stranger = Scene(catalogue=scene.catalogue, visitor=Visitor(id=uuid.uuid4()), allowed_I=scene.allowed_I)
    assert affinity.scores(np.array([0]), scene=stranger) is None


def test_vectors_that_do_not_fit_are_left_out(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "user_vector", lambda version, visitor, history: np.ones(3))
    assert affinity.scores(np.array([0]), scene=scene) is None
