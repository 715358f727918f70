"""Seconds and memory of one step, and a line now and then that says how far it is."""

import ctypes
import gc
import os
import platform
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psutil
import torch

SAMPLE_SECONDS = 0.005
MIB = 1024 * 1024
FIRST_SECONDS = 2.0  # of a step, in which nothing is said beyond its name
NEXT_SECONDS = 10.0  # from one line to the next


@dataclass(kw_only=True)
class Cost:
    """What a step took; memory is what the process held at most beyond what it held before."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0  # of all threads: what other processes do to the clock it does not show
    peak_memory_mb: float = 0.0


@contextmanager
def measured() -> Iterator[Cost]:
    """Measure the block: its cost is known once it ends. One block at a time.

    Memory is sampled, since the system's own peak cannot be reset by a process of any user. What earlier
    steps freed is given back first, or this one would seem to need nothing.
    """
    gc.collect()
    _return_freed_memory()
    process = psutil.Process()
    before = process.memory_info().rss
    peak, done = [before], threading.Event()

    def sample() -> None:
        while not done.wait(SAMPLE_SECONDS):
            peak[0] = max(peak[0], process.memory_info().rss)

    sampler = threading.Thread(target=sample, daemon=True)
    cost = Cost()
    sampler.start()
    started, used = time.perf_counter(), time.process_time()
    try:
        yield cost
    finally:
        cost.seconds = time.perf_counter() - started
        cost.cpu_seconds = time.process_time() - used
        done.set()
        sampler.join()
        cost.peak_memory_mb = (max(peak[0], process.memory_info().rss) - before) / MIB


def _return_freed_memory() -> None:
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


@dataclass(kw_only=True)
class Progress:
    """Lines on standard error: each step as it begins, how far it is after two seconds, then every ten."""

    stage: str = ""
    _due: float = 0.0

    def begin(self, stage: str) -> None:
        """Start another step; it is named before it ends, so that a long one is never silent."""
        self.stage = stage
        self._say(stage, quiet_for=FIRST_SECONDS)

    def report(self, step: str, fraction: float, message: str) -> None:
        """Say how far the step is, as ml.training does; too soon after the last line nothing is said."""
        if time.monotonic() >= self._due:
            self._say(f"{self.stage}, {step} {fraction:.0%}: {message}", quiet_for=NEXT_SECONDS)

    def _say(self, line: str, *, quiet_for: float) -> None:
        self._due = time.monotonic() + quiet_for
        print(f"  {line}", file=sys.stderr, flush=True)


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "cores": os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS", "unset"),
        "memory_gb": round(psutil.virtual_memory().total / 1024**3, 1),
        "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
