"""What the towers learn from and are asked with: the loop's rows as ml.data, as of a moment.

One set of formulas turns raw features into tower inputs, for training columns and for a live visitor alike.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from django.db.models import Avg, Count, Exists, Max, OuterRef, Q
from django.utils import timezone

from ml.data import DAY_SECONDS, KINDS, Dataset, EntityTable, Interactions
from recommender import copying, encoders, features, snapshot
from recommender.models import ContentEmbedding, Interaction
from shop.models import Product, User
from shop.models.catalogue import lineage
from shop.visitors import Visitor

Progress = Callable[[float, str], None]
MAX_COUNTED = 10_000  # events of one user, where the feature store cannot tell their number


@dataclass(frozen=True, kw_only=True)
class UserFeatures:
    """One live visitor's inputs for NumpyUserTower.encode_user; unknown values are left out."""

    numeric: dict[str, float]
    categorical: dict[str, str]
    multi: dict[str, tuple[str, ...]]


def build_dataset(
    *,
    as_of: datetime | None = None,
    features_as_of: datetime | None = None,
    encoder: str = "",
    on_progress: Progress | None = None,
) -> Dataset:
    """Users, items and the users' interactions as known before `as_of` (now); four COPY reads and Feast.

    `features_as_of` (default: `as_of`) is the moment of the features. Give the evaluation's cut, so that
    popularity and activity tell nothing of the events that are tested. Guests' events are no training rows of
    users, but they count in popularity. Content vectors are of the encoder of that name, by default of
    content_encoder(). `on_progress(fraction, message)` is called before each part.
    """
    as_of = as_of or timezone.now()
    moment = features_as_of or as_of
    report = on_progress or (lambda fraction, message: None)
    report(0.0, "Reading interactions")
    events = copying.read_interactions(before=as_of, kinds=KINDS)
    report(0.4, "Reading user features")
    user_ids = _user_ids(as_of)
    users = _user_table(user_ids, moment)
    report(0.6, "Reading product features")
    product_ids = _product_ids(as_of)
    items = _item_table(product_ids, moment, encoder=encoder or content_encoder())
    report(0.9, "Joining")
    return Dataset(users=users, items=items, interactions=_join(events, user_ids, product_ids))


def user_features_online(visitor: Visitor) -> UserFeatures:
    """The tower inputs of whoever is looking, in about a millisecond.

    What the visitor told us (region, age, preferences), or took back, comes from the visitor, fresher than
    the store. The rest comes from Feast online, or from the database (one query) while the store is away or
    has not met the user.
    """
    raw: dict[str, Any] = {}
    if visitor.user is not None:
        raw = _raw_user_from_store(visitor.user) or _raw_user_from_database(visitor.user)
    numeric = _numbers_of_row(raw, timezone.now())
    if visitor.age is not None:
        numeric["age"] = float(visitor.age)
    paths = snapshot.current().category_path
    preferred = [paths[category_id] for category_id in visitor.preference_ids if category_id in paths]
    return UserFeatures(
        numeric=numeric,
        categorical={"region": visitor.region} if visitor.region else {},
        multi={"preferences": _with_parents(preferred)},
    )


# Formulas: raw feature columns to tower inputs


def user_numbers(raw: Mapping[str, np.ndarray], moment: datetime) -> dict[str, np.ndarray]:
    """(N,) float32 columns; NaN where unknown, and 0 interactions where there is no activity."""
    today = int(f"{moment:%Y%m%d}")
    columns = {
        # 20260401 - 19900501 = 359900: whole years are what remains above the last four digits
        "age": np.floor((today - raw["birth_day"]) / 10_000),
        "days_since_signup": np.maximum((moment.timestamp() - raw["signed_up_at"]) / DAY_SECONDS, 0),
        "num_interactions": np.nan_to_num(raw["num_interactions"], nan=0.0),
        "mean_price": raw["mean_price"],
    }
    return {name: column.astype(np.float32) for name, column in columns.items()}


def item_numbers(raw: Mapping[str, np.ndarray], moment: datetime) -> dict[str, np.ndarray]:
    """(N,) float32 columns; NaN where unknown. Ratings given here win over the catalogue's."""
    rated_here = np.nan_to_num(raw["num_ratings"], nan=0.0) > 0
    rating_count = np.where(rated_here, raw["num_ratings"], raw["catalogue_rating_count"])
    columns = {
        "log_price": np.log1p(raw["price"]),
        "discount": raw["discount"],
        "rating": np.where(rated_here, raw["mean_rating"], raw["catalogue_rating"]),
        "log_rating_count": np.log1p(np.nan_to_num(rating_count, nan=0.0)),
        "days_since_release": np.maximum((moment.timestamp() - raw["released_at"]) / DAY_SECONDS, 0),
        "log_popularity": np.log1p(np.nan_to_num(raw["popularity"], nan=0.0)),
    }
    return {name: column.astype(np.float32) for name, column in columns.items()}


def _numbers_of_row(raw: Mapping[str, Any], now: datetime) -> dict[str, float]:
    """A single user's raw values through the formulas of the columns; unknown ones are left out."""
    names = ("signed_up_at", "num_interactions", "mean_price")
    columns = {name: np.array([raw.get(name, np.nan)], dtype=np.float64) for name in names}
    columns["birth_day"] = np.array([np.nan])  # the age comes from the visitor
    numeric = {name: float(column[0]) for name, column in user_numbers(columns, now).items()}
    return {name: value for name, value in numeric.items() if np.isfinite(value)}


# Tables


def _user_ids(as_of: datetime) -> np.ndarray:
    """Sorted ids of the users who had joined, or whose imported events are older than their account."""
    acted = Exists(Interaction.objects.filter(user=OuterRef("pk"), occurred_at__lt=as_of))
    known = User.objects.filter(Q(date_joined__lte=as_of) | acted)
    return np.array(sorted(known.values_list("pk", flat=True).iterator()), dtype=np.int64)


def _product_ids(as_of: datetime) -> np.ndarray:
    """Sorted ids of the products on sale that were known, and of all that anybody touched."""
    touched = Exists(Interaction.objects.filter(product=OuterRef("pk"), occurred_at__lt=as_of))
    known = Q(active=True) & (Q(created_at__lte=as_of) | Q(released_at__lte=as_of))
    products = Product.objects.filter(known | touched).order_by()
    return np.array(sorted(products.values_list("pk", flat=True).iterator()), dtype=np.int64)


def _join(events: dict[str, np.ndarray], user_ids: np.ndarray, product_ids: np.ndarray) -> Interactions:
    """The events by dense rows, in time order; those of a user or product deleted meanwhile are left out."""
    kept = np.isin(events["user_id"], user_ids) & np.isin(events["product_id"], product_ids)
    return Interactions.from_columns(
        np.searchsorted(user_ids, events["user_id"][kept]),
        item_index=np.searchsorted(product_ids, events["product_id"][kept]),
        kind=events["kind"][kept],
        value=events["value"][kept],
        timestamp=events["timestamp"][kept],
    )


def _user_table(user_ids: np.ndarray, moment: datetime) -> EntityTable:
    if not len(user_ids):
        return EntityTable(ids=user_ids)
    raw = features.historical_user_features(user_ids, moment)
    return EntityTable(
        ids=user_ids,
        numeric=user_numbers(raw, moment),
        categorical={"region": raw["region"]},
        multi={"preferences": raw["preferences"].tolist()},
    )


def _item_table(product_ids: np.ndarray, moment: datetime, *, encoder: str) -> EntityTable:
    if not len(product_ids):
        return EntityTable(ids=product_ids)
    raw = features.historical_item_features(product_ids, moment)
    return EntityTable(
        ids=product_ids,
        numeric=item_numbers(raw, moment),
        categorical={"category": raw["category"], "brand": raw["brand"]},
        multi={name: raw[name].tolist() for name in ("category_path", "attributes")},
        vectors=_content_vectors(product_ids, encoder=encoder),
    )


def _content_vectors(product_ids: np.ndarray, *, encoder: str) -> dict[str, np.ndarray]:
    """(N, d) float32 text and image vectors of the encoder; a zero row where there is none."""
    found = {"text": "text_vector", "image": "image_vector"} if encoder else {}
    vectors = {}
    for name, column in found.items():
        ids, rows = copying.read_content_vectors(column, encoder=encoder)
        if not len(ids):
            continue
        matrix = np.zeros((len(product_ids), rows.shape[1]), dtype=np.float32)
        kept = np.isin(ids, product_ids)
        matrix[np.searchsorted(product_ids, ids[kept])] = rows[kept]
        vectors[name] = matrix
    return vectors


def content_encoder() -> str:
    """The encoder of most products, of equals the one in use: one at work does not count yet; "" none."""
    rows = ContentEmbedding.objects.values("encoder").annotate(number=Count("pk"), newest=Max("created_at"))
    in_use = encoders.name_in_use()
    ranked = sorted(rows, key=lambda row: (row["number"], row["encoder"] == in_use, row["newest"]))
    return ranked[-1]["encoder"] if ranked else ""


# One user's raw values


def _raw_user_from_store(user: User) -> dict[str, Any] | None:
    """The user's row in the online store; None while it is away, or where it holds no row of this account.

    A database that was made anew gives old ids to new people, while Redis keeps the old rows: the moment of
    the sign-up tells them apart.
    """
    rows = features.online_user_features([user.pk])
    if not rows or abs(rows[0].get("signed_up_at", 0) - user.date_joined.timestamp()) > 0.001:
        return None
    return rows[0]


def _raw_user_from_database(user: User) -> dict[str, float]:
    """The numbers of the views user_profile and user_activity, for one user and right now; one query.

    Of who did very much, as the latest 10,000 events give them: a page may not wait for a hundred thousand.
    """
    liked = ~Q(kind__in=[Interaction.Kind.DISLIKE, Interaction.Kind.CART_REMOVE])
    latest = Interaction.objects.filter(user=user).order_by("-occurred_at")[:MAX_COUNTED]
    found = latest.aggregate(num_interactions=Count("pk"), mean_price=Avg("product__price", filter=liked))
    activity = {name: float(value) for name, value in found.items() if value is not None}
    return {"signed_up_at": user.date_joined.timestamp(), **activity}


def _with_parents(paths: Iterable[str]) -> tuple[str, ...]:
    """The category paths with all their ancestors, sorted: home/mugs gives home and home/mugs."""
    return tuple(sorted({ancestor for path in paths for ancestor in lineage(path)}))
