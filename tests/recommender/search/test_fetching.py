"""The server fetches pictures from named, public hosts alone, and never for long or much."""

import http.server
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from recommender.search import fetching
from recommender.search.fetching import fetch, is_public, read_address
from recommender.uploads import MAX_BYTES, UploadRefused
from tests.recommender.pictures_made import photo

PICTURE = photo()
OUTSIDE = "127.0.0.2"  # plays a public address; every other one of this machine stays what it is
Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


class Site:
    """A web server of the test, under any names."""

    def __init__(self, server: http.server.ThreadingHTTPServer, *, scheme: str = "http") -> None:
        self.port, self.scheme = server.server_address[1], scheme
        self.answers: dict[str, Answer] = {}
        self.requests: list[http.server.BaseHTTPRequestHandler] = []

    def address(self, path: str = "/a.jpg", *, host: str = "pictures.example") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"


def send(
    handler: http.server.BaseHTTPRequestHandler, body: bytes = PICTURE, *, status: int = 200, **headers: str
) -> None:
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def redirect(location: str, *, status: int = 302) -> Answer:
    return lambda handler: send(handler, b"", status=status, Location=location)


def _serve(*, tls: ssl.SSLContext | None = None) -> Iterator[Site]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.requests.append(self)
            try:
                site.answers.get(self.path, send)(self)
            except OSError:
                pass  # the other side hung up, as it should

        def log_message(self, *arguments: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer((OUTSIDE, 0), Handler)
    server.daemon_threads = True
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    site = Site(server, scheme="https" if tls else "http")
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield site
    server.shutdown()
    server.server_close()


@pytest.fixture
def site() -> Iterator[Site]:
    yield from _serve()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What names resolve to; others are asked of nobody. OUTSIDE counts as public."""
    table = {"pictures.example": [OUTSIDE], "cdn.example": [OUTSIDE]}

    def resolved(host: str, port: int) -> list[str]:
        if host not in table:
            raise socket.gaierror(f"{host} is not known")
        return table[host]

    monkeypatch.setattr(fetching, "_resolved", resolved)
    monkeypatch.setattr(fetching, "is_public", lambda ip: ip == OUTSIDE or is_public(ip))
    return table


@pytest.fixture
def allowed(settings: Any, site: Site, names: dict[str, list[str]]) -> Site:
    """The site, whose names the shop's owner allows."""
    hosts = ("pictures.example", "cdn.example", "inside.example", "*.shop.example", "localhost", "127.0.0.1")
    settings.SEARCH_IMAGE_HOSTS = tuple(f"{host}:{site.port}" for host in hosts)
    return site


def refusal(address: str) -> str:
    with pytest.raises(UploadRefused) as caught:
        fetch(address)
    assert 400 <= caught.value.status < 500
    return str(caught.value)


def test_a_picture_of_an_allowed_host_is_fetched_and_nothing_is_told_of_the_shopper(allowed: Site) -> None:
    assert fetch(allowed.address("/a b.jpg?size=l".replace(" ", "%20"))) == PICTURE
    request = allowed.requests[0]
    assert request.path == "/a%20b.jpg?size=l"
    assert request.headers["Host"] == f"pictures.example:{allowed.port}"
    assert {name.lower() for name in request.headers} <= {
        "host", "accept", "accept-encoding", "user-agent",
    }  # fmt: skip


def test_it_is_off_unless_a_host_is_named(settings: Any) -> None:
    assert settings.SEARCH_IMAGE_HOSTS == ()
    assert not fetching.is_on()
    assert "alone" in refusal("https://pictures.example/a.jpg")


@pytest.mark.parametrize(
    ("hosts", "address", "is_allowed"),
    [
        (("a.example",), "https://a.example/x", True),
        (("a.example",), "http://A.EXAMPLE./x", True),
        (("a.example",), "https://a.example:443/x", True),
        (("a.example",), "https://a.example:8443/x", False),
        (("a.example:8443",), "https://a.example:8443/x", True),
        (("a.example:8443",), "https://a.example/x", False),
        (("a.example",), "https://b.a.example/x", False),
        (("*.a.example",), "https://b.a.example/x", True),
        (("*.a.example",), "https://c.b.a.example/x", True),
        (("*.a.example",), "https://a.example/x", False),
        (("*.a.example",), "https://evila.example/x", False),
        (("a.example",), "https://a.example.evil.example/x", False),
        (("a.example",), "https://evil.example/a.example", False),
        (("a.example",), "https://evil.example#@a.example/", False),
        (("a.example",), "https://evil.example?@a.example/", False),
        (("bücher.example",), "https://bücher.example/ü", False),  # the owner names what the host is called
        (("xn--bcher-kva.example",), "https://bücher.example/ü", True),
    ],
)
def test_hosts_are_compared_whole(
    settings: Any, hosts: tuple[str, ...], address: str, is_allowed: bool
) -> None:
    settings.SEARCH_IMAGE_HOSTS = hosts
    if is_allowed:
        assert read_address(address).path in ("/x", "/%C3%BC")
        return
    with pytest.raises(UploadRefused, match="alone"):
        read_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a.example/x",
        "//a.example/x",
        "ftp://a.example/x",
        "file:///etc/passwd",
        "gopher://a.example:70/_x",
        "data:image/png;base64,AAAA",
        "javascript:alert(1)",
        "https://",
        "https:///x",
        "https://user:secret@a.example/x",
        "https://a.example@evil.example/x",
        "https://evil.example\\@a.example/x",
        "https://a.example\\.evil.example/x",
        "https://a.example/x\r\nHost: evil.example",
        "https://a.example/\0",
        "https://a.example/x y",
        "https://a.example:port/x",
        "https://a.example:99999/x",
        "https://[::1/x",
        "https://[a.example]/x",
        "https://" + "a" * 70 + ".example/x",
        "https://a..example/x",
        "https://a.example/" + "x" * 3000,
        "\u202ehttps://a.example/x",
    ],
)
def test_what_is_no_address_of_a_picture_is_refused_before_a_name_is_asked(
    settings: Any, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    settings.SEARCH_IMAGE_HOSTS = ("a.example",)
    monkeypatch.setattr(fetching, "_resolved", None)  # which would be called
    assert refusal(address)


@pytest.mark.parametrize(
    "ip",
    [
        "127.0.0.1", "127.8.9.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1",
        "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12:3456::1", "fec0::1",
        "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:a9fe:a9fe",
        "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:a9fe:a9fe::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1", "::127.0.0.1",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_refused_in_every_disguise(
    settings: Any, monkeypatch: pytest.MonkeyPatch, ip: str
) -> None:
    assert not is_public(ip)
    settings.SEARCH_IMAGE_HOSTS = ("a.example",)
    for found in ([ip], ["93.184.216.34", ip], [ip, "93.184.216.34"]):
        monkeypatch.setattr(fetching, "_resolved", lambda host, port, found=found: found)
        assert "not on the public internet" in refusal("https://a.example/x")


@pytest.mark.parametrize(
    "ip", ["93.184.216.34", "8.8.8.8", "::ffff:8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946"]
)
def test_a_public_address_is_public(ip: str) -> None:
    assert is_public(ip)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "inside.example"])
def test_the_machine_itself_is_refused_even_where_its_name_is_allowed(
    allowed: Site, names: dict[str, list[str]], host: str
) -> None:
    names |= {"localhost": ["::1", "127.0.0.1"], "127.0.0.1": ["127.0.0.1"], "inside.example": ["127.0.0.1"]}
    assert "not on the public internet" in refusal(allowed.address(host=host))
    assert allowed.requests == []


@pytest.mark.parametrize(
    "form", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::1]", "[::ffff:7f00:1]"]
)
def test_odd_forms_of_the_machine_itself_are_no_allowed_hosts(allowed: Site, form: str) -> None:
    assert "alone" in refusal(allowed.address(host=form))


def test_the_connection_goes_to_the_address_that_was_checked(
    allowed: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that resolves to the inside at the second look: there is no second look."""
    answers = iter([[OUTSIDE], ["127.0.0.1"]])
    monkeypatch.setattr(fetching, "_resolved", lambda host, port: next(answers))
    monkeypatch.setattr(socket, "gethostbyname", None)
    assert fetch(allowed.address()) == PICTURE
    assert next(answers) == ["127.0.0.1"]  # asked once


# Redirects


def test_redirects_among_allowed_hosts_are_followed(allowed: Site) -> None:
    allowed.answers["/a.jpg"] = redirect(allowed.address("/b.jpg", host="cdn.example"), status=301)
    allowed.answers["/b.jpg"] = redirect("c.jpg", status=307)
    assert fetch(allowed.address()) == PICTURE
    assert [request.path for request in allowed.requests] == ["/a.jpg", "/b.jpg", "/c.jpg"]


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("http://127.0.0.1:{port}/", "not on the public internet"),
        ("http://localhost:{port}/", "not on the public internet"),
        ("http://inside.example:{port}/", "not on the public internet"),
        ("http://169.254.169.254/latest/meta-data/", "alone"),
        ("http://evil.example/x.jpg", "alone"),
        ("//evil.example/x.jpg", "alone"),
        ("http://[::1]:{port}/", "alone"),
        ("file:///etc/passwd", "begins with"),
        ("gopher://pictures.example/", "begins with"),
        ("http://pictures.example:22/", "alone"),
        ("http://a:b@pictures.example:{port}/", "name and the password"),
        ("http://[", "did not answer"),
    ],
)
def test_a_redirect_is_checked_as_the_first_address_was(
    allowed: Site, names: dict[str, list[str]], location: str, said: str
) -> None:
    names |= {host: ["127.0.0.1"] for host in ("127.0.0.1", "localhost", "inside.example")}
    allowed.answers["/a.jpg"] = redirect(location.format(port=allowed.port))
    assert said in refusal(allowed.address())
    assert len(allowed.requests) == 1


def test_a_redirect_in_a_circle_ends(allowed: Site) -> None:
    allowed.answers["/a.jpg"] = redirect("/a.jpg")
    assert "on and on" in refusal(allowed.address())
    assert len(allowed.requests) == fetching.MAX_REDIRECTS + 1


# Answers


@pytest.mark.parametrize("status", [204, 206, 304, 401, 404, 500, 503])
def test_an_answer_without_a_picture_is_said_to_be_none(allowed: Site, status: int) -> None:
    allowed.answers["/a.jpg"] = lambda handler: send(handler, b"", status=status)
    assert "did not answer with a picture" in refusal(allowed.address())


def test_what_is_announced_as_too_large_is_not_read(allowed: Site) -> None:
    allowed.answers["/a.jpg"] = lambda handler: send(handler, b"x", **{"Content-Length": str(MAX_BYTES + 1)})
    assert "over 5 MB" in refusal(allowed.address())


def test_what_turns_out_too_large_is_left_off(allowed: Site) -> None:
    sent = []

    def endless(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while len(sent) < 1000:
            handler.wfile.write(b"x" * 100_000)
            sent.append(100_000)

    allowed.answers["/a.jpg"] = endless
    assert "over 5 MB" in refusal(allowed.address())
    time.sleep(0.2)
    assert sum(sent) < 4 * MAX_BYTES  # what the sockets buffer, and no more


def test_a_packed_answer_is_not_unpacked(allowed: Site) -> None:
    allowed.answers["/a.jpg"] = lambda handler: send(handler, b"\x1f\x8b", Content_Encoding="gzip")
    assert fetch(allowed.address()) == b"\x1f\x8b"


def test_an_answer_that_breaks_off_is_none(allowed: Site) -> None:
    allowed.answers["/a.jpg"] = lambda handler: send(handler, b"x", **{"Content-Length": "1000"})
    assert "did not answer" in refusal(allowed.address())


def test_an_answer_that_is_no_http_is_none(allowed: Site) -> None:
    allowed.answers["/a.jpg"] = lambda handler: handler.wfile.write(b"SSH-2.0-OpenSSH\r\n") and None
    assert "did not answer" in refusal(allowed.address())


@pytest.mark.parametrize("where", ["headers", "body"])
def test_one_byte_at_a_time_is_cut_off(allowed: Site, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    monkeypatch.setattr(fetching, "TOTAL_SECONDS", 1.0)
    ended = threading.Event()

    def drip(handler: http.server.BaseHTTPRequestHandler) -> None:
        if where == "body":
            handler.send_response(200)
            handler.end_headers()
        try:
            for _ in range(100):
                handler.wfile.write(b"x")
                time.sleep(0.1)
        finally:
            ended.set()

    allowed.answers["/a.jpg"] = drip
    started = time.monotonic()
    assert "did not answer" in refusal(allowed.address())
    assert time.monotonic() - started < 4
    assert ended.wait(4)  # the connection is closed too: nothing of ours goes on reading


def test_a_host_that_says_nothing_is_left(allowed: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "SILENT_SECONDS", 0.3)
    allowed.answers["/a.jpg"] = lambda handler: time.sleep(3)
    started = time.monotonic()
    assert "did not answer" in refusal(allowed.address())
    assert time.monotonic() - started < 2.5


def test_a_name_server_that_hangs_is_left(allowed: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "TOTAL_SECONDS", 0.2)
    monkeypatch.setattr(fetching, "_resolved", lambda host, port: time.sleep(2.5) or [OUTSIDE])
    assert "did not answer" in refusal(allowed.address())


def test_an_unknown_name_and_a_closed_port_are_no_errors_of_ours(
    settings: Any, names: dict[str, list[str]]
) -> None:
    settings.SEARCH_IMAGE_HOSTS = ("nobody.example", "pictures.example:1")
    for address in ("https://nobody.example/", "http://pictures.example:1/"):
        assert "did not answer" in refusal(address)


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of pictures.example and its key, in one file, signed by itself."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", "-"]
    command += ["-subj", "/CN=pictures.example", "-addext", "subjectAltName=DNS:pictures.example"]
    try:
        made = subprocess.run(command, capture_output=True, check=True)
    except FileNotFoundError:
        pytest.skip("There is no openssl to make a certificate with.")
    path.write_bytes(made.stdout)
    return path


@pytest.fixture
def secure_site(certificate: Path, settings: Any, names: dict[str, list[str]]) -> Iterator[Site]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    for site in _serve(tls=context):
        settings.SEARCH_IMAGE_HOSTS = (f"pictures.example:{site.port}", f"cdn.example:{site.port}")
        yield site


def test_a_certificate_counts_for_the_name_and_not_for_the_address(
    secure_site: Site, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert fetch(secure_site.address()) == PICTURE
    assert "did not answer" in refusal(secure_site.address(host="cdn.example"))


def test_a_certificate_that_nobody_vouches_for_is_refused(secure_site: Site) -> None:
    assert "did not answer" in refusal(secure_site.address())
    assert secure_site.requests == []
