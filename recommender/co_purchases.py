"""Which products are bought together: counted over everybody's purchases, written whole."""

# B = baskets, I = products, P = pairs found

import itertools
from collections.abc import Iterator

import numpy as np
from django.db import transaction
from django.utils import timezone
from psycopg import sql
from scipy import sparse

from recommender import copying
from recommender.models import CoPurchase
from shop.models import Product

WINDOW_DAYS = 30  # purchases of one shopper within so many days of the first are one basket
HISTORY_DAYS = 730
LEAST_SUPPORT = 3  # baskets that hold both; fewer are chance
LEAST_SUPPORT_OF_FEW = 2  # where there are so few purchases that hardly a pair would be left
FEW_PURCHASES = 100_000
MAX_NEIGHBOURS = 30  # kept of each product
MAX_BASKET = 200  # distinct products; a larger basket is a shop's, and tells little of any two of them
PAIRS_AT_ONCE = 20_000_000

_PURCHASES = """
    SELECT DISTINCT dense_rank() OVER (ORDER BY coalesce(user_id::text, visitor_id::text)), product_id,
        floor(extract(epoch FROM occurred_at) / 86400)::int8
    FROM recommender_interaction
    WHERE kind = 'purchase'
        AND occurred_at > (SELECT max(occurred_at) FROM recommender_interaction WHERE kind = 'purchase')
            - make_interval(days => {days})
"""
_PURCHASE_FIELDS = (("shopper", ">i8"), ("product_id", ">i8"), ("day", ">i8"))
_PAIR_FIELDS = (
    ("product", ">i8"),
    ("other", ">i8"),
    ("support", ">i4"),
    ("lift", ">f8"),
    ("computed_at", ">i8"),
)
_POSTGRES_EPOCH = 946_684_800  # 2000-01-01, from which PostgreSQL counts microseconds


def recompute() -> int:
    """Return how many pairs (product, other) are known now, in place of those before; readers see either.

    One read of the purchases of the last two years and one write. 400,000 purchases take about 3 seconds.
    """
    query = sql.SQL(_PURCHASES).format(days=HISTORY_DAYS)
    with transaction.atomic():
        rows = copying.read_rows(query, _PURCHASE_FIELDS)
        product_ids, product = np.unique(rows["product_id"].astype(np.int64), return_inverse=True)
        basket = baskets_of(rows["shopper"].astype(np.int64), day=rows["day"].astype(np.int64))
        pairs = count_pairs(basket, product=product, num_products=len(product_ids))
        CoPurchase.objects.all().delete()
        return _write(pairs, product_ids=product_ids)


def baskets_of(shopper: np.ndarray, *, day: np.ndarray) -> np.ndarray:
    """The basket of each purchase, numbered from 0: a shopper's purchases of 30 days from the first on."""
    order = np.lexsort((day, shopper))
    number, basket = -1, np.empty(len(shopper), dtype=np.int64)
    whose, since = None, 0
    for index, who, when in zip(order.tolist(), shopper[order].tolist(), day[order].tolist(), strict=True):
        if who != whose or when - since >= WINDOW_DAYS:
            number, whose, since = number + 1, who, when
        basket[index] = number
    return basket


def count_pairs(
    basket: np.ndarray, *, product: np.ndarray, num_products: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The (P,) first products, others, supports and lifts of pairs that are bought together often enough.

    Lift = baskets with both x all baskets / (baskets with one x baskets with the other). Of each product the
    30 others with the largest lift, shrunk by support, are kept; both directions of a pair count.
    """
    held_BI = _matrix(basket, product=product, num_products=num_products)
    num_baskets = held_BI.shape[0]
    alone_I = np.asarray(held_BI.sum(axis=0)).ravel()
    least = LEAST_SUPPORT if len(basket) >= FEW_PURCHASES else LEAST_SUPPORT_OF_FEW
    parts = [
        _best_of(both, start=start, alone_I=alone_I, num_baskets=num_baskets, least=least)
        for start, both in _products_in_parts(held_BI, alone_I=alone_I)
    ]
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)] if parts else [np.empty(0)] * 4
    return columns[0], columns[1], columns[2], columns[3]


def _matrix(basket: np.ndarray, *, product: np.ndarray, num_products: int) -> sparse.csr_matrix:
    """(B, I) one where a basket holds a product, without the baskets that are too large."""
    num_baskets = int(basket.max()) + 1 if len(basket) else 0
    held = sparse.csr_matrix(
        (np.ones(len(basket), dtype=np.float32), (basket, product)), shape=(num_baskets, num_products)
    )
    held.data[:] = 1.0  # a product bought twice in a basket
    sizes = np.diff(held.indptr)
    return held[(sizes > 0) & (sizes <= MAX_BASKET)]


def _products_in_parts(
    held_BI: sparse.csr_matrix, *, alone_I: np.ndarray
) -> Iterator[tuple[int, sparse.csr_matrix]]:
    """How many baskets hold each pair, for some products at a time: of how many, memory decides."""
    held_IB = held_BI.T.tocsr()
    per_product = held_IB @ np.diff(held_BI.indptr)  # an upper bound of a product's pairs
    part = np.cumsum(per_product) // PAIRS_AT_ONCE
    edges = [0, *(np.flatnonzero(np.diff(part)) + 1).tolist(), len(alone_I)]
    for start, end in itertools.pairwise(edges):
        if end > start:
            yield start, held_IB[start:end] @ held_BI


def _best_of(
    both: sparse.csr_matrix, *, start: int, alone_I: np.ndarray, num_baskets: int, least: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    pairs = both.tocoo()
    product, other, support = pairs.row + start, pairs.col, pairs.data
    kept = (product != other) & (support >= least)
    product, other, support = product[kept], other[kept], support[kept]
    lift = support * num_baskets / (alone_I[product] * alone_I[other])
    strength = np.log1p(lift) * support / (support + LEAST_SUPPORT)
    order = np.lexsort((other, -strength, product))
    product, other, support, lift = product[order], other[order], support[order], lift[order]
    first = np.searchsorted(product, product)  # where each product's pairs begin
    near = np.arange(len(product)) - first < MAX_NEIGHBOURS
    return product[near], other[near], support[near], lift[near]


def _write(pairs: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray], *, product_ids: np.ndarray) -> int:
    product, other, support, lift = pairs
    there = np.isin(
        product_ids, np.fromiter(Product.objects.order_by().values_list("pk", flat=True), np.int64)
    )
    kept = np.flatnonzero(there[product.astype(np.int64)] & there[other.astype(np.int64)])
    rows = copying.new_rows(_PAIR_FIELDS, count=len(kept))
    rows["product"] = product_ids[product[kept].astype(np.int64)]
    rows["other"] = product_ids[other[kept].astype(np.int64)]
    rows["support"], rows["lift"] = support[kept], lift[kept]
    rows["computed_at"] = int((timezone.now().timestamp() - _POSTGRES_EPOCH) * 1_000_000)
    copying.write_rows(
        [rows], into="recommender_copurchase (product_id, other_id, support, lift, computed_at)"
    )
    return len(kept)
