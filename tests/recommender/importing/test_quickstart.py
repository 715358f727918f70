"""Files in the published quickstart's schema, as its own code writes them."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recommender.models import Interaction
from shop.models import Product, Review, User

pytestmark = pytest.mark.django_db
MAY = datetime(2026, 5, 1, 12, tzinfo=UTC)


def write_quickstart(folder: Path) -> Path:
    users = {
        "user_id": ["AG3D6", "AHMY5"],
        "user_name": ["Manav", "Adarsh"],
        "signup_date": [MAY, MAY],
        "preferences": ["Electronics|Cables", ""],
    }
    items = {
        "item_id": ["B07JW", "B098N", "B0BAD"],
        "product_name": ["Wayona cable", "Ambrane cable", "No price"],
        "category": ["Computers&Accessories|Cables", "Electronics", "Electronics"],
        "discounted_price": ["₹399", "1,099.50", None],
        "actual_price": ["₹1,099", "1,099.50", "1"],
        "discount_percentage": ["64%", "0%", ""],
        "rating": [4.2, 4.0, None],
        "rating_count": ["24,269", "43", None],
        "about_product": ["Fast charging", "", ""],
        "arrival_date": [MAY, MAY, MAY],
        "img_link": ["https://example.com/a.jpg", "", ""],
        "product_link": ["https://example.com/a", "", ""],
    }
    kinds = ["positive_view", "negative_view", "cart", "purchase", "rate", "glance"]
    interactions = {
        "interaction_id": list(range(6)),
        "user_id": ["AG3D6"] * 6,
        "item_id": ["B07JW"] * 6,
        "timestamp": [MAY] * 6,
        "interaction_type": kinds,
        "review_title": [None] * 4 + ["Satisfied", None],
        "review_content": [None] * 4 + ["Looks durable", None],
        "rating": [None, None, None, None, 5.0, None],
        "quantity": [None, None, 1.0, 3.0, None, None],
    }
    for name, columns in {"users": users, "items": items, "interactions": interactions}.items():
        pq.write_table(pa.table(columns), folder / f"recommendation_{name}.parquet")
    return folder


def test_the_published_files_are_taken(
    tmp_path: Path, run: Callable[..., Any], rejected: Callable[[], Any]
) -> None:
    summary = run(write_quickstart(tmp_path))

    assert summary.schema == "quickstart"
    assert rejected() == [
        ("recommendation_items.parquet", 2, "missing price"),
        (
            "recommendation_interactions.parquet",
            5,
            "kind is none of view, click, cart_add, cart_remove, purchase, rating, dislike",
        ),
    ]
    cable = Product.objects.get(sku="B07JW")
    assert (cable.price, cable.list_price, cable.rating_count) == (Decimal(399), Decimal(1099), 24269)
    assert (cable.category.path, cable.description, cable.stock) == (
        "computers-and-accessories/cables",
        "Fast charging",
        100,
    )
    assert cable.images.get().src == "https://example.com/a.jpg"
    assert Product.objects.get(sku="B098N").list_price is None  # no discount, no struck-out price
    user = User.objects.get(external_id="AG3D6")
    assert (user.name, user.date_joined) == ("Manav", MAY)
    assert {category.name for category in user.profile.preferences.all()} == {"Electronics", "Cables"}
    events = Interaction.objects.order_by("id").values_list("kind", "value")
    assert sorted(events, key=lambda row: row[0]) == [
        ("cart_add", 1.0),
        ("dislike", None),
        ("purchase", 3.0),
        ("rating", 5.0),
        ("view", None),
    ]
    assert Review.objects.get().text == "Looks durable"


def test_a_second_import_changes_nothing(tmp_path: Path, run: Callable[..., Any]) -> None:
    run(write_quickstart(tmp_path))

    assert "0 new, 0 changed" in str(run(tmp_path))
