"""The life of a training run: requested, claimed, reporting, cancelled, found abandoned."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import F, Q, Value
from django.db.models.functions import Concat, Now
from django.utils import timezone

from recommender import embeddings, versions
from recommender.models import TrainingRun
from shop.models import User

State = TrainingRun.State
logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 5
# A run whose heart has not beaten for this long has lost its process.
SILENCE = timedelta(seconds=60)
# A run that waited this long for a worker is given up, so that it cannot start unexpectedly hours later.
LONGEST_QUEUE = timedelta(minutes=10)
# A page tells the admin that no worker listens when a run has waited this long.
EXPECTED_PICKUP = timedelta(seconds=15)
START_A_WORKER = "start one with `make run`, or `celery -A shop worker`"
OnProgress = Callable[[str, float, str], None]


class RunInProgress(Exception):
    """Another run is queued or running; there is at most one."""


class RunLost(Exception):
    """The run was ended by others (found abandoned, say) while this process still worked on it."""


def request_run(*, user: User | None = None, config: dict[str, Any] | None = None) -> TrainingRun:
    """Return the new queued run. Raises RunInProgress, naming the run, when one is unfinished."""
    fail_abandoned_runs()
    try:
        with transaction.atomic():
            return TrainingRun.objects.create(requested_by=user, config=config or {})
    except IntegrityError as error:
        current = TrainingRun.objects.filter(state__in=TrainingRun.UNFINISHED).first()
        raise RunInProgress(
            f"{current or 'Another run'} is {current.state if current else 'unfinished'}; "
            "wait for it to finish, or cancel it in the admin."
        ) from error


def claim(run_id: int) -> TrainingRun | None:
    """Return the run, now running and ours; None when it is not waiting (taken, cancelled, failed, gone)."""
    claimed = TrainingRun.objects.filter(pk=run_id, state=State.QUEUED).update(
        state=State.RUNNING, started_at=timezone.now(), heartbeat_at=Now()
    )
    return TrainingRun.objects.get(pk=run_id) if claimed else None


def cancel(run: TrainingRun) -> TrainingRun:
    """Return the run as it is after the wish to cancel: a queued one ends at once, a running one soon."""
    with transaction.atomic():
        current = TrainingRun.objects.select_for_update().get(pk=run.pk)
        if current.state == State.QUEUED:
            finish(current, state=State.CANCELLED, line="Cancelled before it started.")
        elif current.state == State.RUNNING:
            current.cancel_requested = True
            current.save(update_fields=["cancel_requested"])
    current.refresh_from_db()
    return current


def finish(run: TrainingRun, *, state: str, line: str, **fields: Any) -> bool:
    """Return True when the unfinished run is now in this last state; False when it had ended before."""
    unfinished = TrainingRun.objects.filter(pk=run.pk, state__in=TrainingRun.UNFINISHED)
    return bool(
        unfinished.update(
            state=state, finished_at=timezone.now(), log=Concat(F("log"), Value(stamped(line))), **fields
        )
    )


def fail_abandoned_runs() -> list[int]:
    """Return the ids of the runs whose process is gone, now failed and their leavings removed.

    A running one is gone when its heart stands still, a queued one when no worker took it in ten minutes.
    """
    silent = Q(state=State.RUNNING, heartbeat_at__lt=Now() - SILENCE)
    unwanted = Q(state=State.QUEUED, created_at__lt=Now() - LONGEST_QUEUE)
    with transaction.atomic():  # locked, so that a run taken or beating again meanwhile is left alone
        failed = list(TrainingRun.objects.select_for_update().filter(silent | unwanted))
        for run in failed:
            _fail_abandoned(run)
    for run in failed:
        discard_unfinished_version(run)
    if failed:
        versions.remove_unregistered_folders()
    return [run.pk for run in failed]


def waits_in_vain(run: TrainingRun) -> bool:
    """Return True when the queued run should have been taken by a worker by now."""
    return run.state == State.QUEUED and timezone.now() - run.created_at > EXPECTED_PICKUP


def discard_unfinished_version(run: TrainingRun) -> None:
    """Delete the version that the run registered but never let serve; a rejected one stays to be read."""
    run.refresh_from_db()
    version = run.version
    if version is not None and version.status == versions.Status.REGISTERED and version.activated_at is None:
        versions.discard(version)
        embeddings.drop_orphaned_indexes()


class Reporter:
    """Tells the database how a run goes: `with Reporter(run) as report: report(stage, 0.5, text)`.

    A thread with its own connection beats the heart, so that a long epoch is not taken for a dead process.
    """

    def __init__(self, run: TrainingRun, *, on_progress: OnProgress | None = None) -> None:
        self.run = run
        self._on_progress = on_progress
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"heartbeat of run {run.pk}", daemon=True)
        self._stop_seen = False
        self._asked_at = 0.0
        self._written_at = 0.0
        self._line = ""

    def __enter__(self) -> "Reporter":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(timeout=HEARTBEAT_SECONDS)

    def __call__(self, stage: str, fraction: float, message: str = "") -> None:
        """Save the stage and the overall fraction (0 to 1), and log a new message; at most twice a second."""
        if self._on_progress:
            self._on_progress(stage, fraction, message)
        now = time.monotonic()
        if message == self._line and now - self._written_at < 0.5:
            return
        fields: dict[str, Any] = {"stage": stage[:60], "progress": min(max(fraction, 0.0), 1.0)}
        if message and message != self._line:
            fields["log"] = Concat(F("log"), Value(stamped(message)))
        self._line, self._written_at = message, now
        self._update(heartbeat_at=Now(), **fields)

    def should_stop(self) -> bool:
        """Return True when the run is to end early; asks the database at most once a second."""
        if not self._stop_seen and time.monotonic() - self._asked_at >= 1:
            self._asked_at = time.monotonic()
            wanted = TrainingRun.objects.filter(pk=self.run.pk, state=State.RUNNING, cancel_requested=False)
            self._stop_seen = not wanted.exists()
        return self._stop_seen

    def _update(self, **fields: Any) -> None:
        if not TrainingRun.objects.filter(pk=self.run.pk, state=State.RUNNING).update(**fields):
            raise RunLost(f"{self.run} was ended elsewhere; this process stops working on it.")

    def _beat(self) -> None:
        try:
            while not self._ended.wait(HEARTBEAT_SECONDS):
                self._beat_once()
        finally:
            connection.close()

    def _beat_once(self) -> None:
        try:
            TrainingRun.objects.filter(pk=self.run.pk, state=State.RUNNING).update(heartbeat_at=Now())
        except DatabaseError as error:  # the database may come back before the run counts as dead
            logger.warning("heartbeat of %s failed: %s", self.run, error)
            connection.close()


def _fail_abandoned(run: TrainingRun) -> None:
    if run.state == State.QUEUED:
        error = f"No worker took this run; {START_A_WORKER}, then train again."
    else:
        error = (
            "The process that trained stopped without a word (killed, or the machine went down). Train again."
        )
    finish(run, state=State.FAILED, line=error, error=error)


def stamped(line: str) -> str:
    """Return the line as the log keeps it, with the time before it."""
    return f"{timezone.now():%H:%M:%S} {line}\n"
