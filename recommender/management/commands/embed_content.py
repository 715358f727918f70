"""manage.py embed_content: encode the text and picture of products that changed."""

from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ml.clip import EncoderUnavailable
from recommender.content import embed_and_activate, update_content_embeddings
from recommender.encoder_versions import ArtifactError, CannotActivateEncoder
from recommender.management.progress import counting_bar
from recommender.models import EncoderVersion


class Command(BaseCommand):
    help = "Encode the text and picture of every product that is new or changed, for search and training."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--encoder", type=int, help="Encode all with this encoder version's, and let it serve then."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        version = _version(options["encoder"])
        with counting_bar("Encoding", unit="products") as on_progress:
            try:
                count = _embed(version, on_progress=on_progress)
            except (EncoderUnavailable, CannotActivateEncoder, ArtifactError) as error:
                raise CommandError(str(error)) from error
        self.stdout.write(f"{count} products encoded." if count else "Every product is encoded already.")
        if version is not None:
            self.stdout.write(self.style.SUCCESS(f"{version} reads texts and pictures from now on."))


def _version(key: int | None) -> EncoderVersion | None:
    if key is None:
        return None
    version = EncoderVersion.objects.filter(pk=key).first()
    if version is None:
        known = ", ".join(str(pk) for pk in EncoderVersion.objects.values_list("pk", flat=True)) or "none"
        raise CommandError(f"There is no encoder version {key}; there are: {known}.")
    return version


def _embed(version: EncoderVersion | None, *, on_progress: Callable[[int, int], None]) -> int:
    if version is None:
        return update_content_embeddings(on_progress)
    return embed_and_activate(version, on_progress=on_progress)
