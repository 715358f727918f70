"""Saves and loads trained models: safetensors and JSON, no pickle, all or nothing, verified by checksum."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ml.features import FeatureSpec
from ml.folders import CONFIG, WEIGHTS, ArtifactError, checksum, new_folder, verify
from ml.model import TrainedModel
from ml.towers import TowerShape, TwoTower

FORMAT = 3
_NETWORK = "network."


def save(model: TrainedModel, folder: Path) -> str:
    """The SHA-256 of the new folder's contents; ArtifactError when the folder exists."""
    tensors = {
        _NETWORK + name: value.cpu().contiguous() for name, value in model.network.state_dict().items()
    }
    tensors["item_ids"] = torch.from_numpy(model.item_ids)
    tensors["item_vectors"] = torch.from_numpy(model.item_vectors)
    tensors["item_codes"] = torch.from_numpy(model.item_codes)
    tensors["directions"] = torch.from_numpy(model.directions)
    tensors["users.ids"] = torch.from_numpy(model.users.ids)
    tensors["items.ids"] = torch.from_numpy(model.items.ids)
    description = {
        "format": FORMAT,
        "config": model.config,
        "users": model.users.to_dict(),
        "items": model.items.to_dict(),
        "widths": {"user": model.network.user.profile.widths, "item": model.network.item.widths},
        "history": list(model.history),
    }
    with new_folder(Path(folder)) as temporary:
        save_file(tensors, temporary / WEIGHTS)
        (temporary / CONFIG).write_text(json.dumps(description, indent=1, ensure_ascii=False), "utf-8")
    return checksum(Path(folder))


def load(folder: Path, *, expected_sha256: str | None = None) -> TrainedModel:
    """The saved model, on the CPU; ArtifactError when the folder is missing, changed or unreadable."""
    folder = Path(folder)
    verify(folder, expected_sha256=expected_sha256)
    try:
        description = json.loads((folder / CONFIG).read_text("utf-8"))
        tensors = load_file(folder / WEIGHTS)
        return _rebuild(description, tensors)
    except (OSError, KeyError, ValueError, RuntimeError, SafetensorError) as error:
        raise ArtifactError(
            f"{folder} does not hold a readable model ({error}); train a new version."
        ) from error


def _rebuild(description: dict[str, Any], tensors: dict[str, torch.Tensor]) -> TrainedModel:
    if description["format"] != FORMAT:
        raise ValueError(f"format {description['format']}, this code reads {FORMAT}")
    users = FeatureSpec.from_dict(description["users"], ids=tensors["users.ids"].numpy())
    items = FeatureSpec.from_dict(description["items"], ids=tensors["items.ids"].numpy())
    config = description["config"]
    network = TwoTower(users=users, items=items, shape=TowerShape.of(config))
    weights = {
        name.removeprefix(_NETWORK): value for name, value in tensors.items() if name.startswith(_NETWORK)
    }
    network.load_state_dict(weights)
    network.eval()
    return TrainedModel(
        network=network,
        users=users,
        items=items,
        item_ids=tensors["item_ids"].numpy(),
        item_vectors=tensors["item_vectors"].numpy(),
        item_codes=tensors["item_codes"].numpy(),
        directions=tensors["directions"].numpy(),
        config=config,
        history=tuple(description["history"]),
    )


def save_checkpoint(folder: Path, *, network: TwoTower, state: dict[str, Any]) -> None:
    """Replace the checkpoint of a running training: the weights, then the JSON that tells its epoch."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: value.cpu().contiguous() for name, value in network.state_dict().items()}
    save_file(weights, folder / "checkpoint.safetensors.tmp")
    (folder / "checkpoint.json.tmp").write_text(json.dumps(state), "utf-8")
    for name in ("checkpoint.safetensors", "checkpoint.json"):
        (folder / f"{name}.tmp").replace(folder / name)
