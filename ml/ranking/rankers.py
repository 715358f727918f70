"""One interface to every kind of ranker: fit, score, save, load. No pickle; safe without torch but to fit."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from ml.folders import ArtifactError, checksum, new_folder, verify
from ml.ranking.deepfm import WEIGHTS_FILE, DeepFmRanker
from ml.ranking.lists import ListRanker, RankingLists
from ml.ranking.neighbours import Neighbours
from ml.ranking.trees import LIGHTGBM_FILE, XGBOOST_FILE, LightGbmRanker, XGBoostRanker

FORMAT = 1
DESCRIPTION = "ranker.json"
NEIGHBOURS = "neighbours.safetensors"
LEAST_LISTS = 20


def _fit_deepfm(lists: RankingLists, *, valid: RankingLists | None, seed: int) -> ListRanker:
    from ml.ranking import deepfm_fitting  # needs torch, which only training processes load

    return deepfm_fitting.fit(lists, valid=valid, seed=seed)


_FITS: dict[str, Callable[..., ListRanker]] = {
    "lightgbm": LightGbmRanker.fit,
    "xgboost": XGBoostRanker.fit,
    "deepfm": _fit_deepfm,
}
_READERS: dict[str, tuple[str, Callable[..., ListRanker]]] = {
    "lightgbm": (LIGHTGBM_FILE, LightGbmRanker.from_bytes),
    "xgboost": (XGBOOST_FILE, XGBoostRanker.from_bytes),
    "deepfm": (WEIGHTS_FILE, DeepFmRanker.from_bytes),
}
KINDS = tuple(_FITS)


class TooFewLists(ValueError):
    """There is too little to learn a ranking from; the message says what is missing."""


@dataclass(frozen=True, kw_only=True)
class SecondStage:
    """A ranker, and what its features look up of the products."""

    ranker: ListRanker
    item_ids: np.ndarray  # (I,) int64 database keys of the neighbours' rows
    follows: Neighbours
    alike: Neighbours


def fit(kind: str, lists: RankingLists, *, valid: RankingLists | None = None, seed: int = 7) -> ListRanker:
    """A ranker of one of KINDS, fitted to the lists on one thread; the same seed gives the same one.

    Lists in which nothing was wanted more than the rest teach nothing and are left out. `valid` tells when to
    stop; without it trees take a number of rounds that is fixed, and DeepFM keeps the last fifth of the lists
    for it. Raises TooFewLists below 20 lists, ValueError for a kind that is not there.
    """
    if kind not in _FITS:
        raise ValueError(f"There is no ranker {kind!r}; the kinds are {', '.join(KINDS)}.")
    telling = lists.with_choice()
    if len(telling) < LEAST_LISTS:
        raise TooFewLists(
            f"A ranker needs at least {LEAST_LISTS} lists of which some products were wanted (there are "
            f"{len(telling)}); log or import more first."
        )
    checked = None if valid is None else valid.with_choice()
    return _FITS[kind](telling, valid=checked if checked is not None and len(checked) else None, seed=seed)


def save(stage: SecondStage, folder: Path) -> str:
    """The SHA-256 of the new folder's contents; ArtifactError when the folder exists."""
    description = {"format": FORMAT, "kind": stage.ranker.kind, "names": list(stage.ranker.names)}
    arrays = {
        "item_ids": stage.item_ids,
        **stage.follows.arrays("follows"),
        **stage.alike.arrays("alike"),
    }
    with new_folder(Path(folder)) as temporary:
        (temporary / DESCRIPTION).write_text(json.dumps(description, indent=1), "utf-8")
        save_file(
            {name: np.ascontiguousarray(array) for name, array in arrays.items()}, temporary / NEIGHBOURS
        )
        for name, content in stage.ranker.files().items():
            (temporary / name).write_bytes(content)
    return checksum(Path(folder))


def load(folder: Path, *, expected_sha256: str | None = None) -> SecondStage:
    """The saved second stage; ArtifactError when the folder is missing, changed or unreadable."""
    folder = Path(folder)
    verify(folder, expected_sha256=expected_sha256)
    try:
        description = json.loads((folder / DESCRIPTION).read_text("utf-8"))
        if description["format"] != FORMAT:
            raise ValueError(f"format {description['format']}, this code reads {FORMAT}")
        file, read = _READERS[description["kind"]]
        arrays = load_file(folder / NEIGHBOURS)
        return SecondStage(
            ranker=read((folder / file).read_bytes(), names=tuple(description["names"])),
            item_ids=arrays["item_ids"],
            follows=Neighbours.from_arrays(arrays, name="follows"),
            alike=Neighbours.from_arrays(arrays, name="alike"),
        )
    except (OSError, KeyError, ValueError, SafetensorError) as error:
        raise ArtifactError(
            f"{folder} does not hold a readable ranker ({error}); train one with manage.py train_ranker."
        ) from error
