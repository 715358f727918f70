"""A data set from files to rows."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from recommender.importing import ImportRefused
from recommender.models import Interaction
from shop.models import Category, Product, Profile, Review, User
from tests.recommender.importing.cast import EVENTS, ITEMS, USERS, event

pytestmark = pytest.mark.django_db
Make = Callable[..., Path]
Run = Callable[..., Any]
Read = Callable[[], list[tuple[str, int, str]]]


def counts() -> tuple[int, ...]:
    return tuple(model.objects.count() for model in (Category, Product, User, Profile, Interaction, Review))


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".jsonl", ".parquet"])
def test_every_format_gives_the_same_rows(ending: str, make_dataset: Make, run: Run, rejected: Read) -> None:
    summary = run(make_dataset(ending))

    assert rejected() == []
    assert {name: tally.new for name, tally in summary.tallies.items()} == {
        "products": 2,
        "categories": 4,
        "users": 2,
        "interactions": 3,
        "reviews": 1,
    }
    mug = Product.objects.get(sku="mug-1")
    assert (mug.name, mug.price, mug.stock, mug.category.path) == (
        "Blue mug",
        Decimal("7.50"),
        4,
        "home/kitchen/mugs",
    )
    ann = User.objects.get(external_id="u1")
    assert (ann.email, ann.profile.region, ann.has_usable_password()) == ("ann@example.com", "DE", False)
    assert {category.path for category in ann.profile.preferences.all()} == {"home/kitchen", "toys"}
    bought = Interaction.objects.get(user=ann, kind="purchase")
    assert (bought.product, bought.value) == (mug, 2.0)
    assert bought.occurred_at == datetime(2026, 1, 3, 10, tzinfo=UTC)
    review = Review.objects.get()
    assert (review.user.external_id, review.rating, review.title, review.text) == (
        "u2",
        4,
        "Good",
        "It rolls.",
    )


def test_a_second_import_changes_nothing(make_dataset: Make, run: Run) -> None:
    folder = make_dataset()
    run(folder)
    before = counts(), Product.objects.get(sku="mug-1").updated_at

    summary = run(folder)

    assert all((tally.new, tally.changed) == (0, 0) for tally in summary.tallies.values())
    assert "0 new, 0 changed" in str(summary)
    assert (counts(), Product.objects.get(sku="mug-1").updated_at) == before


def test_a_changed_file_brings_rows_up_to_date(make_dataset: Make, run: Run) -> None:
    run(make_dataset())
    items = [{**ITEMS[0], "price": "6.00", "category": "Sale"}, ITEMS[1]]
    users = [{**USERS[0], "preferences": "Toys", "region": "fr", "email": "new@example.com"}, USERS[1]]

    summary = run(make_dataset(name="later", items=items, users=users, interactions=None))

    assert (summary.tallies["products"].changed, summary.tallies["users"].changed) == (1, 1)
    mug = Product.objects.get(sku="mug-1")
    assert (mug.price, mug.category.path) == (Decimal("6.00"), "sale")
    ann = User.objects.get(external_id="u1")
    assert ann.profile.region == "FR"
    assert [category.path for category in ann.profile.preferences.all()] == ["toys"]
    assert ann.email == "ann@example.com"  # a file cannot move an account to another mailbox


def test_a_column_that_the_file_lacks_leaves_the_shops_own_value(make_dataset: Make, run: Run) -> None:
    run(make_dataset())
    Product.objects.filter(sku="mug-1").update(brand="Clayworks", stock=1)
    items = [{name: value for name, value in row.items() if name != "stock"} for row in ITEMS]

    summary = run(make_dataset(items=items))

    assert summary.tallies["products"].changed == 0
    mug = Product.objects.get(sku="mug-1")
    assert (mug.brand, mug.stock) == ("Clayworks", 1)


def test_products_without_a_stock_get_the_given_one(make_dataset: Make, run: Run) -> None:
    items = [{"item_id": "a", "name": "A", "category": "Toys", "price": "1"}]

    run(make_dataset(items=items, users=None, interactions=None), stock=33)

    assert Product.objects.get(sku="a").stock == 33


def test_a_dry_run_writes_nothing_and_reports_the_same(make_dataset: Make, run: Run) -> None:
    folder = make_dataset(interactions=[*EVENTS, event("e9", user_id="nobody")])
    before = counts()

    dry = run(folder, dry_run=True)

    assert counts() == before
    real = run(folder)
    assert (dry.tallies, dry.rejected, dry.notices) == (real.tallies, real.rejected, real.notices)
    assert "dry run" in str(dry)


def test_a_truncated_interactions_file_leaves_nothing_written(make_dataset: Make, run: Run) -> None:
    folder = make_dataset(".csv.gz", interactions=[event(f"e{n}") for n in range(3000)])
    path = folder / "interactions.csv.gz"
    path.write_bytes(path.read_bytes()[:-200])
    before = counts()

    with pytest.raises(ImportRefused, match=r"interactions\.csv\.gz is damaged or cut short"):
        run(folder)

    assert counts() == before


def test_a_file_of_bad_rows_only_is_refused(make_dataset: Make, run: Run, rejected: Read) -> None:
    before = counts()

    with pytest.raises(
        ImportRefused, match=r"Every row of interactions\.csv was rejected, most often: unknown user"
    ):
        run(make_dataset(interactions=[event("e1", user_id="nobody")]))

    assert counts() == before
    assert rejected() == [("interactions.csv", 2, "unknown user")]


def test_files_without_rows_are_refused(tmp_path: Path, run: Run) -> None:
    (tmp_path / "users.csv").write_text("user_id,name\n")

    with pytest.raises(ImportRefused, match="hold no rows"):
        run(tmp_path / "users.csv")


def test_interactions_alone_find_users_and_products_of_before(make_dataset: Make, run: Run) -> None:
    run(make_dataset(interactions=None))

    summary = run(make_dataset(name="later", items=None, users=None))

    assert summary.tallies["interactions"].new == 3


def test_guests_are_kept_by_their_visitor_id(make_dataset: Make, run: Run) -> None:
    guest = "7f0c8c0e-0f3b-4b7e-8a86-3a1f6f0f2f10"
    rows = [event("g1", user_id="", visitor_id=guest), event("g2", user_id="", visitor_id="browser 7")]

    run(make_dataset(interactions=rows))

    visitors = Interaction.objects.filter(user=None).values_list("visitor_id", flat=True)
    assert len(set(visitors)) == 2
    assert guest in map(str, visitors)


def test_an_event_slightly_ahead_is_stored_as_now(make_dataset: Make, run: Run, job: Any) -> None:
    ahead = (job.now + timedelta(hours=5)).isoformat()

    run(make_dataset(interactions=[event("e1", occurred_at=ahead)]))

    assert abs(Interaction.objects.get().occurred_at - job.now) < timedelta(minutes=1)


def test_the_newer_review_wins_and_an_older_file_does_not_undo_it(make_dataset: Make, run: Run) -> None:
    old = event("r1", kind="rating", value="2", review_text="Meh", occurred_at="2026-01-01")
    new = event("r2", kind="rating", value="4.5", review_text="Grew on me", occurred_at="2026-02-01")
    run(make_dataset(interactions=[new, old]))

    summary = run(make_dataset(name="later", interactions=[old]))

    review = Review.objects.get()
    assert (review.rating, review.text) == (5, "Grew on me")  # 4.5 stars are rounded up
    assert (summary.tallies["reviews"].new, summary.tallies["reviews"].changed) == (0, 0)
    assert Interaction.objects.filter(kind="rating").count() == 2


def test_preferences_without_a_category_are_left_out_and_counted(make_dataset: Make, run: Run) -> None:
    users = [
        {**USERS[0], "preferences": "Mugs|Cars"}
    ]  # a last name that is the only one of its kind is found

    summary = run(make_dataset(users=users, interactions=[EVENTS[0]]))

    paths = [category.path for category in User.objects.get(external_id="u1").profile.preferences.all()]
    assert paths == ["home/kitchen/mugs"]
    assert summary.notices["preferences left out: no such category"] == 1
