"""The sources one by one, and the planner between memory and pgvector."""

import uuid
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from django.db import connection
from django.utils import timezone

from recommender import embeddings, filtering, item_matrix, snapshot
from recommender.candidates import Reason
from recommender.context import Context
from recommender.interactions import HistoryRow, record_interaction
from recommender.models import ItemEmbedding, ModelVersion, Placement
from recommender.retrieval import SOURCES, nearest
from recommender.retrieval.counted import interest_of
from recommender.versions import ArtifactError

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(make_product):
    """Four mugs, four lamps at half price; the last lamp points the other way."""
    mugs = [make_product(f"Mug {i}", category="Home > Mugs") for i in range(4)]
    lamps = [
        make_product(f"Lamp {i}", category="Home > Lamps", list_price=Decimal("20.00")) for i in range(4)
    ]
    return mugs, lamps


@pytest.fixture
def version(shop):
    mugs, lamps = shop
    version = ModelVersion.objects.create(status=ModelVersion.Status.ACTIVE)
    vectors = {mug.pk: [1.0 - i / 20, 0.0, 0.0] for i, mug in enumerate(mugs)}
    vectors |= {lamp.pk: [0.0, 1.0 - i / 2.5, 0.0] for i, lamp in enumerate(lamps)}
    ItemEmbedding.objects.bulk_create(
        ItemEmbedding(version=version, product_id=pk, vector=vector) for pk, vector in vectors.items()
    )
    return version


@pytest.fixture
def context(visitor, shop, version):
    """A request of whoever likes mugs and lamps alike."""
    catalogue = snapshot.current()
    return Context(
        placement=Placement.HOME_FOR_YOU,
        visitor=visitor,
        k=4,
        now=timezone.now(),
        anchor_ids=(),
        version=version,
        history=(),
        catalogue=catalogue,
        allowed=np.ones(len(catalogue), dtype=bool),
        user_vector=np.array([0.5, 0.51, 1.0], dtype=np.float32),
        item_vectors=item_matrix.current(version, catalogue=catalogue),
    )


def names(context, found):
    return [{0: "Mug", 1: "Lamp"}[candidate.row // 4] + f" {candidate.row % 4}" for candidate in found]


def event(product, kind="view"):
    return HistoryRow(product_id=product.pk, kind=kind, value=None, occurred_at=timezone.now())


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_stays_inside_what_is_allowed_and_names_itself(context, shop, source):
    mugs, lamps = shop
    record_interaction(event_id=uuid.uuid4(), visitor=context.visitor, product_id=mugs[1].pk, kind="view")
    allowed = np.zeros(8, dtype=bool)
    allowed[[1, 5, 6]] = True
    asked = replace(
        context,
        allowed=allowed,
        anchor_ids=(mugs[0].pk,) if source in ("similar", "bought_together") else (),
        history=(event(mugs[1]), event(lamps[0])),
    )
    found = SOURCES[source](asked, 10)
    assert {candidate.row for candidate in found} <= {1, 5, 6}
    assert {candidate.source for candidate in found} <= {source}
    assert all(candidate.product_id == context.catalogue.product_id[candidate.row] for candidate in found)
    assert all(type(candidate.row) is int and type(candidate.product_id) is int for candidate in found)
    assert len(SOURCES[source](asked, 1)) <= 1


@pytest.mark.parametrize("source", SOURCES)
def test_no_source_minds_an_empty_shop_or_an_unknown_anchor(context, source):
    nothing = replace(context, allowed=np.zeros(8, dtype=bool), anchor_ids=(10**9,))
    assert SOURCES[source](nothing, 5) == []


def test_two_tower_is_the_order_of_the_inner_product(context):
    # lamps: .51, .306, .102, -.102; mugs: .5, .475, .45, .425
    found = SOURCES["two_tower"](context, 8)
    assert names(context, found) == [
        "Lamp 0",
        "Mug 0",
        "Mug 1",
        "Mug 2",
        "Mug 3",
        "Lamp 1",
        "Lamp 2",
        "Lamp 3",
    ]
    assert [round(candidate.score, 3) for candidate in found][:3] == [0.51, 0.5, 0.475]


def test_similar_is_of_the_same_kind_before_what_the_same_shoppers_like(context, make_product):
    cosines = {"Cup": 1.0, "Other cup": 0.6, "Fern": 0.8, "Jug": 0.7, "Poor cup": 0.3, "Twin": 0.95}
    shelves = {"Fern": "Garden > Plants", "Jug": "Kitchen > Jugs", "Twin": "Garden > Plants"}
    products = {name: make_product(name, category=shelves.get(name, "Kitchen > Cups")) for name in cosines}
    version = ModelVersion.objects.create(status=ModelVersion.Status.REGISTERED)
    ItemEmbedding.objects.bulk_create(
        ItemEmbedding(
            version=version, product=products[name], vector=[cosine, (1 - cosine**2) ** 0.5, 0.0, 0.0]
        )
        for name, cosine in cosines.items()
    )
    snapshot.forget()
    catalogue = snapshot.current()
    allowed = catalogue.product_id != products["Cup"].pk
    found = SOURCES["similar"](
        replace(
            context,
            version=version,
            catalogue=catalogue,
            allowed=allowed,
            anchor_ids=(products["Cup"].pk,),
            item_vectors=item_matrix.current(version, catalogue=catalogue),
        ),
        10,
    )
    called = {product.pk: name for name, product in products.items()}
    # .95; .6 and .3 for its category; .7 and half of that for its department; .8; the last is not near.
    assert [called[each.product_id] for each in found] == ["Twin", "Other cup", "Jug", "Fern"]


def test_a_product_without_a_vector_is_not_proposed_in_the_place_of_a_worse_one(context, make_product):
    make_product("Unknown to the version")  # its row of zeros would come before Lamp 3
    snapshot.forget()
    catalogue = snapshot.current()
    wider = replace(
        context,
        catalogue=catalogue,
        allowed=np.ones(len(catalogue), dtype=bool),
        item_vectors=item_matrix.current(context.version, catalogue=catalogue),
    )
    assert len(SOURCES["two_tower"](wider, 20)) == 8


def test_on_sale_is_what_fits_the_shopper_or_else_the_most_reduced(context, make_product):
    assert names(context, SOURCES["on_sale"](context, 8)) == ["Lamp 0", "Lamp 1", "Lamp 2", "Lamp 3"]
    unknown = replace(context, user_vector=None)
    found = SOURCES["on_sale"](unknown, 2)
    assert names(context, found) == ["Lamp 0", "Lamp 1"]
    assert (found[0].score, found[0].reason) == (0.5, Reason(kind="on_sale"))


def test_popular_in_category_is_true_to_its_words(context, shop):
    mugs, lamps = shop
    for wanted in (mugs[2], mugs[2], lamps[0]):
        record_interaction(event_id=uuid.uuid4(), visitor=context.visitor, product_id=wanted.pk, kind="view")
    liking_mugs = replace(context, history=(event(mugs[0]), event(mugs[1]), event(lamps[3])))
    assert [c.product_id for c in SOURCES["popular_in_category"](liking_mugs, 2)] == [mugs[2].pk, lamps[0].pk]
    found = SOURCES["popular_in_category"](replace(context, anchor_ids=(mugs[0].pk,)), 3)
    assert names(context, found) == ["Mug 2", "Mug 3", "Mug 1"]  # then the newest of the category
    said = Reason(kind="popular_in", category_id=mugs[0].category_id)
    assert [candidate.reason for candidate in found] == [said, None, None]


def test_interest_follows_the_catalogue(context, shop, make_product):
    mugs, _ = shop
    record_interaction(event_id=uuid.uuid4(), visitor=context.visitor, product_id=mugs[1].pk, kind="purchase")
    before = interest_of(context.catalogue)
    assert np.flatnonzero(before).tolist() == [1]
    assert interest_of(context.catalogue) is before
    make_product("Another")
    snapshot.forget()
    assert len(interest_of(snapshot.current())) == 9


def test_weights_that_fit_no_vector_are_an_artifact_error(context):
    with pytest.raises(ArtifactError, match="4 columns and the stored vectors have 3"):
        SOURCES["two_tower"](replace(context, user_vector=np.ones(4, dtype=np.float32)), 3)


@pytest.mark.parametrize("source", ["two_tower", "similar", "on_sale"])
def test_without_a_matrix_pgvector_gives_the_same(context, shop, source):
    asked = replace(context, anchor_ids=(shop[0][1].pk,), allowed=context.catalogue.product_id % 3 > 0)
    from_memory = SOURCES[source](asked, 5)
    from_database = SOURCES[source](replace(asked, item_vectors=None), 5)
    assert [c.row for c in from_database] == [c.row for c in from_memory]
    assert [c.score for c in from_database] == pytest.approx([c.score for c in from_memory])
    assert len(from_memory) >= 2


@pytest.fixture
def indexed(context, monkeypatch):
    monkeypatch.setattr(embeddings, "INDEX_ABOVE", 0)
    monkeypatch.setattr(nearest, "EXACT_BELOW", 0)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    assert embeddings.create_index(context.version, width=3)
    return context


def test_the_index_answers_where_the_set_is_large(indexed, monkeypatch):
    assert embeddings.has_index(indexed.version)
    monkeypatch.delattr(nearest, "nearest_exactly")
    found = SOURCES["two_tower"](replace(indexed, item_vectors=None), 3)
    assert names(indexed, found) == ["Lamp 0", "Mug 0", "Mug 1"]
    rows, _ = nearest.nearest_by_index(
        indexed.version,
        catalogue=indexed.catalogue,
        query=indexed.user_vector,
        allowed=indexed.allowed,
        k=3,
    )
    assert rows.tolist() == [4, 0, 1]


def test_what_the_index_does_not_find_the_exact_search_does(indexed, monkeypatch):
    monkeypatch.setattr(nearest, "_from_index", lambda *_, **__: (np.array([4]), np.array([0.51])))
    rows, _ = nearest.nearest_in_database(
        indexed.version,
        catalogue=indexed.catalogue,
        query=indexed.user_vector,
        allowed=indexed.allowed,
        k=3,
    )
    assert rows.tolist() == [4, 0, 1]


def test_an_index_goes_with_its_version(indexed):
    name = embeddings.index_name(indexed.version.pk)
    assert embeddings.drop_orphaned_indexes() == []
    indexed.version.delete()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    assert embeddings.drop_orphaned_indexes() == [name]
    assert not embeddings.has_index(indexed.version)


def test_a_small_version_is_not_indexed(context):
    assert not embeddings.create_index(context.version, width=3)
    assert not embeddings.has_index(context.version)


def test_the_filters_of_a_visitor_hold_in_a_source(context, shop):
    mugs, _ = shop
    record_interaction(event_id=uuid.uuid4(), visitor=context.visitor, product_id=mugs[0].pk, kind="purchase")
    allowed = filtering.allowed_mask(
        context.catalogue,
        visitor=context.visitor,
        marks=filtering.past_of(context.visitor).marks,
        now=context.now,
    )
    assert "Mug 0" not in names(context, SOURCES["two_tower"](replace(context, allowed=allowed), 8))
