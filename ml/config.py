"""The settings of a training."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from ml.data import MAX_HISTORY


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Every knob of a training; saved beside the weights."""

    embedding_dim: int = 64
    content_width: int = 128
    dim_ratio: Mapping[str, float] = field(
        default_factory=lambda: {"numeric": 1.0, "categorical": 2.0, "multi": 2.0, "text": 2.0, "image": 1.0}
    )
    temperature: float = 0.12
    learning_rate: float = 0.007
    weight_decay: float = 0.0
    max_epochs: int = 50
    patience: int = 5  # checks without a better validation NDCG
    evaluate_every: int = 2  # epochs
    batch_users: int = 0  # 0 = by the number of users
    valid_share: float = 0.1
    valid_users: int = 2_000
    refit: bool = True
    seed: int = 7
    device: str = "auto"  # auto, cpu, cuda
    user_id_dropout: float = 0.3
    item_id_dropout: float = 0.1
    profile_dropout: float = 0.1
    history_drop: float = 0.25
    next_share: float = 0.4
    hide_share: float = 0.5
    recent_half_life_days: float = 0.0
    max_history: int = MAX_HISTORY
    dislike_weight: float = 0.1
    full_softmax_limit: int = 50_000  # items; above it the softmax is sampled
    num_samples: int = 8_192
    popular_share: float = 0.5

    def __post_init__(self) -> None:
        if self.embedding_dim < 2 or self.content_width < 8:
            raise ValueError("embedding_dim must be at least 2 and content_width at least 8.")
        if self.temperature <= 0 or self.learning_rate <= 0 or self.max_epochs < 1:
            raise ValueError("temperature and learning_rate must be above 0 and max_epochs at least 1.")
        if self.device not in ("auto", "cpu", "cuda"):
            raise ValueError(f"device is {self.device!r}; use auto, cpu or cuda.")

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
