"""Runs the consumer of events, or says how far it is behind."""

import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from recommender import redis_door, streams
from recommender.consumer import Consumer


class Command(BaseCommand):
    help = "Count what visitors do as it happens and save the lists they were shown, until SIGTERM or Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--status", action="store_true", help="say how far it is behind; fails when no consumer runs"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["status"]:
            self._show_status()
            return
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        self.stdout.write("Ready: events are counted as they happen")
        Consumer().run(stop)
        self.stdout.write("Stopped; what waits in Redis is taken up by the next start.")

    def _show_status(self) -> None:
        try:
            status = streams.status()
        except redis_door.RedisAway as error:
            raise CommandError(f"Redis does not answer ({error}); start it or correct REDIS_URL.") from error
        self.stdout.write(streams.in_words(status))
        if not status.is_running:
            raise CommandError(
                "No consumer runs; start `manage.py consume`, or `manage.py serve`, which does."
            )
