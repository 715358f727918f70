"""Rankers: registered with their files, at most one of them active, and used for its own version alone."""

import logging
import secrets
import shutil
import threading
import time
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from ml.folders import ArtifactError
from ml.ranking import rankers as second_stages
from ml.ranking.features import FEATURES
from ml.ranking.rankers import SecondStage
from recommender import versions
from recommender.models import ModelVersion, Ranker

Status = Ranker.Status
logger = logging.getLogger(__name__)

# How long a process goes on with the ranker that it knows; the one that activates another knows at once.
FRESH_SECONDS = 5.0


class CannotActivateRanker(Exception):
    """The ranker must not be used; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What a ranker was made of, and how it compares with the retrieval order."""

    version: ModelVersion
    metrics: dict[str, Any]
    num_lists: int
    better: bool  # than the retrieval order, offline
    config: dict[str, Any] = field(default_factory=dict)


def register(stage: SecondStage, *, origin: Origin) -> Ranker:
    """Return the new ranker, its files saved under DATA_DIR: row and folder appear together.

    One that is no better than the retrieval order is rejected: kept to be read, never used. Raises OSError,
    with no row and no folder left, when the disk cannot take the files.
    """
    with transaction.atomic():
        ranker = Ranker.objects.create(
            kind=stage.ranker.kind,
            status=Status.REGISTERED if origin.better else Status.REJECTED,
            version=origin.version,
            config=origin.config,
            metrics=origin.metrics,
            feature_names=list(stage.ranker.names),
            num_lists=origin.num_lists,
        )
        # The random part keeps a folder that another database left here from being in the way.
        ranker.artifact_path = f"rankers/r{ranker.pk}-{secrets.token_hex(4)}"
        try:
            ranker.artifact_sha256 = second_stages.save(stage, folder_of(ranker))
            ranker.save(update_fields=["artifact_path", "artifact_sha256"])
        except BaseException:
            shutil.rmtree(folder_of(ranker), ignore_errors=True)
            raise
    return ranker


def folder_of(ranker: Ranker) -> Path:
    """Return where the ranker's files are."""
    return versions.data_dir() / ranker.artifact_path


def activate(ranker: Ranker) -> Ranker:
    """Return the ranker, now used in place of the one before; all in one transaction.

    Raises ArtifactError when its files are not the registered ones, and CannotActivateRanker when it is no
    better than the retrieval order.
    """
    with transaction.atomic():
        target = _locked(ranker)
        if target.status == Status.REJECTED:
            raise CannotActivateRanker(
                f"{target} is no better than the retrieval order; train another one on more data."
            )
        _read_second_stage.cache_clear()  # the files are read from the disk again, not from memory
        load_second_stage(target)
        _broken.discard(target.pk)
        Ranker.objects.filter(status=Status.ACTIVE).exclude(pk=target.pk).update(status=Status.RETIRED)
        target.status, target.activated_at = Status.ACTIVE, timezone.now()
        target.save(update_fields=["status", "activated_at"])
        transaction.on_commit(_known.forget)
    _known.forget()
    return target


def retire(ranker: Ranker) -> Ranker:
    """Return the ranker, used no more: the retrieval order stands.

    Raises CannotActivateRanker for one that is not in use.
    """
    with transaction.atomic():
        target = _locked(ranker)
        if target.status != Status.ACTIVE:
            raise CannotActivateRanker(f"{target} is not in use; there is nothing to retire.")
        target.status = Status.RETIRED
        target.save(update_fields=["status"])
        transaction.on_commit(_known.forget)
    _known.forget()
    return target


def active_ranker() -> Ranker | None:
    """Return the active ranker, read afresh: one query."""
    return Ranker.objects.filter(status=Status.ACTIVE).defer("metrics").first()


def ranker_for(version: ModelVersion) -> Ranker | None:
    """Return the active ranker when it was trained on this version's candidates, as of a few seconds ago.

    What was proven of one version's candidates says nothing of another's. One query in five seconds.
    """
    return _known.of(version)


def set_aside(ranker: Ranker, *, because: ArtifactError) -> None:
    """Go on without the ranker in this process, until it is activated again; logged once."""
    if ranker.pk not in _broken:
        logger.warning("%s is left out and the retrieval order stands: %s", ranker, because)
    _broken.add(ranker.pk)
    _known.forget()


def load_second_stage(ranker: Ranker) -> SecondStage:
    """Return the ranker's files, read once per process. Raises ArtifactError for damaged or foreign ones."""
    return _read_second_stage(str(folder_of(ranker)), ranker.artifact_sha256)


def warm() -> threading.Thread:
    """Start loading the active ranker in a background thread; for the start of a web process.

    The library of trees alone takes a second or two, which no page should wait for.
    """
    thread = threading.Thread(target=_warm, name="ranker-warm-up", daemon=True)
    thread.start()
    return thread


def _warm() -> None:
    try:
        ranker = active_ranker()
        if ranker is not None:
            load_second_stage(ranker)
    except (ArtifactError, DatabaseError) as error:
        logger.info("no ranker was loaded ahead of the first page: %s", error)
    finally:
        connection.close()


@lru_cache(maxsize=2)
def _read_second_stage(folder: str, sha256: str) -> SecondStage:
    stage = second_stages.load(Path(folder), expected_sha256=sha256)
    unknown = sorted(set(stage.ranker.names) - set(FEATURES))
    if unknown:
        raise ArtifactError(
            f"The ranker in {folder} reads features that are no more ({', '.join(unknown)}); "
            "train one with manage.py train_ranker."
        )
    return stage


def _locked(ranker: Ranker) -> Ranker:
    """Return the ranker as it is, all of them held until the transaction ends."""
    rows = {row.pk: row for row in Ranker.objects.select_for_update().order_by("pk")}
    if ranker.pk not in rows:
        raise CannotActivateRanker(f"{ranker} no longer exists; choose another ranker.")
    return rows[ranker.pk]


class _Known:
    """Which ranker is active, as this process knows it: by version, since keys are never given twice."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: tuple[int, float, Ranker | None] | None = None

    def of(self, version: ModelVersion) -> Ranker | None:
        now = time.monotonic()
        with self._lock:
            found = self._found
        if found is None or found[0] != version.pk or now - found[1] > FRESH_SECONDS:
            with transaction.atomic():  # so that a failed query leaves the caller's transaction usable
                rows = Ranker.objects.filter(status=Status.ACTIVE, version=version).defer("metrics")
                ranker = rows.exclude(pk__in=_broken).first()
            found = (version.pk, now, ranker)
            with self._lock:
                self._found = found
        return found[2]

    def forget(self) -> None:
        with self._lock:
            self._found = None


_known = _Known()
_broken: set[int] = set()  # keys of rankers whose files cannot be read
