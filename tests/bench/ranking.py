"""Online Retail by time: two-tower alone, then with each ranker. For `make bench-ranking`.

A two-tower model of what was before the last eight weeks brings candidates, labelled by the four weeks that
follow; the rankers learn from them. A second model, of what was before the last four weeks, brings the
candidates that are judged, by those four weeks. Nothing of the database is touched.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ml.benchmark.entities import Features, read_entities
from ml.benchmark.logs import read_log
from ml.benchmark.measures import machine
from ml.config import TrainConfig
from ml.data import DAY_SECONDS, Dataset, Interactions
from ml.ranking import rankers
from ml.ranking.examples import Examples, examples_at
from ml.ranking.judging import NDCG, RETRIEVAL, Comparison, compare
from ml.training import train

WEEKS_4 = 28 * DAY_SECONDS
DEFAULT = "lightgbm"


def read_shop(folder: Path) -> Dataset:
    """The log with its users and items, in the columns that ml.ranking.shelves reads."""
    log = read_log(folder / "interactions.csv")
    user_names, item_names = log.user.names, log.item.names
    items = read_entities(folder / "items.csv", key="item_id").table(item_names)
    paths = np.array(["/".join(path) for path in items.multi["category_path"]], dtype=object)
    users: Features = read_entities(folder / "users.csv", key="user_id")
    return Dataset(
        users=users.table(user_names),
        items=replace(
            items,
            numeric={"log_price": np.log1p(items.numeric["price"])},
            categorical={**items.categorical, "category": paths},
        ),
        interactions=Interactions.from_columns(
            log.user.rows_in(user_names),
            item_index=log.item.rows_in(item_names),
            kind=log.kind,
            value=log.value,
            timestamp=log.timestamp,
        ),
    )


def examples_of(shop: Dataset, *, cut: int, seed: int) -> Examples:
    """The candidates of a model of what was before the cut, labelled by the four weeks since."""
    known = replace(shop, interactions=shop.interactions.before(cut))
    started = time.perf_counter()
    model = train(known, TrainConfig(seed=seed))
    print(f"two-tower model of {len(known.interactions):,} events in {time.perf_counter() - started:.1f} s")
    return examples_at(shop, model=model, cut=cut, until=cut + WEEKS_4)


def report(shop: Dataset, *, seed: int) -> Comparison:
    """Every ranker fitted to the four weeks before the test and judged on the test."""
    end = int(shop.interactions.timestamp[-1]) + 1
    earlier = examples_of(shop, cut=end - 2 * WEEKS_4, seed=seed)
    fitted, seconds = {}, {}
    for kind in rankers.KINDS:
        started = time.perf_counter()
        fitted[kind] = rankers.fit(kind, earlier.lists, seed=seed)
        seconds[kind] = time.perf_counter() - started
        print(f"{kind} of {len(earlier.lists):,} lists in {seconds[kind]:.1f} s")
    later = examples_of(shop, cut=end - WEEKS_4, seed=seed)
    return compare(fitted, examples=later, dataset=shop, cut=end - WEEKS_4, seed=seed, seconds=seconds)


def verdict(comparison: Comparison) -> dict[str, Any]:
    """What a shop would serve by default, and the NDCG@10 of that."""
    used = DEFAULT if comparison.beats_retrieval(DEFAULT) else RETRIEVAL
    return {"served": used, "ndcg@10": comparison.rows[used][NDCG]}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="what tests/bench/online_retail.py wrote")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    shop = read_shop(options.folder)
    found: dict[str, Any] = {}
    for seed in options.seeds:
        comparison = report(shop, seed=seed)
        served = verdict(comparison)
        print(f"\nseed {seed}\n{comparison.table()}\nserved by default: {served['served']}\n")
        assert served["ndcg@10"] >= comparison.rows[RETRIEVAL][NDCG], "the gate let a worse ranker serve"
        found[str(seed)] = {**comparison.to_dict(), "default": served}
    if options.json:
        options.json.write_text(json.dumps({"seeds": found, "machine": machine()}, indent=2) + "\n")


if __name__ == "__main__":
    main()
