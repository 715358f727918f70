"""The embedded servers, as real processes use them."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis
from django.conf import settings
from django.core.cache import cache
from django.db import connection

from shop import celery_app, embedded
from shop.embedded import ServiceError, guard, lifetime, redis_server, sockets, system_user
from shop.embedded.postgres_server import PostgresServer
from shop.embedded.redis_server import RedisServer

# Starts both servers, says so, and keeps them until its standard input ends.
USE = """
import os, sys
from pathlib import Path
from shop.embedded import lifetime
from shop.embedded.postgres_server import PostgresServer
from shop.embedded.redis_server import RedisServer
sys.stdin.readline()
for server in (PostgresServer, RedisServer):
    lifetime.ensure_running(server(Path(sys.argv[1])))
{then}
print("up", flush=True)
sys.stdin.readline()
"""
# As Celery's beat does: it forks, and closes whatever the child inherited.
FORK_AND_CLOSE = """
child = os.fork()
if not child:
    os.closerange(3, 1000)
    lifetime.ensure_running(RedisServer(Path(sys.argv[1])))
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""
FORK = "os.fork() or (sys.stdin.readline(), os._exit(0))"

pytestmark = pytest.mark.skipif(
    bool(settings.DATABASE_URL or settings.REDIS_URL), reason="uses servers by URL"
)


class User:
    """A process that uses the servers of a folder."""

    def __init__(self, folder: Path, *, then: str = "") -> None:
        script = USE.format(then=then)
        self.process = subprocess.Popen(
            [sys.executable, "-c", script, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def go(self) -> None:
        self._write("go\n")

    def wait_until_up(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "up\n"

    def finish(self) -> None:
        self._write("end\n")
        assert self.process.wait(60) == 0

    def _write(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text)
        self.process.stdin.flush()


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """A data folder of this module's own, whose servers are down at the start of each test."""
    folder = Path(tempfile.mkdtemp(prefix="shop-embedded-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def use(data_dir: Path) -> Iterator[Callable[..., User]]:
    """Return a function that starts a process which uses the servers; all end with the test."""
    users: list[User] = []

    def start(*, then: str = "", folder: Path = data_dir, wait: bool = True) -> User:
        users.append(User(folder, then=then))
        if wait:
            users[-1].go()
            users[-1].wait_until_up()
        return users[-1]

    yield start
    for user in users:
        user.process.kill()
        user.process.communicate()
    assert wait_until(lambda: not any_answers(data_dir))


def wait_until(condition: Callable[[], bool], *, seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def any_answers(data_dir: Path) -> bool:
    return guard.answers(PostgresServer(data_dir).socket) or guard.answers(RedisServer(data_dir).socket)


def both_answer(data_dir: Path) -> bool:
    return guard.answers(PostgresServer(data_dir).socket) and guard.answers(RedisServer(data_dir).socket)


def processes(data_dir: Path, name: str) -> list[psutil.Process]:
    """Return the processes of this folder whose program has the name, PostgreSQL's own children aside."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if any(str(data_dir) in part for part in command) and name in " ".join(command[:4]):
            found.append(process)
    return found


def sql(data_dir: Path, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(
        host=str(PostgresServer(data_dir).socket.parent), user="postgres", dbname="shop", autocommit=True
    ) as session:
        cursor = session.execute(statement)
        return cursor.fetchall() if cursor.description else []


def redis_client(data_dir: Path) -> redis.Redis:
    return redis.Redis(unix_socket_path=str(RedisServer(data_dir).socket))


def test_processes_that_start_at_the_same_instant_share_one_server_of_each_kind(data_dir, use):
    users = [use(wait=False) for _ in range(3)]
    for user in users:
        user.go()
    for user in users:
        user.wait_until_up()
    assert len(processes(data_dir, "bin/postgres -D")) == 1
    assert len(processes(data_dir, "redis-server")) == 1
    assert len(processes(data_dir, "guard.py")) == 2


def test_the_servers_stay_until_the_last_process_has_ended(data_dir, use):
    first, last = use(), use()
    first.finish()
    time.sleep(0.5)
    assert both_answer(data_dir)
    last.finish()
    assert wait_until(lambda: not any_answers(data_dir))
    assert wait_until(lambda: not processes(data_dir, ""))


def test_a_process_killed_by_9_leaves_no_server_behind(data_dir, use):
    use().process.kill()
    assert wait_until(lambda: not processes(data_dir, ""))


def test_a_process_that_comes_while_the_servers_stop_finds_them_running_again(data_dir, use):
    for _ in range(3):
        use().process.kill()
        use()
        assert sql(data_dir, "SELECT 1") == [(1,)]
        assert redis_client(data_dir).ping()


def test_a_forked_child_neither_stops_the_servers_nor_loses_them(data_dir, use):
    parent = use(then=FORK)
    parent.process.kill()
    time.sleep(0.5)
    assert both_answer(data_dir)  # the child still holds the lock
    for child in processes(data_dir, "-c"):
        child.kill()
    assert wait_until(lambda: not any_answers(data_dir))


def test_a_forked_child_that_closed_all_files_finds_the_servers(use):
    use(then=FORK_AND_CLOSE)


def test_data_outlives_a_kill_9_of_everything(data_dir, use):
    use()
    sql(data_dir, "CREATE TABLE kept (n int)")
    sql(data_dir, "INSERT INTO kept VALUES (42)")
    redis_client(data_dir).set("kept", "42")
    for process in processes(data_dir, ""):
        process.kill()
    assert wait_until(lambda: not any_answers(data_dir))
    use()
    assert sql(data_dir, "SELECT n FROM kept") == [(42,)]
    assert redis_client(data_dir).get("kept") == b"42"
    sql(data_dir, "DROP TABLE kept")


def test_stale_lock_files_that_name_another_program_do_not_keep_postgresql_down(data_dir, use):
    use().finish()
    assert wait_until(lambda: not processes(data_dir, ""))
    server = PostgresServer(data_dir)
    owner = {"user": server.run_as[0]} if server.run_as else {}
    with subprocess.Popen(["sleep", "60"], **owner) as other:
        lock = f"{other.pid}\n{server.folder}\n1700000000\n5432\n{server.folder}\n\n  1 1\nready   \n"
        (server.folder / "postmaster.pid").write_text(lock)
        server.socket.with_name(f"{server.socket.name}.lock").write_text(lock)
        try:
            use()
            assert sql(data_dir, "SELECT 1") == [(1,)]
        finally:
            other.kill()


def test_a_half_made_database_is_made_anew(use):
    folder = Path(tempfile.mkdtemp(prefix="shop-half-"))
    (folder / "postgres.new").mkdir()
    (folder / "postgres.new" / "PG_VERSION").write_text("18")
    try:
        user = use(folder=folder)
        assert sql(folder, "SELECT current_database()") == [("shop",)]
        user.finish()
        assert wait_until(lambda: not processes(folder, ""))
    finally:
        shutil.rmtree(folder)


def test_a_long_path_below_a_closed_folder_works(use):
    top = Path(tempfile.mkdtemp(prefix="shop-deep-"))  # mode 700
    folder = top / ("deep" * 20) / ("deeper" * 10)
    try:
        user = use(folder=folder)
        assert both_answer(folder)
        assert len(os.fsencode(PostgresServer(folder).socket)) < 100
        assert not top.stat().st_mode & stat.S_IROTH  # others may pass, and still not list
        user.finish()
        assert wait_until(lambda: not processes(folder, ""))
    finally:
        for server in (PostgresServer(folder), RedisServer(folder)):
            shutil.rmtree(server.socket.parent, ignore_errors=True)
        shutil.rmtree(top)


def test_the_servers_listen_on_private_sockets_only(data_dir, use):
    use()
    assert sql(data_dir, "SHOW listen_addresses") == [("",)]
    assert redis_client(data_dir).config_get("port") == {"port": "0"}
    for server in (PostgresServer(data_dir), RedisServer(data_dir)):
        assert stat.S_IMODE(server.socket.stat().st_mode) == 0o700


def test_redis_keeps_an_append_only_file_and_evicts_nothing(data_dir, use):
    use()
    client = redis_client(data_dir)
    assert client.config_get("appendonly") == {"appendonly": "yes"}
    assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_release_tells_whether_others_still_use_the_server(data_dir, use):
    user = use()
    server = RedisServer(data_dir)
    lifetime.ensure_running(server)
    assert lifetime.release(server, timeout=1) is False
    user.finish()
    assert lifetime.release(server) is True


@pytest.mark.django_db(transaction=True)
def test_django_connects_again_after_its_server_was_killed():
    connection.ensure_connection()
    for process in processes(settings.DATA_DIR / "postgres", "bin/postgres -D"):
        process.kill()
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


@pytest.mark.django_db
def test_postgres_params_name_the_database_in_use():
    params = embedded.postgres_params()
    assert params["NAME"] == connection.settings_dict["NAME"]
    assert params["NAME"].startswith("test_")
    with psycopg.connect(
        host=params["HOST"], port=params["PORT"], user=params["USER"], dbname=params["NAME"]
    ) as session:
        assert session.execute("SELECT current_database()").fetchone() == (params["NAME"],)


def test_redis_url_and_broker_url_lead_to_the_same_server():
    client = redis.Redis.from_url(embedded.redis_url())
    with celery_app.connection_for_write() as broker:
        broker.ensure_connection(max_retries=1)
        assert broker.default_channel.client.config_get("dir") == client.config_get("dir")


def test_clearing_the_cache_leaves_the_queues_alone():
    client = redis.Redis.from_url(embedded.redis_url())
    client.set("another's", "1")
    cache.set("ours", 1)
    cache.clear()
    assert cache.get("ours") is None
    assert client.get("another's") == b"1"
    client.delete("another's")


def test_configured_redis_is_not_started_and_named_when_it_does_not_answer(settings):
    settings.REDIS_URL = "redis://:secret@127.0.0.1:1/0"
    assert embedded.broker_url() == settings.REDIS_URL
    with pytest.raises(
        ServiceError, match=r"^REDIS_URL: no Redis answers at 127\.0\.0\.1:1 .* Start it"
    ) as caught:
        embedded.check_redis()
    assert "secret" not in str(caught.value)


def test_an_old_redis_on_path_is_passed_over(tmp_path, monkeypatch):
    old = tmp_path / "redis-server"
    old.write_text("#!/bin/sh\necho 'Redis server v=5.0.14 sha=0'\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert redis_server.find_binary() != str(old)
    old.write_text("#!/bin/sh\necho 'Redis server v=6.2.1 sha=0'\n")
    assert redis_server.find_binary() == str(old)


def test_a_short_socket_folder_made_by_somebody_else_is_refused(tmp_path):
    folder = tmp_path / ("x" * 100)
    short = sockets.socket_folder(folder, file_name="redis.sock", owner=None)
    try:
        assert stat.S_IMODE(short.stat().st_mode) == 0o700
        assert sockets.socket_folder(folder, file_name="redis.sock", owner=None) == short
        short.chmod(0o777)
        with pytest.raises(ServiceError, match="Choose a shorter DATA_DIR"):
            sockets.socket_folder(folder, file_name="redis.sock", owner=None)
    finally:
        short.rmdir()


def test_passing_through_is_all_that_others_are_allowed(tmp_path):
    closed = tmp_path / "closed"
    inner = closed / "inner"
    inner.mkdir(parents=True)
    closed.chmod(0o700)
    system_user.allow_to_enter(inner)
    assert stat.S_IMODE(closed.stat().st_mode) == 0o701


def test_a_data_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ServiceError, match=r"^DATA_DIR: cannot write there"):
        lifetime.ensure_running(RedisServer(tmp_path / "file"))


def test_the_guard_ignores_a_folder_that_was_made_anew(tmp_path):
    path = tmp_path / "redis.users"
    descriptor = guard.lock(path, guard.fcntl.LOCK_SH)
    assert guard.is_current(descriptor, path)
    path.unlink()
    assert not guard.is_current(descriptor, path)
    path.touch()
    assert not guard.is_current(descriptor, path)
    os.close(descriptor)


def test_a_failed_start_shows_the_servers_own_words(tmp_path):
    log = tmp_path / "log"
    log.write_text("one\ntwo\nthree\nfour\n")
    assert lifetime.tail(log) == "two | three | four"
    assert lifetime.tail(tmp_path / "none") == "no log"
