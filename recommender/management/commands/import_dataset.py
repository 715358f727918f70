"""manage.py import_dataset: a shop's data from a folder, a file, a zip or an address."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from recommender.importing import FORMATS, ImportRefused, Options, import_dataset
from recommender.importing.job import DEFAULT_STOCK


class Command(BaseCommand):
    help = "Import users, products and interactions; docs/data.md describes the files."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "location", metavar="PATH_OR_URL", help="a folder, a file, a zip, or an http(s) address"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="report what would happen and write nothing"
        )
        parser.add_argument(
            "--rejects", type=Path, metavar="FILE", help="where rejected rows are listed (CSV)"
        )
        parser.add_argument(
            "--format", choices=FORMATS, default="auto", help="the schema; found out by default"
        )
        parser.add_argument(
            "--stock", type=int, default=DEFAULT_STOCK, help="stock of new products whose file has none"
        )

    def handle(self, *, location: str, verbosity: int, **options: Any) -> None:
        chosen = Options(
            wanted=options["format"],
            dry_run=options["dry_run"],
            reject_path=options["rejects"] or _default_reject_path(dry_run=options["dry_run"]),
            stock=max(options["stock"], 0),
            shown=verbosity > 0,
        )
        try:
            summary = import_dataset(location, options=chosen)
        except ImportRefused as error:
            raise CommandError(str(error)) from error
        self.stdout.write(str(summary))


def _default_reject_path(*, dry_run: bool) -> Path | None:
    """Return a new file under DATA_DIR, or None: a dry run writes only what it is asked for."""
    if dry_run:
        return None
    return Path(settings.DATA_DIR) / "rejects" / f"{timezone.now():%Y%m%d-%H%M%S}.csv"
