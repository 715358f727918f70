"""The two towers: one EntityTower for both sides, and a history encoder on the user's."""

# N = rows, B = users, D = embedding dimension, W = content width, H = history entries in all

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ml.affinity import Affinity
from ml.features import Encoded, FeatureSpec
from ml.histories import HistoryBatch, HistoryEncoder, lengths_of

USER_ID_LENGTH = 0.3  # at the start: what somebody did says more than who they are


@dataclass(frozen=True, kw_only=True)
class EntityBatch:
    """ml.features.Encoded as tensors on the model's device."""

    numeric: Tensor
    categorical: Tensor
    multi_offsets: Tensor  # (N,) starts
    multi_code: Tensor
    multi_weight: Tensor
    vectors: dict[str, Tensor]
    id_code: Tensor

    @classmethod
    def from_encoded(cls, encoded: Encoded, *, device: torch.device) -> "EntityBatch":
        """The same values as tensors; nothing is copied on the CPU."""
        return cls(
            numeric=torch.from_numpy(encoded.numeric).to(device),
            categorical=torch.from_numpy(encoded.categorical).to(device),
            multi_offsets=torch.from_numpy(encoded.multi_offsets[:-1]).to(device),
            multi_code=torch.from_numpy(encoded.multi_code).to(device),
            multi_weight=torch.from_numpy(encoded.multi_weight).to(device),
            vectors={name: torch.from_numpy(matrix).to(device) for name, matrix in encoded.vectors.items()},
            id_code=torch.from_numpy(encoded.id_code).to(device),
        )


def share_width(spec: FeatureSpec, *, width: int, dim_ratio: Mapping[str, float]) -> dict[str, int]:
    """Each present group's part of `width`, in proportion to its ratio (1 when not given), at least 1.

    The groups are numeric, categorical, multi and every vector by its name. The parts sum to `width`
    when there are any.
    """
    present = [name for name in ("numeric", "categorical", "multi") if getattr(spec, name)] + list(
        spec.vectors
    )
    ratios = [float(dim_ratio.get(name, 1.0)) for name in present]
    if not present:
        return {}
    total = sum(ratios)
    widths = [max(1, int(width * ratio / total)) for ratio in ratios]
    widths[ratios.index(max(ratios))] += width - sum(widths)
    return dict(zip(present, widths, strict=True))


class EntityTower(nn.Module):
    """A vector for each entity: its id's, or the shared unknown's, plus what its content says."""

    def __init__(
        self,
        spec: FeatureSpec,
        *,
        dim: int,
        width: int,
        dim_ratio: Mapping[str, float],
        id_length: float = 1.0,
    ) -> None:
        super().__init__()
        self.widths = share_width(spec, width=width, dim_ratio=dim_ratio)
        self.id_table = nn.Embedding(len(spec.ids) + 1, dim)
        nn.init.normal_(self.id_table.weight, std=id_length * dim**-0.5)
        with torch.no_grad():
            self.id_table.weight[0].zero_()
        if "numeric" in self.widths:
            self.numeric = nn.Linear(2 * len(spec.numeric), self.widths["numeric"])
        for name, rows in (("categorical", spec.num_categories), ("multi", spec.num_multi)):
            if name in self.widths:
                setattr(self, name, _bag(rows, self.widths[name]))
        self.vectors = nn.ModuleDict(
            {name: nn.Linear(d, self.widths[name], bias=False) for name, d in spec.vectors.items()}
        )
        if self.widths:
            self.linear = nn.Linear(width, dim)
            self.hidden = nn.Linear(width, width)
            self.output = nn.Linear(width, dim, bias=False)
            nn.init.zeros_(self.output.weight)

    def forward(self, batch: EntityBatch, *, id_code: Tensor | None = None) -> Tensor:
        """(N, D) vectors, not normalised; `id_code` stands in for the batch's own (dropout to unknown)."""
        vector_ND = self.id_table(batch.id_code if id_code is None else id_code)
        return vector_ND + self.content(batch) if self.widths else vector_ND

    def content(self, batch: EntityBatch) -> Tensor:
        """(N, D): what is known beside the id says this."""
        fused_NW = self.fuse(batch)
        added_ND: Tensor = self.output(functional.relu(self.hidden(fused_NW)))
        return self.linear(fused_NW) + added_ND

    def fuse(self, batch: EntityBatch) -> Tensor:
        """(N, W): the groups of features side by side."""
        parts = []
        if "numeric" in self.widths:
            parts.append(self.numeric(batch.numeric))
        if "categorical" in self.widths:
            parts.append(self.categorical(batch.categorical))
        if "multi" in self.widths:
            parts.append(
                self.multi(batch.multi_code, batch.multi_offsets, per_sample_weights=batch.multi_weight)
            )
        parts += [projection(batch.vectors[name]) for name, projection in self.vectors.items()]
        return torch.cat(parts, dim=1)


def _bag(rows: int, width: int) -> nn.EmbeddingBag:
    bag = nn.EmbeddingBag(rows, width, mode="sum")
    nn.init.normal_(bag.weight, std=0.5)
    return bag


class ItemTower(EntityTower):
    """Item vectors of length 1, and a learned popularity bias that new items take from their content.

    What content says counts less for an item of which more is known: by `content_share` of each id.
    `lately` is how much more popular an item is of late than its bias says: for newcomers.
    """

    content_share: Tensor  # (ids + 1,), 1 for the unknown
    lately: Tensor  # (ids + 1,) in units of the logits, 0 for the unknown

    def __init__(self, spec: FeatureSpec, *, dim: int, width: int, dim_ratio: Mapping[str, float]) -> None:
        super().__init__(spec, dim=dim, width=width, dim_ratio=dim_ratio)
        self.id_bias = nn.Embedding(len(spec.ids) + 1, 1)
        nn.init.zeros_(self.id_bias.weight)
        self.content_bias = nn.Linear(dim, 1, bias=False)
        nn.init.zeros_(self.content_bias.weight)
        self.register_buffer("content_share", torch.ones(len(spec.ids) + 1))
        self.register_buffer("lately", torch.zeros(len(spec.ids) + 1))

    def encode(self, batch: EntityBatch, *, id_code: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(N, D) L2-normal vectors and (N,) biases in units of the logits."""
        id_code = batch.id_code if id_code is None else id_code
        vector_ND, bias_N = self.id_table(id_code), self.id_bias(id_code)[:, 0]
        if self.widths:
            content_ND = self.content(batch) * self.content_share[id_code][:, None]
            vector_ND = vector_ND + content_ND
            bias_N = bias_N + self.content_bias(content_ND)[:, 0]
        return functional.normalize(vector_ND, dim=1), bias_N


class SharedValues(nn.Module):
    """What stated values say: the mean direction of the items that have them, as of a preferred category's.

    So a preference that few or none of the training's users stated points at its products all the same.
    """

    item_code: Tensor  # (P,) the items' code of each value that a user may state, -1 where no item has it

    def __init__(self, users: FeatureSpec, items: FeatureSpec, *, dim: int) -> None:
        super().__init__()
        self.register_buffer("item_code", torch.from_numpy(users.codes_shared_with(items)), persistent=False)
        self.num_item_codes = items.num_multi
        self.map = nn.Parameter(3.0 * torch.eye(dim))

    def directions(self, items: EntityBatch, *, item_vectors: Tensor) -> Tensor:
        """(P, D) the L2-normal mean vectors of the items with each value, 0 where none has it."""
        ends_N1 = torch.cat([items.multi_offsets, items.multi_offsets.new_tensor([len(items.multi_code)])])
        row_M = torch.repeat_interleave(
            torch.arange(len(item_vectors), device=ends_N1.device), ends_N1.diff()
        )
        linked_P = self.item_code >= 0
        wanted = torch.zeros(self.num_item_codes, dtype=torch.bool, device=row_M.device)
        wanted[self.item_code[linked_P]] = True
        chosen_M = wanted[items.multi_code]
        sums = item_vectors.new_zeros(self.num_item_codes + 1, item_vectors.shape[1])
        sums = sums.index_add(0, items.multi_code[chosen_M], item_vectors[row_M[chosen_M]])
        return functional.normalize(sums, dim=1)[self.item_code]  # -1 is the last row, which stays 0

    def forward(self, batch: EntityBatch, *, directions: Tensor) -> Tensor:
        """(B, D)."""
        if not len(directions):
            return directions.new_zeros(len(batch.id_code), directions.shape[1])
        mean_BD = functional.embedding_bag(
            batch.multi_code,
            directions,
            batch.multi_offsets,
            mode="sum",
            per_sample_weights=batch.multi_weight,
        )
        return mean_BD @ self.map


class UserTower(nn.Module):
    """User vectors: the profile's EntityTower, stated values and history, brought to about one length.

    What says little beside a learned doubt stays short, so that whoever is unknown gets what is popular.
    """

    def __init__(
        self,
        spec: FeatureSpec,
        *,
        items: FeatureSpec,
        shape: "TowerShape",
    ) -> None:
        super().__init__()
        self.breadth, self.newcomer_trust = shape.breadth, shape.newcomer_trust
        self.doubt = nn.Parameter(torch.tensor(-1.0))
        self.profile = EntityTower(
            spec, dim=shape.dim, width=shape.width, dim_ratio=shape.dim_ratio, id_length=USER_ID_LENGTH
        )
        if self.profile.widths:  # who has a history begins as what it says
            self.profile.linear.weight.data *= 0.1
        self.shared = SharedValues(spec, items, dim=shape.dim)
        self.history = HistoryEncoder(shape.dim, width=shape.history_width)
        has_affinity = shape.affinity_width and items.categorical
        self.affinity = Affinity(items, width=shape.affinity_width) if has_affinity else None

    def encode(
        self,
        batch: EntityBatch,
        *,
        history: HistoryBatch,
        item_vectors: Tensor,
        item_codes: Tensor,
        directions: Tensor,
        id_code: Tensor | None = None,
    ) -> Tensor:
        """(B, D + A) vectors: D columns at most as long as ml.breadth says, then those of Affinity.

        `item_vectors` (rows, D) and `item_codes` (rows, F) are what histories point into; `directions` are
        those of SharedValues.
        """
        profile_BD = self.profile(batch, id_code=id_code) + self.shared(batch, directions=directions)
        vector_BD = profile_BD + self.history(history, item_vectors=item_vectors)
        doubt = functional.softplus(self.doubt)
        length_B = (vector_BD.square().sum(dim=1) + doubt.square()).sqrt()
        trust_B = torch.where(history.sizes > 0, 1.0, self.newcomer_trust)
        vector_BD = vector_BD * (trust_B * lengths_of(history, breadth=self.breadth) / length_B)[:, None]
        if self.affinity is None:
            return vector_BD
        sizes_B = history.sizes
        affinity_BA = self.affinity(
            history.weight,
            age_H=history.age_seconds,
            row_H=torch.repeat_interleave(torch.arange(len(sizes_B), device=sizes_B.device), sizes_B),
            code_HF=item_codes[history.item_row],
            num=len(sizes_B),
        )
        return torch.cat([vector_BD, affinity_BA], dim=1)


@dataclass(frozen=True, kw_only=True)
class TowerShape:
    """The sizes of both towers."""

    dim: int
    width: int  # of an entity's content
    history_width: int
    dim_ratio: Mapping[str, float]
    breadth: float
    affinity_width: int  # columns for what a history's categories say; 0 = none
    temperature: float
    newcomer_trust: float = 1.0  # how much the vector of who did nothing yet counts

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "TowerShape":
        """The shape that a training's settings (ml.config.TrainConfig.to_dict) ask for."""
        return cls(
            dim=config["embedding_dim"],
            width=config["content_width"],
            history_width=config["history_width"],
            dim_ratio=config["dim_ratio"],
            breadth=config["breadth"],
            affinity_width=config["affinity_width"],
            temperature=config["temperature"],
            newcomer_trust=1.0 if config["newcomer_trust"] is None else config["newcomer_trust"],
        )


class TwoTower(nn.Module):
    """Both towers; their vectors' inner product over the temperature, plus the item's bias, is the logit."""

    def __init__(self, *, users: FeatureSpec, items: FeatureSpec, shape: TowerShape) -> None:
        super().__init__()
        self.dim, self.temperature = shape.dim, shape.temperature
        self.user = UserTower(users, items=items, shape=shape)
        self.item = ItemTower(items, dim=shape.dim, width=shape.width, dim_ratio=shape.dim_ratio)

    @property
    def width(self) -> int:
        """The columns of a stored vector."""
        return self.dim + (self.user.affinity.width if self.user.affinity is not None else 0) + 2

    def encode_items(self, batch: EntityBatch, *, id_code: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(N, D + A): L2-normal vectors, then the columns that meet the users' affinity; (N,) biases.

        Those columns are small, the temperature, so that near items are near by their vectors first.
        """
        vector_ND, bias_N = self.item.encode(batch, id_code=id_code)
        if self.user.affinity is None:
            return vector_ND, bias_N
        columns_NA = self.temperature * self.user.affinity.of_items(batch.categorical)
        return torch.cat([vector_ND, columns_NA], dim=1), bias_N

    def stored_items(self, batch: EntityBatch) -> Tensor:
        """(N, D + A + 2): the vectors, then the temperature times what is popular of late, and the bias.

        They meet ml.breadth.popularity_columns of the users.
        """
        vector_NV, bias_N = self.encode_items(batch)
        popular_N2 = torch.stack([self.item.lately[batch.id_code], bias_N], dim=1)
        return torch.cat([vector_NV, self.temperature * popular_N2], dim=1)
