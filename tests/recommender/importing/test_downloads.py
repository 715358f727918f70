"""Data sets behind an address, served from this machine."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from recommender.importing import ImportRefused
from recommender.importing.downloads import download
from recommender.importing.limits import Limits
from tests.recommender.importing.cast import EVENTS, write_rows


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder; /away leads to another scheme, /short announces more than it sends."""

    def do_GET(self) -> None:
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "file:///etc/passwd")
            self.end_headers()
        elif self.path == "/short.csv":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"user_id\n")
        else:
            super().do_GET()

    def log_message(self, *args: object) -> None:
        return


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "served"
    folder.mkdir()
    write_rows(folder / "interactions.csv", EVENTS)
    write_rows(folder / "named.parquet", EVENTS).rename(folder / "nameless")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def fetch(url: str, into: Path, limits: Limits | None = None) -> Path:
    return download(url, into=into, limits=limits or Limits(), shown=False)


def test_a_file_is_fetched_under_its_name(address: str, tmp_path: Path) -> None:
    path = fetch(f"{address}/interactions.csv?x=1", tmp_path)

    assert path.name == "interactions.csv"
    assert path.read_bytes() == (tmp_path / "served/interactions.csv").read_bytes()


def test_a_name_that_says_nothing_is_told_from_the_first_bytes(address: str, tmp_path: Path) -> None:
    assert fetch(f"{address}/nameless", tmp_path).name == "nameless.parquet"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/none.csv", "could not be fetched .*404"),
        ("/away", "could not be fetched"),
        ("/short.csv", "broke off|could not be fetched"),
    ],
)
def test_what_cannot_be_had_is_said(path: str, message: str, address: str, tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match=message):
        fetch(address + path, tmp_path)


def test_a_download_over_the_bound_is_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match="larger than 50 bytes"):
        fetch(f"{address}/interactions.csv", tmp_path, Limits(download_bytes=50))


def test_nobody_at_the_address_is_said(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match="could not be fetched"):
        fetch("http://127.0.0.1:9/users.csv", tmp_path)
