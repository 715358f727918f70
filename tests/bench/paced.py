"""A client that sends requests at a given pace, whatever the answers take: one thread, raw sockets.

Latency counts from the moment at which a request was due, so that a server that stalls is charged for all
that waited. wrk keeps each of its connections busy instead, and is for throughput.
"""

import selectors
import socket
import statistics
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class _Connection:
    """A connection, the moment at which its request was due, and what has arrived of the answer."""

    socket: socket.socket
    due: float = 0.0
    received: bytearray = field(default_factory=bytearray)


@dataclass
class Outcome:
    """What came of a load."""

    latencies_ms: list[float] = field(default_factory=list)
    num_errors: int = 0
    num_ready: int = 0  # answers of the API that came from what was kept
    seconds: float = 0.0

    @property
    def hit_share(self) -> float:
        """The share of answers that the API had ready."""
        return round(self.num_ready / max(len(self.latencies_ms), 1), 4)

    def figures(self) -> dict[str, float]:
        """Return requests a second, percentiles in milliseconds, and errors."""
        return {
            "rps": round(len(self.latencies_ms) / self.seconds, 1),
            **{f"p{share}_ms": round(percentile(self.latencies_ms, share), 2) for share in (50, 95, 99)},
            "errors": self.num_errors,
        }


def percentile(values: list[float], share: int) -> float:
    """Return the percentile; not-a-number of nothing."""
    if len(values) < 2:
        return float("nan")
    return statistics.quantiles(values, n=100, method="inclusive")[share - 1]


def drive(
    address: tuple[str, int],
    requests: Iterator[bytes],
    *,
    per_second: float,
    seconds: float,
    connections: int = 64,
) -> Outcome:
    """Send requests at the pace and return the outcome; those that are unanswered at the end are errors."""
    selector, outcome, waiting = selectors.DefaultSelector(), Outcome(), deque[float]()
    # Taken in turn, so that none is idle for so long that the server closes it.
    free = deque(_Connection(_connect(address)) for _ in range(connections))
    for connection in free:
        selector.register(connection.socket, selectors.EVENT_READ, connection)
    started = time.perf_counter()
    total, sent, num_done = int(per_second * seconds), 0, 0
    deadline = started + seconds + 10
    while num_done < total and time.perf_counter() < deadline:
        now = time.perf_counter()
        while sent + len(waiting) < total and started + (sent + len(waiting)) / per_second <= now:
            waiting.append(started + (sent + len(waiting)) / per_second)
        while waiting and free:
            connection = free.popleft()
            connection.due = waiting.popleft()
            connection.received.clear()
            connection.socket.sendall(next(requests))
            sent += 1
        next_due = started + (sent + len(waiting)) / per_second
        pause = max(next_due - time.perf_counter(), 0) if free else 0.05
        for key, _ in selector.select(min(pause, 0.05)):
            if _answered(key.data, outcome=outcome):
                free.append(key.data)
                num_done += 1
    outcome.seconds = time.perf_counter() - started
    outcome.num_errors += total - num_done
    for key in list(selector.get_map().values()):
        key.data.socket.close()
    selector.close()
    return outcome


def _connect(address: tuple[str, int]) -> socket.socket:
    connected = socket.create_connection(address, timeout=10)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connected


def _answered(connection: _Connection, *, outcome: Outcome) -> bool:
    """Read what is there; return whether the answer is whole, its latency then noted."""
    part = connection.socket.recv(262_144)
    if not part:
        raise ConnectionError("the server closed a connection that was to be kept open")
    connection.received += part
    head, found, body = connection.received.partition(b"\r\n\r\n")
    if not found or not _is_whole(head, body):
        return False
    outcome.latencies_ms.append(1000 * (time.perf_counter() - connection.due))
    outcome.num_ready += b"default-src 'none'; frame-ancestors 'none'" in head  # quick_api's own policy
    outcome.num_errors += not head.startswith(b"HTTP/1.1 200")
    return True


def _is_whole(head: bytes, body: bytes) -> bool:
    lower = head.lower()
    place = lower.find(b"content-length:")
    if place >= 0:
        length = int(lower[place + 15 :].split(b"\r\n", 1)[0])
        return len(body) >= length
    return body.endswith(b"0\r\n\r\n")
