from decimal import Decimal

import pytest

from shop.money import money


@pytest.mark.parametrize(
    ("currency", "amount", "text"),
    [
        ("USD", Decimal("1234.5"), "$1,234.50"),
        ("EUR", Decimal("0.005"), "€0.01"),
        ("JPY", Decimal("1234"), "¥1,234"),
        ("JPY", Decimal("1234.50"), "¥1,235"),
        ("NOK", Decimal("12"), "NOK 12.00"),
        ("USD", None, ""),
    ],
)
def test_an_amount_reads_as_its_currency_is_written(settings, currency, amount, text):
    settings.CURRENCY = currency
    assert money(amount) == text
