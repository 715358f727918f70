"""Runs a few programs side by side: prefixes their logs, restarts what crashes, stops them all together."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import IO

PREFIX_WIDTH = 6
POLL_SECONDS = 0.2
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# How long a program may take to end after each signal; a worker in mid-training ends at the second.
STOP_STEPS = ((signal.SIGTERM, 4.0), (signal.SIGQUIT, 2.0), (signal.SIGKILL, 5.0))
# A program that ran for less than this is given a pause before it is started again.
SHORT_RUN_SECONDS = 10.0
RESTART_PAUSE_SECONDS = 3.0


def say(name: str, line: str) -> None:
    """Print one line under the program's name."""
    print(f"{name:<{PREFIX_WIDTH}} | {line}", flush=True)


@dataclass(kw_only=True)
class Program:
    """A command, and the process that runs it now."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    started_at: float = 0.0
    restart_at: float = 0.0
    ready_text: str = ""  # in the line by which it tells that it is ready; none: ready when it runs
    _said_ready: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Start the program in a session of its own: a Ctrl-C reaches us alone, and we pass it on."""
        self.process = subprocess.Popen(
            self.command,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **self.env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self.started_at = time.monotonic()
        self.restart_at = 0.0
        assert self.process.stdout is not None
        threading.Thread(target=self._copy_lines, args=(self.process.stdout,), daemon=True).start()

    def restart_if_ended(self) -> None:
        """Start the program again when it has ended, after a pause when it ended soon."""
        if self.process is None or self.process.poll() is None:
            return
        now = time.monotonic()
        if not self.restart_at:
            pause = RESTART_PAUSE_SECONDS if now - self.started_at < SHORT_RUN_SECONDS else 0.0
            self.restart_at = now + pause
            say(self.name, f"ended by itself ({describe_exit(self.process.returncode)}); starting it again")
        if now >= self.restart_at:
            self.start()

    def send(self, signum: signal.Signals) -> None:
        """Send the signal to the program and to all that it started."""
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, signum)
        except ProcessLookupError:
            pass

    def is_ready(self) -> bool:
        return not self.ready_text or self._said_ready.is_set()

    def has_ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def _copy_lines(self, stream: IO[str]) -> None:
        for line in stream:
            say(self.name, line.rstrip())
            if self.ready_text and self.ready_text in line:
                self._said_ready.set()


class Supervisor:
    """Runs programs until a signal asks it to stop."""

    def __init__(self, programs: Sequence[Program]) -> None:
        self.programs = programs
        self._stop = threading.Event()

    def run(self, *, is_ready: Callable[[], bool], on_ready: Callable[[], None]) -> None:
        """Return after a stop signal, with every program ended; `on_ready` runs once `is_ready` says so."""
        previous = {number: signal.signal(number, self._request_stop) for number in STOP_SIGNALS}
        try:
            for program in self.programs:
                program.start()
            announced = False
            while not self._stop.wait(POLL_SECONDS):
                for program in self.programs:
                    program.restart_if_ended()
                if not announced and is_ready():
                    announced = True
                    on_ready()
        finally:
            self.stop()
            for number, handler in previous.items():
                signal.signal(number, handler)

    def stop(self) -> None:
        """Return once every program has ended, asked politely first."""
        for signum, patience in STOP_STEPS:
            running = [program for program in self.programs if not program.has_ended()]
            for program in running:
                program.send(signum)
            deadline = time.monotonic() + patience
            while any(not program.has_ended() for program in running) and time.monotonic() < deadline:
                time.sleep(0.05)
        for program in self.programs:
            program.send(signal.SIGKILL)  # children that outlived their program

    def _request_stop(self, signum: int, frame: FrameType | None) -> None:
        self._stop.set()


def describe_exit(code: int) -> str:
    """Return what an exit status means, such as "exit status 1" or "killed by SIGKILL"."""
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"


def python_module(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module with this Python."""
    return [sys.executable, "-m", module, *arguments]
