"""manage.py import_search_set: a public search test set as products, queries and judgements."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from recommender.importing import ImportRefused, Options, import_dataset
from recommender.importing.search_sets import ITEMS, QRELS, QUERIES, Chosen, convert


class Command(BaseCommand):
    help = "Import WANDS or ESCI from the folder of its files, for evaluate_search. Prices are 0."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "folder", type=Path, help="with product.csv, query.csv and label.csv, or ESCI's Parquet"
        )
        parser.add_argument("--out", type=Path, metavar="FOLDER", help="default: DATA_DIR/search_set")
        parser.add_argument("--locale", default="us", help="of ESCI: us, es or jp (us)")
        parser.add_argument("--split", default="test", help="of ESCI: train or test (test)")
        parser.add_argument(
            "--large", action="store_true", help="ESCI's large version; default: the small one"
        )
        parser.add_argument("--no-load", action="store_true", help="write the files only")

    def handle(self, *, folder: Path, verbosity: int, **options: Any) -> None:
        out = options["out"] or Path(settings.DATA_DIR) / "search_set"
        chosen = Chosen(locale=options["locale"], split=options["split"], small=not options["large"])
        try:
            made = convert(folder, out=out, chosen=chosen)
            if not options["no_load"]:
                rejects = out / "rejects.csv"
                shown = Options(wanted="shop", reject_path=rejects, shown=verbosity > 0)
                self.stdout.write(str(import_dataset(str(out / ITEMS), options=shown)))
        except (ImportRefused, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{made.num_products:,} products, {made.num_queries:,} queries and {made.num_grades:,} grades in "
            f"{out}. Next: manage.py embed_content, then\n"
            f"manage.py evaluate_search --queries {out / QUERIES} --qrels {out / QRELS}"
        )
