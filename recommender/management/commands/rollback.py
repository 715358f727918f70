"""Lets the version that served before serve again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from recommender import versions


class Command(BaseCommand):
    help = "Let the version that was active before the present one serve again; repeat to go further back."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            version = versions.roll_back()
        except (versions.CannotActivate, versions.ArtifactError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(self.style.SUCCESS(f"{version} serves now."))
