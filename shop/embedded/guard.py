"""Waits until no process uses an embedded server any more, then stops it.

Run as a script by shop.embedded.lifetime, with the standard library alone, so that it starts at once.
Every process that uses the server holds a shared lock on the users file; the kernel drops the lock
however the process ends, kill -9 included. The guard gets the exclusive lock when the last one is gone.
"""

import argparse
import fcntl
import os
import socket
import subprocess
import sys
from pathlib import Path


def detach() -> None:
    """Leave the caller's session and terminal, so that its Ctrl-C and its end do not reach the guard."""
    if os.fork():
        os._exit(0)
    os.setsid()
    os.chdir("/")


def lock(path: Path, operation: int) -> int | None:
    """Return the descriptor that holds the lock, or None when another has it and we shall not wait."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, operation)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def is_current(descriptor: int, path: Path) -> bool:
    """Return whether the locked file is still the one at this path, not one of a removed data folder."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except OSError:
            return False
        return True


def stop_redis(path: Path) -> None:
    """Ask Redis to write its log and end; return when it has closed the connection."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(str(path))
        client.sendall(b"SHUTDOWN\r\n")
        while client.recv(4096):
            pass


def stop(arguments: argparse.Namespace) -> None:
    if not answers(arguments.socket):
        return
    if arguments.command:
        subprocess.run(arguments.command, user=arguments.uid, group=arguments.gid, check=False, timeout=60)
    else:
        stop_redis(arguments.socket)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--users", type=Path, required=True)
    parser.add_argument("--guard", type=Path, required=True)
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--uid", type=int)
    parser.add_argument("--gid", type=int)
    parser.add_argument("command", nargs="*", help="stops the server; none sends SHUTDOWN to the socket")
    arguments = parser.parse_args()
    detach()
    guard_lock = lock(arguments.guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
    if guard_lock is None:
        sys.exit(0)
    users_lock = lock(arguments.users, fcntl.LOCK_EX)
    assert users_lock is not None
    if is_current(users_lock, arguments.users):
        stop(arguments)
    # In this order: a process that waits for the users lock must not take this guard for one that stays.
    os.close(guard_lock)
    os.close(users_lock)


if __name__ == "__main__":
    main()
