"""Lets the version that served before serve again."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from recommender import encoder_versions, versions


class Command(BaseCommand):
    help = "Let the version that was active before the present one serve again; repeat to go further back."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--encoder", action="store_true", help="The search's encoder, not the model.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            now = _roll_back_encoder() if options["encoder"] else str(versions.roll_back())
        except (
            versions.CannotActivate,
            encoder_versions.CannotActivateEncoder,
            versions.ArtifactError,
        ) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(self.style.SUCCESS(f"{now} serves now."))


def _roll_back_encoder() -> str:
    version = encoder_versions.roll_back()
    return str(version) if version else "The encoder of the settings"
