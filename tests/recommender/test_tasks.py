"""Each task is a doorway to one function; a run reaches its worker or is failed with the cure."""

import os
import subprocess
import sys
from typing import Any

import pytest
from kombu.exceptions import OperationalError

from recommender import content, runs, tasks, training
from recommender.models import TrainingRun
from shop.embedded import ServiceError


@pytest.mark.parametrize(
    ("task", "module", "function"),
    [
        (tasks.fail_abandoned_runs, runs, "fail_abandoned_runs"),
        (tasks.embed_new_items, training, "embed_new_items"),
        (tasks.update_content_embeddings, content, "keep_up"),
    ],
)
def test_a_periodic_task_calls_one_function(
    monkeypatch: pytest.MonkeyPatch, task: Any, module: Any, function: str
) -> None:
    calls: list[str] = []
    monkeypatch.setattr(module, function, lambda: calls.append(function))
    task()
    assert calls == [function]


def test_the_training_task_executes_the_run_of_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    executed: list[int] = []
    monkeypatch.setattr(training, "execute", executed.append)
    tasks.train(17)
    assert executed == [17]


def test_tasks_carry_the_names_that_the_schedule_uses(settings: Any) -> None:
    scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    ours = {
        tasks.fail_abandoned_runs.name,
        tasks.embed_new_items.name,
        tasks.update_content_embeddings.name,
        tasks.recompute_co_purchases.name,
        tasks.purge_impressions.name,
    }
    assert scheduled <= ours


@pytest.mark.django_db
def test_a_run_is_put_into_the_queue_by_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(tasks.train, "apply_async", lambda args, **options: sent.append((args, options)))
    run = runs.request_run()
    tasks.enqueue_training(run)
    assert sent == [([run.pk], {"retry": False})]
    assert TrainingRun.objects.get().state == "queued"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "error", [OperationalError("refused"), ServiceError("refused"), ConnectionError("refused")]
)
def test_a_queue_that_is_down_fails_the_run_with_the_cure(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def down(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(tasks.train, "apply_async", down)
    run = runs.request_run()
    with pytest.raises(tasks.QueueDown, match="start Redis, or correct REDIS_URL"):
        tasks.enqueue_training(run)
    run.refresh_from_db()
    assert run.state == "failed"
    assert "start Redis" in run.error


def test_importing_the_tasks_and_the_admin_imports_neither_torch_nor_feast() -> None:
    code = (
        "import django, sys; django.setup(); import recommender.tasks, recommender.admin;"
        "sys.exit(' '.join({'torch', 'feast', 'open_clip'} & set(sys.modules)) or 0)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "shop.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stderr.strip() == ""
    assert result.returncode == 0
