"""Data sets fetched from an http(s) address into a temporary file."""

import http.client
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path, PurePosixPath

from recommender.importing.errors import ImportRefused
from recommender.importing.limits import Limits
from recommender.importing.progress import bar
from recommender.importing.streams import PIECE

MAGIC = {b"PK\x03\x04": ".zip", b"PAR1": ".parquet", b"\x1f\x8b": ".csv.gz"}


def download(url: str, *, into: Path, limits: Limits, shown: bool) -> Path:
    """Return the fetched file; raises ImportRefused when it is not there, too slow or too big."""
    request = urllib.request.Request(url, headers={"User-Agent": "import_dataset"})  # noqa: S310 - scheme checked
    try:
        with urllib.request.urlopen(request, timeout=limits.timeout_seconds) as response:  # noqa: S310
            if not response.url.startswith(("http://", "https://")):
                raise ImportRefused(f"{url} leads away from http(s), to {response.url}.")
            path = into / _file_name(url)
            _save(response, path=path, limits=limits, shown=shown)
    except (
        urllib.error.URLError,
        http.client.HTTPException,
        TimeoutError,
        ValueError,
        ConnectionError,
    ) as error:
        raise ImportRefused(f"{url} could not be fetched ({error}); check the address.") from error
    return _with_ending(path)


def _save(response: http.client.HTTPResponse, *, path: Path, limits: Limits, shown: bool) -> None:
    announced = int(response.headers.get("Content-Length") or 0)
    received = 0
    with (
        path.open("xb") as file,
        bar("downloading", shown=shown, total=announced or None, unit="B") as progress,
    ):
        while piece := response.read(PIECE):
            received += len(piece)
            if max(received, announced) > limits.download_bytes:
                raise ImportRefused(
                    f"The download is larger than {limits.download_bytes:,} bytes; import it from disk."
                )
            file.write(piece)
            progress.update(len(piece))
    if announced and received < announced:
        raise ImportRefused(f"The download broke off after {received:,} of {announced:,} bytes; try again.")


def _file_name(url: str) -> str:
    path = urllib.parse.unquote(urllib.parse.urlsplit(url).path)
    return PurePosixPath(path).name.replace("\x00", "").lstrip(".") or "download"


def _with_ending(path: Path) -> Path:
    """Return the file renamed to what its first bytes say when its name says nothing."""
    if "." in path.name:
        return path
    with path.open("rb") as file:
        head = file.read(4)
    ending = next((ending for magic, ending in MAGIC.items() if head.startswith(magic)), ".csv")
    return path.rename(path.with_name(path.name + ending))
