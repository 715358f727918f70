"""Lines of the UCI Online Retail file, as they really are."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from recommender.importing.retail_words import category_of, product_name
from recommender.models import Interaction
from shop.models import Product, User

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
LINES = """\
536365,85123A,WHITE HANGING HEART T-LIGHT HOLDER,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom
536365,85123a,WHITE HANGING HEART T-LIGHT HOLDER,4,2010-12-01 08:26:00,2.55,17850.0,United Kingdom
536366,85123A,CREAM HANGING HEART T-LIGHT HOLDER,1,2010-12-01 09:00:00,2.95,12583.0,France
536367,22423,"REGENCY  CAKESTAND 3 TIER",5,2010-12-01 10:00:00,12.75,12583.0,France
C536368,22423,REGENCY CAKESTAND 3 TIER,-5,2010-12-02 10:00:00,12.75,12583.0,France
536369,22423,REGENCY CAKESTAND 3 TIER,3,2010-12-03 10:00:00,12.75,17850.0,United Kingdom
C536370,22423,REGENCY CAKESTAND 3 TIER,-1,2010-12-04 10:00:00,12.75,17850.0,United Kingdom
536371,85123A,WHITE HANGING HEART T-LIGHT HOLDER,1,2010-12-05 10:00:00,2.75,,United Kingdom
536372,POST,POSTAGE,1,2010-12-05 10:00:00,18.00,12583.0,France
536373,gift_0001_40,Dotcomgiftshop Gift Voucher £40.00,1,2010-12-05 10:00:00,34.04,,United Kingdom
536374,22423,damaged,-7,2010-12-05 10:00:00,0.0,,United Kingdom
536375,85123A,?,5,2010-12-05 10:00:00,0.0,,United Kingdom
536376,85123A,WHITE HANGING HEART T-LIGHT HOLDER,1,2010-12-05 10:00:00,0.0,17850.0,United Kingdom
536377,85123A,,1,2010-12-05 10:00:00,1.0,17850.0,United Kingdom
536378,85123A,WHITE HANGING HEART T-LIGHT HOLDER,one,2010-12-05 10:00:00,1.0,17850.0,United Kingdom
536379,85123A,WHITE HANGING HEART T-LIGHT HOLDER,1,05/12/2010x,1.0,17850.0,United Kingdom
536380,85123A,WHITE HANGING HEART T-LIGHT HOLDER,1,2010-12-05 10:00:00,,17850.0,United Kingdom
,85123A,WHITE HANGING HEART T-LIGHT HOLDER,1,2010-12-05 10:00:00,1.0,17850.0,United Kingdom
A563185,B,Adjust bad debt,1,2011-08-12 14:50:00,11062.06,,United Kingdom
"""


@pytest.fixture
def retail(tmp_path: Path) -> Path:
    path = tmp_path / "online_retail.csv"
    path.write_text(HEADER + LINES)
    return path


@pytest.mark.django_db
def test_invoices_become_purchases_and_all_else_is_listed(
    retail: Path, run: Callable[..., Any], rejected: Callable[[], list[tuple[str, int, str]]]
) -> None:
    summary = run(retail)

    assert summary.schema == "online-retail"
    assert {(line, reason.split(":")[0]) for _, line, reason in rejected()} == {
        (5, "purchase cancelled in full later"),
        (6, "cancellation"),
        (8, "cancellation"),
        (9, "no customer"),
        (10, "not a product"),
        (11, "not a product"),
        (12, "return or stock correction"),
        (13, "return or stock correction"),
        (14, "price is zero or negative"),
        (15, "description is missing or a note on stock"),
        (16, "Quantity is not a whole number"),
        (17, "InvoiceDate is not a date"),
        (18, "UnitPrice is not a number"),
        (19, "missing InvoiceNo"),
        (20, "not a product"),
    }
    columns = ("user__external_id", "product__sku", "kind", "value")
    assert list(Interaction.objects.order_by("occurred_at").values_list(*columns)) == [
        ("retail-17850", "85123A", "purchase", 10.0),  # two lines of one invoice
        ("retail-12583", "85123A", "purchase", 1.0),
        ("retail-17850", "22423", "purchase", 3.0),  # one piece was returned; two were kept
    ]


@pytest.mark.django_db
def test_products_and_customers_are_told_from_the_lines(retail: Path, run: Callable[..., Any]) -> None:
    run(retail)

    holder = Product.objects.get(sku="85123A")
    # Sold at 2.55 2.55 2.75 2.95: the upper of the middle two is 2.75.
    assert (holder.name, holder.price) == ("White Hanging Heart T-Light Holder", Decimal("2.75"))
    assert (holder.category.path, holder.stock) == ("home/candles-and-lights", 100)
    assert holder.released_at == datetime(2010, 12, 1, 8, 26, tzinfo=UTC)
    assert Product.objects.get(sku="22423").name == "Regency Cakestand 3 Tier"
    users = User.objects.order_by("external_id").values_list("external_id", "profile__region", "email")
    assert list(users) == [
        ("retail-12583", "FR", "user-retail-12583@import.invalid"),
        ("retail-17850", "GB", "user-retail-17850@import.invalid"),
    ]


@pytest.mark.django_db
def test_a_second_import_changes_nothing(retail: Path, run: Callable[..., Any]) -> None:
    run(retail)

    assert "0 new, 0 changed" in str(run(retail))


@pytest.mark.parametrize(
    ("description", "category"),
    [
        ("JUMBO BAG RED RETROSPOT", "Bags > Bags"),
        ("LUNCH BAG CARS BLUE", "Bags > Lunch bags"),
        ("SET OF 3 CAKE TINS PANTRY DESIGN", "Kitchen > Baking"),
        ("CHRISTMAS GINGHAM TREE", "Seasonal > Christmas"),
        ("BIRTHDAY CARD, RETRO SPOT", "Stationery > Cards and wrap"),
        ("ALARM CLOCK BAKELIKE RED", "Home > Clocks"),
        ("PLEASE ONE PERSON METAL", "Other"),
    ],
)
def test_categories_come_from_telling_words(description: str, category: str) -> None:
    assert category_of(description) == category


def test_names_lose_their_shouting() -> None:
    assert product_name("*BLACK RECORD COVER'S FRAME ") == "Black Record Cover's Frame"
