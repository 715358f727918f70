"""A trained model: the towers with what they need to encode anybody, old or new."""

# U = users, I = items, D = embedding dimension, A = affinity columns, V = D + A + 2 columns of stored vectors

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ml.breadth import popularity_columns
from ml.data import EntityTable, Histories, moments_ago
from ml.features import Encoded, FeatureSpec, one_row
from ml.histories import HistoryBatch
from ml.towers import EntityBatch, TwoTower

CHUNK = 8_192


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """Towers, feature specs and the item vectors that histories are read through.

    Stored vectors hold the towers' D columns, those of ml.affinity and two for popularity, so that
    user @ item.T is exactly the model's score; two items are near by [:, :-POPULARITY_COLUMNS].
    """

    network: TwoTower
    users: FeatureSpec
    items: FeatureSpec
    item_ids: np.ndarray  # (I,) int64, the items of training in their dense order
    item_vectors: np.ndarray  # (I, V) float32
    item_codes: np.ndarray  # (I, F) int64 categorical codes
    directions: np.ndarray  # (P, D) float32, of ml.towers.SharedValues
    config: dict[str, Any]
    history: tuple[dict[str, float], ...] = ()  # one entry an epoch

    @property
    def width(self) -> int:
        """The columns of a stored vector."""
        return int(self.item_vectors.shape[1])

    def encode_items(self, items: EntityTable) -> np.ndarray:
        """(I, V) float32 vectors of any items, also of ones unknown to the training."""
        return encode_items(self.network, encoded=self.items.encode(items))

    def encode_users(
        self, users: EntityTable, histories: Histories, *, item_ids: np.ndarray | None = None
    ) -> np.ndarray:
        """(U, V) float32 vectors of any users.

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
            item_codes=self.item_codes,
            directions=self.directions,
        )


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
def encode_items(network: TwoTower, *, encoded: Encoded) -> np.ndarray:
    """(I, V) float32, as TwoTower.stored_items."""
    device = next(network.parameters()).device
    parts = []
    for rows in _chunks(len(encoded)):
        batch = EntityBatch.from_encoded(encoded.take(rows), device=device)
        parts.append(network.stored_items(batch).cpu().numpy())
    return np.concatenate(parts) if parts else np.zeros((0, network.width), np.float32)


@torch.inference_mode()
def shared_directions(network: TwoTower, *, items: EntityBatch, item_vectors: np.ndarray) -> np.ndarray:
    """(P, D) float32: where each value that users and items share points, read from the stored vectors."""
    vectors_ID = _leading(network, item_vectors, device=items.id_code.device)
    return network.user.shared.directions(items, item_vectors=vectors_ID).cpu().numpy()


@torch.inference_mode()
def encode_users(
    network: TwoTower,
    *,
    encoded: Encoded,
    histories: Histories,
    item_vectors: np.ndarray,
    item_codes: np.ndarray,
    directions: np.ndarray,
) -> np.ndarray:
    """(U, V) float32: UserTower.encode, then ml.breadth.popularity_columns."""
    device = next(network.parameters()).device
    vectors_ID = _leading(network, item_vectors, device=device)
    codes_IF = torch.from_numpy(item_codes).to(device)
    directions_PD = torch.from_numpy(directions).to(device)
    parts = []
    for rows in _chunks(len(encoded)):
        batch = EntityBatch.from_encoded(encoded.take(rows), device=device)
        history = history_batch(histories.take(rows), device=device)
        user_BD = network.user.encode(
            batch,
            history=history,
            item_vectors=vectors_ID,
            item_codes=codes_IF,
            directions=directions_PD,
        )
        popularity_B2 = popularity_columns(
            np.diff(histories.take(rows).offsets), fading=network.user.newcomer_fading
        )
        parts.append(np.concatenate([user_BD.cpu().numpy(), popularity_B2], axis=1))
    return np.concatenate(parts) if parts else np.zeros((0, item_vectors.shape[1]), np.float32)


def _leading(network: TwoTower, item_vectors: np.ndarray, *, device: torch.device) -> torch.Tensor:
    """(I, D): the part of stored vectors that histories are read through."""
    return torch.from_numpy(np.ascontiguousarray(item_vectors[:, : network.dim])).to(device)


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
