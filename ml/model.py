"""A trained model: the towers with what they need to encode anybody, old or new."""

# U = users, I = items, D = embedding dimension; stored vectors have D + 1 columns

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ml.data import EntityTable, Histories, moments_ago
from ml.features import Encoded, FeatureSpec, one_row
from ml.towers import EntityBatch, HistoryBatch, TwoTower

CHUNK = 8_192


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """Towers, feature specs and the item vectors that histories are read through.

    Stored vectors carry one column more than the embedding dimension: 1 for a user, the popularity bias for
    an item. So user @ item.T is exactly the model's score, and the cosine of two items is over [:, :-1].
    """

    network: TwoTower
    users: FeatureSpec
    items: FeatureSpec
    item_ids: np.ndarray  # (I,) int64, the items of training in their dense order
    item_vectors: np.ndarray  # (I, D + 1) float32
    directions: np.ndarray  # (P, D) float32, of ml.towers.SharedValues
    config: dict[str, Any]
    history: tuple[dict[str, float], ...] = ()  # one entry an epoch

    @property
    def width(self) -> int:
        """The columns of a stored vector."""
        return int(self.item_vectors.shape[1])

    def encode_items(self, items: EntityTable) -> np.ndarray:
        """(I, D + 1) float32 vectors of any items, also of ones unknown to the training."""
        return encode_items(self.network, encoded=self.items.encode(items), temperature=self._temperature)

    def encode_users(
        self, users: EntityTable, histories: Histories, *, item_ids: np.ndarray | None = None
    ) -> np.ndarray:
        """(U, D + 1) float32 vectors of any users.

        The histories' item indices are rows of the training's items, or of `item_ids` where given; items
        unknown to this version are skipped.
        """
        if len(users) != len(histories):
            raise ValueError(f"{len(users)} users with {len(histories)} histories; give one history a user.")
        if item_ids is not None:
            histories = translate_histories(histories, item_ids=item_ids, known_ids=self.item_ids)
        return encode_users(
            self.network,
            encoded=self.users.encode(users),
            histories=histories,
            item_vectors=self.item_vectors,
            directions=self.directions,
        )

    @property
    def _temperature(self) -> float:
        return float(self.config["temperature"])


def blank_user(spec: FeatureSpec) -> Encoded:
    """One row: a guest of whom nothing is known."""
    return spec.encode(one_row())


def translate_histories(histories: Histories, *, item_ids: np.ndarray, known_ids: np.ndarray) -> Histories:
    """The histories with indices into `known_ids` instead of `item_ids`; other items are left out."""
    order = np.argsort(known_ids, kind="stable")
    wanted = item_ids[histories.item_index]
    place = order[np.minimum(np.searchsorted(known_ids[order], wanted), len(known_ids) - 1)]
    known = known_ids[place] == wanted
    kept = np.concatenate([[0], np.cumsum(known)])
    return Histories(
        offsets=kept[histories.offsets].astype(np.int64),
        item_index=place[known].astype(np.int32),
        weight=histories.weight[known],
        age_seconds=histories.age_seconds[known],
    )


@torch.inference_mode()
def encode_items(network: TwoTower, *, encoded: Encoded, temperature: float) -> np.ndarray:
    """(I, D + 1) float32: L2-normal vectors, then the bias in units of the cosine."""
    device = next(network.parameters()).device
    parts = []
    for rows in _chunks(len(encoded)):
        batch = EntityBatch.from_encoded(encoded.take(rows), device=device)
        vector_ND, bias_N = network.item.encode(batch)
        parts.append(torch.cat([vector_ND, temperature * bias_N[:, None]], dim=1).cpu().numpy())
    return (
        np.concatenate(parts) if parts else np.zeros((0, network.item.id_table.embedding_dim + 1), np.float32)
    )


@torch.inference_mode()
def shared_directions(network: TwoTower, *, items: EntityBatch, item_vectors: np.ndarray) -> np.ndarray:
    """(P, D) float32: where each value that users and items share points, read from the stored vectors."""
    vectors_ID = torch.from_numpy(np.ascontiguousarray(item_vectors[:, :-1])).to(items.id_code.device)
    return network.user.shared.directions(items, item_vectors=vectors_ID).cpu().numpy()


@torch.inference_mode()
def encode_users(
    network: TwoTower,
    *,
    encoded: Encoded,
    histories: Histories,
    item_vectors: np.ndarray,
    directions: np.ndarray,
) -> np.ndarray:
    """(U, D + 1) float32: vectors at most as long as ml.breadth says, then a column of ones."""
    device = next(network.parameters()).device
    vectors_ID = torch.from_numpy(np.ascontiguousarray(item_vectors[:, :-1])).to(device)
    directions_PD = torch.from_numpy(directions).to(device)
    parts = []
    for rows in _chunks(len(encoded)):
        batch = EntityBatch.from_encoded(encoded.take(rows), device=device)
        history = history_batch(histories.take(rows), device=device)
        user_BD = network.user.encode(
            batch, history=history, item_vectors=vectors_ID, directions=directions_PD
        )
        parts.append(np.concatenate([user_BD.cpu().numpy(), np.ones((len(rows), 1), np.float32)], axis=1))
    return np.concatenate(parts) if parts else np.zeros((0, item_vectors.shape[1]), np.float32)


def history_batch(histories: Histories, *, device: torch.device) -> HistoryBatch:
    """Histories as tensors, each entry with the number of moments since it."""
    rank = moments_ago(histories.age_seconds, offsets=histories.offsets)
    return HistoryBatch(
        offsets=torch.from_numpy(histories.offsets[:-1]).to(device),
        item_row=torch.from_numpy(histories.item_index.astype(np.int64)).to(device),
        weight=torch.from_numpy(histories.weight).to(device),
        age_seconds=torch.from_numpy(histories.age_seconds).to(device),
        rank=torch.from_numpy(rank).to(device),
    )


def _chunks(length: int) -> Iterator[np.ndarray]:
    for start in range(0, length, CHUNK):
        yield np.arange(start, min(start + CHUNK, length))
