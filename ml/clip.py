"""Text and picture encoders: any open_clip model, or the compact one that is bundled."""

# Shape legend: B = batch, D = embedding dimension, T = tokens of a text, W = width of the text tower.
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    import torch

BUNDLED = Path(__file__).parent / "bundled"
CONFIG_FILE = "open_clip_config.json"
WEIGHTS_FILE = "open_clip_model.safetensors"
VOCABULARY_FILE = "bpe_merges.txt.gz"
CURE = (
    "Set CLIP_PRETRAINED to a weights file that is on this machine, give the machine access to the hub,"
    " or leave CLIP_MODEL empty to use the bundled compact model."
)


class EncoderUnavailable(RuntimeError):
    """The model or its weights cannot be had; the message names the cure."""


def encoder_name(*, model: str = "", pretrained: str = "") -> str:
    """Return the name that vectors are stored under: it changes whenever the weights do.

    Reads the weights file once per change of it, and loads no model, so that a page or a task may
    ask which vectors are current at no cost. Weights that a hub tag names are taken not to change.
    """
    if not model:
        return f"compact:{_digest(BUNDLED / WEIGHTS_FILE)}"
    if Path(model).is_dir():
        return f"{Path(model).name[:90]}:{_digest(Path(model) / WEIGHTS_FILE)}"
    if pretrained and Path(pretrained).is_file():
        return f"{model[:90]}:{_digest(Path(pretrained))}"
    return f"{model[:60]}:{pretrained[:50]}"


def _digest(path: Path) -> str:
    if not path.is_file():
        raise EncoderUnavailable(f"{path} is missing. Run: manage.py train_clip, or set CLIP_MODEL.")
    stat = path.stat()
    return _digest_of(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=8)
def _digest_of(path: Path, mtime_ns: int, size: int) -> str:
    """Return 12 hex digits of the file's SHA-256; the time and size only invalidate the cache."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]


class Encoder:
    """Turns texts and pictures into L2-normal vectors of one space; safe to share among threads."""

    def __init__(
        self,
        model: "torch.nn.Module",
        *,
        tokenizer: Callable[[list[str]], "torch.Tensor"],
        preprocess: Callable[[Image.Image], "torch.Tensor"],
        name: str,
        threads: int = 2,
        batch_size: int = 128,
    ) -> None:
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.preprocess = preprocess
        self.name = name
        self.threads = threads
        self.batch_size = batch_size
        self.dimension = self.encode_texts([""]).shape[1]

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Return (B, D) float32 L2-normal vectors; longer texts are cut at the model's context."""
        return self._encode(
            texts, lambda batch: encode_tokens(self.model, self.tokenizer(list(batch)).to(self._device))
        )

    def encode_images(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Return (B, D) float32 L2-normal vectors of the pictures, of any size and mode."""
        import torch  # takes seconds: kept off the import of pages; loaded already with the model

        model: Any = self.model

        def encode(batch: Sequence[Image.Image]) -> "torch.Tensor":
            pixels = torch.stack([self.preprocess(image.convert("RGB")) for image in batch])
            return model.encode_image(pixels.to(self._device), normalize=True)

        return self._encode(images, encode)

    @property
    def _device(self) -> "torch.device":
        return next(self.model.parameters()).device

    def _encode(self, inputs: Sequence[Any], encode: Callable[[Sequence[Any]], "torch.Tensor"]) -> np.ndarray:
        import torch  # takes seconds: kept off the import of pages; loaded already with the model

        starts = range(0, len(inputs), self.batch_size)
        with _bounded_threads(self.threads), torch.inference_mode():
            vectors = [
                encode(inputs[start : start + self.batch_size]).float().cpu().numpy() for start in starts
            ]
        return np.concatenate(vectors) if vectors else np.zeros((0, self.dimension), np.float32)


def encode_views(encoder: "Encoder", images: Sequence[Image.Image]) -> np.ndarray:
    """Return (B, D) L2-normal vectors of shoppers' pictures, each the mean of two views.

    The second view has its edges drawn out, half as important: a picture that was cut close, as shoppers'
    often are, then lies nearer to the whole one.
    """
    vectors_BD = encoder.encode_images(images) + 0.5 * encoder.encode_images([_widened(i) for i in images])
    lengths = np.linalg.norm(vectors_BD, axis=1, keepdims=True)
    return np.asarray(vectors_BD / np.maximum(lengths, 1e-12), dtype=np.float32)


def _widened(image: Image.Image, *, share: float = 0.1) -> Image.Image:
    pixels = np.asarray(image.convert("RGB"))
    high, wide = (max(1, round(share * side)) for side in pixels.shape[:2])
    return Image.fromarray(np.pad(pixels, ((high, high), (wide, wide), (0, 0)), mode="edge"))


def encode_tokens(network: Any, tokens_BT: "torch.Tensor") -> "torch.Tensor":
    """Return what the network's own encode_text does, of the T columns only those that hold a token.

    CLIP's text tower looks back alone, so what follows the end of a text changes nothing; a query of five
    words then costs a tenth of a text of 77 tokens.
    """
    mask = getattr(network, "attn_mask", None)
    if mask is None or getattr(network, "text_pool_type", "") != "argmax":
        return network.encode_text(tokens_BT, normalize=True)
    end_B = tokens_BT.argmax(dim=-1)
    length = int(end_B.max()) + 1
    x_BTW = network.token_embedding(tokens_BT[:, :length]) + network.positional_embedding[:length]
    x_BTW = network.ln_final(network.transformer(x_BTW, attn_mask=mask[:length, :length]))
    pooled_BW = x_BTW[range(len(end_B)), end_B]
    projection = network.text_projection
    if projection is not None:
        pooled_BW = projection(pooled_BW) if callable(projection) else pooled_BW @ projection
    return pooled_BW / pooled_BW.norm(dim=-1, keepdim=True)


@contextmanager
def _bounded_threads(threads: int) -> Iterator[None]:
    """Keep torch to so many cores, so that a query leaves some to the other pages."""
    import torch  # takes seconds: kept off the import of pages; loaded already with the model

    before = torch.get_num_threads()
    torch.set_num_threads(min(threads, before))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def load_encoder(*, model: str = "", pretrained: str = "", threads: int = 2, device: str = "cpu") -> Encoder:
    """Return the encoder of an open_clip architecture and its weights, or the bundled one for no model.

    `model` may also be a folder that manage.py train_clip wrote, which needs no `pretrained`. That is one
    of open_clip's tags (fetched from the hub, once) or a weights file. Seconds of work and up to gigabytes
    of memory. Raises EncoderUnavailable.
    """
    if not model:
        return load_folder(BUNDLED, name=encoder_name(), threads=threads, device=device)
    if Path(model).is_dir():
        return load_folder(Path(model), name=encoder_name(model=model), threads=threads, device=device)
    if not pretrained:
        raise EncoderUnavailable(f"CLIP_MODEL={model} needs its weights. {CURE}")
    import open_clip  # takes ten seconds: only a process that encodes pays for it

    try:
        network, _, preprocess = open_clip.create_model_and_transforms(
            model, pretrained=pretrained, device=device, weights_only=True
        )
        tokenizer = open_clip.get_tokenizer(model)
    except Exception as error:  # the hub's libraries raise a dozen unrelated types; the answer is one
        raise EncoderUnavailable(
            f"{model} with weights {pretrained!r} cannot be had: {error}. {CURE}"
        ) from error
    name = encoder_name(model=model, pretrained=pretrained)
    return Encoder(network, tokenizer=tokenizer, preprocess=preprocess, name=name, threads=threads)


def load_folder(folder: Path, *, name: str, threads: int = 2, device: str = "cpu") -> Encoder:
    """Return the encoder that a folder holds: configuration, vocabulary and safetensors weights."""
    from safetensors.torch import load_file  # imports torch: only a process that encodes pays for it

    if not (folder / WEIGHTS_FILE).is_file():
        raise EncoderUnavailable(
            f"{folder / WEIGHTS_FILE} is missing. Run: manage.py train_clip --out {folder}"
        )
    network, tokenizer, preprocess = build(folder)
    network.load_state_dict(load_file(folder / WEIGHTS_FILE))
    return Encoder(network.to(device), tokenizer=tokenizer, preprocess=preprocess, name=name, threads=threads)


def build(folder: Path) -> tuple["torch.nn.Module", Any, Any]:
    """Return the untrained network, the tokenizer and the picture transform of a folder's configuration."""
    import open_clip  # takes ten seconds: only a process that encodes pays for it

    config = json.loads((folder / CONFIG_FILE).read_text())
    model_config, preprocess_config = dict(config["model_cfg"]), config["preprocess_cfg"]
    tokenizer = open_clip.SimpleTokenizer(
        bpe_path=str(folder / VOCABULARY_FILE), context_length=model_config["text_cfg"]["context_length"]
    )
    if tokenizer.vocab_size != model_config["text_cfg"]["vocab_size"]:
        raise ValueError(
            f"{folder / VOCABULARY_FILE} holds {tokenizer.vocab_size} tokens,"
            f" {CONFIG_FILE} says {model_config['text_cfg']['vocab_size']}: take both from one commit."
        )
    custom_text = model_config.pop("custom_text", False)
    network = (open_clip.model.CustomTextCLIP if custom_text else open_clip.model.CLIP)(**model_config)
    size = network.visual.image_size
    preprocess = open_clip.transform.image_transform_v2(
        open_clip.transform.PreprocessCfg(size=size, **preprocess_config), is_train=False
    )
    return network, tokenizer, preprocess


def pixel_scale(folder: Path) -> dict[str, list[float]]:
    """Return the mean and std that a folder's configuration scales pixels by."""
    described: dict[str, list[float]] = json.loads((folder / CONFIG_FILE).read_text())["preprocess_cfg"]
    return {name: described[name] for name in ("mean", "std")}


def write_architecture(folder: Path, *, model: str, pretrained: str) -> "torch.nn.Module":
    """Return an open_clip model with its weights, its configuration and vocabulary written to the folder.

    `build` then makes the like of it. Raises EncoderUnavailable where the weights cannot be had, and for
    models that read texts by another tokenizer than CLIP's own.
    """
    import open_clip  # takes ten seconds: only a process that encodes pays for it

    config = open_clip.get_model_config(model)
    if config is None:
        raise EncoderUnavailable(f"open_clip has no model {model!r}. {CURE}")
    if config["text_cfg"].get("hf_tokenizer_name") or config["text_cfg"].get("hf_model_name"):
        raise EncoderUnavailable(
            f"{model} reads texts by a tokenizer of its own, which cannot be trained here; choose a model"
            " with CLIP's tokenizer, such as ViT-B-32 or RN50."
        )
    network = load_encoder(model=model, pretrained=pretrained).model
    preprocess = asdict(open_clip.transform.PreprocessCfg()) | open_clip.get_model_preprocess_cfg(network)
    text_config = {"context_length": 77, "vocab_size": 49408, **config["text_cfg"]}
    kept = {name: preprocess[name] for name in ("mean", "std", "interpolation", "resize_mode")}
    described = {"model_cfg": {**config, "text_cfg": text_config}, "preprocess_cfg": kept}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG_FILE).write_text(json.dumps(described, indent=2) + "\n")
    shutil.copyfile(open_clip.tokenizer.default_bpe(), folder / VOCABULARY_FILE)
    return network
