"""Vectors and lists go to the database in bulk and come back the same."""

import numpy as np
import pytest
from django.db import DatabaseError, transaction

from recommender import embeddings
from recommender.models import ItemEmbedding, ModelVersion, Recommendation, UserEmbedding
from shop.models import Category, Product, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def version() -> ModelVersion:
    return ModelVersion.objects.create()


@pytest.fixture
def products() -> list[Product]:
    kitchen = Category.objects.create(name="Kitchen", slug="kitchen", path="kitchen")
    return [
        Product.objects.create(sku=sku, name=sku, category=kitchen, price=8, stock=5)
        for sku in ("MUG", "PAN", "POT")
    ]


def ids_of(products: list[Product]) -> np.ndarray:
    return np.array([product.pk for product in products])


def item_vectors(version: ModelVersion) -> dict[int, list[float]]:
    rows = ItemEmbedding.objects.filter(version=version)
    return {row.product_id: list(row.vector) for row in rows}


def test_each_product_gets_its_own_vector(version: ModelVersion, products: list[Product]) -> None:
    pot, mug, pan = ids_of(products)[[2, 0, 1]].tolist()
    vectors = np.array([[3.5, -3], [1, 0.125], [2, -0.5]], dtype=np.float32)
    assert embeddings.write_item_embeddings(version, ids=np.array([pot, mug, pan]), vectors=vectors) == 3
    assert item_vectors(version) == {pot: [3.5, -3], mug: [1, 0.125], pan: [2, -0.5]}


def test_the_orm_reads_what_was_copied(version: ModelVersion, products: list[Product]) -> None:
    embeddings.write_item_embeddings(
        version, ids=ids_of(products[:1]), vectors=np.array([[0.25, -2.5, 4]], dtype=np.float32)
    )
    row = ItemEmbedding.objects.get()
    assert (row.product, row.version, list(row.vector)) == (products[0], version, [0.25, -2.5, 4])


def test_users_vectors_are_written_in_several_blocks(
    version: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embeddings, "ROWS_PER_BLOCK", 2)
    users = [User.objects.create_user(f"u{number}@example.com") for number in range(5)]
    ids = np.array([user.pk for user in users])
    vectors = np.arange(10, dtype=np.float32).reshape(5, 2)
    assert embeddings.write_user_embeddings(version, ids=ids, vectors=vectors) == 5
    read = {row.user_id: list(row.vector) for row in UserEmbedding.objects.all()}
    assert read == dict(zip(ids.tolist(), vectors.tolist(), strict=True))


def test_two_versions_with_different_widths_live_side_by_side(
    version: ModelVersion, products: list[Product]
) -> None:
    other = ModelVersion.objects.create()
    embeddings.write_item_embeddings(version, ids=ids_of(products), vectors=np.ones((3, 2), np.float32))
    embeddings.write_item_embeddings(other, ids=ids_of(products), vectors=np.ones((3, 5), np.float32))
    assert list(item_vectors(version).values()) == [[1, 1]] * 3
    assert list(item_vectors(other).values()) == [[1, 1, 1, 1, 1]] * 3


def test_broken_vectors_are_refused(version: ModelVersion, products: list[Product]) -> None:
    vectors = np.array([[1, np.nan], [0, 1], [0, 1]], dtype=np.float32)
    with pytest.raises(ValueError, match="NaN"):
        embeddings.write_item_embeddings(version, ids=ids_of(products), vectors=vectors)
    with pytest.raises(ValueError, match="one vector for each id"):
        embeddings.write_item_embeddings(version, ids=ids_of(products), vectors=vectors[1:])
    assert not ItemEmbedding.objects.exists()


def test_the_same_product_twice_writes_nothing(version: ModelVersion, products: list[Product]) -> None:
    ids = ids_of([products[0], products[0]])
    with pytest.raises(DatabaseError), transaction.atomic():
        embeddings.write_item_embeddings(version, ids=ids, vectors=np.ones((2, 2), np.float32))
    assert not ItemEmbedding.objects.exists()


def test_lists_leave_out_what_has_no_score(version: ModelVersion, products: list[Product]) -> None:
    alice = User.objects.create_user("alice@example.com")
    mug, pan, pot = ids_of(products).tolist()
    written = embeddings.write_recommendations(
        version,
        user_ids=np.array([alice.pk]),
        product_ids=np.array([[pot, mug, pan]]),
        scores=np.array([[0.75, 0.5, -np.inf]], dtype=np.float32),
    )
    row = Recommendation.objects.get()
    assert (written, row.user, row.version) == (1, alice, version)
    assert (row.product_ids, row.scores) == ([pot, mug], [0.75, 0.5])


def test_lists_need_a_row_for_each_user(version: ModelVersion) -> None:
    with pytest.raises(ValueError, match="one row for each user"):
        embeddings.write_recommendations(
            version, user_ids=np.array([1, 2]), product_ids=np.zeros((1, 3)), scores=np.zeros((1, 3))
        )
