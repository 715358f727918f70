"""A new version from the shop's own rows: trial, gate, training on everything, vectors, lists, activation."""

import errno
import logging
import os
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Concat
from django.utils import timezone

from ml.config import TrainConfig
from ml.data import Dataset
from recommender import (
    datasets,
    features,
    gate,
    held_out,
    publishing,
    ranker_training,
    revisions,
    runs,
    versions,
)
from recommender.models import ModelVersion, TrainingRun
from recommender.runs import OnProgress, Reporter, State

if TYPE_CHECKING:  # torch takes seconds to import, and only training processes need it
    from ml.training import TrainedModel

logger = logging.getLogger(__name__)


class Cancelled(Exception):
    """Someone asked the run to stop."""


def execute(run_id: int, *, force: bool = False, on_progress: OnProgress | None = None) -> TrainingRun:
    """Return the run after its end: succeeded, failed or cancelled, never half-way.

    A run that is not waiting (taken by another worker, cancelled, failed) is returned as it is. Whatever goes
    wrong, the version that served before serves on. `force` overrules the promotion gate.
    """
    run = runs.claim(run_id)
    if run is None:
        return TrainingRun.objects.get(pk=run_id)
    try:
        with Reporter(run, on_progress=on_progress) as report:
            _train_and_activate(run, report=report, force=force)
    except (Cancelled, KeyboardInterrupt) as stop:
        _clean_up(run)
        runs.finish(run, state=State.CANCELLED, line="Cancelled; the version before serves on.")
        if isinstance(stop, KeyboardInterrupt):
            raise
    except runs.RunLost as lost:
        _clean_up(run)
        logger.warning("%s", lost)
    except Exception as error:
        # A mistake such as too little data needs no traceback on the console; the run's log has it.
        logger.error("%s failed: %s", run, error, exc_info=not isinstance(error, ValueError))  # noqa: TRY400
        _clean_up(run)
        runs.finish(run, state=State.FAILED, line=traceback.format_exc(), error=_in_words(error))
    run.refresh_from_db()
    return run


def embed_new_items() -> int:
    """Return how many products, newer than the active version, now have vectors under it.

    Reads the whole dataset and torch only when there are such products.
    """
    version = versions.active_version()
    if version is None or not publishing.lacks_items(version):
        return 0
    # Encoding needs torch, which takes seconds to import.
    from ml import artifacts

    model = artifacts.load(versions.folder_of(version), expected_sha256=version.artifact_sha256)
    # What the version learnt of one encoder's vectors says nothing of another's.
    data = datasets.build_dataset(encoder=version.content_encoder)
    num_new = publishing.publish_new_items(version, model=model, data=data)
    revisions.bump(revisions.VERSION)
    return num_new


def _train_and_activate(run: TrainingRun, *, report: Reporter, force: bool) -> None:
    config = TrainConfig.from_dict(run.config)
    trial = _stoppable(
        lambda: held_out.evaluate_held_out(
            config,
            on_progress=_part(report, "Trial on held-out events", 0.0, 0.5),
            should_stop=report.should_stop,
        )
    )
    TrainingRun.objects.filter(pk=run.pk).update(metrics=trial.metrics)
    verdict = _judge(trial.metrics, force=force)
    for reason in verdict.reasons:
        report("Promotion gate", 0.5, reason)
    encoder = datasets.content_encoder()
    data = datasets.build_dataset(
        encoder=encoder,
        on_progress=lambda fraction, message: report("Reading all events", 0.5 + 0.05 * fraction, message),
    )
    model = _fit_everything(data, config=trial.config, report=report)
    version = _register(run, model=model, data=data, encoder=encoder, trial=trial, verdict=verdict)
    report("Registering", 0.8, f"Registered {version}.")
    if not verdict.passed:
        _finish_rejected(run, version=version, verdict=verdict)
        return
    _publish(version, model=model, data=data, report=report)
    _activate(run, version=version)
    _refresh_feature_store(run)
    _train_ranker(run, trial=trial)


def _fit_everything(data: Dataset, *, config: TrainConfig, report: Reporter) -> "TrainedModel":
    """Return a model of all events by the settings that the trial settled, with nothing held out."""
    # Training needs torch, which takes seconds to import; web processes import this module through the admin.
    from ml import training

    progress = _part(report, "Training on all events", 0.55, 0.8)
    return _stoppable(
        lambda: training.train(data, config, on_progress=progress, should_stop=report.should_stop)
    )


def _judge(metrics: dict[str, Any], *, force: bool) -> gate.Verdict:
    """Judge the trial beside the active version's, unless that one's weights can no longer be read."""
    active = versions.active_version()
    recorded = None
    if active is not None and versions.is_readable(active):
        recorded = ModelVersion.objects.get(pk=active.pk).metrics.get("rows")
    return gate.judge(metrics["rows"], active=recorded, num_users=metrics.get("num_users", 0), force=force)


def _register(
    run: TrainingRun,
    *,
    model: "TrainedModel",
    data: Dataset,
    encoder: str,
    trial: held_out.Trial,
    verdict: gate.Verdict,
) -> ModelVersion:
    times = data.interactions.timestamp
    provenance = versions.Provenance(
        config=dict(model.config),
        metrics=trial.metrics,
        gate=verdict.to_dict(),
        content_encoder=encoder,
        data_from=datetime.fromtimestamp(int(times[0]), tz=UTC),
        data_until=datetime.fromtimestamp(int(times[-1]), tz=UTC),
        num_interactions=len(times),
        rejected=not verdict.passed,
    )
    with transaction.atomic():
        version = versions.register(model, provenance=provenance)
        TrainingRun.objects.filter(pk=run.pk).update(version=version)
    return version


def _publish(version: ModelVersion, *, model: "TrainedModel", data: Dataset, report: Reporter) -> None:
    def on_fraction(fraction: float) -> None:
        if report.should_stop():
            raise Cancelled
        report("Writing vectors and lists", 0.8 + 0.19 * fraction)

    on_fraction(0.0)
    as_of = int(timezone.now().timestamp())
    published = publishing.publish(version, model=model, data=data, as_of=as_of, on_fraction=on_fraction)
    report(
        "Writing vectors and lists",
        1.0,
        f"Wrote vectors of {published.num_items} products and {published.num_users} users, and their lists.",
    )


def _activate(run: TrainingRun, *, version: ModelVersion) -> None:
    """Let the version serve and the run succeed: both, or neither when the run was stopped meanwhile."""
    with transaction.atomic():
        current = TrainingRun.objects.select_for_update().get(pk=run.pk)
        if current.state != State.RUNNING:
            raise runs.RunLost(f"{run} was ended elsewhere; {version} is not activated.")
        if current.cancel_requested:
            raise Cancelled
        versions.activate(version)
        runs.finish(run, state=State.SUCCEEDED, line=f"{version} serves now.", stage="Done", progress=1.0)


def _finish_rejected(run: TrainingRun, *, version: ModelVersion, verdict: gate.Verdict) -> None:
    runs.finish(
        run,
        state=State.SUCCEEDED,
        line=f"{version} was rejected and does not serve: {' '.join(verdict.reasons)}",
        stage="Rejected by the promotion gate",
        progress=1.0,
    )


def _refresh_feature_store(run: TrainingRun) -> None:
    """Copy profiles, activity and the new lists to the online store; without them pages ask the database."""
    try:
        features.materialize()
    except Exception as error:
        logger.exception("materialising the feature store failed")
        _add_to_log(
            run, line=f"The feature store was not refreshed ({error}); pages read the database instead."
        )


def _train_ranker(run: TrainingRun, *, trial: held_out.Trial) -> None:
    """Train the ranker of the version that now serves; without one its retrieval order stands."""
    try:
        trained = ranker_training.train_after_version(trial.held)
    except Exception as error:
        logger.warning("training the ranker failed: %s", error, exc_info=not isinstance(error, ValueError))
        _add_to_log(run, line=f"No ranker was trained ({error}); pages keep the retrieval order.")
        return
    if trained is not None:
        used = trained.activated or "no ranker beats the retrieval order, which stands"
        _add_to_log(run, line=f"Second stage: {used}.")


def _add_to_log(run: TrainingRun, *, line: str) -> None:
    TrainingRun.objects.filter(pk=run.pk).update(log=Concat(F("log"), Value(runs.stamped(line))))


def _stoppable(work: Callable[[], Any]) -> Any:
    # The exception's module needs torch, which only training processes load.
    from ml.training import TrainingCancelled

    try:
        return work()
    except TrainingCancelled as error:
        raise Cancelled from error


def _part(report: Reporter, stage: str, start: float, end: float) -> OnProgress:
    """Return a progress function whose 0 to 1 is start to end of the whole run."""

    def on_progress(step: str, fraction: float, message: str = "") -> None:
        report(stage, start + (end - start) * fraction, f"{step}: {message}" if message else "")

    return on_progress


def _clean_up(run: TrainingRun) -> None:
    """Remove what the run left, once it is over; the rows of vectors go with their version."""
    runs.discard_unfinished_version(run)


def _in_words(error: Exception) -> str:
    """Return what an admin reads: the cure where we know it, else the error and where to look."""
    is_full = isinstance(error, OSError) and error.errno == errno.ENOSPC
    if is_full or os.strerror(errno.ENOSPC) in str(error):  # the weights' disk, or the database's
        return (
            "The disk is full: free some space under DATA_DIR and train again. The version before serves on."
        )
    if isinstance(error, ValueError):
        return str(error)
    return f"{type(error).__name__}: {error}. The run's log holds the traceback."
