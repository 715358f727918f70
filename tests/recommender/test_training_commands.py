"""The commands that train, evaluate and roll back: what they print, and what they refuse."""

from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from recommender import held_out, runs, versions
from recommender.models import ModelVersion, TrainingRun
from tests.recommender.tiny_shop import make_shop, quick

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "data_dir", lambda: tmp_path)


@pytest.fixture
def shop() -> None:
    make_shop()


def test_the_command_trains_and_reports(shop: None, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    quick(monkeypatch)
    call_command("train", "--epochs", "2", "--config", "embedding_dim=8", "--config", "content_width=8")
    version = versions.active_version()
    assert version is not None
    assert f"{version} serves now: hit@10 0.5000" in capsys.readouterr().out
    assert TrainingRun.objects.get().config == {"max_epochs": 2, "embedding_dim": 8, "content_width": 8}


@pytest.mark.parametrize(
    ("arguments", "cure"),
    [
        (["--config", "embedding_dim"], "KEY=VALUE"),
        (["--config", "embeding_dim=8"], "embeding_dim"),
        (["--epochs", "0"], "max_epochs is 0; use 1 or more"),
    ],
)
def test_wrong_settings_are_refused_before_a_run_begins(arguments: list[str], cure: str) -> None:
    with pytest.raises(CommandError, match=cure):
        call_command("train", *arguments)
    assert not TrainingRun.objects.exists()


def test_the_command_refuses_a_second_run_and_a_rejected_version(
    shop: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = runs.request_run()
    with pytest.raises(CommandError, match=f"Training run {first.pk} is queued"):
        call_command("train")
    runs.cancel(first)
    quick(monkeypatch, recall=0.05)
    with pytest.raises(CommandError, match="Overrule the gate with --force"):
        call_command("train", "--epochs", "1")


def test_ctrl_c_cancels_the_run(shop: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(held_out, "evaluate_held_out", interrupt)
    with pytest.raises(CommandError, match="is cancelled"):
        call_command("train")
    assert TrainingRun.objects.get().state == "cancelled"


@pytest.mark.slow
def test_evaluate_prints_the_model_beside_its_baselines(shop: None, capsys: Any, tmp_path: Path) -> None:
    out = tmp_path / "metrics.json"
    call_command("evaluate", "--epochs", "2", "--config", "embedding_dim=8", "--json", str(out))
    printed = capsys.readouterr().out
    for word in (
        "two_tower",
        "category_rule",
        "item_knn",
        "decayed_cooccurrence",
        "ials",
        "ease",
        "recent_popularity",
        "popularity",
        "random",
        "hit@10",
        "ndcg@10",
        "mrr",
    ):
        assert word in printed
    assert '"coverage"' in out.read_text()
    assert not ModelVersion.objects.exists()


def test_evaluate_without_data_says_what_is_missing() -> None:
    with pytest.raises(CommandError, match="Training needs at least"):
        call_command("evaluate")


def test_rollback_without_an_earlier_version_says_so() -> None:
    with pytest.raises(CommandError, match="No earlier version"):
        call_command("rollback")
