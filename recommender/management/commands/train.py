"""Trains a new version here and now, with a progress bar."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from recommender import runs, training
from recommender.management.progress import training_bar
from recommender.management.settings_arguments import add_settings_arguments, parse_settings
from recommender.models import TrainingRun

SUMMARY = ("hit@10", "recall@10", "ndcg@10")


class Command(BaseCommand):
    help = "Train a new version on all interactions, judge it, and let it serve when it passes the gate."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--force", action="store_true", help="let it serve even when the gate objects")
        add_settings_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        settings = parse_settings(options["config"], epochs=options["epochs"])
        try:
            run = runs.request_run(config=settings)
        except runs.RunInProgress as error:
            raise CommandError(str(error)) from error
        self._report(self._execute(run, force=options["force"]))

    def _execute(self, run: TrainingRun, *, force: bool) -> TrainingRun:
        with training_bar() as on_progress:
            try:
                return training.execute(run.pk, force=force, on_progress=on_progress)
            except KeyboardInterrupt:
                raise CommandError(
                    f"{run} is cancelled; the version before serves on.", returncode=130
                ) from None

    def _report(self, run: TrainingRun) -> None:
        if run.state != runs.State.SUCCEEDED or run.version is None:
            raise CommandError(run.error or f"{run} is {run.state}.")
        measured = run.version.metrics["rows"]["two_tower"]
        scores = ", ".join(f"{name} {measured[name]:.4f}" for name in SUMMARY if name in measured)
        if run.version.status == run.version.Status.REJECTED:
            reasons = "\n".join(run.version.gate["reasons"])
            raise CommandError(
                f"{run.version} ({scores}) was rejected; the version before serves on.\n{reasons}\n"
                "Overrule the gate with --force."
            )
        self.stdout.write(self.style.SUCCESS(f"{run.version} serves now: {scores} on the held-out part."))
