"""`manage.py serve`, as the one command that runs the shop."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from shop.env import BASE_DIR
from shop.management.commands import serve


@pytest.fixture
def port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_in_use_is_named_with_the_cure(taken_port):
    with pytest.raises(CommandError, match=rf"^PORT: {taken_port} is in use\. .* --port {taken_port + 1}$"):
        call_command("serve", port=taken_port, skip_checks=True)


def test_an_address_of_another_machine_is_named():
    with pytest.raises(CommandError, match=r"^HOST, PORT: cannot listen on 192\.0\.2\.1:8000"):
        serve.check_port_is_free("192.0.2.1", 8000)


@pytest.mark.parametrize("number", [-1, 65536])
def test_a_number_that_is_no_port_is_named(number):
    with pytest.raises(CommandError, match=rf"^PORT: {number} is no port"):
        serve.check_port_is_free("127.0.0.1", number)


def test_a_free_port_stays_free(port):
    serve.check_port_is_free("127.0.0.1", port)
    serve.check_port_is_free("127.0.0.1", port)
    assert not serve.answers("127.0.0.1", port)


def test_the_worker_schedules_and_keeps_its_schedule_with_the_data(settings):
    command = " ".join(serve.worker_program().command)
    assert " worker --beat " in command
    assert str(settings.DATA_DIR / "celery-schedule") in command


@pytest.mark.parametrize(
    ("host", "name"), [("0.0.0.0", "localhost"), ("127.0.0.1", "localhost"), ("10.0.0.5", "10.0.0.5")]
)
def test_the_printed_address_can_be_opened(host, name):
    assert serve.local_host(host) == name


@pytest.mark.slow
def test_one_command_serves_and_ctrl_c_stops_everything(port):
    folder = Path(tempfile.mkdtemp(prefix="shop-serve-"))
    command = [sys.executable, str(BASE_DIR / "manage.py"), "serve", "--port", str(port)]
    environment = {**os.environ, "DATA_DIR": str(folder)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            lines = read_until(process, "Ready at")
            with urllib.request.urlopen(f"http://localhost:{port}/healthz", timeout=60) as response:
                assert response.status == 200
            process.send_signal(signal.SIGINT)
            started = time.monotonic()
            lines += read_until(process, "Stopped.")
            assert process.wait(60) == 0
            assert time.monotonic() - started < 30
        finally:
            process.kill()
    assert any("Applying" in line and "migrations" in line for line in lines)
    assert any(line.startswith("events | Ready") for line in lines)
    assert any(line.startswith("events | Stopped") for line in lines)
    assert not list(folder.rglob("*.sock"))
    shutil.rmtree(folder)
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://localhost:{port}/healthz", timeout=60)


def read_until(process: subprocess.Popen[str], text: str) -> list[str]:
    """Return the lines that the process printed up to the one that holds the text."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if text in line:
            return lines
    pytest.fail(f"no line holds {text!r}:\n{''.join(lines[-40:])}")
