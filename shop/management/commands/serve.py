"""Runs the whole shop with one command: web server, worker with scheduler, and consumer of events."""

import errno
import http.client
import socket
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from shop import embedded
from shop.env import env
from shop.processes import Program, Supervisor, python_module, say


class Command(BaseCommand):
    help = "Run the shop (web server, worker, scheduler, consumer of events) until Ctrl-C."
    stealth_options = ("on_ready",)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default=env.HOST, help=f"address to listen on (default {env.HOST})")
        parser.add_argument(
            "--port", type=int, default=env.PORT, help=f"port to listen on (default {env.PORT})"
        )
        parser.add_argument("--no-worker", action="store_true", help="run the web server alone")

    def handle(self, *args: Any, on_ready: Callable[[], None] | None = None, **options: Any) -> None:
        host, port = options["host"], options["port"]
        check_port_is_free(host, port)
        prepare()
        programs = [web_program(host=host, port=port)]
        if not options["no_worker"]:
            programs += [worker_program(), consumer_program()]
        say("shop", f"Starting {', '.join(program.name for program in programs)}")
        supervisor = Supervisor(programs)
        supervisor.run(
            is_ready=lambda: all(program.is_ready() for program in programs) and answers(host, port),
            on_ready=lambda: announce(host, port, also=on_ready),
        )
        stopped = embedded.stop_all()
        say("shop", "Stopped." if stopped else "Stopped; another command still uses PostgreSQL or Redis.")


def check_port_is_free(host: str, port: int) -> None:
    """Raise CommandError unless the address can be listened on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise CommandError(
                    f"PORT: {port} is in use. Stop the program that listens there, "
                    f"or choose another: manage.py serve --port {port + 1}"
                ) from None
            raise CommandError(f"HOST, PORT: cannot listen on {host}:{port} ({error.strerror})") from None
        except OverflowError:
            raise CommandError(f"PORT: {port} is no port. Choose one from 1 to 65535") from None


def prepare() -> None:
    """Leave services that answer, a database of this release's form and the static files in place."""
    embedded.check_redis()
    executor = MigrationExecutor(connection)
    pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if pending:
        say("shop", f"Applying {len(pending)} database migrations")
        call_command("migrate", interactive=False, verbosity=0)
    if settings.PRODUCTION:
        call_command("collectstatic", interactive=False, verbosity=0)


def web_program(*, host: str, port: int) -> Program:
    """Return the web server."""
    command = python_module(
        "granian",
        *("--interface", "wsgi", "--host", host, "--port", str(port), "--no-ws", "--log-level", "warning"),
        *("--workers", str(env.WEB_WORKERS), "--blocking-threads", str(env.WEB_THREADS)),
        *("--respawn-failed-workers", "--working-dir", str(settings.BASE_DIR), "shop.wsgi:application"),
    )
    # Requests are answered side by side; a matrix product of one that takes every core makes the others wait.
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return Program(name="web", command=command, env=one_thread)


def worker_program() -> Program:
    """Return the Celery worker, which also runs the scheduler."""
    command = python_module(
        "celery",
        *("--app", "shop", "--quiet", "--workdir", str(settings.BASE_DIR)),
        *("worker", "--beat", "--concurrency", str(env.WORKER_PROCESSES), "--loglevel", env.LOG_LEVEL),
        *("--schedule", str(settings.DATA_DIR / "celery-schedule"), "--without-gossip", "--without-mingle"),
    )
    threads = {"OMP_NUM_THREADS": str(env.TORCH_THREADS)} if env.TORCH_THREADS else {}
    return Program(name="worker", command=command, env=threads, ready_text=" ready.")


def consumer_program() -> Program:
    """Return the consumer of events; its command is the recommender's, known here by name alone."""
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "consume"]
    return Program(name="events", command=command, ready_text="Ready:")


def answers(host: str, port: int) -> bool:
    """Return whether the site answers at this address, with whatever status."""
    client = http.client.HTTPConnection(local_host(host), port, timeout=2)
    try:
        client.request("GET", "/healthz")
        client.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        client.close()
    return True


def announce(host: str, port: int, *, also: Callable[[], None] | None) -> None:
    """Print where the shop is; last what the caller adds."""
    say("shop", f"Ready at http://{local_host(host)}:{port}/ - Ctrl-C stops it")
    if also is not None:
        also()


def local_host(host: str) -> str:
    """Return the name under which this machine reaches an address that the server listens on."""
    return "localhost" if host in ("0.0.0.0", "127.0.0.1", "::", "::1") else host  # noqa: S104 - compared, not bound
