"""A tiny, randomly initialised open_clip model in a folder, for tests that need no meaning."""

import gzip
import json
from pathlib import Path
from typing import Any

import torch

from ml import clip, clip_training

TINY: dict[str, Any] = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 12, "vocab_size": 514, "width": 16, "heads": 2, "layers": 1},
}


def write_tiny_folder(folder: Path, *, seed: int = 0) -> Path:
    """Return a folder that ml.clip.load_folder reads: bytes are the whole vocabulary, so no merges."""
    folder.mkdir(parents=True, exist_ok=True)
    preprocess = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "shortest"}
    (folder / clip.CONFIG_FILE).write_text(json.dumps({"model_cfg": TINY, "preprocess_cfg": preprocess}))
    (folder / clip.VOCABULARY_FILE).write_bytes(gzip.compress(b"#version: 0.2"))
    torch.manual_seed(seed)
    network, _, _ = clip.build(folder)
    clip_training.save_folder(network, source=folder, out=folder, metrics={})
    return folder
