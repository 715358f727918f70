"""Diffusion draws with whatever pipeline it is given, and says what to do where there is none."""

import os
from pathlib import Path

import numpy as np
import pytest

from ml.synthetic.diffusion import ModelUnavailableError, draw, load_pipeline, prompt_of
from tests.ml.synthetic.tiny_diffusion import SIDE, save_tiny_pipeline


def test_a_prompt_names_the_product_its_looks_and_the_setting() -> None:
    facts = {"colour": "Navy", "material": "Stoneware", "pattern": "Dotted", "style": "Rustic"}
    prompt = prompt_of("Harlow Mug", category="Mugs", attributes=facts)
    assert prompt.startswith("Harlow Mug, Mugs, navy, stoneware, dotted pattern, rustic style, ")
    assert "pattern" not in prompt_of("Mug", category="Mugs", attributes={"pattern": "Plain"})
    assert prompt_of("Mug", category="Mugs", attributes={}).startswith("Mug, Mugs, studio")


def test_a_saved_pipeline_draws_the_same_picture_for_the_same_seed(tmp_path: Path) -> None:
    pipeline = load_pipeline(str(save_tiny_pipeline(tmp_path)), device="cpu")
    one, again, other = (draw(pipeline, prompt="a mug", seed=seed, steps=2) for seed in (1, 1, 2))
    assert one.size == (SIDE, SIDE)
    np.testing.assert_array_equal(np.asarray(one), np.asarray(again))
    assert (np.asarray(one) != np.asarray(other)).any()
    assert os.environ["HF_HUB_DISABLE_TELEMETRY"] == os.environ["DISABLE_TELEMETRY"] == "1"


def test_a_missing_model_is_one_line_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError, match="--backend drawn") as caught:
        load_pipeline(str(tmp_path / "nothing-here"), device="cpu")
    assert "\n" not in str(caught.value)


def test_an_absent_gpu_is_named() -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("This machine has a GPU.")
    with pytest.raises(ModelUnavailableError, match="--device cpu"):
        load_pipeline("any", device="cuda")
