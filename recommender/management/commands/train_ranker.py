"""Trains rankers for the active version and prints them beside the retrieval order."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ml.ranking.rankers import KINDS
from recommender import ranker_training
from recommender.management.progress import training_bar


class Command(BaseCommand):
    help = "Train second-stage rankers; one that beats the retrieval order on held-out lists is used."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--kind", choices=(*KINDS, ranker_training.ALL), default=ranker_training.ALL, help="default all"
        )
        parser.add_argument(
            "--activate",
            choices=("auto", "never"),
            default="auto",
            help="auto: use the best that beats the retrieval order; never: leave that to the admin",
        )
        parser.add_argument("--seed", type=int, default=7, help="of the rankers")

    def handle(self, *args: Any, **options: Any) -> None:
        trained = self._train(options)
        self.stdout.write(trained.comparison.table())
        for ranker in trained.rankers:
            self.stdout.write(f"{ranker}: {ranker.get_status_display()}")
        if trained.activated is not None:
            self.stdout.write(self.style.SUCCESS(f"{trained.activated} orders the candidates from now on."))
        elif options["activate"] == "auto":
            self.stdout.write("No ranker beats the retrieval order beyond chance; pages keep that order.")

    def _train(self, options: dict[str, Any]) -> ranker_training.Trained:
        with training_bar() as on_progress:
            try:
                return ranker_training.train(
                    kinds=KINDS if options["kind"] == ranker_training.ALL else (options["kind"],),
                    activate=options["activate"] == "auto",
                    seed=options["seed"],
                    on_progress=on_progress,
                )
            except ValueError as error:  # too little data, no version, damaged files: each says its cure
                raise CommandError(str(error)) from error
            except KeyboardInterrupt:
                raise CommandError("Stopped; the ranker before is used on.", returncode=130) from None
