"""Where a server's socket lies."""

import hashlib
import os
import stat
from pathlib import Path

from shop.embedded.errors import ServiceError

# A Unix socket's path may take 107 bytes on Linux and 103 on macOS.
MAX_PATH_BYTES = 100


def socket_folder(folder: Path, *, file_name: str, owner: tuple[int, int] | None) -> Path:
    """Return the folder itself, or a short private one when the socket's path would be too long in it.

    The short one depends on nothing but the folder, so that every process finds it. Raises ServiceError
    when somebody else has made it.
    """
    if len(os.fsencode(folder / file_name)) <= MAX_PATH_BYTES:
        return folder
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    short = Path(f"/tmp/shop-{digest}")  # noqa: S108 - private, and checked to be ours below
    short.mkdir(mode=0o700, exist_ok=True)
    facts = short.lstat()
    allowed = {os.geteuid()} | ({owner[0]} if owner else set())
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid not in allowed or facts.st_mode & 0o077:
        raise ServiceError(
            f"DATA_DIR: {short}, needed for so long a path, is not ours. Choose a shorter DATA_DIR"
        )
    if owner and facts.st_uid != owner[0]:
        os.chown(short, *owner)
    return short
