"""Saving all or nothing, loading the same vectors, refusing what was changed."""

import json

import numpy as np
import pytest

from ml import artifacts
from ml.data import EntityTable, Histories
from ml.folders import ArtifactError, checksum, new_folder
from ml.training import TrainConfig, train
from tests.ml.shops import DAY, two_taste_shop


@pytest.fixture(scope="module")
def shop():
    return two_taste_shop()


@pytest.fixture(scope="module")
def model(shop):
    return train(shop, TrainConfig(embedding_dim=8, content_width=16, max_epochs=2))


def test_a_loaded_model_encodes_bit_for_bit_alike(shop, model, tmp_path):
    sha256 = artifacts.save(model, tmp_path / "v1")
    loaded = artifacts.load(tmp_path / "v1", expected_sha256=sha256)
    histories = Histories.from_interactions(shop.interactions, num_users=60, as_of=101 * DAY)
    assert np.array_equal(loaded.encode_items(shop.items), model.encode_items(shop.items))
    assert np.array_equal(
        loaded.encode_users(shop.users, histories), model.encode_users(shop.users, histories)
    )
    guests = EntityTable(ids=np.array([-1, -2]), multi={"preferences": [("garden",), ()]})
    assert np.array_equal(
        loaded.encode_users(guests, Histories.empty(2)), model.encode_users(guests, Histories.empty(2))
    )
    assert np.array_equal(loaded.item_vectors, model.item_vectors)
    assert loaded.config == model.config
    assert loaded.history == model.history


def test_a_saved_model_is_safetensors_and_json_alone(model, tmp_path):
    artifacts.save(model, tmp_path / "v1")
    assert {path.name for path in (tmp_path / "v1").iterdir()} == {"config.json", "weights.safetensors"}
    assert json.loads((tmp_path / "v1" / "config.json").read_text())["config"]["embedding_dim"] == 8


def test_a_changed_file_is_refused(model, tmp_path):
    sha256 = artifacts.save(model, tmp_path / "v1")
    weights = tmp_path / "v1" / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ArtifactError, match="not the ones that were saved"):
        artifacts.load(tmp_path / "v1", expected_sha256=sha256)


@pytest.mark.parametrize("name", ["weights.safetensors", "config.json"])
def test_a_cut_off_or_missing_file_is_refused_even_without_a_checksum(model, tmp_path, name):
    artifacts.save(model, tmp_path / "v1")
    path = tmp_path / "v1" / name
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ArtifactError, match="readable model"):
        artifacts.load(tmp_path / "v1")
    path.unlink()
    with pytest.raises(ArtifactError, match="readable model"):
        artifacts.load(tmp_path / "v1")


def test_a_model_of_an_older_format_is_refused_with_the_cure(model, tmp_path):
    artifacts.save(model, tmp_path / "v1")
    path = tmp_path / "v1" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 1}))
    with pytest.raises(ArtifactError, match=r"format 1, this code reads \d+.*train a new version"):
        artifacts.load(tmp_path / "v1")


def test_a_missing_folder_and_an_existing_one_are_named(model, tmp_path):
    with pytest.raises(ArtifactError, match="no saved model at"):
        artifacts.load(tmp_path / "nowhere")
    (tmp_path / "v1").mkdir()
    with pytest.raises(ArtifactError, match="never overwritten"):
        artifacts.save(model, tmp_path / "v1")


def test_a_failure_half_way_leaves_nothing(tmp_path):
    def write_half() -> None:
        with new_folder(tmp_path / "v1") as temporary:
            (temporary / "half").write_text("x")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_half()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_appears_only_once_it_is_whole(tmp_path):
    with new_folder(tmp_path / "v1") as temporary:
        (temporary / "file").write_text("x")
        assert not (tmp_path / "v1").exists()
    assert (tmp_path / "v1" / "file").read_text() == "x"
    assert [path.name for path in tmp_path.iterdir()] == ["v1"]


def test_the_checksum_sees_names_and_contents(tmp_path):
    (tmp_path / "a").write_text("1")
    first = checksum(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    assert checksum(tmp_path) != first
