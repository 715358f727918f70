"""A picture fetched from an address that a shopper gave: off unless SEARCH_IMAGE_HOSTS names its host.

A server that fetches for strangers can be sent to what only it can reach. So a host must be one that the
shop's owner named; every address that it resolves to must be public; the connection goes to the very address
that was checked, so that a second look-up cannot change it; and each redirect is checked in the same way.
"""

import http.client
import ipaddress
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from contextlib import closing, contextmanager
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from django.conf import settings
from django.utils.encoding import iri_to_uri
from urllib3 import BaseHTTPResponse
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from recommender.uploads import MAX_BYTES, TOO_BIG, UploadRefused

MAX_LENGTH = 2000
MAX_REDIRECTS = 3
TOTAL_SECONDS = 8.0  # for all of it: names, redirects and the picture
SILENT_SECONDS = 3.0  # without a byte
PIECE = 65_536
PORTS = {"http": 80, "https": 443}
REDIRECTS = (301, 302, 303, 307, 308)
# They carry an IPv4 address in disguise: translated (NAT64), 6to4, Teredo.
_DISGUISES = [
    ipaddress.ip_network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")
]
_NOT_REACHED = "That address did not answer with a picture. Open it, save the picture and choose the file."
_pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="fetch picture")


@dataclass(frozen=True, kw_only=True)
class Target:
    """What to ask of whom."""

    scheme: str
    host: str
    port: int
    path: str  # with the query

    @property
    def named(self) -> str:
        """The host as the Host header has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


def is_on() -> bool:
    """Return whether there is a host that pictures may be fetched from."""
    return bool(settings.SEARCH_IMAGE_HOSTS)


def fetch(address: str) -> bytes:
    """Return the content at an http(s) address, at most 5 MB of it, within nine seconds.

    Raises UploadRefused, with the cure, for every address that is not to be fetched or gives nothing.
    """
    deadline = time.monotonic() + TOTAL_SECONDS
    try:
        return _pool.submit(_follow, address, deadline=deadline).result(TOTAL_SECONDS + 1)
    except NotInTime as error:  # a name server that hangs
        raise UploadRefused(_NOT_REACHED) from error


def _follow(address: str, *, deadline: float) -> bytes:
    """Return the content at the address or where it redirects to, each hop checked as the first was."""
    for _ in range(MAX_REDIRECTS + 1):
        target = read_address(address)
        try:
            content, location = _ask(target, ip=checked_ip(target), deadline=deadline)
        except (HTTPError, http.client.HTTPException, OSError, ValueError) as error:
            if isinstance(error, UploadRefused):
                raise
            raise UploadRefused(_NOT_REACHED) from error
        if location is None:
            return content
        address = _next(address, location=location)
    raise UploadRefused("That address leads on and on. Save the picture and choose the file.")


def _next(address: str, *, location: str) -> str:
    try:
        return urljoin(address, location)
    except ValueError as error:
        raise UploadRefused(_NOT_REACHED) from error


def read_address(address: str) -> Target:
    """Return what the address stands for. Raises UploadRefused unless the shop's owner named its host."""
    address = address.strip()
    if len(address) > MAX_LENGTH or any(char <= " " or char in '\\"<>' for char in address):
        raise UploadRefused("That is no address of a picture. Copy it from the picture once more.")
    try:
        parts = urlsplit(address)
        host = (parts.hostname or "").rstrip(".").encode("idna").decode("ascii")
        port = parts.port or PORTS.get(parts.scheme, 0)
    except ValueError as error:
        raise UploadRefused("That is no address of a picture. Copy it from the picture once more.") from error
    if parts.scheme not in PORTS or not host:
        raise UploadRefused("The address of a picture begins with https:// or http://.")
    if "@" in parts.netloc:
        raise UploadRefused("Leave the name and the password out of the address.")
    if not _is_named(host, port=port, scheme=parts.scheme):
        hosts = ", ".join(settings.SEARCH_IMAGE_HOSTS) or "no host"
        raise UploadRefused(
            f"Pictures can be fetched from {hosts} alone. Save the picture and choose the file."
        )
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    return Target(scheme=parts.scheme, host=host, port=port, path=iri_to_uri(path))


def _is_named(host: str, *, port: int, scheme: str) -> bool:
    """Return whether SEARCH_IMAGE_HOSTS lets it be asked: "a.example", "*.a.example" or "a.example:8443"."""
    for named in settings.SEARCH_IMAGE_HOSTS:
        name, _, own_port = named.lower().partition(":")
        if port != (int(own_port) if own_port else PORTS[scheme]):
            continue
        if host == name or (name.startswith("*.") and host.endswith(name[1:])):
            return True
    return False


def checked_ip(target: Target) -> str:
    """Return an address of the host. Raises UploadRefused when any of its addresses is not public."""
    found = _resolved(target.host, target.port)
    if not found or not all(is_public(ip) for ip in found):
        raise UploadRefused(
            "That address is not on the public internet. Save the picture and choose the file."
        )
    return found[0]


def _resolved(host: str, port: int) -> list[str]:
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def is_public(ip: str) -> bool:
    """Return whether anybody on the internet could reach the address, whatever form it is written in."""
    address = ipaddress.ip_address(ip.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        elif address.is_site_local or any(address in network for network in _DISGUISES):
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_link_local)


def _ask(target: Target, *, ip: str, deadline: float) -> tuple[bytes, str | None]:
    """Return the content, or where the answer redirects to."""
    with _connection(target, ip=ip, deadline=deadline) as connection:
        # Nothing of the shopper goes along: no cookie, no name, no page that they came from.
        headers = {"Host": target.named, "Accept": "image/*", "Accept-Encoding": "identity"}
        connection.request("GET", target.path, headers=headers, preload_content=False, decode_content=False)
        with closing(connection.getresponse()) as response:  # it may hold the socket for itself
            if response.status in REDIRECTS and "Location" in response.headers:
                return b"", response.headers["Location"]
            if response.status != http.HTTPStatus.OK:
                raise UploadRefused(_NOT_REACHED)
            return _content(response, deadline=deadline), None


@contextmanager
def _connection(target: Target, *, ip: str, deadline: float) -> Iterator[HTTPConnection]:
    """A connection to the checked address, with the host's name in its certificate; cut at the deadline."""
    if target.scheme == "https":
        connection: HTTPConnection = HTTPSConnection(
            ip, target.port, timeout=SILENT_SECONDS, server_hostname=target.host, assert_hostname=target.host
        )
    else:
        connection = HTTPConnection(ip, target.port, timeout=SILENT_SECONDS)
    watchdog = threading.Timer(max(deadline - time.monotonic(), 0.0), _cut, [connection])
    watchdog.daemon = True
    watchdog.start()
    try:
        yield connection
    finally:
        watchdog.cancel()
        connection.close()


def _cut(connection: HTTPConnection) -> None:
    """End a connection that another thread reads from; one byte every second would never time out."""
    try:
        connection.sock.shutdown(socket.SHUT_RDWR)
    except (OSError, AttributeError):  # closed already, or not yet open
        pass


def _content(response: BaseHTTPResponse, *, deadline: float) -> bytes:
    announced = response.headers.get("Content-Length", "0")
    if announced.isdigit() and int(announced) > MAX_BYTES:
        raise UploadRefused(TOO_BIG, status=http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    content = bytearray()
    while piece := response.read1(PIECE):
        content += piece
        if len(content) > MAX_BYTES:
            raise UploadRefused(TOO_BIG, status=http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if time.monotonic() > deadline:
            raise UploadRefused(_NOT_REACHED)
    return bytes(content)
