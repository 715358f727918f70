"""How well an encoder tells held-out products apart: by their texts, and by a worn copy of their picture."""

# Shape legend: N = products, D = embedding dimension, Q = queries.
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from PIL import Image

from ml import worn_pictures
from ml.clip_training import Examples

KS = (1, 5, 10)


class TextsAndPictures(Protocol):
    """What is judged; ml.clip.Encoder is one."""

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Return (B, D) L2-normal vectors."""

    def encode_images(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Return (B, D) L2-normal vectors."""


def evaluate(
    encoder: TextsAndPictures, *, examples: Examples, ks: Sequence[int] = KS, seed: int = 0
) -> dict[str, float]:
    """Return recall@k of text to image, image to text, and image to image: a worn copy to its own picture."""
    rng = np.random.default_rng(seed)
    pictures = [Image.fromarray(picture) for picture in examples.pictures_NHWC]
    ways = list(worn_pictures.WAYS.values())
    worn = [ways[row % len(ways)](picture, rng) for row, picture in enumerate(pictures)]
    text_ND = encoder.encode_texts([said[0] for said in examples.phrases])
    image_ND = encoder.encode_images(pictures)
    worn_ND = encoder.encode_images(worn)
    scores = {
        "text_to_image": text_ND @ image_ND.T,
        "image_to_text": image_ND @ text_ND.T,
        "image_to_image": worn_ND @ image_ND.T,
    }
    return {f"{task}_recall@{k}": recall_at(scores[task], k=k) for task in scores for k in ks}


def recall_at(scores_NN: np.ndarray, *, k: int) -> float:
    """Return the share of rows whose diagonal entry is among the row's k best; ties count as found."""
    better_N = (scores_NN > scores_NN.diagonal()[:, None]).sum(axis=1)
    return float((better_N < k).mean())


def precision_at(scores_QN: np.ndarray, *, kinds_Q: np.ndarray, kinds_N: np.ndarray, k: int) -> float:
    """Return the mean share of the k best that are of the query's kind; NaN scores never come up."""
    best_Qk = np.argsort(-np.nan_to_num(scores_QN, nan=-np.inf), axis=1, kind="stable")[:, :k]
    return float((kinds_N[best_Qk] == kinds_Q[:, None]).mean())
