"""Encoders are registered whole, serve once every product is encoded, and go back in one step."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from ml import clip
from recommender import content, encoder_versions, encoders, versions
from recommender.encoder_versions import ArtifactError, CannotActivateEncoder, Origin, judge
from recommender.models import ContentEmbedding, EncoderVersion
from shop.models import Product
from tests.ml.clip_folder import write_tiny_folder

pytestmark = pytest.mark.django_db
MakeProduct = Callable[..., Product]
Status = EncoderVersion.Status


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[Path]:
    """Weights in a folder of the test's own; the settings name a tiny encoder, and no process has one."""
    monkeypatch.setattr(clip, "BUNDLED", write_tiny_folder(tmp_path / "bundled"))
    for module in (versions, encoders):
        monkeypatch.setattr(module, "data_dir", lambda: tmp_path)
    settings.MEDIA_ROOT = tmp_path
    process = encoders._Process()
    monkeypatch.setattr(encoders, "_process", process)
    yield tmp_path
    if process.thread:
        process.thread.join(10)


def registered(seed: int, *, passed: bool = True) -> EncoderVersion:
    gate = {"passed": passed, "reasons": ["As the test says."]}
    return encoder_versions.register(
        lambda folder: write_tiny_folder(folder, seed=seed), origin=Origin(gate=gate)
    )


def names() -> set[str]:
    return set(ContentEmbedding.objects.values_list("encoder", flat=True))


def test_a_version_is_named_by_its_weights_and_its_files_are_in_a_folder_of_its_own() -> None:
    one, two = registered(1), registered(2)
    assert one.name == f"e{one.pk}:{one.artifact_sha256[:12]}"
    assert one.name != two.name
    assert encoder_versions.folder_of(one) != encoder_versions.folder_of(two)
    assert encoders.load(one).encode_texts(["mug"]).shape == (1, 16)


def test_a_disk_that_is_full_leaves_neither_row_nor_folder(folder: Path) -> None:
    def fail(path: Path) -> None:
        (path / "half").write_text("written")
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space"):
        encoder_versions.register(fail, origin=Origin())
    assert not EncoderVersion.objects.exists()
    assert list((folder / "encoders").iterdir()) == []


def test_the_settings_encoder_serves_until_a_version_is_activated(make_product: MakeProduct) -> None:
    make_product("Mug")
    assert encoders.current_name() == encoders.settings_name()
    version = registered(1)
    content.embed_and_activate(version)
    assert encoders.current_name() == version.name
    assert encoders.get_encoder().name == version.name


def test_no_version_serves_before_every_product_is_encoded_with_it(make_product: MakeProduct) -> None:
    make_product("Mug"), make_product("Lamp")
    version = registered(1)
    with pytest.raises(CannotActivateEncoder, match="2 products are not encoded .* --encoder"):
        encoder_versions.activate(version)
    assert encoders.active_version() is None


def test_the_schedule_prepares_a_version_beside_the_one_in_use_and_then_lets_it_serve(
    make_product: MakeProduct, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_product("Mug"), make_product("Lamp")
    content.update_content_embeddings()
    version = encoder_versions.prepare(registered(1))
    seen: list[tuple[str, set[str]]] = []
    monkeypatch.setattr(content, "BATCH_SIZE", 1)
    content.update_content_embeddings(lambda done, total: seen.append((encoders.current_name(), names())))
    before = encoders.settings_name()
    assert seen == [(before, {before, version.name})] * 2
    assert encoders.current_name() == version.name
    version.refresh_from_db()
    assert version.status == Status.ACTIVE


def test_a_way_back_is_one_flip_that_encodes_nothing(
    make_product: MakeProduct, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_product("Mug")
    content.update_content_embeddings()
    first, second = registered(1), registered(2)
    content.embed_and_activate(first)
    content.embed_and_activate(second)
    content.update_content_embeddings()  # deletes what nothing can go back to
    assert names() == {encoders.settings_name(), first.name, second.name}
    monkeypatch.setattr(clip.Encoder, "encode_texts", lambda *_: pytest.fail("encoded"))
    assert encoder_versions.roll_back() == first
    assert encoders.current_name() == first.name
    assert encoder_versions.roll_back() is None
    assert encoders.current_name() == encoders.settings_name()
    with pytest.raises(CannotActivateEncoder, match="nothing further back"):
        encoder_versions.roll_back()


def test_the_command_rolls_back_the_encoder(make_product: MakeProduct, capsys: Any) -> None:
    make_product("Mug")
    content.embed_and_activate(registered(1))
    call_command("rollback", encoder=True)
    assert "The encoder of the settings serves now." in capsys.readouterr().out
    with pytest.raises(CommandError, match="nothing further back"):
        call_command("rollback", encoder=True)


def test_a_rejected_version_never_serves(make_product: MakeProduct) -> None:
    version = registered(1, passed=False)
    assert version.status == Status.REJECTED
    for switch in (encoder_versions.activate, encoder_versions.prepare):
        with pytest.raises(CannotActivateEncoder, match="gate rejected"):
            switch(version)


def test_damaged_weights_never_serve_and_search_goes_on_by_words(
    make_product: MakeProduct, caplog: pytest.LogCaptureFixture
) -> None:
    make_product("Mug")
    version = registered(1)
    content.embed_and_activate(version)
    (encoder_versions.folder_of(version) / clip.WEIGHTS_FILE).write_bytes(b"damaged")
    with pytest.raises(ArtifactError, match="checksum differs"):
        encoder_versions.prepare(registered(2)) and encoder_versions.activate(version)
    with pytest.raises(clip.EncoderUnavailable, match="checksum differs"):
        encoders.get_encoder()


def test_only_one_version_is_prepared_at_a_time() -> None:
    first, second = registered(1), registered(2)
    encoder_versions.prepare(first)
    encoder_versions.prepare(second)
    first.refresh_from_db()
    assert first.status == Status.REGISTERED
    assert encoder_versions.preparing_version() == second


def test_the_command_encodes_with_a_version_and_lets_it_serve(make_product: MakeProduct, capsys: Any) -> None:
    make_product("Mug")
    version = registered(1)
    call_command("embed_content", encoder=version.pk)
    assert f"{version} reads texts and pictures from now on" in capsys.readouterr().out
    assert encoders.current_name() == version.name
    with pytest.raises(CommandError, match=f"no encoder version 999999; there are: {version.pk}"):
        call_command("embed_content", encoder=999_999)


def metrics(words: float, *, picture: float = 0.9) -> dict[str, float]:
    return {"text_to_image_recall@10": words, "image_to_image_recall@1": picture}


def test_the_gate_lets_pass_what_is_not_below_the_encoder_in_use_beyond_chance() -> None:
    # Two standard errors of 0.5 over 100 products: 2 sqrt(0.25 / 100) = 0.1. The bar is 0.4.
    assert judge(metrics(0.41), serving=metrics(0.5), num_held_out=100)["passed"]
    below = judge(metrics(0.39), serving=metrics(0.5), num_held_out=100)
    assert not below["passed"]
    assert "text_to_image_recall@10 39.0% is below the 50.0%" in below["reasons"][0]
    forced = judge(metrics(0.39), serving=metrics(0.5), num_held_out=100, force=True)
    assert (forced["passed"], forced["forced"]) == (True, True)
    assert not judge(metrics(0.5, picture=0.5), serving=metrics(0.5), num_held_out=100)["passed"]


def test_both_encoders_vectors_of_a_product_stand_side_by_side(make_product: MakeProduct) -> None:
    mug = make_product("Mug")
    for seed in (1, 2):
        content.update_content_embeddings(encoder=encoders.load(registered(seed)))
    one, two = ContentEmbedding.objects.filter(product=mug)
    assert not np.allclose(one.text_vector, two.text_vector)
