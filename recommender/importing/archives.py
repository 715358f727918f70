"""Zip files, unpacked within bounds: no path outside the target, no link, no bomb."""

import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from recommender.importing.errors import ImportRefused
from recommender.importing.limits import Limits
from recommender.importing.progress import bar
from recommender.importing.streams import PIECE, check_volume

ENCRYPTED = 0x1


def unpack(path: Path, *, into: Path, limits: Limits, shown: bool) -> None:
    """Unpack the whole zip into a new folder; raises ImportRefused before or while it does harm."""
    into.mkdir()
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            _check_entries(path.name, entries, limits=limits)
            with bar(
                "unpacking", shown=shown, total=sum(entry.file_size for entry in entries), unit="B"
            ) as progress:
                _unpack_entries(archive, entries, into=into, limits=limits, progress=progress)
    except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError, OSError) as error:
        raise ImportRefused(f"{path.name} is damaged or cut short ({error}); fetch it again.") from error


def _check_entries(name: str, entries: list[zipfile.ZipInfo], *, limits: Limits) -> None:
    if len(entries) > limits.zip_entries:
        raise ImportRefused(f"{name} holds more than {limits.zip_entries:,} files; split it up.")
    for entry in entries:
        parts = PurePosixPath(entry.filename.replace("\\", "/"))
        if (
            parts.is_absolute()
            or ".." in parts.parts
            or ":" in entry.filename[:3]
            or "\x00" in entry.orig_filename
        ):
            raise ImportRefused(f"{name} holds {entry.filename!r}, a path outside the archive; repack it.")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise ImportRefused(f"{name} holds the link {entry.filename!r}; repack it with plain files.")
        if entry.flag_bits & ENCRYPTED:
            raise ImportRefused(f"{name} is encrypted; repack it without a password.")


def _unpack_entries(
    archive: zipfile.ZipFile,
    entries: list[zipfile.ZipInfo],
    *,
    into: Path,
    limits: Limits,
    progress: "tqdm[None]",
) -> None:
    unpacked = packed = 0
    for entry in entries:
        packed += entry.compress_size
        target = into / entry.filename.replace("\\", "/")
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(entry) as source, target.open("xb") as file:
            while piece := source.read(PIECE):
                unpacked += len(piece)
                check_volume(entry.filename, unpacked=unpacked, packed=packed, limits=limits)
                file.write(piece)
                progress.update(len(piece))
