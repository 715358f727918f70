"""Programs side by side: their logs, their restarts and their end."""

import os
import signal
import sys
import threading
import time

import pytest

from shop import processes
from shop.processes import Program, Supervisor, describe_exit


def program(script: str, *, name: str = "web", ready_text: str = "") -> Program:
    return Program(name=name, command=[sys.executable, "-c", script], ready_text=ready_text)


def run_until(supervisor: Supervisor, condition, *, seconds: float = 60) -> bool:
    """Return whether the condition came to hold while it ran; ended by SIGINT, as by Ctrl-C."""
    held = []

    def watch() -> None:
        deadline = time.monotonic() + seconds
        while not held and time.monotonic() < deadline:
            if condition():
                held.append(True)
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    watcher = threading.Thread(target=watch)
    watcher.start()
    supervisor.run(is_ready=lambda: all(p.is_ready() for p in supervisor.programs), on_ready=lambda: None)
    watcher.join()
    return bool(held)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_lines_wear_the_name_of_their_program(capfd):
    web = program("print('hello'); import time; time.sleep(60)", ready_text="hello")
    assert run_until(Supervisor([web]), web.is_ready)
    assert "web    | hello\n" in capfd.readouterr().out


def test_a_program_that_was_killed_is_started_again(capfd, monkeypatch):
    monkeypatch.setattr(processes, "RESTART_PAUSE_SECONDS", 0.1)
    worker = program("import time; time.sleep(60)", name="worker")
    seen: list[int] = []

    def kill_once_and_wait_for_another() -> bool:
        if worker.process is not None and worker.process.pid not in seen:
            seen.append(worker.process.pid)
            if len(seen) == 1:
                worker.send(signal.SIGKILL)
        return len(seen) == 2

    assert run_until(Supervisor([worker]), kill_once_and_wait_for_another)
    assert "worker | ended by itself (killed by SIGKILL); starting it again" in capfd.readouterr().out


def test_a_program_that_ends_at_once_is_given_a_pause(monkeypatch):
    monkeypatch.setattr(processes, "RESTART_PAUSE_SECONDS", 60)
    broken = program("raise SystemExit(3)")
    broken.start()
    first = broken.process
    assert first is not None
    first.wait(60)
    broken.restart_if_ended()
    broken.restart_if_ended()
    assert broken.process is first


def test_the_end_takes_every_child_with_it(tmp_path):
    note = tmp_path / "pid"
    parent = program(
        "import subprocess, sys, time; "
        "child = subprocess.Popen(['sleep', '60']); "
        f"open({str(note)!r}, 'w').write(str(child.pid)); time.sleep(60)"
    )
    assert run_until(Supervisor([parent]), lambda: note.exists() and note.read_text())
    deadline = time.monotonic() + 30
    while is_alive(int(note.read_text())) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(int(note.read_text()))


def test_a_program_that_ignores_a_polite_request_is_ended_all_the_same(monkeypatch):
    steps = ((signal.SIGTERM, 0.3), (signal.SIGQUIT, 0.3), (signal.SIGKILL, 5.0))
    monkeypatch.setattr(processes, "STOP_STEPS", steps)
    deaf = program(
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "signal.signal(signal.SIGQUIT, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)",
        ready_text="deaf",
    )
    assert run_until(Supervisor([deaf]), deaf.is_ready)
    assert deaf.process is not None
    assert deaf.process.returncode == -signal.SIGKILL


def test_the_callers_signal_handlers_come_back():
    before = signal.getsignal(signal.SIGINT)
    assert run_until(Supervisor([]), lambda: True)
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize(("code", "words"), [(1, "exit status 1"), (-9, "killed by SIGKILL")])
def test_exit_codes_are_put_in_words(code, words):
    assert describe_exit(code) == words
