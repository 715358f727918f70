"""Histories as the user tower reads them: their tensors, and what they say of the items in them."""

# B = users, D = embedding dimension, H = history entries in all

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ml.breadth import BREADTH_AT, FEW_EVENTS
from ml.data import DAY_SECONDS


@dataclass(frozen=True, kw_only=True)
class HistoryBatch:
    """Histories as tensors: entries of B users one after the other, oldest first."""

    offsets: Tensor  # (B,) starts
    item_row: Tensor  # (H,) rows of the item vectors given beside it
    weight: Tensor  # (H,)
    age_seconds: Tensor  # (H,)
    rank: Tensor  # (H,) moments since: 0 for a user's newest entry, and all that came with it

    @property
    def sizes(self) -> Tensor:
        """(B,) the entries of each user."""
        return torch.diff(torch.cat([self.offsets, self.offsets.new_tensor([len(self.item_row)])]))


class HistoryEncoder(nn.Module):
    """What the history says: a long-term bag, and a short-term one that fades with order and age.

    Entries count by |weight| to a learned power; disliked ones are subtracted with a learned strength. A bag
    is shortened to p / (|p| + c) with a learned c, so that one view says less than a hundred purchases.
    Hidden units, which start at nothing, add what a linear map cannot say.
    """

    def __init__(self, dim: int, *, width: int) -> None:
        super().__init__()
        self.power = nn.Parameter(torch.tensor(-0.5))
        self.dislike = nn.Parameter(torch.tensor(0.5))
        self.decay = nn.Parameter(torch.tensor([-1.5, -1.5]))  # a step, a unit of log days
        self.patience = nn.Parameter(torch.tensor([0.0, 0.0]))
        self.maps = nn.Parameter(torch.stack([torch.eye(dim), 0.5 * torch.eye(dim)]))
        self.hidden = nn.Linear(dim, width, bias=False)
        nn.init.normal_(self.hidden.weight, std=dim**-0.5)
        self.output = nn.Linear(width, dim, bias=False)
        nn.init.zeros_(self.output.weight)

    def forward(self, history: HistoryBatch, *, item_vectors: Tensor) -> Tensor:
        """(B, D) from histories whose item rows point into `item_vectors` (rows, D)."""
        strength_H = history.weight.abs().clamp_min(1e-6) ** functional.softplus(self.power)
        strength_H = strength_H * torch.where(history.weight < 0, -functional.softplus(self.dislike), 1.0)
        step, day = functional.softplus(self.decay)
        days_H = (history.age_seconds / DAY_SECONDS).clamp_min(0.0)
        fading_H = torch.exp(-step * history.rank - day * torch.log1p(days_H))
        pooled_BD = self._pooled(history, item_vectors, strength_H, 0) + self._pooled(
            history, item_vectors, strength_H * fading_H, 1
        )
        added_BD: Tensor = self.output(functional.relu(self.hidden(pooled_BD)))
        return pooled_BD + added_BD

    def _pooled(self, history: HistoryBatch, item_vectors: Tensor, weight_H: Tensor, part: int) -> Tensor:
        bag_BD = functional.embedding_bag(
            history.item_row, item_vectors, history.offsets, mode="sum", per_sample_weights=weight_H
        )
        length_B1 = (bag_BD.square().sum(dim=1, keepdim=True) + 1e-12).sqrt()
        return (bag_BD / (length_B1 + functional.softplus(self.patience[part]))) @ self.maps[part]


def lengths_of(history: HistoryBatch, *, breadth: float) -> Tensor:
    """(B,) ml.breadth.breadth_scale of each user's number of events."""
    return ((1 + history.sizes.clamp_min(FEW_EVENTS).float()) / (1 + BREADTH_AT)) ** -breadth
