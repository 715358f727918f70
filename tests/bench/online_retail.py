"""The UCI Online Retail file as the benchmark's CSV: interactions, items, users. For `make bench-model`.

The cleaning rules are those of the importer; nothing of the database is touched.
"""

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

ROOT = Path(__file__).resolve().parents[2]


def convert(source: Path, *, into: Path) -> None:
    """Write interactions.csv, items.csv and users.csv into the folder."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    sys.path.insert(0, str(ROOT))
    import django

    django.setup()
    from recommender.importing import online_retail
    from recommender.importing.job import Job
    from recommender.importing.rejects import Rejects
    from recommender.importing.tables import read_batches

    rejects = Rejects(None)
    job = Job(schema="online-retail", folder=source.parent, rejects=rejects, now=datetime.now(UTC))
    tables = online_retail.read(read_batches(source, limits=job.limits, rejects=rejects), job=job)
    into.mkdir(parents=True, exist_ok=True)
    events = pa.concat_tables([batch.table for batch in tables["interactions"]])
    moments = events["occurred_at"].cast(pa.timestamp("s", tz="UTC")).cast(pa.int64())
    write(
        into / "interactions.csv",
        user_id=events["user_id"],
        item_id=events["item_id"],
        timestamp=moments,
        kind=events["kind"],
        value=events["value"],
    )
    [items], [users] = tables["items"], tables["users"]
    write(
        into / "items.csv",
        item_id=items.table["item_id"],
        description=items.table["name"],
        price=items.table["price"],
        category_path=pc.replace_substring(items.table["category"], " > ", "|"),
    )
    write(into / "users.csv", user_id=users.table["user_id"], region=users.table["region"])


def write(path: Path, **columns: pa.ChunkedArray) -> None:
    table = pa.table(columns)
    pa_csv.write_csv(table, path)
    print(f"{path}: {len(table):,} rows")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, help="online_retail.csv, gzip or not")
    parser.add_argument("into", type=Path, help="the folder to write to")
    options = parser.parse_args()
    if not options.source.is_file():
        parser.error(
            f"{options.source} does not exist; pass make's DATA=<folder of online-retail/ and ml-1m/>."
        )
    convert(options.source, into=options.into)


if __name__ == "__main__":
    main()
