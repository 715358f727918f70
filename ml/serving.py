"""The user tower for a page: one user's vector in NumPy, without torch, equal to the torch tower's."""

# D = embedding dimension, W = content width, H = history entries

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from ml.breadth import breadth_scale, popularity_columns
from ml.data import DAY_SECONDS, MONTH_SECONDS, moments_ago
from ml.features import Encoded, FeatureSpec, one_row
from ml.folders import CONFIG, WEIGHTS, ArtifactError, verify

_TOWER = "network.user."
TRUSTED = 1.0


@dataclass(frozen=True, kw_only=True)
class HistoryEvent:
    """One thing the user did: the item's database key, the event's weight and its age."""

    item_id: int
    weight: float
    age_seconds: float


@dataclass(frozen=True, kw_only=True)
class NumpyUserTower:
    """The user tower of one saved version."""

    spec: FeatureSpec
    weights: Mapping[str, np.ndarray]  # the user tower's parameters by name
    item_ids: np.ndarray  # (I,) int64 ascending
    item_vectors: np.ndarray  # (I, D) float32
    item_codes: np.ndarray  # (I, F) int64
    directions: np.ndarray  # (P, D) float32, where each stated value points
    max_history: int
    breadth: float
    newcomer_trust: float

    def encode_user(
        self,
        *,
        numeric: Mapping[str, float] | None = None,
        categorical: Mapping[str, str] | None = None,
        multi: Mapping[str, Sequence[str]] | None = None,
        user_id: int | None = None,
        history: Sequence[HistoryEvent] = (),
    ) -> np.ndarray:
        """(D + A + 2,) float32: the user's stored vector; its product with a stored item is the score.

        Whatever is not given counts as missing; items unknown to the version are skipped. About 0.2 ms.
        """
        row = one_row(
            numeric=numeric,
            categorical=categorical,
            multi=multi,
            entity_id=-1 if user_id is None else user_id,
        )
        encoded = self.spec.encode(row)
        rows, weight_H, age_H = self._merged(history)
        vector_D = self._profile(encoded) + self._stated(encoded) + self._history(rows, weight_H, age_H)
        length = np.sqrt((vector_D**2).sum() + _softplus(self.weights["doubt"]) ** 2)
        scale = breadth_scale(len(rows), breadth=self.breadth) / length
        scale *= 1.0 if len(rows) else self.newcomer_trust
        affinity_A = self._affinity(rows, weight_H, age_H)
        return np.concatenate([scale * vector_D, affinity_A, popularity_columns(len(rows))]).astype(
            np.float32
        )

    def _profile(self, encoded: Encoded) -> np.ndarray:
        weights = self.weights
        vector_D = weights["profile.id_table.weight"][encoded.id_code[0]]
        if "profile.linear.weight" not in weights:
            return vector_D
        parts = []
        if "profile.numeric.weight" in weights:
            parts.append(
                weights["profile.numeric.weight"] @ encoded.numeric[0] + weights["profile.numeric.bias"]
            )
        if "profile.categorical.weight" in weights:
            parts.append(weights["profile.categorical.weight"][encoded.categorical[0]].sum(axis=0))
        if "profile.multi.weight" in weights:
            parts.append(encoded.multi_weight @ weights["profile.multi.weight"][encoded.multi_code])
        for name, matrix in encoded.vectors.items():
            parts.append(weights[f"profile.vectors.{name}.weight"] @ matrix[0])
        fused_W = np.concatenate(parts)
        hidden_W = np.maximum(
            weights["profile.hidden.weight"] @ fused_W + weights["profile.hidden.bias"], 0.0
        )
        content_D = weights["profile.linear.weight"] @ fused_W + weights["profile.linear.bias"]
        return vector_D + content_D + weights["profile.output.weight"] @ hidden_W

    def _stated(self, encoded: Encoded) -> np.ndarray:
        mean_D = encoded.multi_weight @ self.directions[encoded.multi_code]
        return mean_D @ self.weights["shared.map"]

    def _history(self, rows: np.ndarray, weight_H: np.ndarray, age_H: np.ndarray) -> np.ndarray:
        weights = self.weights
        strength_H = np.maximum(np.abs(weight_H), 1e-6) ** _softplus(weights["history.power"])
        strength_H = strength_H * np.where(weight_H < 0, -_softplus(weights["history.dislike"]), 1.0)
        step, day = _softplus(weights["history.decay"])
        rank_H = moments_ago(age_H, offsets=np.array([0, len(rows)]))
        fading_H = np.exp(-step * rank_H - day * np.log1p(np.maximum(age_H / DAY_SECONDS, 0.0)))
        patience, maps = _softplus(weights["history.patience"]), weights["history.maps"]
        total_D = np.zeros(self.item_vectors.shape[1])
        for part, weight in enumerate((strength_H, strength_H * fading_H)):
            bag_D = weight @ self.item_vectors[rows]
            total_D += bag_D / (np.sqrt((bag_D**2).sum() + 1e-12) + patience[part]) @ maps[part]
        hidden_W = np.maximum(weights["history.hidden.weight"] @ total_D, 0.0)
        return total_D + weights["history.output.weight"] @ hidden_W

    def _affinity(self, rows: np.ndarray, weight_H: np.ndarray, age_H: np.ndarray) -> np.ndarray:
        """(A,), as ml.affinity.Affinity; no columns in a version without."""
        weights = self.weights
        if "affinity.columns" not in weights:
            return np.zeros(0)
        columns_KA, field_K = weights["affinity.columns"], weights["affinity.field"]
        liked_H = np.maximum(weight_H, 1e-6) ** _softplus(weights["affinity.power"]) * (weight_H > 0)
        months_H = np.maximum(age_H, 0.0) / MONTH_SECONDS
        liked_H = liked_H * np.exp(-_softplus(weights["affinity.fading"]) * np.log1p(months_H))
        codes_HF = self.item_codes[rows]
        counts_K = np.bincount(
            codes_HF.ravel(), weights=np.repeat(liked_H, codes_HF.shape[1]), minlength=len(field_K)
        )
        share_K = counts_K / (liked_H.sum() + _softplus(weights["affinity.doubt"])[field_K])
        sharpness_K = np.exp(weights["affinity.sharpness"])[field_K]
        return (weights["affinity.gain"][field_K] * np.log1p(sharpness_K * share_K)) @ columns_KA

    def _merged(self, events: Sequence[HistoryEvent]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows, weights and ages of the known items, each once, oldest first, as in ml.data.Histories."""
        by_row: dict[int, tuple[float, float]] = {}
        for event in events:
            row = int(np.searchsorted(self.item_ids, event.item_id))
            known = row < len(self.item_ids) and self.item_ids[row] == event.item_id
            if not known or not event.weight:
                continue
            weight, age = by_row.get(row, (event.weight, event.age_seconds))
            stronger = min if min(weight, event.weight) < 0 else max
            by_row[row] = stronger(weight, event.weight), min(age, event.age_seconds)
        order = sorted(by_row, key=lambda row: (-by_row[row][1], row))[-self.max_history :]
        weight_H = np.array([by_row[row][0] for row in order], dtype=np.float64)
        age_H = np.array([by_row[row][1] for row in order], dtype=np.float64)
        return np.array(order, dtype=np.int64), weight_H, age_H


def load_user_tower(folder: Path, *, expected_sha256: str | None = None) -> NumpyUserTower:
    """The user tower of a saved model; ArtifactError when the folder is missing, changed or unreadable."""
    folder = Path(folder)
    verify(folder, expected_sha256=expected_sha256)
    try:
        description = json.loads((folder / CONFIG).read_text("utf-8"))
        tensors = load_file(folder / WEIGHTS)
        order = np.argsort(tensors["item_ids"], kind="stable")
        return NumpyUserTower(
            spec=FeatureSpec.from_dict(description["users"], ids=tensors["users.ids"]),
            weights={
                name.removeprefix(_TOWER): value for name, value in tensors.items() if name.startswith(_TOWER)
            },
            item_ids=tensors["item_ids"][order],
            item_vectors=tensors["item_vectors"][order, : int(description["config"]["embedding_dim"])],
            item_codes=tensors["item_codes"][order],
            directions=tensors["directions"],
            max_history=int(description["config"]["max_history"]),
            breadth=float(description["config"]["breadth"]),
            newcomer_trust=TRUSTED
            if (trust := description["config"]["newcomer_trust"]) is None
            else float(trust),
        )
    except (OSError, KeyError, ValueError, SafetensorError) as error:
        raise ArtifactError(
            f"{folder} does not hold a readable model ({error}); train a new version."
        ) from error


def _softplus(values: np.ndarray) -> np.ndarray:
    return np.logaddexp(0.0, values)
