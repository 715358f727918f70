"""Which products the shelves of a page show already, so that the next shelf shows others."""

from collections.abc import Iterable

from django.http import HttpRequest

MOST = 50  # that an address may name


def of(request: HttpRequest) -> list[int]:
    """Return the ids of the products that this page shows so far."""
    return list(getattr(request, "shown_product_ids", ()))


def remember(request: HttpRequest, product_ids: Iterable[int]) -> None:
    """Note that the page shows these too."""
    request.shown_product_ids = dict.fromkeys([*of(request), *product_ids])  # type: ignore[attr-defined]


def read(text: str) -> list[int]:
    """Return the ids of a text such as "3.17.5"; what is no id is left out."""
    parts = text[: MOST * 20].split(".")[:MOST]
    return [int(part) for part in parts if part.isascii() and part.isdigit() and len(part) < 19]


def written(product_ids: Iterable[int]) -> str:
    """Return the ids as the text that `read` reads."""
    return ".".join(map(str, list(product_ids)[:MOST]))
