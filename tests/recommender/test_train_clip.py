"""manage.py train_clip makes products, trains on them, reports on the held-out ones, and can be resumed."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from ml import clip
from ml.clip_examples import made_examples
from tests.ml.clip_folder import write_tiny_folder

SMALL = {"products": 10, "held_out": 4, "batch_size": 4}


@pytest.fixture(autouse=True)
def tiny_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip, "BUNDLED", write_tiny_folder(tmp_path / "bundled"))


def run(out: Path, **options: Any) -> None:
    call_command("train_clip", out=out, **{**SMALL, "steps": 2, **options})


def test_the_trained_folder_is_an_encoder_that_the_setting_can_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    run(out)
    encoder = clip.load_encoder(model=str(out))
    assert encoder.name == clip.encoder_name(model=str(out))
    assert encoder.name.startswith("out:")
    assert encoder.encode_texts(["mug"]).shape == (1, 16)
    said = capsys.readouterr().out
    assert "On 4 products that it never saw" in said
    assert f"CLIP_MODEL={out}" in said
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["text_to_image_recall@10"] == 1.0  # of four products, ten are enough
    assert not (out / "checkpoint.safetensors").exists()


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tmp_path: Path) -> None:
    for out, seed in (("a", 1), ("b", 1), ("c", 2)):
        run(tmp_path / out, seed=seed)
    a, b, c = (clip.load_encoder(model=str(tmp_path / out)).encode_texts(["blue mug"]) for out in "abc")
    np.testing.assert_allclose(a, b, atol=1e-6)
    assert not np.allclose(a, c, atol=1e-3)


def test_an_epoch_is_one_pass_over_the_training_products(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from ml import clip_training

    taken: list[int] = []
    train = clip_training.train

    def counted(*args: Any, config: clip_training.ClipTrainConfig, **options: Any) -> list[float]:
        taken.append(config.steps)
        return train(*args, config=config, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clip_training, "train", counted)
        run(tmp_path / "out", epochs=2)
    assert taken == [3]  # two passes over 10 - 4 = 6 products in batches of 4


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"held_out": 10}, "--held-out"),
        ({"held_out": 0}, "--held-out"),
        ({"steps": 0}, "steps >= 1"),
        ({"batch_size": 1}, "batch_size >= 2"),
    ],
)
def test_senseless_options_are_one_line(options: dict[str, int], said: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=said):
        run(tmp_path / "out", **options)


def test_made_examples_are_the_same_for_a_seed_and_shuffled_over_the_types() -> None:
    one, same, other = (made_examples(num_products=12, seed=seed, side=16) for seed in (1, 1, 2))
    assert one.pictures_NHWC.shape == (12, 16, 16, 3)
    np.testing.assert_array_equal(one.pictures_NHWC, same.pictures_NHWC)
    assert one.phrases == same.phrases != other.phrases
    assert all(said[0].startswith(said[2]) for said in one.phrases)  # the fullest first, from the name on
    assert len({said[-1] for said in one.phrases}) > 6
