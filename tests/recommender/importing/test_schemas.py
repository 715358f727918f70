"""Which schema a data set is in."""

from collections.abc import Callable
from pathlib import Path

import pytest

from recommender.importing import ImportRefused
from recommender.importing.limits import Limits
from recommender.importing.schemas import Found, detect
from recommender.importing.sources import open_source


def found(location: Path, wanted: str = "auto") -> Found:
    with open_source(str(location), limits=Limits(), shown=False) as source:
        return detect(source, wanted=wanted, limits=Limits())


def test_files_are_told_by_their_names(make_dataset: Callable[..., Path]) -> None:
    result = found(make_dataset())

    assert result.schema.name == "shop"
    assert {entity: path.name for entity, (_, path) in result.files.items()} == {
        "items": "items.csv",
        "users": "users.csv",
        "interactions": "interactions.csv",
    }


@pytest.mark.parametrize(
    ("header", "schema", "entity"),
    [
        ("user_id,name", "shop", "users"),
        ("user_id,user_name,preferences", "quickstart", "users"),
        (
            "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country",
            "online-retail",
            "lines",
        ),
    ],
)
def test_another_name_is_told_by_the_columns(header: str, schema: str, entity: str, tmp_path: Path) -> None:
    (tmp_path / "anything.csv").write_text(f"{header}\n")

    result = found(tmp_path / "anything.csv")

    assert (result.schema.name, list(result.files)) == (schema, [entity])


def test_missing_columns_are_named_with_the_schemas_known(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id,name\n")

    with pytest.raises(
        ImportRefused, match=r"items\.csv lacks category, price, needed for shop\. Known schemas: shop"
    ):
        found(tmp_path)


def test_a_foreign_file_is_refused_with_the_nearest_schema(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("event_id,user_id_,item_id,kind,occurred_at\n")

    with pytest.raises(
        ImportRefused, match=r"fits no schema; for shop interactions it lacks user_id\. Known schemas"
    ):
        found(tmp_path)


def test_the_same_file_in_two_formats_is_refused(make_dataset: Callable[..., Path]) -> None:
    make_dataset(".jsonl")

    with pytest.raises(ImportRefused, match="keep one of them"):
        found(make_dataset(".csv"))


def test_the_wanted_schema_is_the_only_one_tried(make_dataset: Callable[..., Path]) -> None:
    with pytest.raises(ImportRefused, match="fits no schema; for quickstart"):
        found(make_dataset(), wanted="quickstart")
