"""Seconds, memory and signs of life."""

import time

import numpy as np
import pytest

from ml.benchmark.measures import Progress, machine, measured


def test_the_cost_of_a_block_is_its_time_and_the_memory_it_held_at_most() -> None:
    with measured() as cost:
        held = np.ones(60 * 1024 * 1024 // 8)  # 60 MiB, written to
        time.sleep(0.05)
        del held
        time.sleep(0.05)

    assert 0.1 <= cost.seconds < 5
    assert 50 < cost.peak_memory_mb < 100


def test_what_was_held_before_is_not_counted() -> None:
    held = np.ones(60 * 1024 * 1024 // 8)

    with measured() as cost:
        time.sleep(0.03)

    assert len(held)
    assert cost.peak_memory_mb < 20


def test_the_cost_is_known_when_the_block_fails() -> None:
    with pytest.raises(KeyError), measured() as cost:
        raise KeyError

    assert cost.seconds > 0


def test_progress_names_steps_at_once_and_what_is_in_them_only_now_and_then(
    capsys: pytest.CaptureFixture[str],
) -> None:
    progress = Progress()

    progress.begin("the model")
    for epoch in range(1000):
        progress.report("train", epoch / 1000, "loss 1.0")

    assert capsys.readouterr().err.splitlines() == ["  the model"]


def test_progress_speaks_after_two_silent_seconds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    progress = Progress()
    progress.begin("the model")
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 2.5)

    progress.report("train", 0.5, "loss 1.0")

    assert capsys.readouterr().err.splitlines()[-1] == "  the model, train 50%: loss 1.0"


def test_the_machine_is_described_in_plain_values() -> None:
    assert {"cores", "memory_gb", "cuda", "python"} <= set(machine())
