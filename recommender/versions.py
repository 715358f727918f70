"""Model versions: registered with their weights, one of them active, the one before it a step away."""

import logging
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from ml import serving
from ml.folders import ArtifactError
from recommender import revisions
from recommender.models import ItemEmbedding, ModelVersion, TrainingRun
from recommender.refreshing import Refreshed

if TYPE_CHECKING:  # torch takes seconds to import, and the pages that read versions never need it
    from ml.training import TrainedModel

__all__ = [
    "ArtifactError",
    "CannotActivate",
    "Provenance",
    "activate",
    "active_version",
    "discard",
    "folder_of",
    "load_user_tower",
    "previously_active",
    "register",
    "register_folder",
    "remove_unregistered_folders",
    "roll_back",
    "serving_version",
]

Status = ModelVersion.Status
logger = logging.getLogger(__name__)


class CannotActivate(Exception):
    """The version must not serve; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What a version was made of, and what its evaluation and the promotion gate said."""

    config: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    gate: dict[str, Any] = field(default_factory=dict)
    content_encoder: str = ""
    data_from: datetime | None = None
    data_until: datetime | None = None
    num_interactions: int = 0
    rejected: bool = False


def register(model: "TrainedModel", *, provenance: Provenance) -> ModelVersion:
    """Return the new version, its weights saved under DATA_DIR: row and folder appear together.

    Raises OSError, with no row and no folder left, when the disk cannot take the weights.
    """
    # Writing weights needs torch, which only a training process loads.
    from ml import artifacts

    return register_folder(lambda folder: artifacts.save(model, folder), provenance=provenance)


def register_folder(save: Callable[[Path], str], *, provenance: Provenance) -> ModelVersion:
    """Return the new version for the weights that `save` writes to the folder; it returns their SHA-256."""
    with transaction.atomic():
        version = ModelVersion.objects.create(
            status=Status.REJECTED if provenance.rejected else Status.REGISTERED,
            config=provenance.config,
            metrics=provenance.metrics,
            gate=provenance.gate,
            content_encoder=provenance.content_encoder,
            data_from=provenance.data_from,
            data_until=provenance.data_until,
            num_interactions=provenance.num_interactions,
        )
        # The random part keeps a folder that another database left here from being in the way.
        version.artifact_path = f"models/v{version.pk}-{secrets.token_hex(4)}"
        try:
            version.artifact_sha256 = save(folder_of(version))
            version.save(update_fields=["artifact_path", "artifact_sha256"])
        except BaseException:
            shutil.rmtree(folder_of(version), ignore_errors=True)
            raise
    return version


def data_dir() -> Path:
    return Path(settings.DATA_DIR)


def folder_of(version: ModelVersion) -> Path:
    return data_dir() / version.artifact_path


def active_version() -> ModelVersion | None:
    """Return the version that serves now, read afresh: one query, so that an activation shows at once."""
    return ModelVersion.objects.filter(status=Status.ACTIVE).defer("metrics", "gate").first()


def serving_version() -> ModelVersion | None:
    """Return the version that serves, as of the last second: what a page asks, at a query a second.

    An activation by this process shows at once, by another one within a second.
    """
    return _serving.get().version


def activate(version: ModelVersion) -> ModelVersion:
    """Return the version, now serving in place of the one before; all in one transaction.

    Raises ArtifactError when its weights are not the registered ones, and CannotActivate when the gate
    rejected it or it has no item embeddings.
    """
    return _switch_to(version, activated_at=timezone.now())


def roll_back() -> ModelVersion:
    """Return the version that was active before the present one, now serving again.

    Each call goes one step further back. Raises CannotActivate when there is nothing further back.
    """
    with transaction.atomic():
        _lock_versions()
        target = previously_active()
        if target is None:
            raise CannotActivate("No earlier version has served; train one, or activate one from the list.")
        # It keeps the moment of its own activation: the next roll back then finds the one before it.
        return _switch_to(target, activated_at=target.activated_at)


def previously_active() -> ModelVersion | None:
    """Return the version that roll_back() would serve, or None."""
    active = active_version()
    retired = ModelVersion.objects.filter(status=Status.RETIRED).order_by("-activated_at")
    if active:
        retired = retired.filter(activated_at__lt=active.activated_at)
    return retired.first()


def load_user_tower(version: ModelVersion) -> serving.NumpyUserTower:
    """Return the version's user tower, read once per process. Raises ArtifactError for damaged weights."""
    return _read_user_tower(str(folder_of(version)), version.artifact_sha256)


def is_readable(version: ModelVersion) -> bool:
    """Return whether the version's weights are there, unchanged and of a form that this code reads."""
    try:
        load_user_tower(version)
    except ArtifactError:
        return False
    return True


@lru_cache(maxsize=2)
def _read_user_tower(folder: str, sha256: str) -> serving.NumpyUserTower:
    return serving.load_user_tower(Path(folder), expected_sha256=sha256)


def discard(version: ModelVersion) -> None:
    """Delete a version that never served, with its vectors and its weights."""
    if version.activated_at is not None:
        raise ValueError(f"{version} has served; activate another version instead of deleting it.")
    folder = folder_of(version)
    version.delete()
    shutil.rmtree(folder, ignore_errors=True)


def remove_unregistered_folders() -> list[str]:
    """Return the names of the folders under models/ that no version owns, now removed.

    They are what a killed training left. A training in progress owns its unfinished folder: nothing is
    removed while one is unfinished.
    """
    if TrainingRun.objects.filter(state__in=TrainingRun.UNFINISHED).exists():
        return []
    models = data_dir() / "models"
    if not models.is_dir():
        return []
    owned = {Path(path).name for path in ModelVersion.objects.values_list("artifact_path", flat=True)}
    orphans = [folder for folder in models.iterdir() if folder.is_dir() and folder.name not in owned]
    for folder in orphans:
        logger.warning("removing %s, left by a training that did not finish", folder)
        shutil.rmtree(folder, ignore_errors=True)
    return sorted(folder.name for folder in orphans)


def _switch_to(version: ModelVersion, *, activated_at: datetime | None) -> ModelVersion:
    with transaction.atomic():
        _lock_versions()
        target = ModelVersion.objects.filter(pk=version.pk).first()
        if target is None:
            raise CannotActivate(f"{version} no longer exists; choose another version.")
        _check_servable(target)
        ModelVersion.objects.filter(status=Status.ACTIVE).exclude(pk=target.pk).update(status=Status.RETIRED)
        target.status = Status.ACTIVE
        target.activated_at = activated_at
        target.save(update_fields=["status", "activated_at"])
        revisions.bump(revisions.VERSION)
        _serving.forget()
        transaction.on_commit(_serving.forget)
    return target


@dataclass(frozen=True)
class _Serving:
    """What was active when last looked: a kept value may not be None itself."""

    version: ModelVersion | None


_serving = Refreshed(
    lambda _before: _Serving(active_version()), seconds=1.0, patience=1.0, name="the active version"
)


def _check_servable(version: ModelVersion) -> None:
    if version.status == Status.REJECTED:
        raise CannotActivate(f"The promotion gate rejected {version}; train with --force to overrule it.")
    if not ItemEmbedding.objects.filter(version=version).exists():
        raise CannotActivate(f"{version} has no item embeddings; its training did not finish. Train again.")
    _read_user_tower.cache_clear()  # the weights are read from the disk again, not from memory
    load_user_tower(version)


def _lock_versions() -> None:
    """Hold every version until the transaction ends, so that two switches happen one after the other."""
    list(ModelVersion.objects.select_for_update().order_by("pk").values_list("pk"))
