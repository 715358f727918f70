"""Content vectors follow the content: only what changed is encoded again, and a bad picture stops nothing."""

import io
import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from PIL import Image

from ml import clip
from ml.synthetic.pictures import draw_product
from recommender import content, encoders
from recommender.content import update_content_embeddings
from recommender.models import ContentEmbedding, SearchDocument
from recommender.search import finding as search
from recommender.search import vectors
from recommender.search.requests import SearchRequest
from shop.models import Product, ProductImage
from shop.visitors import Visitor

MakeProduct = Callable[..., Product]


class CountingEncoder:
    """Encodes by length and by colour, and remembers what it was asked."""

    dimension = 2

    def __init__(self, name: str = "counting") -> None:
        self.name = name
        self.texts: list[str] = []
        self.num_images = 0

    def encode_texts(self, texts: list[str]) -> np.ndarray:
        self.texts += texts
        return np.array([[1.0, 0.0] for _ in texts], np.float32).reshape(-1, 2)

    def encode_images(self, images: list[Image.Image]) -> np.ndarray:
        self.num_images += len(images)
        return np.array([[0.0, 1.0] for _ in images], np.float32).reshape(-1, 2)


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


def picture_of(product: Product, *, colour: str = "red", position: int = 0) -> ProductImage:
    buffer = io.BytesIO()
    Image.new("RGB", (20, 20), colour).save(buffer, "PNG")
    file = ContentFile(buffer.getvalue(), name=f"{product.sku}.png")
    return ProductImage.objects.create(product=product, file=file, position=position)


def update(encoder: Any) -> int:
    return update_content_embeddings(encoder=encoder)


def test_every_active_product_gets_a_text_vector_and_one_with_a_picture_its_vector_too(
    make_product: MakeProduct,
) -> None:
    mug, lamp = make_product("Mug", brand="Harlow", attributes={"colour": "Blue"}), make_product("Lamp")
    make_product("Withdrawn", active=False)
    picture_of(mug)
    encoder = CountingEncoder()
    assert update(encoder) == 2
    assert encoder.texts == ["mug. blue. home. harlow", "lamp. home"]
    with_picture, without = (ContentEmbedding.objects.get(product=product) for product in (mug, lamp))
    assert with_picture.encoder == "counting"
    assert list(with_picture.image_vector) == [0.0, 1.0]
    assert list(without.text_vector) == [1.0, 0.0]
    assert without.image_vector is None


def test_nothing_is_encoded_twice_and_no_model_is_needed_then(
    make_product: MakeProduct, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture_of(make_product("Mug"))
    encoder = CountingEncoder()
    update(encoder)
    monkeypatch.setattr(encoders, "current_name", lambda: "counting")
    monkeypatch.setattr(encoders, "get_encoder", lambda: pytest.fail("a model was loaded for nothing"))
    assert update_content_embeddings() == 0
    assert len(encoder.texts) == 1


@pytest.mark.parametrize(
    "changed",
    [{"name": "Cup"}, {"brand": "Harlow"}, {"description": "Warm."}, {"attributes": {"colour": "Red"}}],
    ids=lambda changed: next(iter(changed)),
)
def test_a_changed_text_encodes_that_product_again_and_no_other(
    make_product: MakeProduct, changed: dict[str, Any]
) -> None:
    mug, _ = make_product("Mug"), make_product("Lamp")
    update(CountingEncoder())
    Product.objects.filter(pk=mug.pk).update(**changed)  # past save(), as an import does
    again = CountingEncoder()
    assert update(again) == 1
    assert "lamp" not in again.texts[0]


def test_a_change_of_price_or_stock_encodes_nothing(make_product: MakeProduct) -> None:
    mug = make_product("Mug")
    update(CountingEncoder())
    mug.price, mug.stock = 99, 1
    mug.save()
    assert update(CountingEncoder()) == 0


def test_a_renamed_category_encodes_its_products_again(make_product: MakeProduct) -> None:
    mug, _ = make_product("Mug", category="Cups"), make_product("Lamp", category="Lights")
    update(CountingEncoder())
    mug.category.name = "Beakers"
    mug.category.save()
    assert update(CountingEncoder()) == 1


def test_another_picture_or_the_same_file_drawn_again_is_encoded_again(
    make_product: MakeProduct, media: Path
) -> None:
    mug = make_product("Mug")
    image = picture_of(mug)
    update(CountingEncoder())
    later = time.time() + 10
    os.utime(media / image.file.name, (later, later))
    encoder = CountingEncoder()
    assert update(encoder) == 1
    assert encoder.num_images == 1
    image.delete()
    picture_of(mug, colour="blue")
    assert update(CountingEncoder()) == 1


def test_only_the_first_picture_counts(make_product: MakeProduct) -> None:
    mug = make_product("Mug")
    picture_of(mug)
    update(CountingEncoder())
    picture_of(mug, position=1)
    assert update(CountingEncoder()) == 0


def test_another_encoder_writes_rows_of_its_own_beside_those_before(
    make_product: MakeProduct, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content, "BATCH_SIZE", 1)
    make_product("Mug"), make_product("Lamp")
    update(CountingEncoder("old"))
    half_way: list[list[str]] = []

    def look(done: int, total: int) -> None:
        half_way.append(sorted(ContentEmbedding.objects.values_list("encoder", flat=True)))

    assert update_content_embeddings(look, encoder=CountingEncoder("new")) == 2
    assert half_way == [["new", "old", "old"], ["new", "new", "old", "old"]]


def test_vectors_that_nothing_can_go_back_to_are_deleted_once_the_new_ones_are_there(
    make_product: MakeProduct, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_product("Mug")
    update(CountingEncoder("old"))
    new = CountingEncoder("new")
    monkeypatch.setattr(encoders, "settings_name", lambda: "new")
    monkeypatch.setattr(encoders, "get_encoder", lambda: new)
    update_content_embeddings()
    assert [row.encoder for row in ContentEmbedding.objects.all()] == ["new"]


@pytest.fixture
def kept_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[CountingEncoder]:
    """The schedule's own process, with an encoder that counts."""
    encoder = CountingEncoder()
    monkeypatch.setattr(encoders, "settings_name", lambda: encoder.name)
    monkeypatch.setattr(encoders, "get_encoder", lambda: encoder)
    content.forget()
    yield encoder
    content.forget()


def test_the_schedule_looks_at_products_only_when_a_row_changed(
    make_product: MakeProduct, kept_up: CountingEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    mug = make_product("Mug")
    assert content.keep_up() == 1
    assert content.keep_up() == 0  # its own writes were a change
    with monkeypatch.context() as patch:
        patch.setattr(content, "update_content_embeddings", lambda: pytest.fail("nothing had changed"))
        assert content.keep_up() == 0
    Product.objects.filter(pk=mug.pk).update(name="Cup")  # past save(), as an import does
    assert content.keep_up() == 1
    picture_of(mug)
    assert content.keep_up() == 1


def test_a_file_drawn_again_under_its_name_is_noticed_in_the_end(
    make_product: MakeProduct, kept_up: CountingEncoder, monkeypatch: pytest.MonkeyPatch, media: Path
) -> None:
    image = picture_of(make_product("Mug"))
    content.keep_up(), content.keep_up()
    later = time.time() + 10
    os.utime(media / image.file.name, (later, later))
    assert content.keep_up() == 0
    monkeypatch.setattr(content, "LOOK_ANYWAY_SECONDS", 0.0)
    assert content.keep_up() == 1


def test_a_second_worker_leaves_the_encoding_to_the_first(
    make_product: MakeProduct, kept_up: CountingEncoder
) -> None:
    make_product("Mug")
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [content._ADVISORY_LOCK])
        assert content.keep_up() == 0
        assert kept_up.texts == []
    finally:
        other.close()  # which lets go of the lock
    assert content.keep_up() == 1


def test_what_is_saved_is_encoded_and_read_within_a_minute(settings: Any) -> None:
    task = settings.CELERY_BEAT_SCHEDULE["update_content_embeddings"]
    assert task["schedule"] + vectors.RECOUNT_SECONDS <= 45  # which leaves the work a quarter of it


def test_progress_counts_products_up_to_all(
    make_product: MakeProduct, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content, "BATCH_SIZE", 2)
    for _ in range(5):
        make_product()
    seen: list[tuple[int, int]] = []
    update_content_embeddings(lambda done, total: seen.append((done, total)), encoder=CountingEncoder())
    assert seen == [(2, 5), (4, 5), (5, 5)]


@pytest.mark.parametrize("damage", ["missing", "empty", "text"])
def test_an_unreadable_picture_leaves_the_text_vector_and_one_line(
    damage: str, make_product: MakeProduct, media: Path, caplog: pytest.LogCaptureFixture
) -> None:
    image = picture_of(make_product("Mug"))
    path = media / image.file.name
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(b"" if damage == "empty" else b"not a picture")
    with caplog.at_level(logging.WARNING, logger="recommender.content"):
        assert update(CountingEncoder()) == 1
    row = ContentEmbedding.objects.get()
    assert row.image_vector is None
    assert list(row.text_vector) == [1.0, 0.0]
    assert [record.message for record in caplog.records] == [
        f"1 products have no readable picture, such as {image.file.name}"
    ]
    assert update(CountingEncoder()) == 0  # it is not tried again until the file changes


def test_a_picture_elsewhere_is_not_fetched(make_product: MakeProduct) -> None:
    ProductImage.objects.create(product=make_product("Mug"), url="https://example.com/mug.jpg")
    encoder = CountingEncoder()
    assert update(encoder) == 1
    assert encoder.num_images == 0


def test_the_words_are_stored_even_when_the_encoder_cannot_be_had(
    make_product: MakeProduct, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable() -> clip.Encoder:
        raise clip.EncoderUnavailable("no weights")

    monkeypatch.setattr(encoders, "current_name", lambda: "absent")
    monkeypatch.setattr(encoders, "get_encoder", unavailable)
    make_product("Mug")
    with pytest.raises(CommandError, match="no weights"):
        call_command("embed_content")
    assert SearchDocument.objects.count() == 1


def test_the_command_says_what_it_did(
    make_product: MakeProduct, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    encoder = CountingEncoder()
    monkeypatch.setattr(encoders, "current_name", lambda: encoder.name)
    monkeypatch.setattr(encoders, "get_encoder", lambda: encoder)
    make_product("Mug")
    call_command("embed_content")
    call_command("embed_content")
    said = capsys.readouterr().out
    assert "1 products encoded." in said
    assert "Every product is encoded already." in said


@pytest.fixture
def no_encoder_yet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process that has loaded nothing; its thread is waited for, so that no test leaves one behind."""
    process = encoders._Process()
    monkeypatch.setattr(encoders, "_process", process)
    monkeypatch.setattr(encoders, "serving_version", lambda: None)
    yield
    if process.thread:
        process.thread.join(5)


def test_a_cold_process_answers_at_once_and_loads_in_the_background(
    no_encoder_yet: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[str] = []

    def slow_load(**options: Any) -> Any:
        time.sleep(0.2)
        loads.append("loaded")
        return CountingEncoder()

    monkeypatch.setattr(encoders, "current_name", lambda: "counting")
    monkeypatch.setattr(clip, "load_encoder", slow_load)
    started = time.monotonic()
    assert encoders.encoder_if_ready() is None
    assert encoders.encoder_if_ready() is None
    assert time.monotonic() - started < 0.15
    ready = encoders.encoder_if_ready(wait_seconds=5)
    assert ready is not None
    assert ready.name == "counting"
    assert loads == ["loaded"]


def test_weights_that_change_are_loaded_anew(no_encoder_yet: None, monkeypatch: pytest.MonkeyPatch) -> None:
    name = SimpleNamespace(now="first")
    monkeypatch.setattr(encoders, "current_name", lambda: name.now)
    monkeypatch.setattr(clip, "load_encoder", lambda **options: CountingEncoder(name.now))
    assert encoders.get_encoder() is encoders.get_encoder()
    name.now = "second"
    assert encoders.get_encoder().name == "second"


def test_a_failed_load_is_one_line_and_is_not_retried_at_once(
    no_encoder_yet: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    attempts: list[int] = []

    def fail(**options: Any) -> Any:
        attempts.append(1)
        raise clip.EncoderUnavailable("Set CLIP_PRETRAINED to a file.")

    monkeypatch.setattr(encoders, "current_name", lambda: "absent")
    monkeypatch.setattr(clip, "load_encoder", fail)
    for _ in range(3):
        assert encoders.encoder_if_ready(wait_seconds=5) is None
    assert len(attempts) == 1
    assert [record.message for record in caplog.records] == [
        "Search answers by words alone: Set CLIP_PRETRAINED to a file."
    ]


@pytest.mark.skipif(
    not (clip.BUNDLED / clip.WEIGHTS_FILE).is_file(), reason="the bundled weights are not in this checkout"
)
def test_the_bundled_encoder_finds_products_by_words_and_by_a_worn_copy_of_their_picture(
    make_product: MakeProduct, visitor: Visitor, no_encoder_yet: None
) -> None:
    """The real model, end to end: no product's text holds the words that are searched for."""
    drawn = {}
    for kind, colour in (("mug", "Navy"), ("mug", "Mustard"), ("tent", "Red"), ("lamp", "Black")):
        product = make_product(f"Article {len(drawn)}", category="Things")
        drawn[product.pk] = draw_product(kind, {"colour": colour, "pattern": "Plain"}, seed=len(drawn))
        buffer = io.BytesIO()
        drawn[product.pk].save(buffer, "WEBP")
        ProductImage.objects.create(product=product, file=ContentFile(buffer.getvalue(), name="p.webp"))
    assert update_content_embeddings() == 4
    for product_id, picture in drawn.items():
        worn = picture.rotate(8, fillcolor="white").crop((24, 24, 296, 296))
        request = SearchRequest(picture_D=encoders.get_encoder().encode_images([worn])[0])
        assert search.find(request, visitor=visitor).product_ids[0] == product_id
    encoder = encoders.get_encoder()
    vector = encoders.encode_query("navy mug", encoder=encoder)
    rows = {row.product_id: np.array(list(row.image_vector)) for row in ContentEmbedding.objects.all()}
    assert max(rows, key=lambda product_id: rows[product_id] @ vector) == next(iter(drawn))
