"""Search on real photographs: train_clip on one half, then precision and recall on products it never saw.

    python -m tests.bench.fashion ../shared/data/fashion --json .bench/fashion.json

Article-type precision@5: of the five test photographs most like a test photograph, how many are of its
type. Text-to-image recall@10: how often a product's own photograph is among the ten nearest to its text.
Beside the trained encoder stand the same network untrained, and colour histograms, which know no texts.
"""

import json
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import django
import numpy as np
from PIL import Image

BINS = 4  # a colour channel
SIDE = 80
RANDOM_SEED = 2026


def histograms(pictures_NHWC: np.ndarray) -> np.ndarray:
    """Return (N, 64) L2-normal square roots of how often each colour comes up (the Hellinger kernel)."""
    codes = (pictures_NHWC // (256 // BINS)).astype(np.int64) @ np.array([BINS * BINS, BINS, 1])
    counts = np.stack([np.bincount(code.ravel(), minlength=BINS**3) for code in codes])
    return np.sqrt(counts / counts.sum(axis=1, keepdims=True)).astype(np.float32)


def type_precision(vectors_ND: np.ndarray, *, kinds: Sequence[str]) -> float:
    """Return article-type precision@5 of every photograph as a query among the others."""
    from ml.clip_evaluation import precision_at

    scores = vectors_ND @ vectors_ND.T
    np.fill_diagonal(scores, np.nan)
    named = np.asarray(kinds)
    return precision_at(scores, kinds_Q=named, kinds_N=named, k=5)


def measure(encoder: Any, *, held_out: Any) -> dict[str, float]:
    from ml.clip_evaluation import evaluate

    vectors = encoder.encode_images([Image.fromarray(picture) for picture in held_out.pictures_NHWC])
    return {
        "type_precision@5": type_precision(vectors, kinds=held_out.kinds),
        **evaluate(encoder, examples=held_out),
    }


def run(options: Namespace) -> dict[str, Any]:
    from django.core.management import call_command

    from ml import clip
    from ml.clip_tables import read_examples, read_table

    rows = read_table(options.data / "products.csv", images=options.data / "images")
    held_out, _ = read_examples([row for row in rows if row.held_out], side=SIDE)
    started = time.monotonic()
    call_command(
        "train_clip",
        csv=options.data / "products.csv",
        images=options.data / "images",
        out=options.out,
        steps=options.steps,
        batch_size=options.batch_size,
        model=str(clip.BUNDLED) if options.start == "bundled" else "",
        resume=options.resume,
        seed=RANDOM_SEED,
    )
    seconds = time.monotonic() - started
    network, tokenizer, preprocess = untrained()
    return {
        "products": {"train": len(rows) - len(held_out), "test": len(held_out)},
        "steps": options.steps,
        "training_s": round(seconds),
        "rows": {
            "trained": measure(clip.load_encoder(model=str(options.out)), held_out=held_out),
            "bundled": measure(clip.load_encoder(), held_out=held_out),
            "untrained": measure(
                clip.Encoder(network, tokenizer=tokenizer, preprocess=preprocess, name="untrained"),
                held_out=held_out,
            ),
            "colour histograms": {
                "type_precision@5": type_precision(histograms(held_out.pictures_NHWC), kinds=held_out.kinds)
            },
            "chance": {
                "type_precision@5": chance_precision(held_out.kinds),
                "text_to_image_recall@10": 10 / len(held_out),
            },
        },
    }


def untrained() -> tuple[Any, Any, Any]:
    """Return the compact network with random weights."""
    import torch

    from ml import clip

    torch.manual_seed(RANDOM_SEED)
    return clip.build(clip.BUNDLED)


def chance_precision(kinds: Sequence[str]) -> float:
    """Return how often a photograph drawn by chance is of the query's type."""
    _, counts = np.unique(np.asarray(kinds), return_counts=True)
    return float((counts * (counts - 1)).sum() / (len(kinds) * (len(kinds) - 1)))


def show(report: dict[str, Any]) -> None:
    print(f"{'':20} type precision@5   text to image recall@10   image to text recall@10")
    for name, row in report["rows"].items():
        cells = [
            f"{row[column]:.1%}" if column in row else "-"
            for column in ("type_precision@5", "text_to_image_recall@10", "image_to_text_recall@10")
        ]
        print(f"{name:20} {cells[0]:>16} {cells[1]:>25} {cells[2]:>25}")


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="the folder with products.csv and images/")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--start", choices=("scratch", "bundled"), default="bundled")
    parser.add_argument("--out", type=Path, help="where to keep the encoder; a temporary folder by default")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        options.out = options.out or Path(folder)
        report = run(options)
    show(report)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    django.setup()
    main()
