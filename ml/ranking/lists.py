"""Lists to learn a ranking from: the features of each candidate, and how much the shopper wanted it."""

# L = lists, C = candidates of all lists together, F = features

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ml.metrics import top_k


@dataclass(frozen=True, kw_only=True)
class RankingLists:
    """Candidates of many lists, one list after the other."""

    names: tuple[str, ...]  # of the F features
    offsets: np.ndarray  # (L + 1,) int64: list l is offsets[l]:offsets[l + 1]
    features: np.ndarray  # (C, F) float32, NaN = not known
    labels: np.ndarray  # (C,) int32: 0 = nothing happened, larger = wanted more

    def __post_init__(self) -> None:
        if self.features.shape != (len(self.labels), len(self.names)):
            raise ValueError(
                f"Features of shape {self.features.shape} for {len(self.labels)} labels and "
                f"{len(self.names)} names; give every candidate a row and every name a column."
            )
        if not len(self.offsets) or self.offsets[0] or self.offsets[-1] != len(self.labels):
            raise ValueError("The offsets of lists run from 0 to the number of candidates.")

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def sizes(self) -> np.ndarray:
        """(L,) the candidates of each list."""
        return np.diff(self.offsets)

    def with_choice(self) -> "RankingLists":
        """The lists that tell something: some candidates were wanted more than others."""
        kept = [
            number
            for number, (start, end) in enumerate(zip(self.offsets[:-1], self.offsets[1:], strict=True))
            if end > start and self.labels[start:end].min() < self.labels[start:end].max()
        ]
        return self.take(np.array(kept, dtype=np.int64))

    def take(self, lists: np.ndarray) -> "RankingLists":
        """The lists at `lists`, in that order."""
        sizes = self.sizes[lists]
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        rows = np.arange(offsets[-1]) + np.repeat(self.offsets[lists] - offsets[:-1], sizes)
        return RankingLists(
            names=self.names, offsets=offsets, features=self.features[rows], labels=self.labels[rows]
        )

    def split(self, *, last_share: float) -> tuple["RankingLists", "RankingLists"]:
        """The first lists and the last ones; of two or more, at least one on either side."""
        count = min(max(round(len(self) * (1 - last_share)), 1), max(len(self) - 1, 1))
        everything = np.arange(len(self))
        return self.take(everything[:count]), self.take(everything[count:])


def joined(parts: Sequence[RankingLists]) -> RankingLists:
    """The lists of all parts; ValueError when their features differ."""
    if len({part.names for part in parts}) != 1:
        raise ValueError("The lists have different features; join only lists of one kind.")
    starts = np.cumsum([0, *(len(part.labels) for part in parts)])
    moved = [part.offsets[1:] + start for part, start in zip(parts, starts[:-1], strict=True)]
    return RankingLists(
        names=parts[0].names,
        offsets=np.concatenate([[0], *moved]).astype(np.int64),
        features=np.concatenate([part.features for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
    )


def ndcg_of(scores_C: np.ndarray, *, lists: RankingLists, k: int = 10) -> np.ndarray:
    """(L,) NDCG@k of the order by scores within each list that has a label above 0."""
    values = []
    for start, end in zip(lists.offsets[:-1], lists.offsets[1:], strict=True):
        gains = 2.0 ** lists.labels[start:end] - 1
        size = min(k, end - start)
        discounts = 1 / np.log2(np.arange(2, size + 2))
        order = top_k(scores_C[None, start:end], k=size)[0]
        values.append((gains[order] @ discounts) / (np.sort(gains)[::-1][:size] @ discounts))
    return np.array(values)


class ListRanker(Protocol):
    """What orders candidates: one of the kinds of ml.ranking.rankers."""

    @property
    def kind(self) -> str: ...
    @property
    def names(self) -> tuple[str, ...]: ...

    def score(self, features: np.ndarray) -> np.ndarray:
        """(C,) float64 for (C, F) features; larger is better, comparable within a list."""

    def files(self) -> dict[str, bytes]:
        """The content of the files that the ranker is saved as, by name."""
