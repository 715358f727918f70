"""A shop that trains in a second, and what stands in for the slow parts that a test does not look at."""

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.utils import timezone

from ml.config import TrainConfig
from recommender import held_out, runs, training
from recommender.models import Interaction, ModelVersion, TrainingRun
from shop.models import Category, Product, User

TINY = {"max_epochs": 3, "embedding_dim": 8, "content_width": 8, "patience": 1}
NUM_USERS, NUM_PRODUCTS = 40, 20


def make_shop() -> None:
    """40 users, half of whom buy among the first 10 products and half among the others, one a day each."""
    roots = [
        Category.objects.create(name=name, slug=name.lower(), path=name.lower()) for name in ("Home", "Toys")
    ]
    products = Product.objects.bulk_create(
        Product(
            sku=f"P{n}",
            name=f"Product {n}",
            category=roots[n // 10],
            price=5 + n,
            stock=9,
            released_at=timezone.now() - timedelta(days=90),
        )
        for n in range(NUM_PRODUCTS)
    )
    users = User.objects.bulk_create(
        User(email=f"u{n}@example.com", date_joined=timezone.now() - timedelta(days=60))
        for n in range(NUM_USERS)
    )
    rng, now = np.random.default_rng(5), timezone.now()
    Interaction.objects.bulk_create(
        Interaction(
            user=user,
            product=products[10 * (n % 2) + place],
            kind="purchase",
            value=1,
            occurred_at=now - timedelta(days=20 - 2 * day, minutes=n),
        )
        for n, user in enumerate(users)
        for day, place in enumerate(rng.permutation(10)[:8].tolist())
    )


def trained(**config: Any) -> TrainingRun:
    return training.execute(runs.request_run(config={**TINY, **config}).pk, force=True)


def trial(recall: float = 0.5) -> held_out.Trial:
    """An evaluation that beats popularity (0.1) when `recall` is above it."""
    values = {"two_tower": recall, "popularity": 0.1, "random": 0.01}
    rows = {name: {"hit@10": value, "recall@10": value} for name, value in values.items()}
    config = TrainConfig.from_dict({**TINY, "stop_epoch": 1, "recent_half_life_days": 0.0})
    return held_out.Trial(metrics={"rows": rows}, table="", config=config)


def quick(monkeypatch: pytest.MonkeyPatch, *, recall: float = 0.5) -> None:
    """Leave out what a test does not look at: the trial and the feature store's refresh."""
    monkeypatch.setattr(held_out, "evaluate_held_out", lambda *_, **__: trial(recall))
    monkeypatch.setattr(training.features, "materialize", lambda: None)


def serving(number: int = 1) -> ModelVersion:
    return ModelVersion.objects.create(status="active", activated_at=timezone.now() - timedelta(days=number))
