"""Public search test sets made ours: WANDS (Chen et al., 2022) and ESCI (Reddy et al., 2022).

Each becomes items.csv in the schema of import_dataset, and queries.csv and qrels.csv for evaluate_search.
"""

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from recommender.importing.errors import ImportRefused

ITEMS, QUERIES, QRELS = "items.csv", "queries.csv", "qrels.csv"
WANDS_FILES = ("product.csv", "query.csv", "label.csv")
WANDS_GRADES = {"Exact": 2, "Partial": 1, "Irrelevant": 0}
# A hundred times the gains of the paper, since trec_eval's grades are whole numbers; NDCG is the same.
ESCI_GRADES = {"E": 100, "S": 10, "C": 1, "I": 0}
ESCI_EXAMPLES = "shopping_queries_dataset_examples.parquet"
ESCI_PRODUCTS = "shopping_queries_dataset_products.parquet"
ITEM_COLUMNS = (
    *("item_id", "name", "category", "price", "brand", "description"),
    *("attributes", "rating", "rating_count"),
)
MAX_NAME, MAX_BRAND, MAX_LEVEL, MAX_DEPTH, MAX_ATTRIBUTES = 255, 100, 50, 8, 40
MAX_VALUE, MAX_DESCRIPTION = 100, 20_000
Row = dict[str, Any]

csv.field_size_limit(1 << 20)


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Which part of ESCI is wanted."""

    locale: str = "us"
    split: str = "test"
    small: bool = True  # the version that its ranking task is measured on


@dataclass(frozen=True, kw_only=True)
class Converted:
    """What was written."""

    num_products: int
    num_queries: int
    num_grades: int


def convert(folder: Path, *, out: Path, chosen: Chosen) -> Converted:
    """Write the three files into `out` from whichever of the two sets is in the folder.

    Raises ImportRefused for anything else, and for files that lack a column.
    """
    if all((folder / name).is_file() for name in WANDS_FILES):
        items, queries, grades = _wands(folder)
    elif all((folder / name).is_file() for name in (ESCI_EXAMPLES, ESCI_PRODUCTS)):
        items, queries, grades = _esci(folder, chosen=chosen)
    else:
        raise ImportRefused(
            f"{folder} holds neither WANDS ({', '.join(WANDS_FILES)}) nor ESCI ({ESCI_EXAMPLES} and "
            f"{ESCI_PRODUCTS}); give the folder with these files."
        )
    out.mkdir(parents=True, exist_ok=True)
    return Converted(
        num_products=_write(out / ITEMS, columns=ITEM_COLUMNS, rows=items),
        num_queries=_write(out / QUERIES, columns=("query_id", "query"), rows=queries),
        num_grades=_write(out / QRELS, columns=("query_id", "product_id", "grade"), rows=grades),
    )


Parts = tuple[Iterable[Row], Iterable[Row], Iterable[Row]]


# WANDS: 42,994 products and 480 queries of Wayfair, tab-separated


def _wands(folder: Path) -> Parts:
    products = _tab_separated(folder / "product.csv", needs=("product_id", "product_name", "product_class"))
    queries = _tab_separated(folder / "query.csv", needs=("query_id", "query"))
    labels = _tab_separated(folder / "label.csv", needs=("query_id", "product_id", "label"))
    return map(_wands_item, products), queries, (_wands_grade(row) for row in labels)


def _wands_item(row: Row) -> Row:
    levels = (row.get("category hierarchy") or row["product_class"] or "").replace("|", "/").split("/")
    rating = _number(row.get("average_rating"))
    return {
        "item_id": row["product_id"],
        "name": row["product_name"][:MAX_NAME] or row["product_id"],
        "category": _category(levels),
        "price": 0,
        "brand": "",
        "description": (row.get("product_description") or "")[:MAX_DESCRIPTION],
        "attributes": json.dumps(_wands_features(row.get("product_features") or "")),
        "rating": rating if rating >= 1 else "",
        "rating_count": int(_number(row.get("rating_count"))),
    }


def _number(text: str | None) -> float:
    try:
        return float(text or 0)
    except ValueError:
        return 0.0


def _wands_features(text: str) -> dict[str, str]:
    """Return `name:value|name:value` as attributes; of a name's several values the first."""
    found: dict[str, str] = {}
    for part in text.split("|"):
        name, _, value = (piece.strip() for piece in part.partition(":"))
        if name and value and len(found) < MAX_ATTRIBUTES:
            found.setdefault(name[:MAX_LEVEL], value[:MAX_VALUE])
    return found


def _wands_grade(row: Row) -> Row:
    return {**row, "grade": _graded(row["label"], grades=WANDS_GRADES)}


# ESCI: 2.6 million judgements of queries to Amazon, in Parquet


def _esci(folder: Path, *, chosen: Chosen) -> Parts:
    examples = list(_esci_examples(folder / ESCI_EXAMPLES, chosen=chosen))
    if not examples:
        raise ImportRefused(
            f"{ESCI_EXAMPLES} has no rows of locale {chosen.locale!r} and split {chosen.split!r}; "
            "ESCI has the locales us, es and jp and the splits train and test."
        )
    wanted = {row["product_id"] for row in examples}
    texts = {row["query_id"]: row["query"] for row in examples}
    queries = [{"query_id": query_id, "query": text} for query_id, text in texts.items()]
    grades = [{**row, "grade": _graded(row["esci_label"], grades=ESCI_GRADES)} for row in examples]
    products = _parquet(
        folder / ESCI_PRODUCTS, needs=("product_id", "product_title", "product_locale"), kept=_EsciProduct
    )
    items = (
        _esci_item(row)
        for row in products
        if row["product_locale"] == chosen.locale and row["product_id"] in wanted
    )
    return items, queries, grades


_EsciExample = ("query_id", "query", "product_id", "product_locale", "esci_label", "split", "small_version")
_EsciProduct = (
    *("product_id", "product_title", "product_locale", "product_description"),
    *("product_bullet_point", "product_brand", "product_color"),
)


def _esci_examples(path: Path, *, chosen: Chosen) -> Iterator[Row]:
    for row in _parquet(path, needs=_EsciExample, kept=_EsciExample):
        is_wanted = row["product_locale"] == chosen.locale and row["split"] == chosen.split
        if is_wanted and (row["small_version"] == 1 or not chosen.small):
            yield row


def _esci_item(row: Row) -> Row:
    texts = (row.get("product_bullet_point"), row.get("product_description"))
    colour = (row.get("product_color") or "")[:MAX_VALUE]
    return {
        "item_id": row["product_id"],
        "name": (row["product_title"] or row["product_id"])[:MAX_NAME],
        "category": "Products",
        "price": 0,
        "brand": (row.get("product_brand") or "")[:MAX_BRAND],
        "description": "\n".join(filter(None, texts))[:MAX_DESCRIPTION],
        "attributes": json.dumps({"colour": colour} if colour else {}),
    }


# Files


def _tab_separated(path: Path, *, needs: tuple[str, ...]) -> Iterator[Row]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, delimiter="\t", restval="")
            _check(path, names=reader.fieldnames or (), needs=needs)
            yield from reader
    except (UnicodeDecodeError, csv.Error) as error:
        raise ImportRefused(f"{path.name} is not tab-separated text in UTF-8: {error}") from error


def _parquet(path: Path, *, needs: tuple[str, ...], kept: tuple[str, ...]) -> Iterator[Row]:
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            _check(path, names=names, needs=needs)
            for batch in file.iter_batches(columns=[name for name in kept if name in names]):
                yield from batch.to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise ImportRefused(f"{path.name} is no sound Parquet file: {error}") from error


def _check(path: Path, *, names: Iterable[str], needs: tuple[str, ...]) -> None:
    missing = set(needs).difference(names)
    if missing:
        raise ImportRefused(f"{path.name} has no column {min(missing)}; is it the published file?")


def _write(path: Path, *, columns: tuple[str, ...], rows: Iterable[Row]) -> int:
    number = 0
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=columns, extrasaction="ignore", restval="")
        writer.writeheader()
        for number, row in enumerate(rows, start=1):  # noqa: B007 (the last number is the count)
            writer.writerow({name: _clean(row.get(name, "")) for name in columns})
    return number


def _clean(value: Any) -> Any:
    return value.replace("\0", "") if isinstance(value, str) else value


def _category(levels: Iterable[str]) -> str:
    named = [" ".join(level.replace(">", " ").split())[:MAX_LEVEL] for level in levels]
    return " > ".join([level for level in named if level][:MAX_DEPTH]) or "Products"


def _graded(label: str, *, grades: dict[str, int]) -> int:
    if label not in grades:
        raise ImportRefused(f"{label!r} is no label of this set; they are {', '.join(grades)}.")
    return grades[label]
