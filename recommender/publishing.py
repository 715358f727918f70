"""What a trained model says of this shop's products and users, written down under its version."""

# U = users of a chunk, I = items, D = columns of a stored vector, K = products in a list

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db.models import QuerySet

from ml.data import KINDS, Dataset, Histories, ItemSets
from ml.metrics import top_k
from recommender import embeddings, item_matrix, snapshot
from recommender.models import ItemEmbedding, ModelVersion
from shop.models import Product, User

if TYPE_CHECKING:  # torch takes seconds to import, and only training processes need it
    from ml.training import TrainedModel

MAX_USERS_PER_CHUNK = 4_096
SCORES_AT_ONCE = 25_000_000  # 100 MB of float32
# Longer than a page asks: what a visitor may not see by age, region or cart is left out on the page.
TOP_K = 100
OnFraction = Callable[[float], None]


@dataclass(frozen=True, kw_only=True)
class Published:
    """How much was written."""

    num_items: int
    num_users: int


def publish(
    version: ModelVersion, *, model: "TrainedModel", data: Dataset, as_of: int, on_fraction: OnFraction
) -> Published:
    """Write every item's and user's vector and every user's top 100; return how many of each.

    The lists hold products that can be bought now, without what the user bought and would not buy again.
    `as_of` (seconds) is when the histories end. `on_fraction` is called after every chunk of users.
    """
    item_ID = model.encode_items(data.items)
    num_items, num_users = _write_items(version, ids_I=data.items.ids, item_ID=item_ID), 0
    histories = Histories.from_interactions(data.interactions, num_users=len(data.users), as_of=as_of)
    available_I, excluded = _available(data), _bought_for_good(data)
    for end, chunk in _chunks(data):
        users = chunk[_still_there(User.objects.all(), data.users.ids[chunk])]
        user_UD = model.encode_users(data.users.take(users), histories.take(users), item_ids=data.items.ids)
        num_users += embeddings.write_user_embeddings(version, ids=data.users.ids[users], vectors=user_UD)
        scores_UI = np.where(available_I, user_UD @ item_ID.T, -np.inf)
        masked = excluded.take(users)
        scores_UI[masked.rows(), masked.items] = -np.inf
        _write_lists(
            version, user_ids=data.users.ids[users], scores_UI=scores_UI, product_ids_I=data.items.ids
        )
        on_fraction(end / len(data.users))
    embeddings.create_index(version, width=item_ID.shape[1])
    _share_matrix(version)
    return Published(num_items=num_items, num_users=num_users)


def _share_matrix(version: ModelVersion) -> None:
    """Write the file that web processes map, so that no page waits for it after the activation."""
    item_matrix.prepare(version, catalogue=snapshot.current())


def lacks_items(version: ModelVersion) -> bool:
    """Return True when some listed product has no vector under the version."""
    return Product.objects.listed().exclude(item_embeddings__version=version).exists()


def publish_new_items(version: ModelVersion, *, model: "TrainedModel", data: Dataset) -> int:
    """Write the vectors of the products that the version has none for; return how many."""
    known = ItemEmbedding.objects.filter(version=version).values_list("product_id", flat=True)
    new = np.flatnonzero(~_among(known, data=data))
    if not len(new):
        return 0
    items = data.items.take(new)
    return _write_items(version, ids_I=items.ids, item_ID=model.encode_items(items))


def _write_items(version: ModelVersion, *, ids_I: np.ndarray, item_ID: np.ndarray) -> int:
    there = _still_there(Product.objects.all(), ids_I)
    return embeddings.write_item_embeddings(version, ids=ids_I[there], vectors=item_ID[there])


def _still_there(rows: QuerySet[Any], ids_N: np.ndarray) -> np.ndarray:
    """(N,) bool: which of the ids were not deleted since the dataset was read; one query."""
    if not len(ids_N):
        return np.zeros(0, dtype=bool)
    found = rows.filter(pk__range=(int(ids_N.min()), int(ids_N.max())))
    return np.isin(ids_N, np.fromiter(found.values_list("pk", flat=True).iterator(), dtype=np.int64))


def _write_lists(
    version: ModelVersion, *, user_ids: np.ndarray, scores_UI: np.ndarray, product_ids_I: np.ndarray
) -> None:
    best_UK = top_k(scores_UI, k=TOP_K)
    scores_UK = np.where(best_UK >= 0, np.take_along_axis(scores_UI, best_UK, axis=1), -np.inf)
    embeddings.write_recommendations(
        version, user_ids=user_ids, product_ids=product_ids_I[best_UK], scores=scores_UK
    )


def _available(data: Dataset) -> np.ndarray:
    """(I,) bool: which of the dataset's items can be bought now."""
    return _among(Product.objects.available().values_list("pk", flat=True), data=data)


def _bought_for_good(data: Dataset) -> ItemSets:
    """Each user's bought items, without those that are bought again and again."""
    again_I = _among(Product.objects.filter(repeatable=True).values_list("pk", flat=True), data=data)
    events = data.interactions
    bought = (events.kind == KINDS.index("purchase")) & ~again_I[events.item_index]
    return ItemSets.from_pairs(
        events.user_index[bought], item_index=events.item_index[bought], num_users=len(data.users)
    )


def _among(product_ids: QuerySet[Any, int], *, data: Dataset) -> np.ndarray:
    """(I,) bool: which of the dataset's items are among the ids."""
    return np.isin(data.items.ids, np.fromiter(product_ids.iterator(), dtype=np.int64))


def _chunks(data: Dataset) -> Iterator[tuple[int, np.ndarray]]:
    """The user indices in parts whose scores over all items fit in memory, each with where it ends."""
    size = min(max(SCORES_AT_ONCE // max(len(data.items), 1), 1), MAX_USERS_PER_CHUNK)
    for start in range(0, len(data.users), size):
        end = min(start + size, len(data.users))
        yield end, np.arange(start, end)
