"""Rows cross in binary form and stay what they were."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.db import DatabaseError, connection, transaction

from ml.data import KINDS
from recommender import copying
from recommender.models import ContentEmbedding, Interaction
from shop.models import Category, Product, User

pytestmark = pytest.mark.django_db

MONDAY = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def mug() -> Product:
    kitchen = Category.objects.create(name="Kitchen", slug="kitchen", path="kitchen")
    return Product.objects.create(sku="MUG", name="Mug", category=kitchen, price=8)


@pytest.fixture
def alice() -> User:
    return User.objects.create_user("alice@example.com")


def test_events_come_as_columns_with_nan_for_no_value(alice: User, mug: Product) -> None:
    Interaction.objects.create(user=alice, product=mug, kind="view", occurred_at=MONDAY)
    Interaction.objects.create(user=alice, product=mug, kind="rating", value=4, occurred_at=MONDAY)
    read = copying.read_interactions(before=MONDAY + timedelta(seconds=1), kinds=KINDS)
    order = np.argsort(read["kind"])
    assert read["kind"][order].tolist() == [KINDS.index("view"), KINDS.index("rating")]
    assert np.isnan(read["value"][order][0])
    assert read["value"][order][1] == 4
    assert set(read["user_id"].tolist()) == {alice.pk}
    assert set(read["timestamp"].tolist()) == {int(MONDAY.timestamp())}


def test_later_events_and_those_of_guests_stay_behind(alice: User, mug: Product) -> None:
    guest = "00000000-0000-0000-0000-000000000001"
    Interaction.objects.create(visitor_id=guest, product=mug, kind="view", occurred_at=MONDAY)
    Interaction.objects.create(user=alice, product=mug, kind="view", occurred_at=MONDAY)
    assert len(copying.read_interactions(before=MONDAY, kinds=KINDS)["user_id"]) == 0


def test_half_vectors_come_back_for_their_own_encoder_alone(mug: Product) -> None:
    ContentEmbedding.objects.create(
        product=mug, encoder="small", content_hash="x", text_vector=[0.5, -1.25, 2]
    )
    ids, vectors = copying.read_content_vectors("text_vector", encoder="small")
    assert ids.tolist() == [mug.pk]
    assert vectors.tolist() == [[0.5, -1.25, 2]]
    assert vectors.dtype == np.float32
    for column, encoder in (("image_vector", "small"), ("text_vector", "large")):
        ids, vectors = copying.read_content_vectors(column, encoder=encoder)
        assert (len(ids), vectors.shape) == (0, (0, 0))


def test_written_rows_are_read_by_the_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE pair (id bigint, near vector) ON COMMIT DROP")
        rows = copying.new_rows([("id", ">i8"), ("near", copying.vector_type(2))], count=2)
        rows["id"] = [7, 8]
        rows["near"]["dimension"] = 2
        rows["near"]["values"] = [[1, 0.5], [-2, 0]]
        copying.write_rows([rows[:1], rows[1:]], into="pair (id, near)")
        cursor.execute("SELECT id, near::text FROM pair ORDER BY id")
        assert cursor.fetchall() == [(7, "[1,0.5]"), (8, "[-2,0]")]


def test_a_refused_copy_is_a_database_error() -> None:
    rows = copying.new_rows([("id", ">i8")], count=1)
    with pytest.raises(DatabaseError), transaction.atomic():
        copying.write_rows([rows], into="no_such_table (id)")
