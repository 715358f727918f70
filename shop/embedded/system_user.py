"""The user that PostgreSQL runs as when root starts the shop: PostgreSQL refuses to run as root."""

import logging
import pwd
import stat
import subprocess
from pathlib import Path

from shop.embedded.errors import ServiceError

NAME = "pgserver"
logger = logging.getLogger(__name__)


def find_or_create() -> tuple[int, int]:
    """Return user and group id of the system user, created when missing."""
    try:
        entry = pwd.getpwnam(NAME)
    except KeyError:
        entry = _create()
    return entry.pw_uid, entry.pw_gid


def _create() -> pwd.struct_passwd:
    command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", NAME]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pass  # another process may have been first
    try:
        return pwd.getpwnam(NAME)
    except KeyError:
        raise ServiceError(
            f"PostgreSQL does not run as root, and the user {NAME} could not be created. "
            f"Create it, run the shop as an ordinary user, or set DATABASE_URL"
        ) from None


def allow_to_enter(folder: Path) -> None:
    """Let other users pass through the folder and those above it, without letting them list anything."""
    for path in (folder, *folder.resolve().parents):
        mode = path.stat().st_mode
        if not mode & stat.S_IXOTH:
            path.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)
            logger.warning(
                "PostgreSQL runs as the user %s, so %s may now be passed through (chmod o+x)", NAME, path
            )


def allow_to_run(folder: Path, *, user: tuple[int, int]) -> None:
    """Make PostgreSQL's programs runnable for the user, if a strict umask or a closed home hides them."""
    if _runs(folder / "postgres", user=user):
        return
    allow_to_enter(folder)
    for path in (folder.parent, *folder.parent.rglob("*")):
        if path.is_symlink():
            continue
        mode = stat.S_IMODE(path.stat().st_mode)
        path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if path.is_dir() or mode & stat.S_IXUSR else 0))
    if not _runs(folder / "postgres", user=user):
        raise ServiceError(
            f"The user {NAME} cannot run {folder / 'postgres'}. Move the shop out of this folder"
        )


def _runs(program: Path, *, user: tuple[int, int]) -> bool:
    try:
        result = subprocess.run(
            [program, "--version"],
            user=user[0],
            group=user[1],
            extra_groups=[],
            cwd="/",
            capture_output=True,
            check=False,
        )
    except OSError:
        return False
    return result.returncode == 0
