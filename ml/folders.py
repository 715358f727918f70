"""Folders that are written whole or not at all, and their checksum. No torch."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# The files of a saved two-tower model.
WEIGHTS = "weights.safetensors"
CONFIG = "config.json"


class ArtifactError(ValueError):
    """A saved model is missing, changed or unreadable; the message says which and what to do."""


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder to write into, that becomes `folder` in one rename once the block ends well.

    Everything is flushed to the disk first, so a kill or a power cut leaves the whole folder or none.
    """
    if folder.exists():
        raise ArtifactError(f"{folder} exists; a saved model is never overwritten, choose a new folder.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        yield temporary
        for path in sorted(temporary.iterdir()):
            _flush(path)
        _flush(temporary)
        temporary.chmod(0o755)
        temporary.rename(folder)
        _flush(folder.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def checksum(folder: Path) -> str:
    """The SHA-256 over the names and contents of a folder's files."""
    total = hashlib.sha256()
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        with path.open("rb") as file:
            total.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return total.hexdigest()


def verify(folder: Path, *, expected_sha256: str | None) -> None:
    """Return when the folder is there and unchanged; ArtifactError otherwise."""
    if not folder.is_dir():
        raise ArtifactError(
            f"There is no saved model at {folder}; train one or restore the folder from a backup."
        )
    if expected_sha256 is not None and checksum(folder) != expected_sha256:
        raise ArtifactError(
            f"The files in {folder} are not the ones that were saved (checksum differs); "
            "restore the folder from a backup or activate another version."
        )


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
