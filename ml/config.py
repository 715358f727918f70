"""The settings of a training."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from ml.data import MAX_HISTORY

LOSSES = ("softmax", "cosine_contrastive")


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """Which loss, and its numbers."""

    name: str = "softmax"
    temperature: float = 0.2
    pair_share: float = 0.0  # of the softmax: each positive against negatives alone, not against its fellows
    dislike_weight: float = 0.0
    margin: float = 0.4  # of the cosine contrastive loss: negatives below this cosine are left alone
    negative_weight: float = 150.0  # of the cosine contrastive loss: of all negatives against a positive

    def __post_init__(self) -> None:
        if self.name not in LOSSES:
            raise ValueError(f"loss is {self.name!r}; use one of {', '.join(LOSSES)}.")
        if not 0 < self.temperature < math.inf:
            raise ValueError("temperature must be above 0.")
        if not 0 <= self.pair_share <= 1:
            raise ValueError("pair_share is a share: from 0 to 1.")
        if self.dislike_weight < 0 or self.negative_weight <= 0:
            raise ValueError("dislike_weight must not be below 0, nor negative_weight 0 or less.")


_SHARES = (
    *("user_id_dropout", "item_id_dropout", "profile_dropout"),
    *("history_drop", "next_share", "hide_share", "popular_share", "valid_share"),
)
_NOT_BELOW = {
    **dict.fromkeys(("patience", "evaluate_every", "valid_users", "max_history", "max_epochs"), 1),
    **dict.fromkeys(
        ("batch_users", "affinity_width", "num_samples", "full_softmax_limit", "seed", "weight_decay"), 0
    ),
    **dict.fromkeys(("recent_half_life_days", "kind_power", "heavy_power", "breadth"), 0),
    **dict.fromkeys(("trend_days", "trend_strength", "newcomer_half_life_days", "newcomer_trust"), 0),
}


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Every knob of a training; saved beside the weights."""

    embedding_dim: int = 128
    content_width: int = 128
    history_width: int = 128  # hidden units of the history encoder
    affinity_width: int = 64  # columns for the user's share of each category; 0 = none
    dim_ratio: Mapping[str, float] = field(
        default_factory=lambda: {"numeric": 1.0, "categorical": 2.0, "multi": 2.0, "text": 2.0, "image": 1.0}
    )
    loss: str = "softmax"  # or cosine_contrastive
    temperature: float = 0.19
    pair_share: float = 0.3
    dislike_weight: float = 0.1
    margin: float = 0.4
    negative_weight: float = 150.0
    breadth: float = 0.15  # who has done more has a flatter taste: logits fall by (1 + n) ** -breadth
    learning_rate: float = 0.002
    weight_decay: float = 0.0
    max_epochs: int = 16  # over which the learning rate falls to nothing
    stop_epoch: int = 0  # the epoch to stop at; 0 = found on the newest events, held out
    patience: int = 3  # checks without a better validation NDCG
    evaluate_every: int = 2  # epochs
    batch_users: int = 0  # 0 = by the number of users
    valid_share: float = 0.1
    valid_users: int = 2_000
    refit: bool = True
    seed: int = 7
    device: str = "auto"  # auto, cpu, cuda
    spectral_start: bool = True
    user_id_dropout: float = 0.0
    item_id_dropout: float = 0.03
    known_by_content: bool | None = None  # whether content speaks for items with an id, too; None = found
    profile_dropout: float = 0.1
    history_drop: float = 0.1
    next_share: float = 0.7
    hide_share: float = 0.3
    kind_power: float = 0.25  # 1 = a target counts by the weight of its kind, 0 = all alike
    heavy_power: float = 0.5  # a user counts by the number of targets to this power
    recent_half_life_days: float | None = None  # of a target's weight; 0 = never; None = found when held out
    trend_days: float = 3.0  # half-life of what is liked of late
    trend_strength: float | None = None  # how much of the trend enters the bias; None = found when held out
    newcomer_half_life_days: float | None = (
        None  # of what is popular with newcomers; None = found when held out
    )
    newcomer_trust: float | None = None  # how much a profile counts beside what is popular; None = found
    max_history: int = MAX_HISTORY
    full_softmax_limit: int = 20_000  # items; above it the softmax is sampled (docs/model.md)
    num_samples: int = 8_192
    popular_share: float = 0.5

    def __post_init__(self) -> None:
        if self.embedding_dim < 2 or self.content_width < 8 or self.history_width < 1:
            raise ValueError(
                "embedding_dim must be at least 2, content_width at least 8 and history_width at least 1."
            )
        for name in _SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; use a share, from 0 to 1.")
        for name, least in _NOT_BELOW.items():
            value = getattr(self, name)
            if value is not None and not least <= value < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}; use {least} or more.")
        if not 0 < self.learning_rate < math.inf or self.valid_share == 1:
            raise ValueError("learning_rate must be above 0 and valid_share below 1.")
        if min(self.dim_ratio.values(), default=1.0) <= 0:
            raise ValueError("dim_ratio must be above 0 for every group; leave unwanted columns out.")
        if not 0 <= self.stop_epoch <= self.max_epochs:
            raise ValueError(f"stop_epoch is {self.stop_epoch}; use 0 to max_epochs, {self.max_epochs}.")
        if self.device not in ("auto", "cpu", "cuda"):
            raise ValueError(f"device is {self.device!r}; use auto, cpu or cuda.")
        _ = self.loss_config

    @property
    def loss_config(self) -> LossConfig:
        """The part that the loss reads; ValueError where it makes no sense."""
        return LossConfig(
            name=self.loss,
            temperature=self.temperature,
            pair_share=self.pair_share,
            dislike_weight=self.dislike_weight,
            margin=self.margin,
            negative_weight=self.negative_weight,
        )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "TrainConfig":
        """A config of plain values; an unknown key is an error that names it."""
        known = {entry.name for entry in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ValueError(
                f"Unknown training settings: {', '.join(unknown)}. Known: {', '.join(sorted(known))}."
            )
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """The config as plain JSON values."""
        return {**asdict(self), "dim_ratio": dict(self.dim_ratio)}
