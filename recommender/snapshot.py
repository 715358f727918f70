"""The catalogue as arrays: what every request needs to know of every product, held in memory."""

# I = products of the catalogue, on sale or not

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import numpy as np
from django.db import connection
from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast
from psycopg import sql

from recommender import copying
from recommender.refreshing import Refreshed
from shop.models import Category, Product

FRESH_SECONDS = 2.0  # how old it may be; what a card shows is checked by the database itself
EVERYWHERE = 2**64 - 1

# Whoever changes a row, in whichever way, changes its xmin or cmin: no writer has to tell.
_REVISION = """
    SELECT (SELECT (count(*), sum(xmin::text::bigint), sum(cmin::text::bigint)) FROM shop_product)::text
        || (SELECT (count(*), sum(xmin::text::bigint), sum(cmin::text::bigint)) FROM shop_category)::text
"""
_NUMBERS = """
    SELECT id, category_id, price::float4,
        CASE WHEN list_price > 0 THEN 1 - price / list_price ELSE 0 END::float4,
        coalesce(rating, 'NaN')::float4, rating_count, stock, active, repeatable, min_age,
        extract(epoch FROM released_at)::float8, xmin::text::bigint, cmin::text::bigint
    FROM shop_product ORDER BY id
"""
_FIELDS = (
    ("product_id", ">i8"),
    ("category_id", ">i8"),
    ("price", ">f4"),
    ("discount", ">f4"),
    ("rating", ">f4"),
    ("rating_count", ">i4"),
    ("stock", ">i4"),
    ("active", "?"),
    ("repeatable", "?"),
    ("min_age", ">i2"),
    ("released_at", ">f8"),
    ("xmin", ">i8"),
    ("cmin", ">i8"),
)
_Text = tuple[str, tuple[str, ...], tuple[str, ...]]  # brand, regions, attributes


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """Columns of all products, in the order of their ids."""

    revision: str  # changes whenever a product does
    product_id: np.ndarray  # (I,) int64, ascending
    category_id: np.ndarray  # (I,) int64
    category_path: dict[int, str]  # by category id
    brand: np.ndarray  # (I,) int32 code into `brands`
    brands: tuple[str, ...]
    price: np.ndarray  # (I,) float32
    discount: np.ndarray  # (I,) float32, the share off the list price; 0 when there is none
    rating: np.ndarray  # (I,) float32, NaN without one
    rating_count: np.ndarray  # (I,) int32
    stock: np.ndarray  # (I,) int32
    active: np.ndarray  # (I,) bool
    repeatable: np.ndarray  # (I,) bool
    min_age: np.ndarray  # (I,) int16
    regions: np.ndarray  # (I,) uint64: bit r is set where region_names[r] may buy; all bits: everywhere
    region_names: tuple[str, ...]  # those from the 64th on share the last bit
    released_at: np.ndarray  # (I,) float64, seconds since 1970
    attributes: tuple[tuple[str, ...], ...]  # of each product, as "name=value" in lower case
    category_name: dict[int, str]  # by category id
    marks: np.ndarray  # (I, 2) int64, xmin and cmin: others whenever the row is written

    def __len__(self) -> int:
        return len(self.product_id)

    def rows_of(self, product_ids: np.ndarray) -> np.ndarray:
        """The rows of product ids, -1 for one that is not here."""
        wanted = np.asarray(product_ids, dtype=np.int64)
        if not len(self):
            return np.full(len(wanted), -1, dtype=np.int64)
        place = np.minimum(np.searchsorted(self.product_id, wanted), len(self) - 1)
        return np.where(self.product_id[place] == wanted, place, -1)

    def rows_in(self, category_ids: Sequence[int]) -> np.ndarray:
        """(I,) bool: the products of the categories and of all below them; unknown ids are left out."""
        roots = tuple(f"{self.category_path[pk]}/" for pk in category_ids if pk in self.category_path)
        within = [pk for pk, path in self.category_path.items() if f"{path}/".startswith(roots)]
        is_within = np.zeros(max(self.category_path, default=0) + 1, dtype=bool)
        is_within[within] = True
        return is_within[self.category_id]  # ids are dense: a tenth of the time of np.isin

    def writing_of(self, product_ids: Sequence[int]) -> str:
        """A text that differs as soon as one of the products was written to, or is no longer here."""
        rows = self.rows_of(np.array(product_ids, dtype=np.int64))
        marks = np.where(rows[:, None] >= 0, self.marks[rows], -1) if len(self) else rows
        return blake2b(marks.tobytes(), digest_size=8).hexdigest()

    @cached_property
    def ids_digest(self) -> str:
        """The same text for the same products in the same rows, in whichever process."""
        return blake2b(self.product_id.tobytes(), digest_size=8).hexdigest()

    @cached_property
    def newest_rows(self) -> np.ndarray:
        """(I,) the rows by release, the last released first, as the database orders them."""
        return np.lexsort((self.product_id, self.released_at))[::-1]


@dataclass(frozen=True, kw_only=True)
class _Loaded:
    """A snapshot, and what is needed to read only the rows that changed next time."""

    catalogue: Snapshot
    texts: list[_Text]


def current() -> Snapshot:
    """The catalogue as of the last two seconds; the first call reads it, 100,000 products in about a second.

    Raises DatabaseError when it was never read and cannot be.
    """
    return _kept.get().catalogue


def forget() -> None:
    """Read the catalogue anew for the next request."""
    _kept.forget()


def _load(previous: _Loaded | None) -> _Loaded:
    """The catalogue as it is now; `previous` itself when nothing changed."""
    with connection.cursor() as cursor:
        cursor.execute(_REVISION)
        revision = cursor.fetchone()[0]
    if previous is not None and previous.catalogue.revision == revision:
        return previous
    rows = copying.read_rows(sql.SQL(_NUMBERS), _FIELDS)
    columns = {name: rows[name].astype(np.dtype(kind).newbyteorder("=")) for name, kind in _FIELDS}
    marks = np.stack([columns.pop("xmin"), columns.pop("cmin")], axis=1)
    texts = _texts(columns["product_id"], marks=marks, previous=previous)
    brands, brand = np.unique(np.array([text[0] for text in texts], dtype=np.str_), return_inverse=True)
    region_names, regions = _region_bits([text[1] for text in texts])
    categories = list(Category.objects.order_by("pk").values_list("pk", "path", "name"))
    catalogue = Snapshot(
        revision=revision,
        category_path={pk: path for pk, path, _ in categories},
        category_name={pk: name for pk, _, name in categories},
        marks=marks,
        brand=brand.astype(np.int32),
        brands=tuple(brands.tolist()),
        regions=regions,
        region_names=region_names,
        attributes=tuple(text[2] for text in texts),
        **columns,
    )
    return _Loaded(catalogue=catalogue, texts=texts)


def _texts(product_id: np.ndarray, *, marks: np.ndarray, previous: _Loaded | None) -> list[_Text]:
    """Brand, regions and attributes of the products, read for those rows only that are not as they were."""
    known = np.full(len(product_id), -1)
    if previous is not None and len(previous.catalogue):
        before = previous.catalogue.rows_of(product_id)
        known = np.where((previous.catalogue.marks[before] == marks).all(axis=1), before, -1)
    changed = product_id[known < 0]
    products = Product.objects.order_by()
    if len(changed) < len(product_id) // 2:
        products = products.filter(pk__in=changed.tolist())
    found = _read_texts(products)
    nothing: _Text = ("", (), ())  # deleted between the two reads
    old = previous.texts if previous else []
    return [
        old[row] if row >= 0 else found.get(pk, nothing)
        for pk, row in zip(product_id.tolist(), known.tolist(), strict=True)
    ]


def _read_texts(products: QuerySet[Product]) -> dict[int, _Text]:
    attributes: dict[str, tuple[str, ...]] = {}  # many products share theirs
    texts = {}
    columns = products.values_list("pk", "brand", "regions", Cast("attributes", TextField()))
    for pk, brand, regions, as_json in columns:
        if as_json not in attributes:
            attributes[as_json] = _attributes_in(as_json)
        texts[pk] = (brand, tuple(regions), attributes[as_json])
    return texts


def _attributes_in(as_json: str) -> tuple[str, ...]:
    """The attributes as Feast's view of products has them: {"Colour": "Blue"} is "colour=blue"."""
    values = json.loads(as_json).items()
    named = ((name, value if isinstance(value, str) else json.dumps(value)) for name, value in values)
    return tuple(sorted(f"{name}={value}".lower() for name, value in named if value != "null"))


def _region_bits(regions: Sequence[tuple[str, ...]]) -> tuple[tuple[str, ...], np.ndarray]:
    """The names of the regions, and the (I,) uint64 bits of where each product may be sold."""
    names = tuple(sorted({name for named in regions for name in named}))
    bit = {name: 1 << min(place, 63) for place, name in enumerate(names)}
    bits_of: dict[tuple[str, ...], int] = {(): EVERYWHERE}
    for named in set(regions):
        if named:
            bits_of[named] = int(np.bitwise_or.reduce([np.uint64(bit[name]) for name in named]))
    return names, np.array([bits_of[named] for named in regions], dtype=np.uint64)


_kept = Refreshed(_load, seconds=FRESH_SECONDS, name="the catalogue")
