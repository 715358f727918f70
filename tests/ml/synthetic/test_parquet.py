"""Both Parquet schemas hold the shop, with keys that fit together."""

import json
from pathlib import Path
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ml.synthetic.events import KINDS
from ml.synthetic.parquet import event_ids, write_parquet
from ml.synthetic.shop import SyntheticShop

QUICKSTART = {
    "users": "user_id user_name signup_date preferences",
    "items": (
        "item_id product_name category discounted_price actual_price discount_percentage rating "
        "rating_count about_product arrival_date img_link product_link"
    ),
    "interactions": (
        "interaction_id user_id item_id timestamp interaction_type review_title review_content rating "
        "quantity"
    ),
}
OURS = {
    "users": "user_id name email signup_at preferences region birth_date",
    "items": (
        "item_id name description category brand price list_price stock rating rating_count "
        "attributes regions min_age repeatable released_at active image"
    ),
    "interactions": ("event_id user_id visitor_id item_id kind value occurred_at review_title review_text"),
}


@pytest.fixture(scope="module")
def tables(shop: SyntheticShop, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pa.Table]:
    """Return the six files that were written, read again, by name."""
    folder = tmp_path_factory.mktemp("dataset")
    return {path.stem: pq.read_table(path) for path in write_parquet(shop, folder)}


@pytest.mark.parametrize("part", ["users", "items", "interactions"])
def test_the_columns_are_those_of_both_schemas(tables: dict[str, pa.Table], part: str) -> None:
    assert tables[part].column_names == OURS[part].split()
    assert tables[f"recommendation_{part}"].column_names == QUICKSTART[part].split()


@pytest.mark.parametrize("prefix", ["", "recommendation_"])
def test_every_interaction_names_a_known_user_and_item(tables: dict[str, pa.Table], prefix: str) -> None:
    rows = tables[f"{prefix}interactions"]
    assert rows.num_rows == 20_000
    assert set(rows["user_id"].to_pylist()) <= set(tables[f"{prefix}users"]["user_id"].to_pylist())
    assert set(rows["item_id"].to_pylist()) <= set(tables[f"{prefix}items"]["item_id"].to_pylist())


def test_kinds_are_ours_in_ours_and_the_quickstarts_in_theirs(tables: dict[str, pa.Table]) -> None:
    assert set(tables["interactions"]["kind"].to_pylist()) == set(KINDS)
    theirs = set(tables["recommendation_interactions"]["interaction_type"].to_pylist())
    assert theirs == {"positive_view", "negative_view", "cart", "purchase", "rate"}


def test_stars_and_quantities_have_columns_of_their_own_in_the_quickstart(
    tables: dict[str, pa.Table],
) -> None:
    for row in tables["recommendation_interactions"].slice(0, 3_000).to_pylist():
        assert (row["rating"] is not None) == (row["interaction_type"] == "rate")
        assert (row["quantity"] is not None) == (row["interaction_type"] in ("cart", "purchase"))


def test_about_half_of_the_ratings_have_words(tables: dict[str, pa.Table]) -> None:
    ratings = [row for row in tables["interactions"].to_pylist() if row["kind"] == "rating"]
    worded = [row for row in ratings if row["review_title"] and row["review_text"]]
    assert 0.35 < len(worded) / len(ratings) < 0.65
    others = [row for row in tables["interactions"].to_pylist() if row["kind"] != "rating"]
    assert not any(row["review_text"] for row in others)


def test_items_carry_json_attributes_and_three_level_categories(tables: dict[str, pa.Table]) -> None:
    for row in tables["items"].to_pylist():
        assert {"colour", "material", "pattern", "size", "style"} <= set(json.loads(row["attributes"]))
        assert row["category"].count(" > ") == 2
        assert row["image"] == f"pictures/{row['item_id']}.webp"
        assert row["list_price"] is None or row["list_price"] > row["price"]


def test_the_quickstarts_prices_and_discounts_add_up(tables: dict[str, pa.Table]) -> None:
    for row in tables["recommendation_items"].slice(0, 200).to_pylist():
        assert row["category"].count("|") == 2
        expected = 100 * (1 - row["discounted_price"] / row["actual_price"])
        assert row["discount_percentage"] == pytest.approx(expected, abs=0.06)


def test_event_ids_are_unique_uuids_that_the_seed_settles() -> None:
    ids = event_ids(7, begin=10, count=5)
    assert len({UUID(text) for text in ids}) == 5
    assert ids == event_ids(7, begin=10, count=5)
    assert not set(ids) & set(event_ids(8, begin=10, count=5))


def test_progress_names_each_file_and_ends_at_one(shop: SyntheticShop, tmp_path: Path) -> None:
    heard: dict[str, float] = {}
    written = write_parquet(shop, tmp_path / "new", on_progress=heard.__setitem__)
    assert heard == {path.name: 1.0 for path in written}
    assert len(written) == 6
