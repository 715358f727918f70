"""Products as a suggestion shows them, kept in the process for as long as their rows do not change."""

# N = products asked for

import time
from collections import OrderedDict

import numpy as np

from recommender.snapshot import Snapshot
from shop.models import Product

MOST_KEPT = 10_000
FRESH_SECONDS = 60.0  # a picture may change without its product

_Mark = tuple[int, int]
_kept: "OrderedDict[int, tuple[_Mark, float, Product]]" = OrderedDict()


def of(rows_N: np.ndarray, *, catalogue: Snapshot) -> list[Product]:
    """Return the products in the rows' order, with their pictures; two queries for those not kept.

    They are as of the catalogue, seconds old. Raises DatabaseError.
    """
    marks = {int(catalogue.product_id[row]): _mark(catalogue, int(row)) for row in rows_N}
    now = time.monotonic()
    missing = [pk for pk, mark in marks.items() if not _is_fresh(pk, mark=mark, now=now)]
    found = {pk: _kept[pk][2] for pk in marks if pk not in missing}
    if missing:
        read = Product.objects.filter(pk__in=missing).prefetch_related("images").in_bulk()
        for pk, product in read.items():
            _kept[pk] = (marks[pk], now, product)
        found |= read
        while len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)
    return [found[pk] for pk in marks if pk in found]


def forget() -> None:
    """Read every product anew."""
    _kept.clear()


def _is_fresh(pk: int, *, mark: _Mark, now: float) -> bool:
    held = _kept.get(pk)
    return held is not None and held[0] == mark and now - held[1] < FRESH_SECONDS


def _mark(catalogue: Snapshot, row: int) -> _Mark:
    first, second = catalogue.marks[row].tolist()
    return first, second
