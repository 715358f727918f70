"""Encoders give L2-normal vectors, a name that follows the weights, and errors that name the cure."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from ml import clip
from tests.ml.clip_folder import TINY, write_tiny_folder

needs_bundle = pytest.mark.skipif(
    not (clip.BUNDLED / clip.WEIGHTS_FILE).is_file(), reason="the bundled weights are not in this checkout"
)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> clip.Encoder:
    return clip.load_folder(write_tiny_folder(tmp_path_factory.mktemp("tiny")), name="tiny")


def circle(colour: str, *, side: int = 96) -> Image.Image:
    picture = Image.new("RGB", (side, side), "white")
    ImageDraw.Draw(picture).ellipse((side // 5, side // 5, side * 4 // 5, side * 4 // 5), fill=colour)
    return picture


def test_texts_become_unit_vectors_of_the_encoders_dimension(encoder: clip.Encoder) -> None:
    vectors = encoder.encode_texts(["red mug", "a very long text " * 50, ""])
    assert vectors.shape == (3, 16)
    assert encoder.dimension == 16
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_texts_cost_only_their_own_tokens_and_give_what_the_whole_context_gives(
    encoder: clip.Encoder,
) -> None:
    import torch

    texts = ["mug", "red mug", "a very long text " * 50, ""]
    with torch.inference_mode():
        whole = encoder.model.encode_text(encoder.tokenizer(texts), normalize=True).numpy()
    np.testing.assert_allclose(encoder.encode_texts(texts), whole, atol=1e-6)
    seen: list[int] = []
    handle = encoder.model.ln_final.register_forward_hook(lambda *given: seen.append(given[2].shape[1]))
    encoder.encode_texts(["mug"])
    handle.remove()
    # Bytes are the whole vocabulary: m, u, g, between a start and an end.
    assert seen == [5]


def test_pictures_of_any_mode_and_shape_become_unit_vectors(encoder: clip.Encoder) -> None:
    pictures = [
        circle("red"),
        circle("red").convert("CMYK"),
        circle("red").convert("P"),
        Image.new("L", (1, 1)),
        Image.new("RGBA", (300, 20)),
    ]
    vectors = encoder.encode_images(pictures)
    assert vectors.shape == (5, 16)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_no_inputs_give_no_rows(encoder: clip.Encoder) -> None:
    assert encoder.encode_texts([]).shape == (0, 16)
    assert encoder.encode_images([]).shape == (0, 16)


def test_a_vector_does_not_depend_on_its_batch(encoder: clip.Encoder) -> None:
    small = clip.Encoder(
        encoder.model, tokenizer=encoder.tokenizer, preprocess=encoder.preprocess, name="tiny", batch_size=2
    )
    texts = ["mug", "lamp", "shoe", "tent", "sofa"]
    np.testing.assert_allclose(small.encode_texts(texts), encoder.encode_texts(texts), atol=1e-5)


def test_encoding_leaves_torchs_thread_count_as_it_was(encoder: clip.Encoder) -> None:
    import torch

    before = torch.get_num_threads()
    one = clip.Encoder(
        encoder.model, tokenizer=encoder.tokenizer, preprocess=encoder.preprocess, name="tiny", threads=1
    )
    one.encode_texts(["mug"])
    assert torch.get_num_threads() == before


def test_a_saved_and_loaded_model_gives_the_same_vectors(encoder: clip.Encoder, tmp_path: Path) -> None:
    first = clip.load_folder(write_tiny_folder(tmp_path / "a", seed=3), name="a")
    again = clip.load_folder(tmp_path / "a", name="a")
    other = clip.load_folder(write_tiny_folder(tmp_path / "b", seed=4), name="b")
    np.testing.assert_array_equal(first.encode_texts(["mug"]), again.encode_texts(["mug"]))
    assert not np.allclose(first.encode_texts(["mug"]), other.encode_texts(["mug"]), atol=1e-3)


def test_the_name_changes_with_the_weights_and_only_with_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clip, "BUNDLED", write_tiny_folder(tmp_path / "a", seed=1))
    first = clip.encoder_name()
    assert clip.encoder_name() == first
    assert clip.load_encoder().name == first
    write_tiny_folder(tmp_path / "a", seed=2)
    assert clip.encoder_name() != first


def test_a_weights_file_is_named_by_its_content_and_a_tag_by_itself(tmp_path: Path) -> None:
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(b"one")
    # sha256("one") begins with 7692c3ad3540.
    assert clip.encoder_name(model="ViT-B-32", pretrained=str(weights)) == "ViT-B-32:7692c3ad3540"
    assert clip.encoder_name(model="ViT-B-32", pretrained="laion2b") == "ViT-B-32:laion2b"
    assert len(clip.encoder_name(model="m" * 200, pretrained="p" * 200)) <= 120  # the column's width


def test_a_local_weights_file_of_an_open_clip_architecture_loads(tmp_path: Path) -> None:
    import open_clip
    from safetensors.torch import save_file

    # open_clip's own tokenizer goes with architectures known by name, so its whole vocabulary is needed.
    architecture = tmp_path / "configs" / "tiny-test.json"
    architecture.parent.mkdir()
    tiny = {**TINY, "text_cfg": {**TINY["text_cfg"], "vocab_size": 49408}}
    architecture.write_text(json.dumps(tiny))
    open_clip.add_model_config(architecture)
    save_file(open_clip.model.CLIP(**tiny).state_dict(), tmp_path / "weights.safetensors")
    encoder = clip.load_encoder(model="tiny-test", pretrained=str(tmp_path / "weights.safetensors"))
    assert encoder.encode_images([circle("red")]).shape == (1, 16)
    assert encoder.name.startswith("tiny-test:")


@pytest.mark.parametrize(
    ("model", "pretrained", "said"),
    [
        ("ViT-B-32", "", "needs its weights"),
        ("ViT-B-32", "/no/such/file.pt", "cannot be had"),
        ("no-such-model", "laion2b", "cannot be had"),
    ],
)
def test_a_model_that_cannot_be_had_is_one_error_with_the_cure(
    model: str, pretrained: str, said: str
) -> None:
    with pytest.raises(clip.EncoderUnavailable, match=said) as caught:
        clip.load_encoder(model=model, pretrained=pretrained)
    assert "leave CLIP_MODEL empty" in str(caught.value)


def test_missing_bundled_weights_say_which_command_makes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clip, "BUNDLED", tmp_path)
    with pytest.raises(clip.EncoderUnavailable, match="manage.py train_clip"):
        clip.load_encoder()


def test_a_vocabulary_of_another_size_is_refused(tmp_path: Path) -> None:
    folder = write_tiny_folder(tmp_path / "tiny")
    config = (folder / clip.CONFIG_FILE).read_text().replace('"vocab_size": 514', '"vocab_size": 600')
    (folder / clip.CONFIG_FILE).write_text(config)
    with pytest.raises(ValueError, match="514 tokens"):
        clip.build(folder)


def test_importing_the_module_imports_no_torch() -> None:
    code = "import sys, ml.clip, ml.phrases; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@needs_bundle
def test_the_bundled_model_tells_colours_apart() -> None:
    encoder = clip.load_encoder()
    text = encoder.encode_texts(["navy mug", "yellow cushion"])
    assert encoder.name.startswith("compact:")
    assert text[0] @ text[1] < 0.7
    darker = encoder.encode_images([circle("navy"), circle("darkblue"), circle("gold")])
    assert darker[0] @ darker[1] > darker[0] @ darker[2]
