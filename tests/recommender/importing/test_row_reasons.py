"""Every reason to reject a row, with the line that a person finds it on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recommender.importing.errors import ImportRefused
from tests.recommender.importing.cast import EVENTS, ITEMS, USERS, event

pytestmark = pytest.mark.django_db
Make = Callable[..., Path]
Run = Callable[..., Any]
Read = Callable[[], list[tuple[str, int, str]]]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"event_id": ""}, "missing event_id"),
        ({"event_id": "E2"}, "duplicate event_id"),
        ({"event_id": "x" * 201}, "event_id is longer than 200 characters"),
        ({"event_id": "a\x00b"}, "NUL character in event_id"),
        ({"item_id": ""}, "missing item_id"),
        ({"item_id": "none-such"}, "unknown item"),
        ({"user_id": "nobody"}, "unknown user"),
        ({"user_id": ""}, "missing user_id and visitor_id"),
        ({"kind": "stare"}, "kind is none of view, click, cart_add, cart_remove, purchase, rating, dislike"),
        ({"kind": ""}, "kind is none of view, click, cart_add, cart_remove, purchase, rating, dislike"),
        ({"occurred_at": "yesterday"}, "occurred_at is not a date"),
        ({"occurred_at": "2026-02-30"}, "occurred_at is not a date"),
        ({"occurred_at": "0001-01-01T00:00:00+14:00"}, "occurred_at is not a date"),
        ({"occurred_at": ""}, "occurred_at is not a date"),
        ({"occurred_at": "2999-01-01"}, "occurred_at is in the future"),
        ({"value": "many"}, "value is not a number"),
        ({"value": "inf"}, "value is not a number"),
        ({"kind": "purchase", "value": "-1"}, "value is outside 0 to 1000000"),
        ({"kind": "rating", "value": "6"}, "rating is outside 1 to 5"),
        ({"kind": "rating", "value": "0.5"}, "rating is outside 1 to 5"),
        ({"kind": "rating", "value": ""}, "rating is outside 1 to 5"),
        (
            {"kind": "rating", "value": "4", "review_text": "x" * 5001},
            "review_text is longer than 5000 characters",
        ),
        ({"kind": "rating", "value": "4", "review_title": "a\x00b"}, "NUL character in review_title"),
    ],
)
@pytest.mark.parametrize(("ending", "line"), [(".csv", 4), (".jsonl", 3), (".parquet", 2)])
def test_a_bad_event_is_listed_and_the_others_are_taken(
    ending: str, line: int, changes: dict[str, str], reason: str, make_dataset: Make, run: Run, rejected: Read
) -> None:
    rows = [EVENTS[0], EVENTS[1], {**event("bad"), **changes}, EVENTS[2]]

    summary = run(make_dataset(ending, interactions=rows))

    assert rejected() == [(f"interactions{ending}", line, reason)]
    assert summary.tallies["interactions"].new == 3


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"item_id": ""}, "missing item_id"),
        ({"item_id": "mug-1"}, "duplicate item_id"),
        ({"item_id": "x" * 65}, "item_id is longer than 64 characters"),
        ({"name": ""}, "missing name"),
        ({"name": "a\x00b"}, "NUL character in name"),
        ({"name": "x" * 256}, "name is longer than 255 characters"),
        ({"category": ""}, "missing category"),
        ({"category": " > "}, "missing category"),
        (
            {"category": " > ".join("abcdefghi")},
            "category has more than 8 levels or a name over 50 characters",
        ),
        ({"price": ""}, "missing price"),
        ({"price": "cheap"}, "price is not a number"),
        ({"price": "NaN"}, "price is not a number"),
        ({"price": "-1"}, "price is outside 0 to 99999999.99"),
        ({"list_price": "1"}, "list_price is below price"),
        ({"stock": "1.5"}, "stock is not a whole number"),
        ({"stock": "-1"}, "stock is outside 0 to 2000000000"),
        ({"rating": "5.1"}, "rating is outside 1 to 5"),
        ({"attributes": "{"}, "attributes is not JSON"),
        ({"attributes": '{"a": NaN}'}, "attributes is not JSON"),
        ({"attributes": '{"a": 1e999}'}, "attributes is not JSON"),
        ({"attributes": r'{"a": "\ud800"}'}, "attributes is not JSON"),
        ({"attributes": '{"a": []}'}, "attributes is not a flat JSON object"),
        ({"attributes": r'{"a": "\u0000"}'}, "NUL character in attributes"),
        ({"regions": "DE|Mars"}, "regions is not an ISO 3166 alpha-2 code"),
        ({"active": "maybe"}, "active is neither true nor false"),
        ({"released_at": "soon"}, "released_at is not a date"),
        ({"image": "../../etc/passwd"}, "image is a path outside the folder"),
        ({"image": "/etc/passwd"}, "image is a path outside the folder"),
        ({"image": "file:///etc/passwd"}, "image is no http(s) address"),
    ],
)
def test_a_bad_product_is_listed(
    changes: dict[str, str], reason: str, make_dataset: Make, run: Run, rejected: Read
) -> None:
    columns = ("list_price", "rating", "attributes", "regions", "active", "released_at", "image")
    rows = [
        {**dict.fromkeys(columns, ""), **row} for row in (*ITEMS, {**ITEMS[1], "item_id": "bad", **changes})
    ]

    summary = run(make_dataset(items=rows))

    assert rejected() == [("items.csv", 4, reason)]
    assert summary.tallies["products"].new == 2


@pytest.mark.parametrize("value", [["Home", "Mugs"], {"name": "Home"}, b"\xff"])
def test_a_category_that_is_no_text_is_listed(
    value: Any, make_dataset: Make, run: Run, rejected: Read
) -> None:
    rows = [{"item_id": "odd", "name": "Odd", "category": value, "price": 1.0}]

    with pytest.raises(ImportRefused, match="category is not text"):
        run(make_dataset(".parquet", items=rows, users=None, interactions=None))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"user_id": ""}, "missing user_id"),
        ({"user_id": "u1"}, "duplicate user_id"),
        ({"email": "nowhere"}, "email is not an address"),
        ({"email": "ANN@example.com"}, "email belongs to another account"),
        ({"email": "alice@example.com"}, "email belongs to another account"),
        ({"region": "Narnia"}, "region is not an ISO 3166 alpha-2 code"),
        ({"signup_at": "2999-01-01"}, "signup_at is in the future"),
        ({"birth_date": "2999-01-01"}, "birth_date is in the future or before 1900"),
        ({"birth_date": "1st of May"}, "birth_date is not a date"),
        ({"name": "x" * 151}, "name is longer than 150 characters"),
        (
            {"preferences": " > ".join("abcdefghi")},
            "preferences has more than 8 levels or a name over 50 characters",
        ),
    ],
)
def test_a_bad_user_is_listed(
    changes: dict[str, str], reason: str, make_dataset: Make, run: Run, rejected: Read, alice: Any
) -> None:
    bad = {
        "user_id": "bad",
        "name": "Eve",
        "email": "eve@example.com",
        "preferences": "",
        "region": "",
        **changes,
    }
    rows = [{"signup_at": "", "birth_date": "", **row} for row in (*USERS, bad)]

    summary = run(make_dataset(users=rows))

    assert rejected() == [("users.csv", 4, reason)]
    assert summary.tallies["users"].new == 2
    alice.refresh_from_db()
    assert alice.external_id is None
