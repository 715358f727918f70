"""DeepFM on a page: its scores in NumPy, without torch, equal to the fitted network's (Guo et al., 2017)."""

# C = candidates of all lists together, D = width of a feature's vector, F = features, W = hidden units

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

LIMIT = 4.0  # deviations from the mean: beyond it a value says nothing more
WEIGHTS_FILE = "deepfm.safetensors"
HIDDEN = ("deep.0", "deep.2")
LAST = "deep.4"


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """How features become the network's inputs: standard scores, and 1 where a value is missing."""

    mean: np.ndarray  # (F,) float32
    deviation: np.ndarray  # (F,) float32; 0 for one that was the same everywhere, which is left out

    @classmethod
    def of(cls, features: np.ndarray) -> "Scaling":
        """The scaling of (C, F) features."""
        known = np.isfinite(features)
        count = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, features, 0).sum(axis=0, dtype=np.float64) / count
        squares = np.where(known, (features - mean) ** 2, 0).sum(axis=0, dtype=np.float64) / count
        deviation = np.where(squares > 1e-12, np.sqrt(squares), 0)
        return cls(mean=mean.astype(np.float32), deviation=deviation.astype(np.float32))

    def apply(self, features: np.ndarray) -> np.ndarray:
        """(C, 2F) float32: the values, 0 where missing, and whether each is missing."""
        known = np.isfinite(features)
        told = self.deviation > 0
        filled = np.where(known, features, self.mean)
        values = np.clip((filled - self.mean) / np.where(told, self.deviation, 1), -LIMIT, LIMIT)
        return np.concatenate([np.where(told, values, 0), ~known & told], axis=1).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class DeepFmRanker:
    """Linear part, factorisation machine and hidden layers over one vector a feature."""

    scaling: Scaling
    weights: Mapping[str, np.ndarray]  # the parameters of the fitted network by name
    names: tuple[str, ...]
    kind: str = "deepfm"

    @classmethod
    def from_bytes(cls, content: bytes, *, names: tuple[str, ...]) -> "DeepFmRanker":
        """The ranker of saved tensors; ValueError when they are none of it."""
        try:
            tensors = load_tensors(content)
        except SafetensorError as error:
            raise ValueError(f"no safetensors ({error})") from error
        scaling = Scaling(mean=tensors.pop("mean"), deviation=tensors.pop("deviation"))
        if len(scaling.mean) != len(names):
            raise ValueError(f"weights of {len(scaling.mean)} features, {len(names)} names")
        missing = {"linear", "vectors", "bias", f"{LAST}.weight", f"{LAST}.bias"} - set(tensors)
        if missing:
            raise ValueError(f"the tensors {', '.join(sorted(missing))} are missing")
        return cls(scaling=scaling, weights=tensors, names=names)

    def score(self, features: np.ndarray) -> np.ndarray:
        weights = self.weights
        inputs_CF = self.scaling.apply(features)
        vectors_FD = weights["vectors"]
        summed_CD = inputs_CF @ vectors_FD
        squares_C = inputs_CF**2 @ (vectors_FD**2).sum(axis=1)
        pairs_C = 0.5 * ((summed_CD**2).sum(axis=1) - squares_C)
        parts_CFD = inputs_CF[:, :, None] * vectors_FD
        hidden_CW = parts_CFD.reshape(len(features), vectors_FD.size)
        for layer in HIDDEN:
            hidden_CW = np.maximum(hidden_CW @ weights[f"{layer}.weight"].T + weights[f"{layer}.bias"], 0)
        deep_C = hidden_CW @ weights[f"{LAST}.weight"][0] + weights[f"{LAST}.bias"][0]
        linear_C = inputs_CF @ weights["linear"] + weights["bias"][0]
        return np.asarray(linear_C + pairs_C + deep_C, dtype=np.float64)

    def files(self) -> dict[str, bytes]:
        tensors = {**self.weights, "mean": self.scaling.mean, "deviation": self.scaling.deviation}
        return {
            WEIGHTS_FILE: save_tensors({name: np.ascontiguousarray(value) for name, value in tensors.items()})
        }
