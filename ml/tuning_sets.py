"""What the tuning learns from and judges on: the training part of files, split once more."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ml.benchmark.entities import read_entities
from ml.benchmark.logs import Log, read_log, read_pairs
from ml.benchmark.problem import of_given, of_log
from ml.benchmark.tables import BadInput
from ml.data import Dataset, Interactions
from ml.splits import HeldOut

HELD_SHARE = 0.1  # of pairs without times


@dataclass(frozen=True, kw_only=True)
class TuningSet:
    """One data set: what a trial learns from and what it is judged on, both of the training part."""

    name: str
    dataset: Dataset
    events: Interactions
    valid: HeldOut

    @property
    def size(self) -> list[int]:
        """What tells this data set from another of the same name."""
        return [len(self.events), len(self.valid), len(self.valid.positives.items)]


def read_sets(
    *,
    logs: Sequence[Path],
    splits: Sequence[str],
    pairs: Sequence[Path],
    users: Path | None,
    items: Path | None,
) -> list[TuningSet]:
    """The data sets of files: every log split in each of the given ways, and every file of pairs."""
    if not logs and not pairs:
        raise BadInput("give --interactions F.csv or --pairs F, each with one file or more.")
    if (users or items) and len(logs) != 1:
        raise BadInput("--users and --items describe one log; give one --interactions file with them.")
    of_logs = [
        read_set(path, split=split, users=users, items=items)
        for path in logs
        for split in dict.fromkeys(splits)
    ]
    return of_logs + [read_set(path, split=None) for path in pairs]


def read_set(
    path: Path, *, split: str | None, users: Path | None = None, items: Path | None = None
) -> TuningSet:
    """The data set of a file: a log (`split` time or last), or pairs without times (None)."""
    if split is None:
        return _of_pairs(read_pairs(path), name=path.parent.name + "/" + path.name)
    problem = of_log(
        read_log(path),
        split=split,
        users=None if users is None else read_entities(users, key="user_id"),
        items=None if items is None else read_entities(items, key="item_id"),
    )
    if problem.valid is None:
        raise BadInput(f"{path}: nothing is left to judge settings on beside the test; give a longer log.")
    return TuningSet(
        name=f"{path.parent.name}/{path.name} {split}",
        dataset=problem.dataset,
        events=problem.valid.known,
        valid=problem.valid.test,
    )


def _of_pairs(log: Log, *, name: str) -> TuningSet:
    """A random tenth of the pairs held out: without times there is no later part."""
    held = np.random.default_rng(0).random(len(log)) < HELD_SHARE
    problem = of_given(log.take(~held), log.take(held))
    return TuningSet(
        name=name, dataset=problem.dataset, events=problem.dataset.interactions, valid=problem.test
    )
