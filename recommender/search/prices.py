"""Prices in a query: "under 50", "between 20 and 40", "over £100"."""

import re
from dataclasses import dataclass
from decimal import Decimal

from shop.money import money

_CURRENCY = r"(?:[$€£¥₹]|usd|eur|gbp|dollars?|euros?|pounds?|bucks)"
_AMOUNT = rf"{_CURRENCY}?\s*(\d{{1,7}}(?:[.,]\d{{1,2}})?)(?![\d%])(?:\s*{_CURRENCY}(?!\w))?"
# A number before one of these is a size, an age or a count: "dress under 50 cm" is of no price.
_NO_UNIT = (
    r"(?!\s*(?:%|(?:percent|mm|cm|m|km|inch|inches|in|ft|g|kg|mg|ml|cl|l|oz|lbs?|w|watts?|v|gb|mb|tb|pcs|"
)
_NO_UNIT += r"pieces|pages|years?|months?|days?|hours?|minutes?|people|players|persons?)\b))"
_BELOW = r"(?:under|below|less than|cheaper than|up to|at most|max(?:imum)?|no more than)"
_ABOVE = r"(?:over|above|more than|at least|min(?:imum)?|from)"
_BETWEEN = re.compile(
    rf"(?<!\w)(?:(?:between|from)\s+{_AMOUNT}\s*(?:and|to|-|–)\s*{_AMOUNT}"
    rf"|{_CURRENCY}\s*(\d{{1,7}}(?:[.,]\d{{1,2}})?)\s*(?:to|-|–)\s*{_AMOUNT}){_NO_UNIT}",
    re.IGNORECASE,
)
_UP_TO = re.compile(rf"(?<!\w){_BELOW}\s+{_AMOUNT}{_NO_UNIT}", re.IGNORECASE)
_FROM = re.compile(rf"(?<!\w){_ABOVE}\s+{_AMOUNT}{_NO_UNIT}", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Price:
    """A price that a query asks for, and the words that say it."""

    words: str
    lowest: Decimal | None = None
    highest: Decimal | None = None

    @property
    def label(self) -> str:
        """Such as "Under $50", in the shop's currency."""
        if self.lowest is None:
            return f"Up to {_amount(self.highest)}"
        if self.highest is None:
            return f"From {_amount(self.lowest)}"
        return f"{_amount(self.lowest)} to {_amount(self.highest)}"


def price_in(text: str) -> Price | None:
    """Return the price that the text asks for, None where it asks for none."""
    between = _BETWEEN.search(text)
    if between:
        ends = sorted(_number(end) for end in between.groups() if end)
        return Price(words=between[0], lowest=ends[0], highest=ends[1])
    below, above = _UP_TO.search(text), _FROM.search(text)
    if below:
        return Price(words=below[0], highest=_number(below[1]))
    if above:
        return Price(words=above[0], lowest=_number(above[1]))
    return None


def without(text: str, words: str) -> str:
    """Return the text without these words of it."""
    return " ".join(text.replace(words, " ", 1).split())


def _number(text: str) -> Decimal:
    return Decimal(text.replace(",", "."))


def _amount(price: Decimal | None) -> str:
    return money(price).removesuffix(".00")
