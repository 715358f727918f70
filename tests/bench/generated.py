"""The generated shop against its oracle: how much of what can be known is learned. Run by `make bench-model`.

The oracle ranks by the tastes that made the behaviour, so no method can be better but by luck. Prints what
the benchmark prints, the oracle among the methods, and how long a shop of this size takes to be served.
"""

import argparse
import json
import sys
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ml.benchmark.cold import cold_report
from ml.benchmark.measures import Progress, machine
from ml.benchmark.problem import Problem, latest_part
from ml.benchmark.report import print_cold, print_results
from ml.benchmark.runs import run
from ml.data import DAY_SECONDS, Dataset, EntityTable, Histories
from ml.evaluation import evaluate
from ml.metrics import top_k
from ml.splits import by_time
from ml.synthetic.oracle import expected_looks, split_time, to_interactions
from ml.synthetic.shop import ShopConfig, SyntheticShop, generate
from ml.training import TrainConfig, train

UNTIL = datetime(2026, 1, 31, tzinfo=UTC)
YEAR_DAYS = 365.25


@dataclass(frozen=True, kw_only=True)
class Oracle:
    """The tastes themselves as a scorer."""

    shop: SyntheticShop
    cut: int

    def scores(self, users: np.ndarray) -> np.ndarray:
        """(B, I) the expected share of each user's looks after the cut."""
        return expected_looks(self.shop, users=users, cut=self.cut)


def problem_of(shop: SyntheticShop) -> Problem:
    """The shop split by time at the oracle's moment, with the features that its files show."""
    cut = split_time(shop)
    users, items = users_of(shop, cut=cut), items_of(shop, cut=cut)
    split = by_time(to_interactions(shop), num_users=len(users), cut=cut)
    valid = latest_part(split.known, len(users))
    return Problem(
        dataset=Dataset(users=users, items=items, interactions=split.known),
        test=split.test,
        valid=valid,
        splitter=latest_part,
        notes=(),
        has_features=True,
        counts={
            "users": len(users),
            "items": len(items),
            "training_events": len(split.known),
            "judged_users": len(split.test),
            "test_items": len(split.test.positives.items),
        },
    )


def users_of(shop: SyntheticShop, *, cut: int) -> EntityTable:
    """What the shop knows of its users: age, region and stated preferences as every step of their paths."""
    people = shop.shoppers
    born = people.birth_date.astype("datetime64[D]").astype(np.float64)
    born[np.isnat(people.birth_date)] = np.nan
    return EntityTable(
        ids=np.arange(len(people)),
        numeric={"age": ((cut / DAY_SECONDS - born) / YEAR_DAYS).astype(np.float32)},
        categorical={"region": np.array(people.region, dtype=object)},
        multi={"preferences": [steps(text) for text in people.preferences]},
    )


def items_of(shop: SyntheticShop, *, cut: int) -> EntityTable:
    """What the shop knows of its items; ratings and stock, which come from the events, are left out."""
    goods = shop.catalogue
    paths = [goods.type_of(item).path for item in range(len(goods))]
    facts = [tuple(f"{name}={value}" for name, value in row.items()) for row in goods.attributes]
    age = (cut - goods.released_at) / DAY_SECONDS
    return EntityTable(
        ids=np.arange(len(goods)),
        numeric={
            "log_price": np.log(goods.price).astype(np.float32),
            "age_days": age.astype(np.float32),
        },
        categorical={"category": np.array(paths, dtype=object), "brand": np.array(goods.brand, dtype=object)},
        multi={"category_path": [steps(path) for path in paths], "attributes": facts},
    )


def steps(paths: str) -> tuple[str, ...]:
    """Every category that paths joined by | lead through: A > B gives A and A > B."""
    found: dict[str, None] = {}
    for path in filter(None, paths.split("|")):
        parts = path.split(" > ")
        found |= {" > ".join(parts[: end + 1]): None for end in range(len(parts))}
    return tuple(found)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, size in (("users", 1_000), ("items", 5_000), ("interactions", 100_000)):
        parser.add_argument(f"--{name}", type=int, default=size)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    config = ShopConfig(
        num_users=options.users, num_items=options.items, num_interactions=options.interactions, until=UNTIL
    )
    shop = generate(config)
    problem = problem_of(shop)
    progress = Progress()
    oracle = {"oracle": Oracle(shop=shop, cut=split_time(shop))}
    results = run(problem, ks=(10, 20), seeds=tuple(options.seeds), progress=progress, extra=oracle)
    print_results(results, counts=problem.counts)
    share = results.rows["two_tower"]["recall@10"] / results.rows["oracle"]["recall@10"]
    print(f"{share:.1%} of the oracle's recall@10")
    cold = cold_report(problem, k=10, seed=options.seeds[0], progress=progress)
    print_cold(cold)
    took = seconds_of_loop(shop, problem=problem, seed=options.seeds[0])
    print(f"\n{len(shop.events):,} events trained, evaluated and scored for all users in {took:.1f} s")
    if options.json:
        values = {**results.to_dict(), "share_of_oracle": share, "cold": cold, "seconds_of_loop": took}
        values |= {"data": problem.counts, "machine": machine()}
        options.json.write_text(json.dumps(values, indent=2) + "\n")


def seconds_of_loop(shop: SyntheticShop, *, problem: Problem, seed: int) -> float:
    """What a shop's training does: train up to a cut, evaluate, train on everything, score all users."""
    started = time.perf_counter()
    everything = replace(problem.dataset, interactions=to_interactions(shop))
    config = TrainConfig(seed=seed)
    evaluate(everything, cut=split_time(shop), model=train(problem.dataset, config), seed=seed)
    model = train(everything, config)
    histories = Histories.from_interactions(
        everything.interactions, num_users=len(everything.users), as_of=shop.until + 1
    )
    users = model.encode_users(everything.users, histories, item_ids=everything.items.ids)
    items = model.encode_items(everything.items)
    for rows in np.array_split(np.arange(len(users)), -(-len(users) // 512)):
        top_k(users[rows] @ items.T, k=20)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
