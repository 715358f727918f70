"""manage.py evaluate_search: how well the search answers judged queries."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from ml.clip import EncoderUnavailable
from recommender import versions
from recommender.models import ModelVersion
from recommender.search import evaluation


class Command(BaseCommand):
    help = "Print NDCG@10, MRR and recall of the search by words, by vectors, fused and final."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--queries", type=Path, required=True, help="CSV: query_id,query")
        parser.add_argument(
            "--qrels", type=Path, required=True, help="CSV: query_id,product_id,grade; products by SKU or id"
        )
        parser.add_argument("--part", default="", help="only the queries whose column `part` says this")
        parser.add_argument(
            "--least-grade",
            type=int,
            default=1,
            help="from which a product counts as found, in MRR and recall (1)",
        )
        parser.add_argument(
            "--judged-only",
            action="store_true",
            help="order only what is judged for a query, as ESCI does",
        )
        parser.add_argument(
            "--shoppers",
            type=int,
            default=0,
            metavar="N",
            help="ask as N accounts too, and keep their tastes out of searches where that lowers NDCG@10",
        )
        parser.add_argument("--json", type=Path, metavar="OUT", help="write the figures to this file as well")

    def handle(self, *, verbosity: int, **options: Any) -> None:
        if options["least_grade"] < 1:
            raise CommandError("--least-grade is 1 or more: what has grade 0 does not fit.")
        try:
            judgements = evaluation.read_judgements(
                options["queries"], options["qrels"], part=options["part"]
            )
            shoppers = evaluation.some_shoppers(options["shoppers"]) if options["shoppers"] > 0 else []
            with tqdm(total=len(judgements.queries), desc="Queries", disable=verbosity < 1) as bar:
                found = evaluation.evaluate(
                    judgements,
                    shoppers=shoppers,
                    judged_only=options["judged_only"],
                    least_grade=options["least_grade"],
                    on_progress=lambda done, _total: bar.update(done - bar.n),
                )
        except (evaluation.CannotJudge, EncoderUnavailable) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{len(found.query_ids)} queries\n{evaluation.table(found)}")
        if shoppers:
            self._decide(found)
        if found.num_unknown:
            self.stderr.write(f"{found.num_unknown:,} of the judged products are not in this shop.")
        if options["json"]:
            options["json"].write_text(json.dumps(found.to_dict(), indent=2) + "\n")

    def _decide(self, found: evaluation.Evaluation) -> None:
        """Let the serving version order searches, or not, by whether it does no harm."""
        version = versions.serving_version()
        if version is None:
            raise CommandError("No version serves, so there is no taste to judge; run: manage.py train")
        ModelVersion.objects.filter(pk=version.pk).update(orders_searches=found.taste_does_no_harm)
        verdict = "orders equals in searches" if found.taste_does_no_harm else "is kept out of searches"
        self.stdout.write(f"The shoppers' taste by {version} {verdict} from now on.")
