"""recommend() answers from the model where it can, and fills the list where it cannot.

The item vectors are made by hand: mugs point along (1, 0), lamps along (0, 1); last comes the bias.
"""

import uuid
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from django.db import connection
from django.utils import timezone

from recommender import versions
from recommender.interactions import record_interaction
from recommender.models import Impression, Interaction, ItemEmbedding, ModelVersion, Placement
from recommender.recommendations import recommend
from shop.visitors import Visitor

pytestmark = pytest.mark.django_db
Kind = Interaction.Kind


class AlongTheHistory:
    """A user tower that points where the history's products point."""

    def __init__(self, vectors):
        self.vectors = vectors

    def encode_user(self, *, numeric, categorical, multi, user_id, history):
        points = [
            self.vectors[event.item_id] * event.weight for event in history if event.item_id in self.vectors
        ]
        return np.sum(points, axis=0) if points else np.array([0.6, 0.5, 1.0], dtype=np.float32)


@pytest.fixture
def shop(make_product):
    """Three mugs and three lamps; a later one points less exactly along its axis."""
    mugs = [make_product(f"Mug {i}", category="Home > Mugs") for i in range(3)]
    lamps = [make_product(f"Lamp {i}", category="Home > Lamps") for i in range(3)]
    return mugs, lamps


@pytest.fixture
def version(shop, monkeypatch):
    mugs, lamps = shop
    version = ModelVersion.objects.create(status=ModelVersion.Status.ACTIVE)
    vectors = {mug.pk: np.array([1.0 - i / 10, 0.0, 0.0]) for i, mug in enumerate(mugs)}
    vectors |= {lamp.pk: np.array([0.0, 1.0 - i / 10, 0.0]) for i, lamp in enumerate(lamps)}
    ItemEmbedding.objects.bulk_create(
        ItemEmbedding(version=version, product_id=pk, vector=vector) for pk, vector in vectors.items()
    )
    monkeypatch.setattr(versions, "load_user_tower", lambda _version: AlongTheHistory(vectors))
    return version


def view(visitor, product, *, days_ago=0):
    record_interaction(event_id=uuid.uuid4(), visitor=visitor, product_id=product.pk, kind=Kind.VIEW)
    if days_ago:
        then = timezone.now() - timedelta(days=days_ago)
        Interaction.objects.filter(product=product).update(occurred_at=then)


def names(recommended):
    return [product.name for product in recommended.products]


def test_a_guest_without_history_gets_the_newest_of_the_shop(visitor, shop):
    recommended = recommend(Placement.HOME_FOR_YOU, visitor=visitor, k=4)
    assert names(recommended) == ["Lamp 2", "Lamp 1", "Lamp 0", "Mug 2"]
    assert recommended.source == "newest"


def test_a_guest_gets_what_others_look_at_before_what_is_new(visitor, shop):
    mugs, _ = shop
    view(Visitor(id=uuid.uuid4()), mugs[1])
    recommended = recommend(Placement.HOME_FOR_YOU, visitor=visitor, k=2)
    assert names(recommended) == ["Mug 1", "Lamp 2"]
    assert recommended.source == "trending"


def test_recent_interest_outweighs_old_interest(visitor, shop):
    mugs, lamps = shop
    for _ in range(3):
        view(Visitor(id=uuid.uuid4()), mugs[0], days_ago=10)  # 3 * 0.5 ** (10 / 3) = 0.30
    view(Visitor(id=uuid.uuid4()), lamps[0])  # 1
    assert names(recommend(Placement.HOME_FOR_YOU, visitor=visitor, k=2)) == ["Lamp 0", "Mug 0"]


def test_the_next_list_answers_to_what_was_just_viewed(visitor, shop, version):
    mugs, lamps = shop
    view(visitor, mugs[2])
    after_a_mug = recommend(Placement.HOME_FOR_YOU, visitor=visitor, k=2)
    assert names(after_a_mug) == ["Mug 0", "Mug 1"]
    assert (after_a_mug.source, after_a_mug.version_id) == ("two_tower", version.pk)
    for lamp in lamps[:2]:
        view(visitor, lamp)
    assert names(recommend(Placement.HOME_FOR_YOU, visitor=visitor, k=1)) == ["Lamp 2"]


def test_an_account_of_which_nothing_is_known_gets_what_is_popular_under_that_name(alice, shop, version):
    recommended = recommend(Placement.HOME_FOR_YOU, visitor=Visitor(id=uuid.uuid4(), user=alice), k=3)
    assert (recommended.source, recommended.version_id) == ("newest", None)


def test_a_newcomers_list_begins_with_what_they_picked_until_they_do_something(visitor, shop, version):
    mugs, lamps = shop
    picky = replace(visitor, preference_ids=(lamps[0].category_id,))  # the tower itself leans to mugs
    assert set(names(recommend(Placement.HOME_FOR_YOU, visitor=picky, k=3))) == {"Lamp 0", "Lamp 1", "Lamp 2"}
    assert names(recommend(Placement.HOME_FOR_YOU, visitor=picky, k=4))[3] == "Mug 0"
    view(picky, mugs[0])
    assert names(recommend(Placement.HOME_FOR_YOU, visitor=picky, k=1)) == ["Mug 1"]


def test_k_asked_is_k_given_even_when_everything_was_seen(visitor, shop, version):
    mugs, lamps = shop
    for product in [*mugs, *lamps]:
        view(visitor, product)
    assert len(recommend(Placement.HOME_FOR_YOU, visitor=visitor, k=6).products) == 6


def test_a_product_that_the_version_does_not_know_still_fills_the_list(visitor, shop, version, make_product):
    mugs, _ = shop
    view(visitor, mugs[0])
    make_product("Brand new")
    recommended = recommend(Placement.HOME_FOR_YOU, visitor=visitor, k=6)
    assert len(set(names(recommended))) == 6
    assert names(recommended)[-1] == "Brand new"


def test_similar_products_are_near_the_anchor_and_never_the_anchor(visitor, shop, version):
    mugs, _ = shop
    recommended = recommend(Placement.PRODUCT_SIMILAR, visitor=visitor, anchor=mugs[1], k=2)
    assert names(recommended) == ["Mug 0", "Mug 2"]


def test_a_popular_product_is_no_more_similar_for_it(visitor, shop, version):
    mugs, lamps = shop
    ItemEmbedding.objects.filter(product=lamps[0]).update(vector=[0.0, 1.0, 5.0])
    ItemEmbedding.objects.filter(product=mugs[1]).update(vector=[0.9, 0.0, 2.0])
    recommended = recommend(Placement.PRODUCT_SIMILAR, visitor=visitor, anchor=mugs[1], k=2)
    assert names(recommended) == ["Mug 0", "Mug 2"]


def test_similar_products_without_a_model_come_from_the_same_category_first(visitor, shop):
    mugs, _ = shop
    recommended = recommend(Placement.PRODUCT_SIMILAR, visitor=visitor, anchor=mugs[1], k=3)
    assert set(names(recommended)[:2]) == {"Mug 0", "Mug 2"}
    assert len(recommended.products) == 3


def test_damaged_weights_leave_the_page_full(visitor, shop, version, monkeypatch, caplog):
    mugs, _ = shop
    view(visitor, mugs[0])

    def damaged(_version):
        raise versions.ArtifactError("the weights are damaged")

    monkeypatch.setattr(versions, "load_user_tower", damaged)
    recommended = recommend(Placement.HOME_FOR_YOU, visitor=visitor, k=3)
    assert len(recommended.products) == 3
    assert recommended.version_id is None
    assert "the weights are damaged" in caplog.text


def test_a_lost_vector_table_leaves_the_page_full(visitor, shop, version):
    mugs, _ = shop
    view(visitor, mugs[0])
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE recommender_itemembedding RENAME TO elsewhere")
    assert len(recommend(Placement.HOME_FOR_YOU, visitor=visitor, k=3).products) == 3


def test_what_was_served_is_on_record(alice, shop, version):
    mugs, _ = shop
    visitor = Visitor(id=uuid.uuid4(), user=alice)
    recommended = recommend(Placement.PRODUCT_SIMILAR, visitor=visitor, anchor=mugs[0], k=2)
    impression = Impression.objects.get(pk=recommended.impression_id)
    assert impression.product_ids == [product.pk for product in recommended.products]
    assert (
        impression.visitor_id,
        impression.user,
        impression.anchor,
        impression.version,
        impression.source,
    ) == (
        visitor.id,
        alice,
        mugs[0],
        version,
        "similar",
    )


def test_an_empty_shop_gives_an_empty_list(visitor):
    recommended = recommend(Placement.HOME_FOR_YOU, visitor=visitor, k=3)
    assert (recommended.products, recommended.source) == ([], "")


@pytest.mark.parametrize(
    ("placement", "k", "cure"),
    [
        ("sidebar", 12, "the placements are home_for_you"),
        (Placement.PRODUCT_SIMILAR, 12, "needs an anchor"),
        (Placement.HOME_FOR_YOU, 0, "ask for 1 to 100"),
        (Placement.HOME_FOR_YOU, 101, "ask for 1 to 100"),
    ],
)
def test_a_wrong_call_is_refused_with_its_cure(visitor, placement, k, cure):
    with pytest.raises(ValueError, match=cure):
        recommend(placement, visitor=visitor, k=k)
