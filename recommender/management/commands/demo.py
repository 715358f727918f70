"""Makes a shop with data, trains a model on it, and serves it."""

import time
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from recommender import demo, versions
from recommender.models import Interaction
from shop.env import env
from shop.management.commands.serve import check_port_is_free, local_host
from shop.models import Product

SIZES = {"users": 1000, "items": 5000, "interactions": 100_000, "seed": 7}


class Command(BaseCommand):
    help = "Make a shop with data, train a model on it, and serve it; run again, it keeps what is there."

    def add_arguments(self, parser: ArgumentParser) -> None:
        for name, default in SIZES.items():
            parser.add_argument(f"--{name}", type=int, default=default, help=f"default {default}")
        parser.add_argument("--port", type=int, default=env.PORT, help=f"to serve on; default {env.PORT}")
        parser.add_argument("--no-serve", action="store_true", help="stop once everything is in place")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError(
                "PRODUCTION: the demo's administrator has a known password; run it with PRODUCTION=false"
            )
        port = options["port"]
        if not options["no_serve"]:
            check_port_is_free(env.HOST, port)
        self.set_up(options)
        logins = demo.create_logins()
        if options["no_serve"]:
            self.print_logins(logins, port=port)
            return
        call_command("serve", port=port, on_ready=lambda: self.print_logins(logins, port=port))

    def set_up(self, options: dict[str, Any]) -> None:
        """Take each step that has not been taken yet."""
        self.step("Preparing the database", lambda: call_command("migrate", interactive=False, verbosity=0))
        if not (Product.objects.exists() and Interaction.objects.exists()):
            sizes = {name: options[name] for name in SIZES}
            self.step("Making a shop with shoppers", lambda: call_command("generate_dataset", **sizes))
        self.step("Reading names and pictures with CLIP", lambda: call_command("embed_content"))
        self.step("Setting up the feature store", lambda: call_command("features", "apply"))
        active = versions.active_version()
        if active is None or not versions.is_readable(active):
            self.step("Training the two-tower model", lambda: call_command("train"))

    def step(self, title: str, work: Callable[[], object]) -> None:
        """Do the work under its title, and say how long it took."""
        self.stdout.write(self.style.MIGRATE_HEADING(f"{title} ..."))
        started = time.monotonic()
        work()
        self.stdout.write(f"{title}: done in {time.monotonic() - started:.1f} s")

    def print_logins(self, logins: list[demo.Login], *, port: int) -> None:
        address = f"http://{local_host(env.HOST)}:{port}"
        self.stdout.write(
            f"\nShop    {address}/\nAdmin   {address}/admin/\n\nLogins, each password {demo.PASSWORD}"
        )
        width = max(len(login.email) for login in logins)
        for login in logins:
            self.stdout.write(f"  {login.email:<{width}}  {login.description}")
        self.stdout.flush()
