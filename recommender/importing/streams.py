"""Byte streams that stop a hostile file early: over-long lines, endless or damaged compressed data."""

import gzip
import io
import zlib
from pathlib import Path
from typing import IO

from recommender.importing.errors import ImportRefused
from recommender.importing.limits import Limits

PIECE = 1 << 18


class GuardedStream(io.RawIOBase):
    """The unpacked bytes of a text file; raises ImportRefused at the first bound that is passed."""

    def __init__(self, path: Path, *, limits: Limits) -> None:
        super().__init__()
        self._name = path.name
        self._limits = limits
        self._size = path.stat().st_size
        self._packed: IO[bytes] = path.open("rb")
        self._plain: IO[bytes] = self._packed
        if path.suffix == ".gz":
            self._plain = gzip.GzipFile(fileobj=self._packed)  # type: ignore[assignment]
        self._total = 0
        self._line = 0
        self._last = b"\n"

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview[int]") -> int:  # type: ignore[override]
        try:
            chunk = self._plain.read(min(len(buffer), PIECE))
        except (OSError, EOFError, zlib.error) as error:
            raise ImportRefused(f"{self._name} is damaged or cut short ({error}); fetch it again.") from error
        if not chunk and self._last != b"\n":
            chunk = b"\n"  # Arrow takes a header for half a row unless its line ends
        self._last = chunk[-1:] or self._last
        self._check(chunk)
        buffer[: len(chunk)] = chunk
        return len(chunk)

    @property
    def fraction(self) -> float:
        """The share of the file, as it lies on disk, that has been read."""
        return self._packed.tell() / self._size if self._size and not self._packed.closed else 1.0

    def close(self) -> None:
        if not self.closed:
            self._plain.close()
            self._packed.close()
        super().close()

    def _check(self, chunk: bytes) -> None:
        self._total += len(chunk)
        check_volume(self._name, unpacked=self._total, packed=self._packed.tell(), limits=self._limits)
        first, last = chunk.find(b"\n"), chunk.rfind(b"\n")
        begun = self._line + (first if first >= 0 else len(chunk))
        self._line = begun if first < 0 else len(chunk) - last - 1
        if max(begun, self._line) > self._limits.line_bytes:
            raise ImportRefused(
                f"{self._name} holds a line over {self._limits.line_bytes:,} bytes; is it the right file?"
            )


def check_volume(name: str, *, unpacked: int, packed: int, limits: Limits) -> None:
    """Raise ImportRefused when unpacking has gone past the total or past a believable ratio."""
    if unpacked > limits.total_bytes:
        raise ImportRefused(f"{name} unpacks to more than {limits.total_bytes:,} bytes; split it up.")
    if unpacked > limits.ratio_from_bytes and unpacked > packed * limits.ratio:
        raise ImportRefused(
            f"{name} unpacks to over {limits.ratio} times its size: a zip bomb, not a data set."
        )
