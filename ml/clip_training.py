"""Contrastive training of an open_clip model on a shop's own pictures and texts."""

# Shape legend: N = products, B = batch, T = twins in it, D = embedding dimension, H = W = picture side,
# C = channels.
import io
import json
import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

from ml.clip import CONFIG_FILE, VOCABULARY_FILE, WEIGHTS_FILE

MAX_LOGIT_SCALE = math.log(100)  # CLIP (Radford et al., 2021), section 2.5
Progress = Callable[[int, float], None]


@dataclass(frozen=True, kw_only=True)
class ClipTrainConfig:
    """How to train; `picture_weight` scales the loss that ties two views of one picture, which costs as
    much as another picture: only `twin_share` of each batch pays for it. `kin` products of one kind come
    into a batch together: what tells them apart is learnt from them alone."""

    steps: int = 2000
    batch_size: int = 128
    lr: float = 1.5e-3
    warmup_steps: int = 100
    weight_decay: float = 0.05
    picture_weight: float = 1.0
    twin_share: float = 1.0
    kin: int = 8
    checkpoint_every: int = 100
    seed: int = 0
    device: str = "cpu"
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)  # of pixels, as the model's configuration says
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch_size < 2:
            raise ValueError("Training needs steps >= 1 and batch_size >= 2: negatives come from the batch.")
        if not self.lr > 0:
            raise ValueError("Training needs lr > 0.")


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Products as training sees them: a picture, the ways to say it, the fullest first, and their kind."""

    pictures_NHWC: np.ndarray  # uint8
    phrases: Sequence[Sequence[str]]
    kinds: Sequence[str] = ()  # such as the category; none: all are of one kind

    def __post_init__(self) -> None:
        if len(self.pictures_NHWC) != len(self.phrases):
            raise ValueError(
                f"{len(self.pictures_NHWC)} pictures but {len(self.phrases)} texts: give one of each."
            )
        if len(self.phrases) < 2:
            raise ValueError("Training needs at least 2 products with pictures.")

    def __len__(self) -> int:
        return len(self.phrases)

    def split(self, *, held_out: int) -> tuple["Examples", "Examples"]:
        """Return (train, held out): the last `held_out` products are never trained on."""
        cut = len(self) - held_out
        return self._part(slice(cut)), self._part(slice(cut, None))

    @cached_property
    def rows_by_kind(self) -> list[np.ndarray]:
        """The rows of each kind that has more than one."""
        kinds = np.asarray(self.kinds or [""] * len(self))
        rows = [np.flatnonzero(kinds == kind) for kind in np.unique(kinds)]
        return [of_kind for of_kind in rows if len(of_kind) > 1]

    def _part(self, rows: slice) -> "Examples":
        return Examples(
            pictures_NHWC=self.pictures_NHWC[rows], phrases=self.phrases[rows], kinds=self.kinds[rows]
        )


def train(
    network: nn.Module,
    *,
    tokenizer: Callable[[list[str]], torch.Tensor],
    examples: Examples,
    config: ClipTrainConfig,
    checkpoint: Path | None = None,
    on_progress: Progress | None = None,
) -> list[float]:
    """Train in place and return the loss of each step taken; with a checkpoint file, resume from it.

    Every step draws from its own seed, so that a resumed run takes the very steps of an unbroken one.
    """
    network.to(config.device).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.lr, weight_decay=config.weight_decay)
    first = load_checkpoint(network, optimizer, path=checkpoint) if checkpoint and checkpoint.is_file() else 0
    losses: list[float] = []
    for step in range(first, config.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, config=config)
        loss = _step(network, optimizer, tokenizer=tokenizer, examples=examples, config=config, step=step)
        losses.append(loss)
        if on_progress:
            on_progress(step + 1, loss)
        if checkpoint and ((step + 1) % config.checkpoint_every == 0 or step + 1 == config.steps):
            save_checkpoint(network, optimizer, path=checkpoint, step=step + 1)
    network.eval()
    return losses


def learning_rate(step: int, *, config: ClipTrainConfig) -> float:
    """Return the rate of a step: a linear warm-up, then half a cosine down to 1 % of the peak."""
    if step < config.warmup_steps:
        return config.lr * (step + 1) / config.warmup_steps
    share = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    return config.lr * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))


def _step(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    tokenizer: Callable[[list[str]], torch.Tensor],
    examples: Examples,
    config: ClipTrainConfig,
    step: int,
) -> float:
    rng = np.random.default_rng((config.seed, step))
    model: Any = network
    rows = draw_batch(examples, config=config, rng=rng)
    said = [examples.phrases[int(row)] for row in rows]
    texts = [ways[int(rng.integers(len(ways)))] for ways in said]
    others_BB = torch.from_numpy(also_true(texts, phrases=said))
    pictures_BHWC = examples.pictures_NHWC[rows]
    num_twins = max(2, int(config.twin_share * len(rows)))
    views_BHWC = np.concatenate([pictures_BHWC, pictures_BHWC[:num_twins]])
    pixels = normalize(augment(views_BHWC, rng=rng, side=side_of(network)), config=config)
    pixels = pixels.to(config.device, memory_format=torch.channels_last)
    with mixed_precision(config.device):
        both_BD = model.encode_image(pixels, normalize=True)
        text_BD = model.encode_text(tokenizer(texts).to(config.device), normalize=True)
    image_BD, twin_TD = both_BD.float().split([len(rows), num_twins])
    scale = model.logit_scale.exp()
    loss = contrastive_loss(scale * text_BD.float() @ image_BD.T, others_BB=others_BB.to(config.device))
    loss = loss + config.picture_weight * contrastive_loss(scale * image_BD[:num_twins] @ twin_TD.T)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimizer.step()
    with torch.no_grad():
        model.logit_scale.clamp_(0, MAX_LOGIT_SCALE)
    return float(loss.detach())


def draw_batch(examples: Examples, *, config: ClipTrainConfig, rng: np.random.Generator) -> np.ndarray:
    """Return the (B,) rows of a batch, half of them in groups of `kin` of one kind, the rest at random."""
    size = min(config.batch_size, len(examples))
    wanted = size // 2 // config.kin if config.kin > 1 else 0
    groups = [
        rng.choice(kind, size=min(config.kin, len(kind)), replace=False)
        for kind in (examples.rows_by_kind[at] for at in _some(len(examples.rows_by_kind), k=wanted, rng=rng))
    ]
    kin = np.concatenate(groups) if groups else np.empty(0, dtype=np.int64)
    others = np.setdiff1d(np.arange(len(examples)), kin, assume_unique=True)
    return np.concatenate([kin, rng.choice(others, size=size - len(kin), replace=False)])


def _some(count: int, *, k: int, rng: np.random.Generator) -> np.ndarray:
    return rng.choice(count, size=min(k, count), replace=False)


def also_true(texts: Sequence[str], *, phrases: Sequence[Sequence[str]]) -> np.ndarray:
    """Return (B, B) bool: text i also describes picture j, another product's; not a negative then."""
    known = [set(said) for said in phrases]
    hits_BB = np.array([[text in said for said in known] for text in texts], dtype=bool)
    np.fill_diagonal(hits_BB, val=False)
    return hits_BB


def contrastive_loss(scores_BB: torch.Tensor, *, others_BB: torch.Tensor | None = None) -> torch.Tensor:
    """Return the symmetric InfoNCE loss of scores whose diagonal holds the pairs, accidental hits masked.

    CLIP's loss (Radford et al., 2021); with chance scores it is ln B.
    """
    if others_BB is not None:
        scores_BB = scores_BB.masked_fill(others_BB, -torch.inf)
    target_B = torch.arange(len(scores_BB), device=scores_BB.device)
    return (
        functional.cross_entropy(scores_BB, target_B) + functional.cross_entropy(scores_BB.T, target_B)
    ) / 2


def augment(pictures_BHWC: np.ndarray, *, rng: np.random.Generator, side: int) -> torch.Tensor:
    """Return (B, C, side, side) pixels in 0..1 of one random view of each: JPEG, turn, crop, light."""
    worn = [_jpeg(picture, quality=int(rng.integers(20, 80))) if rng.random() < 0.3 else picture
            for picture in pictures_BHWC]  # fmt: skip
    pixels = torch.from_numpy(np.stack(worn)).permute(0, 3, 1, 2).float() / 255
    num = len(worn)
    angle = np.deg2rad(rng.uniform(-14, 14, num))
    zoom = rng.uniform(0.72, 1.08, num)
    shift = rng.uniform(-1, 1, (num, 2)) * np.maximum(0.05, 1 - zoom)[:, None]
    cos, sin = zoom * np.cos(angle), zoom * np.sin(angle)
    affine = np.stack([np.stack([cos, -sin, shift[:, 0]], 1), np.stack([sin, cos, shift[:, 1]], 1)], 1)
    grid = functional.affine_grid(torch.from_numpy(affine).float(), [num, 3, side, side], align_corners=False)
    padding = "border" if rng.random() < 0.5 else "zeros"
    paper = float(rng.random() < 0.6)  # what lies beside a turned picture: white, or black
    pixels = functional.grid_sample(pixels - paper, grid, padding_mode=padding, align_corners=False) + paper
    contrast = torch.from_numpy(rng.uniform(0.8, 1.2, (num, 1, 1, 1))).float()
    brightness = torch.from_numpy(rng.uniform(0.35, 1.2, (num, 1, 1, 1))).float()
    return (((pixels - 0.5) * contrast + 0.5) * brightness).clamp(0, 1)


def side_of(network: nn.Module) -> int:
    """Return the side in pixels of the pictures that the network looks at."""
    model: Any = network
    size = model.visual.image_size
    return int(size[0] if isinstance(size, tuple) else size)


def _jpeg(picture_HWC: np.ndarray, *, quality: int) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(picture_HWC).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def normalize(pixels_BCHW: torch.Tensor, *, config: ClipTrainConfig) -> torch.Tensor:
    """Return pixels as the model's own preparation scales them."""
    mean, std = (torch.tensor(values)[:, None, None] for values in (config.mean, config.std))
    return (pixels_BCHW - mean) / std


def mixed_precision(device: str) -> "torch.autocast":
    """Return the context of half the memory and twice the speed on CUDA: bfloat16, which needs no scaling.

    Elsewhere it changes nothing: processors without matrix units are slower at it.
    """
    return torch.autocast("cuda", dtype=torch.bfloat16, enabled=device.startswith("cuda"))


def save_checkpoint(network: nn.Module, optimizer: torch.optim.AdamW, *, path: Path, step: int) -> None:
    """Write weights, optimizer moments and the step to one safetensors file, all or nothing."""
    tensors = {f"model.{name}": tensor for name, tensor in network.state_dict().items()}
    for name, parameter in network.named_parameters():
        for moment in ("exp_avg", "exp_avg_sq"):
            if parameter in optimizer.state:
                tensors[f"{moment}.{name}"] = optimizer.state[parameter][moment]
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, partial, {"step": str(step)})
    partial.replace(path)


def load_checkpoint(network: nn.Module, optimizer: torch.optim.AdamW, *, path: Path) -> int:
    """Restore what save_checkpoint wrote and return the number of steps taken."""
    with safe_open(path, framework="pt") as file:
        step = int(file.metadata()["step"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    network.load_state_dict(
        {n.removeprefix("model."): t for n, t in tensors.items() if n.startswith("model.")}
    )
    for name, parameter in network.named_parameters():
        optimizer.state[parameter] = {
            "step": torch.tensor(float(step)),
            "exp_avg": tensors[f"exp_avg.{name}"].to(parameter.device),
            "exp_avg_sq": tensors[f"exp_avg_sq.{name}"].to(parameter.device),
        }
    return step


def save_folder(network: nn.Module, *, source: Path, out: Path, metrics: dict[str, float]) -> None:
    """Write an encoder folder: half-precision weights beside the configuration and vocabulary of `source`."""
    out.mkdir(parents=True, exist_ok=True)
    for name in (CONFIG_FILE, VOCABULARY_FILE):
        if source.resolve() != out.resolve():
            shutil.copyfile(source / name, out / name)
    weights = {
        name: (tensor.half() if tensor.ndim > 1 else tensor).contiguous().cpu()  # statistics stay exact
        for name, tensor in network.state_dict().items()
    }
    partial = out / f"{WEIGHTS_FILE}.partial"
    save_file(weights, partial)
    partial.chmod(0o644)  # safetensors writes for its user alone; a shop runs as another
    partial.replace(out / WEIGHTS_FILE)
    (out / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
