"""Amounts of money as shoppers read them."""

from decimal import ROUND_HALF_UP, Decimal

from django.conf import settings
from django.utils.formats import number_format

SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹", "CNY": "CN¥", "KRW": "₩"}
WITHOUT_CENTS = {"JPY", "KRW", "VND", "CLP", "ISK"}


def money(amount: Decimal | None) -> str:
    """Return an amount in the shop's currency, such as $1,234.50; '' for no amount."""
    if amount is None:
        return ""
    currency = settings.CURRENCY
    symbol = SYMBOLS.get(currency, f"{currency} ")
    decimals = 0 if currency in WITHOUT_CENTS else 2
    rounded = Decimal(amount).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)  # number_format cuts off
    return symbol + number_format(rounded, decimal_pos=decimals, use_l10n=True, force_grouping=True)
