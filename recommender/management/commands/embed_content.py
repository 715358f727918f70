"""manage.py embed_content: encode the text and picture of products that changed."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from ml.clip import EncoderUnavailable
from recommender.content import update_content_embeddings


class Command(BaseCommand):
    help = "Encode the text and picture of every product that is new or changed, for search and training."

    def handle(self, *args: Any, **options: Any) -> None:
        with tqdm(unit=" products", disable=None) as bar:

            def show(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            try:
                count = update_content_embeddings(show)
            except EncoderUnavailable as error:
                raise CommandError(str(error)) from error
        self.stdout.write(f"{count} products encoded." if count else "Every product is encoded already.")
