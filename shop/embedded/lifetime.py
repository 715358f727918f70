"""Starts an embedded server for the first process that needs it and keeps it for as long as one does."""

import fcntl
import os
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shop.embedded import guard
from shop.embedded.errors import ServiceError


@dataclass
class _Process:
    """What this process holds."""

    threads: Any = field(default_factory=threading.RLock)
    users: dict[Path, int] = field(default_factory=dict)  # descriptors whose locks say that it uses a server

    def forget(self) -> None:
        """Let a forked child take locks of its own: it may close what it inherited, as Celery's beat does."""
        self.threads, self.users = threading.RLock(), {}


_process = _Process()
os.register_at_fork(after_in_child=_process.forget)


class Server(ABC):
    """A server that listens on a Unix socket and keeps its data in a folder."""

    name: str
    stop_command: Sequence[str] = ()
    run_as: tuple[int, int] | None = None  # user and group id, when not ours

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.folder = data_dir / self.name

    @property
    @abstractmethod
    def socket(self) -> Path:
        """The socket's path."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Return whether the server answers now."""

    @abstractmethod
    def start(self) -> None:
        """Start the server and return once it answers; called by one process at a time."""

    @property
    def users_file(self) -> Path:
        return self.data_dir / f"{self.name}.users"

    @property
    def guard_file(self) -> Path:
        return self.data_dir / f"{self.name}.guard"


def ensure_running(server: Server) -> None:
    """Return once the server answers, started when needed; it then lives at least as long as this process.

    Safe for any number of processes and threads at once, and for children that fork later: they register
    anew when they ask.
    """
    with _process.threads:
        try:
            server.data_dir.mkdir(parents=True, exist_ok=True)
            _register(server)
        except OSError as error:
            raise ServiceError(
                f"DATA_DIR: cannot write there ({error}). Set it to a folder that you own"
            ) from error
        _start_guard(server)
        if server.is_ready():
            return
        with _start_lock(server):
            if not server.is_ready():
                server.start()


def release(server: Server, *, timeout: float = 15.0) -> bool:
    """Return whether the server stopped, after this process no longer counts as its user.

    False means that other processes still use it.
    """
    with _process.threads:
        descriptor = _process.users.pop(server.users_file, None)
        if descriptor is not None:
            os.close(descriptor)
    deadline = time.monotonic() + timeout
    while guard.answers(server.socket):
        if time.monotonic() > deadline or _has_users(server):
            return False
        time.sleep(0.05)
    return True


def _register(server: Server) -> None:
    """Hold the shared lock that keeps the server alive; waits while a guard is stopping it."""
    descriptor = _process.users.get(server.users_file)
    if descriptor is not None:
        if guard.is_current(descriptor, server.users_file):
            return
        os.close(descriptor)
    locked = guard.lock(server.users_file, fcntl.LOCK_SH)
    assert locked is not None
    _process.users[server.users_file] = locked


def _has_users(server: Server) -> bool:
    """Return whether some process holds the shared lock; the guard's exclusive one does not count."""
    descriptor = guard.lock(server.users_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    if descriptor is not None:
        os.close(descriptor)
        return False
    shared = guard.lock(server.users_file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    if shared is None:
        return False
    os.close(shared)
    return True


def _start_guard(server: Server) -> None:
    """Start the process that stops the server after its last user, unless one is waiting already.

    Before the server: whatever kills us in between, somebody stops what we started.
    """
    free = guard.lock(server.guard_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    if free is None:
        return
    os.close(free)
    command = [sys.executable, "-I", "-S", guard.__file__, "--socket", str(server.socket)]
    command += ["--users", str(server.users_file), "--guard", str(server.guard_file)]
    if server.run_as is not None:
        command += ["--uid", str(server.run_as[0]), "--gid", str(server.run_as[1])]
    nothing = subprocess.DEVNULL
    subprocess.run(
        [*command, "--", *server.stop_command], stdin=nothing, stdout=nothing, stderr=nothing, check=True
    )


@contextmanager
def _start_lock(server: Server) -> Iterator[None]:
    descriptor = guard.lock(server.data_dir / f"{server.name}.start", fcntl.LOCK_EX)
    assert descriptor is not None
    try:
        yield
    finally:
        os.close(descriptor)


def tail(log: Path, *, lines: int = 3) -> str:
    """Return the last lines of a server's log on one line, or "no log"."""
    try:
        text = log.read_text(errors="replace").splitlines()
    except OSError:
        return "no log"
    return " | ".join(line.strip() for line in text[-lines:]) or "no log"
