"""manage.py check_recall: what each way of retrieval finds of the exact answer, at several filters."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from recommender import recall, snapshot, versions


class Command(BaseCommand):
    help = "Compare every way of retrieval with the exact answer, under filters of several selectivities."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--k", type=int, default=20, help="how many products; default 20")
        parser.add_argument("--queries", type=int, default=50, help="how many users ask; default 50")
        parser.add_argument(
            "--selectivity",
            type=float,
            nargs="+",
            default=[0.01, 0.05, 0.2, 1.0],
            metavar="SHARE",
            help="shares of the products that the filter leaves; default 0.01 0.05 0.2 1",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self.check_options(options)
        version = versions.active_version()
        if version is None:
            raise CommandError("No version serves; run `manage.py train` first.")
        catalogue = snapshot.current()
        self.stdout.write(f"{version}, {len(catalogue):,} products, recall@{options['k']}")
        self.stdout.write(f"{'selectivity':>11}  {'way':<20}{'recall':>8}{'fewest':>8}{'median ms':>11}")
        try:
            for row in recall.measure(
                version,
                catalogue=catalogue,
                k=options["k"],
                num_queries=options["queries"],
                selectivities=options["selectivity"],
            ):
                found = f"{row.recall:>8.3f}{row.fewest:>8}{row.median_ms:>11.2f}"
                self.stdout.write(f"{row.selectivity:>11.0%}  {row.way:<20}{found}")
        except ValueError as error:
            raise CommandError(str(error)) from error

    def check_options(self, options: dict[str, Any]) -> None:
        if options["k"] < 1 or options["queries"] < 1:
            raise CommandError("--k and --queries must be 1 or more.")
        if not all(0 < share <= 1 for share in options["selectivity"]):
            raise CommandError("--selectivity takes shares above 0 and up to 1, such as 0.05.")
