"""PostgreSQL goes away under load and comes back: errors while it is away, and none after."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from shop.embedded import guard
from shop.embedded.postgres_server import PostgresServer
from shop.env import BASE_DIR

NUM_SHOPPERS = 4
RECOVERY_SECONDS = 5.0  # after the server answers again, on a busy machine


@dataclass(frozen=True, kw_only=True)
class LiveShop:
    """A shop that is served by a program of its own."""

    address: str
    database: PostgresServer
    output: list[str]


@pytest.fixture(scope="module")
def live_shop() -> Iterator[LiveShop]:
    """Forty products, served as in production, without worker."""
    folder = Path(tempfile.mkdtemp(prefix="shop-restart-"))
    folder.chmod(0o711)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "DATA_DIR": str(folder)}
    manage = [sys.executable, str(BASE_DIR / "manage.py")]
    sizes = ["--users", "20", "--items", "40", "--interactions", "500"]
    for command in (["migrate", "--verbosity", "0"], ["generate_dataset", *sizes]):
        subprocess.run([*manage, *command], env=environment, check=True, capture_output=True)
    serve = [*manage, "serve", "--no-worker", "--port", str(port)]
    with subprocess.Popen(
        serve, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        output: list[str] = []
        threading.Thread(target=lambda: output.extend(process.stdout or ()), daemon=True).start()
        try:
            wait_until(lambda: any("Ready at" in line for line in output), seconds=60)
            yield LiveShop(address=f"http://127.0.0.1:{port}", database=PostgresServer(folder), output=output)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)
            shutil.rmtree(folder, ignore_errors=True)


def wait_until(condition: Callable[[], bool], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@dataclass
class Load:
    """Shoppers who open one page after another, and how each was answered."""

    address: str
    pages: list[str]
    # When each was asked and answered, the page, and the status.
    answers: list[tuple[float, float, str, int]] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Load":
        self.threads = [threading.Thread(target=self.shop, args=(number,)) for number in range(NUM_SHOPPERS)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join(30)

    def shop(self, number: int) -> None:
        while not self.stop.is_set():
            page = self.pages[number % len(self.pages)]
            asked = time.monotonic()
            status = status_of(self.address + page)
            self.answers.append((asked, time.monotonic(), page, status))
            number += 1
            time.sleep(0.02)

    def num_since(self, moment: float) -> int:
        return sum(asked > moment for asked, *_ in list(self.answers))


def status_of(address: str) -> int:
    """Return the status, 599 for no answer at all."""
    try:
        with urllib.request.urlopen(address, timeout=30) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 599


def products_on(address: str) -> list[str]:
    with urllib.request.urlopen(address, timeout=60) as answer:
        return sorted(set(re.findall(r'href="(/product/\d+/)', answer.read().decode())))


def postmaster_of(database: PostgresServer) -> str:
    """Return the process id of the server that runs on this folder, "" for none."""
    try:
        return (database.folder / "postmaster.pid").read_text().partition("\n")[0]
    except FileNotFoundError:
        return ""


@pytest.mark.slow
@pytest.mark.parametrize("way", ["fast", "immediate"])
def test_a_restart_of_postgresql_fails_no_request_before_and_none_after(live_shop, way):
    pages = ["/", products_on(live_shop.address + "/")[0], "/cart/", "/more/"]
    database = live_shop.database
    with Load(live_shop.address, pages) as load:
        wait_until(lambda: len(load.answers) > 20, seconds=60)
        went_away = time.monotonic()
        before = postmaster_of(database)
        # Not with -w: the shop may start its own before pg_ctl looks, which would wait for that one to stop.
        database._run("pg_ctl", "stop", "-D", str(database.folder), "-m", way, "-W")
        wait_until(lambda: postmaster_of(database) != before, seconds=60)
        wait_until(lambda: guard.answers(database.socket), seconds=30)  # the shop starts its own again
        came_back = time.monotonic()
        wait_until(lambda: load.num_since(came_back + RECOVERY_SECONDS) > 20, seconds=60)
    failed = [answer for answer in load.answers if answer[3] >= 500]
    assert not [failure for failure in failed if failure[1] < went_away]
    after = [failure for failure in failed if failure[0] > came_back + RECOVERY_SECONDS]
    assert not after, "".join(live_shop.output[-40:])
