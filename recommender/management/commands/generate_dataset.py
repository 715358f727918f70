"""manage.py generate_dataset: a made shop with recoverable tastes, written as Parquet and loaded."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ml.synthetic.oracle import oracle_report
from ml.synthetic.parquet import write_parquet
from ml.synthetic.pictures import draw_pictures
from ml.synthetic.shop import ShopConfig, SyntheticShop, generate
from recommender.importing import ImportRefused, Options, import_dataset
from recommender.importing.progress import share_bar


class Command(BaseCommand):
    help = "Make a shop's users, products, pictures and interactions, write them and load them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--users", type=int, default=1_000, help="how many shoppers")
        parser.add_argument("--items", type=int, default=5_000, help="how many products")
        parser.add_argument("--interactions", type=int, default=100_000, help="how many events")
        parser.add_argument("--seed", type=int, default=7, help="the same seed makes the same shop")
        parser.add_argument("--out", type=Path, metavar="FOLDER", help="default: DATA_DIR/generated")
        parser.add_argument("--no-load", action="store_true", help="write the files only")
        parser.add_argument("--no-pictures", action="store_true", help="draw no product pictures")

    def handle(self, *, verbosity: int, **options: Any) -> None:
        shown = verbosity > 0
        folder = options["out"] or Path(settings.DATA_DIR) / "generated"
        try:
            config = ShopConfig(
                num_users=options["users"],
                num_items=options["items"],
                num_interactions=options["interactions"],
                seed=options["seed"],
            )
        except ValueError as error:
            raise CommandError(str(error)) from error
        with share_bar("making", shown=shown) as show:
            shop = generate(config, on_progress=show)
        _write(shop, folder, with_pictures=not options["no_pictures"], shown=shown)
        self.stdout.write(f"Written to {folder}\n{oracle_lines(shop)}")
        if options["no_load"]:
            return
        try:
            # Files of both schemas lie there; the shop's says more.
            summary = import_dataset(str(folder), options=Options(wanted="shop", shown=shown))
        except ImportRefused as error:
            raise CommandError(str(error)) from error
        self.stdout.write(str(summary))


def _write(shop: SyntheticShop, folder: Path, *, with_pictures: bool, shown: bool) -> None:
    try:
        with share_bar("writing", shown=shown) as show:
            write_parquet(shop, folder, on_progress=lambda _, share: show(share))
        if with_pictures:
            with share_bar("drawing", shown=shown) as show:
                draw_pictures(shop, folder, on_progress=show)
    except OSError as error:
        raise CommandError(f"{folder} cannot be written ({error}); choose another with --out.") from error


def oracle_lines(shop: SyntheticShop) -> str:
    """Return how well the tastes themselves rank: what a model can be measured against."""
    try:
        report = oracle_report(shop)
    except ValueError as error:
        return f"No oracle: {error}"
    rows = [(name, report[name]["recall@10"]) for name in ("oracle", "popularity")]
    return "\n".join(f"recall@10 of {name:<11}{recall:.3f}" for name, recall in rows)
