"""Prints how well a model of this shop foresees held-out events, beside its baselines."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ml.config import TrainConfig
from recommender import held_out
from recommender.management.progress import training_bar
from recommender.management.settings_arguments import add_settings_arguments, parse_settings


class Command(BaseCommand):
    help = "Train on the first 80 % of events in time; print the metrics on the rest. Changes no version."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--k", type=int, default=10, help="how many recommendations count (10)")
        parser.add_argument(
            "--seed", type=int, default=7, help="the seed of the model and of the random baseline"
        )
        add_settings_arguments(parser)
        parser.add_argument("--json", type=Path, metavar="OUT", help="write the metrics to this file as well")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["k"] < 1:
            raise CommandError("--k is the length of a list: 1 or more.")
        settings = parse_settings([f"seed={options['seed']}", *options["config"]], epochs=options["epochs"])
        trial = self._try(TrainConfig.from_dict(settings), k=options["k"], seed=options["seed"])
        self.stdout.write(trial.table)
        if options["json"]:
            options["json"].write_text(json.dumps(trial.metrics, indent=2) + "\n")

    def _try(self, config: TrainConfig, *, k: int, seed: int) -> held_out.Trial:
        with training_bar() as on_progress:
            try:
                return held_out.evaluate_held_out(config, k=k, seed=seed, on_progress=on_progress)
            except ValueError as error:
                raise CommandError(str(error)) from error
            except KeyboardInterrupt:
                raise CommandError("Stopped.", returncode=130) from None
