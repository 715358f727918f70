"""Encoder versions: registered with their weights, at most one in use, the one before it a step away."""

import logging
import math
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from ml import folders
from ml.folders import ArtifactError
from recommender import encoders, versions
from recommender.models import ContentEmbedding, EncoderVersion
from shop.models import Product

__all__ = [
    "ArtifactError",
    "CannotActivateEncoder",
    "Origin",
    "activate",
    "judge",
    "kept_names",
    "num_missing",
    "prepare",
    "preparing_version",
    "previously_active",
    "register",
    "roll_back",
]

Status = EncoderVersion.Status
logger = logging.getLogger(__name__)
JUDGED = ("text_to_image_recall@10", "image_to_image_recall@1")
STANDARD_ERRORS = 2.0


class CannotActivateEncoder(Exception):
    """The encoder must not be used; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What an encoder was made of, and what its evaluation and the promotion gate said."""

    config: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    gate: dict[str, Any] = field(default_factory=dict)


def judge(
    metrics: dict[str, float], *, serving: dict[str, float], num_held_out: int, force: bool = False
) -> dict[str, Any]:
    """Return whether the encoder passes, and why: it may not be clearly below the one in use.

    Both were measured on the same held-out products; two standard errors of a share p over n products,
    sqrt(p (1 - p) / n), are chance.
    """
    objections = []
    for name in JUDGED:
        bar = serving[name] - STANDARD_ERRORS * math.sqrt(serving[name] * (1 - serving[name]) / num_held_out)
        if metrics[name] < bar:
            objections.append(
                f"{name} {metrics[name]:.1%} is below the {serving[name]:.1%} of the encoder in use:"
                " train longer, or on more products."
            )
    reasons = objections or [f"Not below the encoder in use in {' and '.join(JUDGED)}."]
    return {"passed": force or not objections, "forced": force and bool(objections), "reasons": reasons}


def register(save: Callable[[Path], object], *, origin: Origin) -> EncoderVersion:
    """Return the new version for the weights that `save` writes to a folder: row and folder appear together.

    One that the gate did not pass is rejected: kept to be read, never used. Raises OSError, with no row and
    no folder left, when the disk cannot take the weights.
    """
    with transaction.atomic():
        passed = origin.gate.get("passed", True)
        version = EncoderVersion.objects.create(
            status=Status.REGISTERED if passed else Status.REJECTED,
            config=origin.config,
            metrics=origin.metrics,
            gate=origin.gate,
        )
        # The random part keeps a folder that another database left here from being in the way.
        version.artifact_path = f"encoders/e{version.pk}-{secrets.token_hex(4)}"
        try:
            with folders.new_folder(folder_of(version)) as folder:
                save(folder)
            version.artifact_sha256 = folders.checksum(folder_of(version))
            version.name = f"{version}:{version.artifact_sha256[:12]}"
            version.save(update_fields=["artifact_path", "artifact_sha256", "name"])
        except BaseException:
            shutil.rmtree(folder_of(version), ignore_errors=True)
            raise
    return version


def folder_of(version: EncoderVersion) -> Path:
    return versions.data_dir() / version.artifact_path


def prepare(version: EncoderVersion) -> EncoderVersion:
    """Return the version, which is used as soon as the background task has encoded every product with it.

    Until then the present one serves. Raises ArtifactError when its files are not the registered ones, and
    CannotActivateEncoder when the gate rejected it or it serves already.
    """
    with transaction.atomic():
        target = _locked(version)
        _check(target)
        if target.status == Status.ACTIVE:
            raise CannotActivateEncoder(f"{target} is in use already.")
        for other in EncoderVersion.objects.filter(status=Status.PREPARING).exclude(pk=target.pk):
            other.status = Status.RETIRED if other.activated_at else Status.REGISTERED
            other.save(update_fields=["status"])
        target.status = Status.PREPARING
        target.save(update_fields=["status"])
    return target


def activate(version: EncoderVersion) -> EncoderVersion:
    """Return the version, now in use in place of the one before; all in one transaction.

    Raises ArtifactError when its files are not the registered ones, and CannotActivateEncoder when the gate
    rejected it or products are not encoded with it yet.
    """
    with transaction.atomic():
        target = _locked(version)
        _check(target)
        missing = num_missing(target)
        if missing:
            raise CannotActivateEncoder(
                f"{missing} products are not encoded with {target} yet;"
                f" run manage.py embed_content --encoder {target.pk}, which activates it."
            )
        return _switch_to(target, activated_at=timezone.now())


def roll_back() -> EncoderVersion | None:
    """Return the version that was in use before the present one, in use again; None: the settings' encoder.

    Its vectors were kept, so nothing has to be encoded first. Each call goes one step further back. Raises
    CannotActivateEncoder when no version is active, and ArtifactError for damaged files.
    """
    with transaction.atomic():
        rows = _all_locked()
        active = next((row for row in rows.values() if row.status == Status.ACTIVE), None)
        if active is None:
            raise CannotActivateEncoder(
                "The encoder of the settings is in use; there is nothing further back."
            )
        target = previously_active()
        if target is not None:
            _check(target)
            # It keeps the moment of its own activation: the next roll back then finds the one before it.
            return _switch_to(target, activated_at=target.activated_at)
        active.status = Status.RETIRED
        active.save(update_fields=["status"])
        _announce()
    return None


def previously_active() -> EncoderVersion | None:
    """Return the version that roll_back() would use; None: the encoder of the settings."""
    active = encoders.active_version()
    retired = EncoderVersion.objects.filter(status=Status.RETIRED).order_by("-activated_at")
    if active:
        retired = retired.filter(activated_at__lt=active.activated_at)
    return retired.first()


def preparing_version() -> EncoderVersion | None:
    """Return the version that is to be used once every product is encoded with it."""
    return EncoderVersion.objects.filter(status=Status.PREPARING).first()


def num_missing(version: EncoderVersion) -> int:
    """Return how many active products have no vectors by this version; one query."""
    done = ContentEmbedding.objects.filter(encoder=version.name).values("product_id")
    return Product.objects.filter(active=True).exclude(pk__in=done).count()


def kept_names() -> set[str]:
    """Return whose vectors are kept: the encoder in use, the one before, the next, and the settings'."""
    retired = EncoderVersion.objects.filter(status=Status.RETIRED).order_by("-activated_at")
    rows = (encoders.active_version(), preparing_version(), retired.first())
    return {encoders.settings_name()} | {row.name for row in rows if row and row.name}


def _switch_to(target: EncoderVersion, *, activated_at: Any) -> EncoderVersion:
    EncoderVersion.objects.filter(status=Status.ACTIVE).exclude(pk=target.pk).update(status=Status.RETIRED)
    target.status, target.activated_at = Status.ACTIVE, activated_at
    target.save(update_fields=["status", "activated_at"])
    _announce()
    return target


def _announce() -> None:
    encoders.forget_serving()
    transaction.on_commit(encoders.forget_serving)


def _check(version: EncoderVersion) -> None:
    if version.status == Status.REJECTED:
        raise CannotActivateEncoder(
            f"The promotion gate rejected {version}; train with --force to overrule it."
        )
    folders.verify(folder_of(version), expected_sha256=version.artifact_sha256)


def _locked(version: EncoderVersion) -> EncoderVersion:
    """Return the version as it is, all of them held until the transaction ends."""
    rows = _all_locked()
    if version.pk not in rows:
        raise CannotActivateEncoder(f"{version} no longer exists; choose another one.")
    return rows[version.pk]


def _all_locked() -> dict[int, EncoderVersion]:
    return {row.pk: row for row in EncoderVersion.objects.select_for_update().order_by("pk")}
