"""Vectors find what the filters allow, exactly, from memory and from pgvector alike."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext
from PIL import Image

from ml.clip import EncoderUnavailable
from recommender import encoders, redis_door, snapshot
from recommender.models import ContentEmbedding
from recommender.search import vectors
from recommender.search.requests import Scene
from shop.models import Product
from shop.visitors import Visitor

MakeProduct = Callable[..., Product]
RED, BLUE, MUG = (np.eye(4, dtype=np.float32)[axis] for axis in range(3))
MORE_RED_THAN_BLUE = np.array([0.8, 0.6, 0, 0], np.float32)


class FourEncoder:
    """Stands in for open_clip: four dimensions, and a count of what it was asked."""

    dimension = 4

    def __init__(self) -> None:
        self.name = f"four-{uuid.uuid4()}"  # Redis knows nothing of it yet
        self.asked: list[str] = []

    def encode_texts(self, texts: list[str]) -> np.ndarray:
        self.asked += texts
        return np.stack([RED if "red" in text else BLUE for text in texts])

    def encode_images(self, images: list[Image.Image]) -> np.ndarray:
        return np.stack([MUG for _ in images])


@pytest.fixture
def encoder(monkeypatch: pytest.MonkeyPatch) -> FourEncoder:
    encoder = FourEncoder()
    monkeypatch.setattr(encoders, "encoder_if_ready", lambda wait_seconds=0: encoder)
    monkeypatch.setattr(encoders, "current_name", lambda: encoder.name)
    return encoder


@pytest.fixture
def folder(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(settings, "DATA_DIR", tmp_path)
    return tmp_path


def embed(
    product: Product, *, encoder: FourEncoder, text: np.ndarray, image: np.ndarray | None = None
) -> None:
    ContentEmbedding.objects.create(
        product=product, encoder=encoder.name, content_hash="x", text_vector=text, image_vector=image
    )


@pytest.fixture
def shop(make_product: MakeProduct, encoder: FourEncoder) -> list[Product]:
    """A red mug with a picture, a blue lamp without one, and a plate that is not encoded yet."""
    mug, lamp, plate = (make_product(name) for name in ("Mug", "Lamp", "Plate"))
    embed(mug, encoder=encoder, text=RED, image=MUG)
    embed(lamp, encoder=encoder, text=BLUE)
    return [mug, lamp, plate]


def scene(allowed: list[Product] | None = None) -> Scene:
    catalogue = snapshot.current()
    mask = np.ones(len(catalogue), dtype=bool)
    if allowed is not None:
        mask = np.isin(catalogue.product_id, [product.pk for product in allowed])
    return Scene(catalogue=catalogue, visitor=Visitor(id=uuid.uuid4()), allowed_I=mask)


def found(leg: Any, *, within: Scene) -> list[int]:
    return within.catalogue.product_id[leg.rows_N].tolist()


@pytest.fixture
def in_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """No matrix is in memory yet."""
    monkeypatch.setattr(vectors, "_held", lambda side, catalogue: None)


@pytest.mark.parametrize("way", ["in memory", "in the database"])
def test_the_nearest_come_first_and_what_is_not_encoded_never(
    way: str, shop: list[Product], request: pytest.FixtureRequest
) -> None:
    if way == "in the database":
        request.getfixturevalue("in_database")
    mug, lamp, _ = shop
    here = scene()
    leg = vectors.look(MORE_RED_THAN_BLUE, scene=here, side="text")
    assert leg is not None
    assert found(leg, within=here) == [mug.pk, lamp.pk]
    assert leg.scores_N == pytest.approx([0.8, 0.6], abs=1e-3)
    assert leg.name == "dense_text"
    assert not leg.sure_N.any()
    assert (leg.rows_N.dtype, leg.scores_N.dtype) == (np.int64, np.float32)
    pictures = vectors.look(MUG, scene=here, side="image")
    assert pictures is not None
    assert found(pictures, within=here) == [mug.pk]
    assert pictures.scores_N == pytest.approx([1.0], abs=1e-3)


@pytest.mark.parametrize("way", ["in memory", "in the database"])
def test_nothing_comes_through_the_filters_mask(
    way: str, shop: list[Product], request: pytest.FixtureRequest
) -> None:
    if way == "in the database":
        request.getfixturevalue("in_database")
    _, lamp, plate = shop
    here = scene([lamp, plate])
    leg = vectors.look(RED, scene=here, side="text")
    assert leg is not None
    assert found(leg, within=here) == [lamp.pk]


def test_a_filter_that_leaves_little_is_searched_to_the_end_in_the_database(
    make_product: MakeProduct, encoder: FourEncoder, in_database: None
) -> None:
    near = [make_product() for _ in range(12)]
    far = make_product()
    for product in near:
        embed(product, encoder=encoder, text=RED)
    embed(far, encoder=encoder, text=BLUE)
    here = scene([far])
    leg = vectors.look(RED, scene=here, side="text", limit=2)  # the first eight are all refused
    assert leg is not None
    assert found(leg, within=here) == [far.pk]


def test_without_vectors_of_this_encoder_there_is_no_leg(
    make_product: MakeProduct, encoder: FourEncoder
) -> None:
    make_product()
    assert vectors.look(RED, scene=scene(), side="text") is None


def test_where_nothing_has_a_picture_none_is_looked_for_again(
    make_product: MakeProduct, encoder: FourEncoder
) -> None:
    embed(make_product(), encoder=encoder, text=RED)
    here = scene()
    assert vectors.look(RED, scene=here, side="image") is None
    with CaptureQueriesContext(connection) as queries:
        assert vectors.look(RED, scene=here, side="image") is None
    assert not [query for query in queries if "SELECT" in query["sql"]]


def test_a_vector_of_another_width_is_no_leg(shop: list[Product]) -> None:
    assert vectors.look(np.ones(7, np.float32), scene=scene(), side="text") is None


def test_an_encoder_whose_weights_are_gone_is_no_leg(
    shop: list[Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone() -> str:
        raise EncoderUnavailable("weights.safetensors is missing.")

    monkeypatch.setattr(encoders, "encoder_if_ready", lambda wait_seconds=0: None)
    monkeypatch.setattr(encoders, "current_name", gone)
    assert vectors.look(RED, scene=scene(), side="text") is None
    assert vectors.of_text("red mug") is None
    assert vectors.of_product(shop[0].pk) is None


def test_a_database_that_fails_is_no_leg(shop: list[Product], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise DatabaseError("away")

    here = scene()
    monkeypatch.setattr(vectors, "_state", fail)
    assert vectors.look(RED, scene=here, side="text") is None


@pytest.mark.django_db(transaction=True)
def test_an_edited_product_is_found_by_its_new_vector(
    shop: list[Product], encoder: FourEncoder, folder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many rows as before: the moment of the last write tells."""
    monkeypatch.setattr(vectors._kept["text"], "_recount_seconds", 0.0)
    here, lamp = scene(), shop[1]
    first = vectors.look(RED, scene=here, side="text")
    assert first is not None
    assert first.scores_N[1] == pytest.approx(0.0)
    assert len(list((folder / "text_vectors").iterdir())) == 1
    embedding = ContentEmbedding.objects.get(product=lamp)
    embedding.text_vector = RED
    embedding.save()
    vectors.look(RED, scene=here, side="text")  # notices, and reads in the background
    thread = vectors._kept["text"]._loading
    assert thread is not None
    thread.join(10)
    again = vectors.look(RED, scene=here, side="text")
    assert again is not None
    assert again.scores_N == pytest.approx([1.0, 1.0])


def test_while_a_new_catalogue_is_read_the_earlier_vectors_answer(
    shop: list[Product], make_product: MakeProduct, monkeypatch: pytest.MonkeyPatch
) -> None:
    mug, lamp, _ = shop
    vectors.look(RED, scene=scene(), side="text")
    held = vectors._held("text", catalogue=snapshot.current())
    Product.objects.filter(pk=lamp.pk).delete()
    make_product("Vase")
    snapshot.forget()
    here = scene()
    monkeypatch.setattr(vectors, "_held", lambda side, catalogue: held)
    leg = vectors.look(RED, scene=here, side="text")
    assert leg is not None
    assert found(leg, within=here) == [mug.pk]


def test_a_product_is_its_picture_or_else_its_text_or_else_nothing(shop: list[Product]) -> None:
    mug, lamp, plate = shop
    assert vectors.of_product(mug.pk).tolist() == MUG.tolist()
    assert vectors.of_product(lamp.pk).tolist() == BLUE.tolist()
    assert vectors.of_product(plate.pk) is None
    assert vectors.of_product(10**9) is None


def test_a_product_is_the_same_from_the_database(shop: list[Product], in_database: None) -> None:
    mug, lamp, plate = shop
    assert vectors.of_product(mug.pk).tolist() == MUG.tolist()
    assert vectors.of_product(lamp.pk).tolist() == BLUE.tolist()
    assert vectors.of_product(plate.pk) is None


def test_a_text_is_encoded_once_for_all_processes(shop: list[Product], encoder: FourEncoder) -> None:
    first = vectors.of_text("  Red   MUG ")
    encoders.encode_query.cache_clear()  # another process
    assert vectors.of_text("red mug").tolist() == first.tolist() == RED.tolist()
    assert encoder.asked == ["red mug"]


def test_a_cold_process_knows_what_another_one_encoded_and_nothing_else(
    db: None, encoder: FourEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors.of_text("red mug")
    monkeypatch.setattr(encoders, "encoder_if_ready", lambda wait_seconds=0: None)
    assert vectors.of_text("red mug").tolist() == RED.tolist()
    assert vectors.of_text("blue lamp") is None
    assert vectors.of_text(" ") is None
    with pytest.raises(encoders.EncoderNotReady):
        vectors.of_picture(Image.new("RGB", (2, 2)))


def test_without_redis_each_process_encodes_for_itself(
    db: None, encoder: FourEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(action: Any) -> Any:
        raise redis_door.RedisAway("stopped")

    monkeypatch.setattr(redis_door, "ask", away)
    assert vectors.of_text("red mug").tolist() == RED.tolist()
    assert vectors.of_text("red mug").tolist() == RED.tolist()
    assert encoder.asked == ["red mug"]


def test_a_picture_and_a_text_in_one_lie_between_the_two(shop: list[Product]) -> None:
    both = vectors.blend(MUG, RED)
    assert np.linalg.norm(both) == pytest.approx(1.0, abs=1e-5)
    assert both.dtype == np.float32


@pytest.fixture(autouse=True)
def _no_matrix_is_left() -> Iterator[None]:
    yield
    vectors._middles.clear()
