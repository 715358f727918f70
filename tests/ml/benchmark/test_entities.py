"""Columns of users and items, and the features that their values make them."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from ml.benchmark.entities import no_features, read_entities
from ml.benchmark.tables import BadInput

ITEMS = """\
item_id,price,stock,brand,tags,description,released,colour
mug,7.5,4,Ann,red| gift|red,"Big RED mug, for tea",2020-01-01,red
pot, ,nan,Ann,,"A pot
of clay",1970-01-02T12:00,red
pan,12,0,Ben,gift,Iron pan,,
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "items.csv"
    path.write_text(text)
    return path


def test_columns_become_features_by_what_their_values_show(tmp_path: Path) -> None:
    features = read_entities(write(tmp_path, ITEMS), key="item_id")

    assert features.kinds == {
        "price": "numeric",
        "stock": "numeric",
        "brand": "categorical",
        "tags": "multi-valued",
        "description": "words",
        "released": "numeric",
        "colour": "categorical",
    }
    table = features.table(pa.array(["mug", "pot", "pan"]))
    np.testing.assert_array_equal(table.numeric["price"], np.array([7.5, np.nan, 12], np.float32))
    # 2020-01-01 is 50 years and 12 leap days after 1970; noon of the second day is 1.5 days.
    np.testing.assert_array_equal(
        table.numeric["released"], np.array([50 * 365 + 12, 1.5, np.nan], np.float32)
    )
    assert table.categorical["colour"].tolist() == ["red", "red", ""]
    assert table.multi["tags"] == [("red", "gift"), (), ("gift",)]
    assert table.multi["description"][0] == ("big", "red", "mug", "for", "tea")


def test_rows_follow_the_asked_names_and_are_blank_for_others(tmp_path: Path) -> None:
    features = read_entities(write(tmp_path, ITEMS), key="item_id")

    table = features.table(pa.array(["pan", "unheard-of"]))

    assert table.ids.tolist() == [0, 1]
    assert table.numeric["price"][0] == 12
    assert np.isnan(table.numeric["price"][1])
    assert table.categorical["brand"].tolist() == ["Ben", ""]
    assert table.multi["tags"] == [("gift",), ()]


def test_without_a_file_there_are_names_alone() -> None:
    table = no_features().table(pa.array(["a", "b"]))

    assert len(table) == 2
    assert not table.numeric
    assert not table.multi


def test_short_distinct_names_are_no_free_text(tmp_path: Path) -> None:
    text = "item_id,brand,path\n" + "".join(f"{n},brand{n},Home > Cups\n" for n in range(9))

    features = read_entities(write(tmp_path, text), key="item_id")

    assert features.kinds == {"brand": "categorical", "path": "categorical"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("item_id,price\na,1\nb,2\na,3\n", "line 4: item_id 'a' stands there twice"),
        ("price\n1\n", "no column item_id in price"),
        ("item_id,price\n,1\n", "line 2: item_id is empty"),
        ("item_id,price\na\n", "line 2: 1 columns where there should be 2"),
        ("item_id,born\na,2020-01-01\nb,2020-02-31\n", "line 3: born is '2020-02-31'"),
        ("item_id,price\n", "no rows"),
    ],
)
def test_a_bad_row_is_refused_with_its_line(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(BadInput, match=expected):
        read_entities(write(tmp_path, text), key="item_id")
