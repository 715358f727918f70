"""Public search test sets become products, queries and grades that evaluate_search reads."""

import csv
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command

from recommender.importing import ImportRefused
from recommender.importing.search_sets import ESCI_EXAMPLES, ESCI_PRODUCTS, Chosen, convert
from recommender.search.evaluation import read_judgements
from shop.models import Product

PRODUCTS = (
    *("product_id", "product_name", "product_class", "category hierarchy", "product_description"),
    *("product_features", "rating_count", "average_rating", "review_count"),
)
BED = (
    *("0", "solid wood bed", "Beds", "Furniture / Bedroom > x / Beds", 'a "good" bed'),
    *("color : brown|width:64.7|color:red|odd", "15.0", "4.5", "15.0"),
)
TABLE = ("1", "bed side table", "", "", "", "", "", "0.0", "")
WANDS = {
    "product.csv": "".join("\t".join(row) + "\n" for row in (PRODUCTS, BED, TABLE)),
    "query.csv": "query_id\tquery\tquery_class\n7\tsalon chair\tChairs\n8\twood bed\tBeds\n",
    "label.csv": "id\tquery_id\tproduct_id\tlabel\n0\t8\t0\tExact\n1\t8\t1\tPartial\n2\t7\t0\tIrrelevant\n",
}


@pytest.fixture
def wands(tmp_path: Path) -> Path:
    folder = tmp_path / "wands"
    folder.mkdir()
    for name, text in WANDS.items():
        (folder / name).write_text(text)
    return folder


def example(query_id: int, product_id: str, label: str, **more: Any) -> dict[str, Any]:
    usual = {"product_locale": "us", "split": "test", "small_version": 1, "query": f"query {query_id}"}
    return {"query_id": query_id, "product_id": product_id, "esci_label": label, **usual, **more}


@pytest.fixture
def esci(tmp_path: Path) -> Path:
    folder = tmp_path / "esci"
    folder.mkdir()
    examples = [
        example(1, "B01", "E"),
        example(1, "B02", "S"),
        example(1, "B03", "I"),
        example(2, "B04", "E", split="train"),
        example(3, "B05", "E", product_locale="es"),
        example(4, "B06", "C", small_version=0),
    ]
    pq.write_table(pa.Table.from_pylist(examples), folder / ESCI_EXAMPLES)
    products = [
        {
            "product_id": f"B0{number}",
            "product_title": f"Title {number}",
            "product_description": None,
            "product_bullet_point": "one\ntwo",
            "product_brand": "Brand",
            "product_color": "Blue" if number == 1 else None,
            "product_locale": locale,
        }
        for number, locale in ((1, "us"), (1, "es"), (2, "us"), (3, "us"), (6, "us"))
    ]
    pq.write_table(pa.Table.from_pylist(products), folder / ESCI_PRODUCTS)
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.django_db
def test_wands_is_imported_and_can_be_judged(wands: Path, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "out"
    call_command("import_search_set", str(wands), out=out, verbosity=0)
    bed, table = Product.objects.order_by("sku")
    assert (bed.sku, bed.name, bed.category.path) == ("0", "solid wood bed", "furniture/bedroom-x/beds")
    assert (bed.description, bed.rating_count, float(bed.rating)) == ('a "good" bed', 15, 4.5)
    assert bed.attributes == {"color": "brown", "width": "64.7"}
    assert (table.category.name, table.rating) == ("Products", None)
    judgements = read_judgements(out / "queries.csv", out / "qrels.csv")
    assert judgements.queries == {"8": "wood bed"}  # nothing answers the other
    assert judgements.grades == {"8": {bed.pk: 2, table.pk: 1}}
    assert "evaluate_search --queries" in capsys.readouterr().out


def test_esci_gives_the_chosen_part_with_the_gains_of_its_paper(esci: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    made = convert(esci, out=out, chosen=Chosen())
    assert (made.num_products, made.num_queries, made.num_grades) == (3, 1, 3)
    assert [(row["product_id"], row["grade"]) for row in rows(out / "qrels.csv")] == [
        ("B01", "100"),
        ("B02", "10"),
        ("B03", "0"),
    ]
    first = rows(out / "items.csv")[0]
    assert (first["name"], first["brand"], first["description"]) == ("Title 1", "Brand", "one\ntwo")
    assert first["attributes"] == '{"colour": "Blue"}'
    assert convert(esci, out=out, chosen=Chosen(small=False)).num_queries == 2
    with pytest.raises(ImportRefused, match="no rows of locale 'jp'"):
        convert(esci, out=out, chosen=Chosen(locale="jp"))


def test_a_folder_of_neither_and_damaged_files_are_refused_with_the_cure(
    wands: Path, esci: Path, tmp_path: Path
) -> None:
    with pytest.raises(CommandError, match="neither WANDS"):
        call_command("import_search_set", str(tmp_path), out=tmp_path / "out")
    (wands / "label.csv").write_text("id\tquery_id\tproduct_id\tlabel\n0\t8\t0\tGood\n")
    with pytest.raises(CommandError, match="'Good' is no label"):
        call_command("import_search_set", str(wands), out=tmp_path / "out", no_load=True)
    (wands / "query.csv").write_text("query\nbed\n")
    with pytest.raises(CommandError, match="query.csv has no column query_id"):
        call_command("import_search_set", str(wands), out=tmp_path / "out", no_load=True)
    (wands / "product.csv").write_bytes(b"product_id\tproduct_name\tproduct_class\n1\t\xff\tx\n")
    with pytest.raises(CommandError, match="not tab-separated text in UTF-8"):
        call_command("import_search_set", str(wands), out=tmp_path / "out", no_load=True)
    (esci / ESCI_EXAMPLES).write_bytes(b"PAR1 no")
    with pytest.raises(CommandError, match="no sound Parquet file"):
        call_command("import_search_set", str(esci), out=tmp_path / "out", no_load=True)
