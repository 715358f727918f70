"""What a shop's shoppers get from a model that was trained on them: the real parts, end to end."""

import uuid
from pathlib import Path

import numpy as np
import pytest
from django.core.management import call_command

from recommender import filtering, interactions, versions
from recommender.gathering import user_vector
from recommender.models import ModelVersion, Placement
from recommender.recommendations import RecommendedList, recommend
from shop.models import Category, Product, User
from shop.selectors import carts as selectors
from shop.services import carts, checkout
from shop.visitors import Visitor

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelVersion:
    """The first version of a generated shop as large as the demo's: a smaller one is judged by chance."""
    monkeypatch.setattr(versions, "data_dir", lambda: tmp_path)
    call_command("generate_dataset", out=tmp_path / "made", no_pictures=True)
    call_command("train")
    return ModelVersion.objects.get(status="active")


def for_you(visitor: Visitor) -> RecommendedList:
    return recommend(Placement.HOME_FOR_YOU, visitor=visitor, k=12)


def ids(recommended: RecommendedList) -> list[int]:
    return [product.pk for product in recommended.products]


def newcomer(email: str, *, likes: str) -> Visitor:
    """Somebody who has just signed up and picked one category."""
    user = User.objects.create_user(email, "correct-horse-battery")
    category = Category.objects.get(path=likes)
    user.profile.preferences.add(category)
    return Visitor(id=uuid.uuid4(), user=user, preference_ids=(category.pk,))


def num_below(category: str, *, recommended: RecommendedList) -> int:
    return sum(product.category.path.startswith(f"{category}/") for product in recommended.products)


def vector_now(visitor: Visitor, *, version: ModelVersion) -> np.ndarray:
    vector = user_vector(version, visitor=visitor, history=filtering.past_of(visitor).history)
    assert vector is not None
    return vector


def look_at(visitor: Visitor, product: Product) -> None:
    interactions.record_interaction(
        event_id=uuid.uuid4(), visitor=visitor, product_id=product.pk, kind="view"
    )


def buy(visitor: Visitor, product: Product) -> None:
    carts.add(visitor, product_id=product.pk)
    delivery = checkout.Delivery(name="Carol", address="1 High Street", region="GB")
    seen = checkout.lines_seen(selectors.items_of(visitor))
    checkout.place_order(visitor, number=uuid.uuid4(), delivery=delivery, seen=seen)


def test_the_model_foresees_better_than_its_baselines_and_answers_to_each_shopper(
    version: ModelVersion,
) -> None:
    rows = version.metrics["rows"]
    for baseline in ("category_rule", "item_knn", "popularity", "random"):
        assert rows["two_tower"]["hit@10"] > rows[baseline]["hit@10"], rows

    cook, dresser = (
        newcomer("cook@example.com", likes="home/kitchen"),
        newcomer("dresser@example.com", likes="clothing/tops"),
    )
    for_the_cook, for_the_dresser = for_you(cook), for_you(dresser)
    assert for_the_cook.version_id == for_the_dresser.version_id == version.pk
    assert num_below("home", recommended=for_the_cook) >= 8
    assert num_below("clothing", recommended=for_the_dresser) >= 8
    assert len(set(ids(for_the_cook)) & set(ids(for_the_dresser))) <= 3

    before = vector_now(cook, version=version)
    look_at(cook, for_the_dresser.products[0])
    for_the_curious = for_you(cook)
    assert np.abs(vector_now(cook, version=version) - before).max() > 0.01, (
        "one view, and the vector is another"
    )
    assert ids(for_the_curious) != ids(for_the_cook), "and the next page"
    assert for_the_dresser.products[0].pk not in ids(for_the_curious), "what was seen is no discovery"

    for_the_cook = for_the_curious
    bought = for_the_cook.products[0]
    buy(cook, bought)
    after = for_you(cook)
    assert bought.pk not in ids(after)
    assert ids(after) != ids(for_the_cook)[1:] + ids(after)[-1:], (
        "the purchase moved the rest of the list too"
    )
