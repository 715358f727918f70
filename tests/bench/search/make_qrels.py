"""Queries and judgements of the made shop, from what its generator knows.

`python -m tests.bench.search.make_qrels` writes queries.csv and qrels.csv beside itself, for the catalogue of
`manage.py generate_dataset` (5,000 products, seed 7); products are named by their SKU. The same on every run.

A third of the queries are hand-written (hard_queries.csv). Their `wants` are clauses: a grade, the product
types, and what must hold, such as "3 lamp,clock colour=blue price<50; 1 lamp". The best that is met counts.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zlib import crc32

import numpy as np

from ml.phrases import leaf, singular
from ml.synthetic.shop import ShopConfig, generate

FOLDER = Path(__file__).parent
HARD, QUERIES, QRELS = "hard_queries.csv", "queries.csv", "qrels.csv"
CONFIG = ShopConfig(num_users=10, num_interactions=10, until=datetime(2026, 1, 31, tzinfo=UTC))
NUM_TARGETS = 45
FULL, NEAR = 3, 1
PARTS = ("tune", "report")
CLAUSE = re.compile(r"(?P<grade>\d) (?P<types>[\w,]+)(?P<rest>.*)")
CONDITION = re.compile(r"(\w+)([=<>])(.*?)(?=\s\w+[=<>]|$)")
# What shoppers call the palettes' colours; a colour that is named itself needs no line.
COLOURS = {
    "blue": "blue|navy|indigo",
    "green": "green|olive|emerald|mint|lime",
    "red": "red|burgundy",
    "yellow": "yellow|mustard",
    "pink": "pink|blush|rose",
    "purple": "purple|plum|lilac",
    "grey": "charcoal|graphite",
}


@dataclass(frozen=True, kw_only=True)
class Item:
    """A product as the judge sees it."""

    sku: str
    type_key: str
    facts: dict[str, str]  # lower case; with brand and the words before the first comma of the name as noun
    price: float


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A query, and the grade of every product that answers it."""

    query: str
    kind: str
    grades: dict[str, int]


def main() -> None:
    """Write both files."""
    judged = [query for query in (*made_queries(), *hard_queries()) if query.grades]
    unique = {query.query: query for query in reversed(judged)}
    write(sorted(unique.values(), key=lambda one: (one.kind, one.query)))


def catalogue() -> tuple[list[Item], list[dict[str, str]]]:
    """Return the products that every guest may see, each with its raw facts as well."""
    goods = generate(CONFIG).catalogue
    items, raw = [], []
    for index in range(len(goods)):
        if goods.regions[index] or goods.min_age[index]:
            continue
        facts = dict(goods.attributes[index], brand=goods.brand[index], noun=goods.name[index].split(",")[0])
        facts = {name: value.lower() for name, value in facts.items()}
        kind = goods.type_of(index)
        items.append(
            Item(sku=goods.sku[index], type_key=kind.key, facts=facts, price=float(goods.price[index]))
        )
        raw.append({**facts, "name": goods.name[index], "type": singular(leaf(kind.path)).lower()})
    return items, raw


ITEMS, RAW = catalogue()


# Queries that the generator can word itself


def made_queries() -> Iterator[Judged]:
    """Yield the ways to ask for some products: by name, by code, by one to three properties."""
    rng = np.random.default_rng(5)
    for index in rng.choice(len(ITEMS), size=NUM_TARGETS, replace=False).tolist():
        item, raw = ITEMS[index], RAW[index]
        yield Judged(query=raw["name"], kind="name", grades={item.sku: FULL})
        yield Judged(query=item.sku, kind="sku", grades={item.sku: FULL})
        for names in (
            ("colour",),
            ("brand",),
            ("style",),
            ("colour", "material"),
            ("brand", "colour"),
            ("style", "material"),
            ("colour", "pattern", "material"),
        ):
            if "plain" in (raw[name] for name in names):
                continue
            query = " ".join([*(raw[name] for name in names), raw["type"]])
            yield Judged(query=query, kind=f"{len(names)} properties", grades=by_facts(item, names=names))


def by_facts(wanted: Item, *, names: tuple[str, ...]) -> dict[str, int]:
    """Return the grades of the products of the type: all properties the same, or all but one of several."""
    grades = {}
    for item in ITEMS:
        if item.type_key != wanted.type_key:
            continue
        missed = sum(item.facts.get(name) != wanted.facts[name] for name in names)
        if missed == 0 or (missed == 1 and len(names) > 1):
            grades[item.sku] = NEAR if missed else FULL
    return grades


# Hand-written queries


def hard_queries() -> Iterator[Judged]:
    """Yield the hand-written queries; raises ValueError for a clause that cannot be read."""
    with (FOLDER / HARD).open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            yield Judged(query=row["query"], kind=row["kind"], grades=grades_of(row["wants"]))


def grades_of(wants: str) -> dict[str, int]:
    """Return the best grade that each product has by the clauses."""
    grades: dict[str, int] = {}
    for clause in wants.split(";"):
        match = CLAUSE.fullmatch(clause.strip())
        if match is None:
            raise ValueError(f"{clause!r} is no clause; write such as '3 lamp colour=blue price<50'.")
        types = match["types"].split(",")
        conditions = CONDITION.findall(match["rest"].strip())
        for item in ITEMS:
            if item.type_key in types and all(holds(item, *condition) for condition in conditions):
                grades[item.sku] = max(grades.get(item.sku, 0), int(match["grade"]))
    return grades


def holds(item: Item, name: str, sign: str, value: str) -> bool:
    """Return whether the product meets one condition."""
    if sign == "<":
        return item.price <= float(value)
    if sign == ">":
        return item.price >= float(value)
    words = "|".join(COLOURS.get(word, word) if name == "colour" else word for word in value.split("/"))
    return re.search(rf"\b({words.lower()})\b", item.facts.get(name, "")) is not None


# The files


def write(judged: list[Judged]) -> None:
    """Write the queries, each in one of two parts by its words alone, and the grades."""
    with (FOLDER / QUERIES).open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["query_id", "query", "kind", "part"])
        rows.writerows(
            [number, one.query, one.kind, PARTS[crc32(one.query.encode()) % 2]]
            for number, one in enumerate(judged, start=1)
        )
    with (FOLDER / QRELS).open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["query_id", "product_id", "grade"])
        for number, one in enumerate(judged, start=1):
            rows.writerows([number, sku, grade] for sku, grade in sorted(one.grades.items()))
    print(f"{len(judged)} queries, {sum(len(one.grades) for one in judged):,} grades in {FOLDER}")


if __name__ == "__main__":
    main()
