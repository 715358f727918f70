"""One run at a time, which can be cancelled, and which is found when its process dies."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from recommender import runs, versions
from recommender.models import ModelVersion, TrainingRun
from recommender.runs import Reporter, RunInProgress, RunLost
from shop.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(versions, "data_dir", lambda: tmp_path)
    return tmp_path


def running(**fields: Any) -> TrainingRun:
    return TrainingRun.objects.create(**{"state": "running", "heartbeat_at": timezone.now(), **fields})


def age(run: TrainingRun, **columns: timedelta) -> None:
    TrainingRun.objects.filter(pk=run.pk).update(
        **{name: timezone.now() - ago for name, ago in columns.items()}
    )


def state_of(run: TrainingRun) -> str:
    return TrainingRun.objects.get(pk=run.pk).state


def test_a_second_run_is_refused_and_told_which_one_is_first() -> None:
    alice = User.objects.create_user("alice@example.com")
    first = runs.request_run(user=alice, config={"seed": 3})
    with pytest.raises(RunInProgress, match=f"Training run {first.pk} is queued"):
        runs.request_run()
    assert (first.requested_by, first.config, first.state) == (alice, {"seed": 3}, "queued")
    assert TrainingRun.objects.count() == 1


def test_after_the_end_of_a_run_the_next_may_start() -> None:
    runs.finish(runs.request_run(), state="failed", line="No data.")
    assert runs.request_run().state == "queued"


def test_a_run_is_claimed_once() -> None:
    run = runs.request_run()
    claimed = runs.claim(run.pk)
    assert claimed is not None
    assert claimed.state == "running"
    assert claimed.heartbeat_at is not None
    assert runs.claim(run.pk) is None


def test_a_queued_run_is_cancelled_at_once_and_never_claimed() -> None:
    run = runs.cancel(runs.request_run())
    assert run.state == "cancelled"
    assert run.finished_at is not None
    assert runs.claim(run.pk) is None


def test_a_running_run_is_asked_to_stop() -> None:
    run = runs.cancel(running())
    assert (run.state, run.cancel_requested) == ("running", True)


def test_cancelling_a_finished_run_changes_nothing() -> None:
    run = TrainingRun.objects.create(state="succeeded")
    run = runs.cancel(run)
    assert (run.state, run.cancel_requested, run.log) == ("succeeded", False, "")


def test_a_silent_run_is_failed_and_the_next_may_start() -> None:
    run = running()
    age(run, heartbeat_at=timedelta(seconds=61))
    assert runs.request_run().state == "queued"
    run.refresh_from_db()
    assert run.state == "failed"
    assert "killed" in run.error
    assert "killed" in run.log


def test_a_run_whose_heart_beats_is_left_alone() -> None:
    run = running()
    age(run, heartbeat_at=timedelta(seconds=50), created_at=timedelta(hours=5))
    assert runs.fail_abandoned_runs() == []
    assert state_of(run) == "running"


def test_a_run_that_no_worker_took_is_given_up_after_ten_minutes() -> None:
    run = runs.request_run()
    age(run, created_at=timedelta(minutes=9))
    assert runs.fail_abandoned_runs() == []
    age(run, created_at=timedelta(minutes=11))
    assert runs.fail_abandoned_runs() == [run.pk]
    run.refresh_from_db()
    assert "No worker took this run; start one with" in run.error


def test_what_an_abandoned_run_left_is_removed(folder: Path) -> None:
    half, orphan = folder / "models" / "v1", folder / "models" / ".v2.tmp"
    half.mkdir(parents=True)
    orphan.mkdir()
    version = ModelVersion.objects.create(artifact_path="models/v1")
    run = running(version=version)
    age(run, heartbeat_at=timedelta(minutes=5))
    runs.fail_abandoned_runs()
    assert not ModelVersion.objects.exists()
    assert not half.exists()
    assert not orphan.exists()


def test_a_rejected_or_served_version_of_an_abandoned_run_stays() -> None:
    for version in (
        ModelVersion.objects.create(status="rejected"),
        ModelVersion.objects.create(status="active", activated_at=timezone.now()),
    ):
        run = running(version=version)
        age(run, heartbeat_at=timedelta(minutes=5))
        runs.fail_abandoned_runs()
        assert ModelVersion.objects.filter(pk=version.pk).exists()


def test_only_a_run_that_has_waited_waits_in_vain() -> None:
    run = runs.request_run()
    assert not runs.waits_in_vain(run)
    run.created_at = timezone.now() - timedelta(seconds=16)
    assert runs.waits_in_vain(run)
    run.state = "running"
    assert not runs.waits_in_vain(run)


def test_progress_is_saved_with_its_stage_and_each_message_once() -> None:
    run, told = running(), []
    report = Reporter(run, on_progress=lambda *event: told.append(event))
    report("Training", 0.25, "epoch 1")
    report("Training", 0.25, "epoch 1")  # the same again within half a second
    report("Training", 1.7, "epoch 2")
    run.refresh_from_db()
    assert (run.stage, run.progress) == ("Training", 1.0)
    assert [line.split(" ", 1)[1] for line in run.log.splitlines()] == ["epoch 1", "epoch 2"]
    assert len(told) == 3


def test_a_report_on_a_run_that_was_ended_elsewhere_says_so() -> None:
    run = running()
    TrainingRun.objects.filter(pk=run.pk).update(state="failed")
    with pytest.raises(RunLost, match="ended elsewhere"):
        Reporter(run)("Training", 0.5, "epoch 1")


def test_stopping_is_asked_of_the_database_at_most_once_a_second(django_assert_num_queries: Any) -> None:
    report = Reporter(running())
    with django_assert_num_queries(1):
        assert [report.should_stop() for _ in range(100)] == [False] * 100


def test_a_wish_to_cancel_and_an_end_elsewhere_both_stop_the_work() -> None:
    run = running()
    runs.cancel(run)
    assert Reporter(run).should_stop()
    TrainingRun.objects.filter(pk=run.pk).update(state="failed", cancel_requested=False)
    assert Reporter(run).should_stop()


@pytest.mark.django_db(transaction=True)
def test_the_heart_beats_while_the_work_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "HEARTBEAT_SECONDS", 0.05)
    run = running()
    age(run, heartbeat_at=timedelta(seconds=50))
    before = TrainingRun.objects.get(pk=run.pk).heartbeat_at
    with Reporter(run) as report:
        report._ended.wait(0.5)
    after = TrainingRun.objects.get(pk=run.pk).heartbeat_at
    assert after - before > timedelta(seconds=45)
