"""Products as cards show them, kept in the process for as long as their rows are not written to."""

# N = products asked for

import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import connection
from django.utils import timezone

from recommender.snapshot import Snapshot
from shop.models import Product
from shop.visitors import Visitor

MOST_KEPT = 10_000
FRESH_SECONDS = 60.0  # a picture may change without its product

# What ProductQuerySet.available() and eligible() say, with the marks of the rows, which change whenever a
# product or its pictures are written to. Not by the ORM, which takes longer to build it than the database to
# answer.
_BUYABLE = """
    SELECT id, xmin::text::bigint, cmin::text::bigint,
        (SELECT (count(*), sum(i.xmin::text::bigint), sum(i.cmin::text::bigint))::text
         FROM shop_productimage i WHERE i.product_id = p.id)
    FROM shop_product p
    WHERE id = ANY(%(ids)s) AND active AND stock > 0 AND released_at <= %(now)s AND min_age <= %(age)s
        AND (regions = '{}' OR (%(region)s <> '' AND regions @> ARRAY[%(region)s]::varchar[]))
"""

_Mark = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class _Held:
    """A product with its pictures, and as of when."""

    product: Product
    mark: _Mark  # xmin and cmin of its row
    pictures: str  # the same of its pictures' rows; "" unknown
    read_at: float


_kept: "OrderedDict[int, _Held]" = OrderedDict()


def of(rows_N: np.ndarray, *, catalogue: Snapshot) -> list[Product]:
    """Return the products in the rows' order, with their pictures; two queries for those not kept.

    They are as of the catalogue, seconds old. Raises DatabaseError.
    """
    marks = {int(catalogue.product_id[row]): _mark(catalogue, int(row)) for row in rows_N}
    since = time.monotonic() - FRESH_SECONDS
    found = {
        pk: held.product
        for pk, mark in marks.items()
        if (held := _kept.get(pk)) and held.mark == mark and held.read_at > since
    }
    found |= _read([pk for pk in marks if pk not in found], marks=marks, pictures={})
    return [found[pk] for pk in marks if pk in found]


def buyable(product_ids: Sequence[int], *, visitor: Visitor) -> dict[int, Product]:
    """Return those of the products that this visitor can buy now, by id, with their pictures.

    The database's last word, and the products as they are in it now: one query, and two for those not kept.
    """
    values: dict[str, Any] = {
        "ids": [*product_ids],
        "now": timezone.now(),
        "age": visitor.age or 0,
        "region": visitor.region,
    }
    with connection.cursor() as cursor:
        cursor.execute(_BUYABLE, values)
        rows = cursor.fetchall()
    marks = {pk: (first, second) for pk, first, second, _ in rows}
    pictures = {pk: text for pk, _, _, text in rows}
    found = {
        pk: held.product
        for pk, mark in marks.items()
        if (held := _kept.get(pk)) and held.mark == mark and held.pictures == pictures[pk]
    }
    return found | _read([pk for pk in marks if pk not in found], marks=marks, pictures=pictures)


def forget() -> None:
    """Read every product anew."""
    _kept.clear()


def _read(missing: Sequence[int], *, marks: dict[int, _Mark], pictures: dict[int, str]) -> dict[int, Product]:
    """The products by id, from now on kept under these marks: older than what is read, never newer."""
    if not missing:
        return {}
    found = Product.objects.filter(pk__in=missing).prefetch_related("images").in_bulk()
    now = time.monotonic()
    for pk, product in found.items():
        _kept[pk] = _Held(product=product, mark=marks[pk], pictures=pictures.get(pk, ""), read_at=now)
    while len(_kept) > MOST_KEPT:
        _kept.popitem(last=False)
    return found


def _mark(catalogue: Snapshot, row: int) -> _Mark:
    first, second = catalogue.marks[row].tolist()
    return first, second
