"""The shop under load, started as in production: pages, the API, retrieval. Run by `make bench-serving`.

A shop of 5,000 products and 10,000 shoppers is made and trained once, in .bench/serving-shop; another of
100,000 products in .bench/serving-large. Throughput is wrk's, over a Zipf mix of shoppers; percentiles come
from a client that keeps a pace (tests/bench/paced.py), since wrk cannot. Both run on the machine that serves.
Prints a table and writes .bench/serving.json; the details beside it, in .bench/serving-details.json.
"""

import argparse
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate, cycle
from pathlib import Path
from typing import Any

import psutil

from tests.bench.paced import Outcome, drive

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / ".bench"
PARTS = ("api", "uncached", "home", "product", "retrieval")
API, HOME, PRODUCT = "/api/recommendations/?k=12", "/", "/product/%p/"
WARMING_PER_SECOND = 50
TARGET_RPS, PAGES_PER_SECOND, UNCACHED_PER_SECOND = 1500, 50, 20
SETTINGS = {
    "DJANGO_SETTINGS_MODULE": "shop.settings",
    "PRODUCTION": "true",
    "SECRET_KEY": "of a bench, which nobody else can reach: 0123456789",
    "ALLOWED_HOSTS": "127.0.0.1",
    "SECURE_COOKIES": "false",
    "LOG_LEVEL": "WARNING",
    "API_REQUESTS_PER_MINUTE": "1000000",  # one shopper of the mix makes a tenth of all calls
}


def main() -> None:
    """Make what is not there, measure the parts, print them and write them down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default=",".join(PARTS), help=f"some of {','.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="5 s a load, and retrieval up to 100,000")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=4)
    options = parser.parse_args()
    parts = options.only.split(",")
    seconds = 5 if options.quick else 20
    workers = {"WEB_WORKERS": str(options.workers), "WEB_THREADS": str(options.threads)}
    rows: dict[str, dict[str, Any]] = {}
    if {"api", "home", "product"}.intersection(parts):
        folder = shop_in(BENCH / "serving-shop", size="small")
        with serving(folder, **workers) as address:
            rows |= measured(parts, address=address, folder=folder, seconds=seconds)
    if "uncached" in parts:
        folder = shop_in(BENCH / "serving-large", size="large")
        with serving(folder, **workers, LIST_CACHE_SECONDS="0") as address:
            load = Load(folder, address=address)
            load.paced(API, per_second=UNCACHED_PER_SECOND, seconds=5)
            rows["api_uncached_100k"] = load.paced(
                API, per_second=UNCACHED_PER_SECOND, seconds=seconds
            ).figures()
    if "retrieval" in parts:
        rows["retrieval"] = retrieval(quick=options.quick)
    report(rows, options=vars(options))


def measured(
    parts: Sequence[str], *, address: tuple[str, int], folder: Path, seconds: int
) -> dict[str, dict[str, Any]]:
    """Return the figures of the small shop's parts, cold ones with a name of their own."""
    load, rows = Load(folder, address=address), {}
    if "api" in parts:
        rows["api_cold"] = load.wrk(API, seconds=seconds)
        rows["warmed_up"] = {"hits": load.warm_up(API)}
        throughput = load.wrk(API, seconds=seconds)
        half = load.paced(API, per_second=TARGET_RPS / 2, seconds=seconds)
        figures = half.figures()
        rows["api_warm"] = {**figures, "rps": throughput["rps"]}
        rows["api_warm"]["errors"] += throughput["errors"]
        rows["api_warm_details"] = {"wrk": throughput, "at half the load": figures, "hits": half.hit_share}
    for name, path in (("home", HOME), ("product", PRODUCT)):
        if name in parts:
            load.paced(path, per_second=10, seconds=5)  # what a new process reads once
            rows[f"{name}_cold"] = load.paced(path, per_second=PAGES_PER_SECOND, seconds=seconds).figures()
            if name == "home":
                load.warm_up(path)
            rows[name] = load.paced(path, per_second=PAGES_PER_SECOND, seconds=seconds).figures()
            rows[f"{name}_wrk"] = load.wrk(path, seconds=seconds)
    return rows


class Load:
    """Requests of the shop's shoppers to a server."""

    def __init__(self, folder: Path, *, address: tuple[str, int]) -> None:
        self.address, self.files = address, (folder / "cookies.txt", folder / "products.txt")
        self.cookies, self.products = (path.read_text().split("\n")[:-1] for path in self.files)
        self.chance = random.Random(11)

    def warm_up(self, path: str) -> float:
        """Call once for every shopper; return the share of answers that are ready afterwards."""
        drive(
            self.address,
            (self._request(path, cookie=cookie, product=self.products[0]) for cookie in cycle(self.cookies)),
            per_second=WARMING_PER_SECOND,
            seconds=len(self.cookies) // WARMING_PER_SECOND,
        )
        return self.paced(path, per_second=50, seconds=4).hit_share

    def paced(self, path: str, *, per_second: float, seconds: int) -> Outcome:
        return drive(self.address, self._requests(path), per_second=per_second, seconds=seconds)

    def wrk(self, path: str, *, seconds: int, connections: int = 32) -> dict[str, float]:
        """Return what wrk measured; where it is not installed, what one thread of ours gets through."""
        if shutil.which("wrk") is None:
            return self.paced(path, per_second=TARGET_RPS, seconds=seconds).figures()
        host, port = self.address
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
        command += ["-s", str(Path(__file__).with_name("zipf.lua")), f"http://{host}:{port}/", "--"]
        command += [*map(str, self.files), path]
        return read_wrk(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    def _requests(self, path: str) -> Iterator[bytes]:
        sums = [list(accumulate(1 / place for place in range(1, len(of) + 1))) for of in self._mixes()]
        while True:
            chosen = zip(self._mixes(), sums, strict=True)
            cookie, product = (self.chance.choices(of, cum_weights=weights)[0] for of, weights in chosen)
            yield self._request(path, cookie=cookie, product=product)

    def _request(self, path: str, *, cookie: str, product: str) -> bytes:
        line = f"GET {path.replace('%p', product)} HTTP/1.1"
        return f"{line}\r\nHost: 127.0.0.1\r\nCookie: {cookie}\r\n\r\n".encode()

    def _mixes(self) -> tuple[list[str], list[str]]:
        return self.cookies, self.products


def read_wrk(text: str) -> dict[str, float]:
    """Return requests a second, percentiles and errors from what wrk prints."""
    found: dict[str, float] = {"errors": 0}
    for line in text.splitlines():
        words = line.split()
        if line.startswith("Requests/sec"):
            found["rps"] = float(words[1])
        elif "Non-2xx" in line:
            found["errors"] += int(words[-1])
        elif "Socket errors" in line:
            found["errors"] += sum(int(word.rstrip(",")) for word in words if word.rstrip(",").isdigit())
        elif words and words[0] in ("50%", "99%"):
            found[f"p{words[0][:2]}_ms"] = milliseconds(words[1])
    return found


def milliseconds(text: str) -> float:
    for unit, factor in (("us", 0.001), ("ms", 1.0), ("s", 1000.0), ("m", 60_000.0)):
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    raise ValueError(f"wrk said {text!r} where a time was due")


def shop_in(folder: Path, *, size: str) -> Path:
    """Return the folder with a shop of that size in it, made when it is not there; minutes."""
    if not (folder / "cookies.txt").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        folder.chmod(0o711)  # PostgreSQL started by root runs as another user, which must be able to enter
        print(f"Making a shop in {folder}; minutes, once", flush=True)
        command = [sys.executable, "-m", "tests.bench.serving_shop", str(folder), size]
        subprocess.run(command, cwd=ROOT, env=environment(folder), check=True)
    return folder


@contextmanager
def serving(folder: Path, **env: str) -> Iterator[tuple[str, int]]:
    """Serve the folder's shop with all its programs, as `manage.py serve` does; stopped at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = probe.getsockname()
    command = [sys.executable, "manage.py", "serve", "--port", str(address[1])]
    log = (folder / "serve.log").open("w")
    server = subprocess.Popen(command, cwd=ROOT, env={**environment(folder), **env}, stdout=log, stderr=log)
    try:
        wait_until_ready(address, server=server)
        yield address
    finally:
        server.terminate()
        server.wait(30)
        log.close()


def wait_until_ready(address: tuple[str, int], *, server: subprocess.Popen[bytes]) -> None:
    """Return once the API answers and what the processes read in the background is there."""
    url = f"http://{address[0]}:{address[1]}{API}"
    for _ in range(240):
        if server.poll() is not None:
            raise SystemExit("The shop did not start; see serve.log in its folder under .bench")
        try:
            with urllib.request.urlopen(url, timeout=5):
                break
        except (OSError, urllib.error.URLError):
            time.sleep(0.5)
    settle(psutil.Process(server.pid))


def settle(server: psutil.Process) -> None:
    """Return once the programs are idle, two minutes at most: web processes load the encoder at first."""
    for _ in range(24):
        before = cpu_seconds(server)
        time.sleep(5)
        if cpu_seconds(server) - before < 0.5:
            return
    print("The shop's programs are still busy after two minutes; the figures are of a busy shop", flush=True)


def cpu_seconds(server: psutil.Process) -> float:
    times = [process.cpu_times() for process in (server, *server.children(recursive=True))]
    return sum(time_of.user + time_of.system for time_of in times)


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, **SETTINGS, "DATA_DIR": str(folder / "data"), "PYTHONPATH": str(ROOT)}


def retrieval(*, quick: bool) -> dict[str, Any]:
    """Return retrieval alone, measured by a process of its own in a folder that is removed."""
    from tests.bench.retrieval import SIZES

    out = BENCH / "retrieval.json"
    sizes = [str(size) for size in SIZES if size <= 100_000 or not quick]
    with tempfile.TemporaryDirectory():
        command = [sys.executable, "-m", "tests.bench.retrieval", "--sizes", *sizes]
        subprocess.run(command, cwd=ROOT, check=True)
    wanted = ("ours_ms", "pgvector_ms", "faiss_flat_ms", "faiss_hnsw_ms", "numpy_ms", "recall")
    rows = json.loads(out.read_text())["retrieval"]
    return {size: {name: row[name] for name in wanted} for size, row in rows.items()}


def report(rows: dict[str, dict[str, Any]], *, options: dict[str, Any]) -> None:
    """Print a line for each part; write the figures that were asked for, and all of them apart."""
    columns = ("rps", "p50_ms", "p95_ms", "p99_ms", "errors")
    print(f"\n{os.cpu_count()} cores, {options}")
    print(f"{'':<20}" + "".join(f"{name:>10}" for name in columns))
    for name, row in rows.items():
        if "rps" in row:
            print(f"{name:<20}" + "".join(f"{row.get(column, float('nan')):>10.1f}" for column in columns))
        else:
            print(f"{name}: {json.dumps(row)}")
    BENCH.mkdir(exist_ok=True)
    path = BENCH / "serving.json"
    before = json.loads(path.read_text()) if path.exists() else {}
    asked = ("api_warm", "api_uncached_100k", "home", "product", "retrieval")
    path.write_text(
        json.dumps(before | {name: rows[name] for name in asked if name in rows}, indent=2) + "\n"
    )
    (BENCH / "serving-details.json").write_text(json.dumps({"options": options, **rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
