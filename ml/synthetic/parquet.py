"""Writes a made shop as Parquet: in the import schema of this project, and in the quickstart's."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ml.synthetic.descriptions import review
from ml.synthetic.events import CART_ADD, KINDS, PURCHASE, RATING, Events
from ml.synthetic.shop import SyntheticShop
from ml.synthetic.taxonomy import SEPARATOR

ROWS_PER_GROUP = 100_000
MOMENT = pa.timestamp("us", tz="UTC")
PICTURES = "pictures"
# Our kinds in the quickstart's words; it has none for a click, for leaving a basket or for a quiet rating.
QUICKSTART_TYPES = {
    "view": "positive_view",
    "click": "positive_view",
    "cart_add": "cart",
    "cart_remove": "negative_view",
    "purchase": "purchase",
    "rating": "rate",
    "dislike": "negative_view",
}


def write_parquet(
    shop: SyntheticShop, folder: Path, *, on_progress: Callable[[str, float], None] | None = None
) -> list[Path]:
    """Return the six files written: users, items, interactions, and the same with recommendation_ before.

    `on_progress` hears the file's name and how far it is, from 0 to 1.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tables: dict[str, Iterator[pa.Table]] = {
        "users": iter([_users(shop)]),
        "items": iter([_items(shop)]),
        "interactions": _interactions(shop),
        "recommendation_users": iter([_quickstart_users(shop)]),
        "recommendation_items": iter([_quickstart_items(shop)]),
        "recommendation_interactions": _quickstart_interactions(shop),
    }
    num_groups = {name: 1 if "interactions" not in name else len(_groups(shop)) for name in tables}
    written = []
    for name, groups in tables.items():
        written.append(folder / f"{name}.parquet")
        _write(written[-1], groups=groups, num_groups=num_groups[name], on_progress=on_progress)
    return written


def _write(
    path: Path,
    *,
    groups: Iterator[pa.Table],
    num_groups: int,
    on_progress: Callable[[str, float], None] | None,
) -> None:
    first = next(groups)
    with pq.ParquetWriter(path, first.schema, compression="zstd") as writer:
        writer.write_table(first)
        for number, table in enumerate(groups, start=2):
            writer.write_table(table)
            if on_progress:
                on_progress(path.name, number / num_groups)
    if on_progress:
        on_progress(path.name, 1.0)


def picture_name(sku: str) -> str:
    """Return where a product's picture lies, relative to the dataset's folder."""
    return f"{PICTURES}/{sku}.webp"


def _users(shop: SyntheticShop) -> pa.Table:
    people = shop.shoppers
    return pa.table(
        {
            "user_id": people.user_id,
            "name": people.name,
            "email": people.email,
            "signup_at": _moments(people.signup_at),
            "preferences": people.preferences,
            "region": people.region,
            "birth_date": pa.array(people.birth_date, type=pa.date32()),
        }
    )


def _items(shop: SyntheticShop) -> pa.Table:
    goods = shop.catalogue
    return pa.table(
        {
            "item_id": goods.sku,
            "name": goods.name,
            "description": goods.description,
            "category": [goods.taxonomy.types[kind].path for kind in goods.type_index],
            "brand": goods.brand,
            "price": goods.price,
            "list_price": _nullable(goods.list_price),
            "stock": goods.stock,
            "rating": _nullable(np.round(goods.rating.astype(np.float64), 2)),
            "rating_count": goods.rating_count,
            "attributes": [json.dumps(facts, ensure_ascii=False) for facts in goods.attributes],
            "regions": goods.regions,
            "min_age": goods.min_age,
            "repeatable": goods.repeatable,
            "released_at": _moments(goods.released_at),
            "active": np.ones(len(goods), dtype=bool),
            "image": [picture_name(sku) for sku in goods.sku],
        }
    )


def _interactions(shop: SyntheticShop) -> Iterator[pa.Table]:
    user_ids, item_ids = pa.array(shop.shoppers.user_id), pa.array(shop.catalogue.sku)
    for begin, events in _groups(shop):
        titles, texts = _reviews(shop, events=events)
        yield pa.table(
            {
                "event_id": event_ids(shop.config.seed, begin=begin, count=len(events)),
                "user_id": user_ids.take(pa.array(events.user_index)),
                "visitor_id": pa.array([""] * len(events)),
                "item_id": item_ids.take(pa.array(events.item_index)),
                "kind": pa.array(KINDS).take(pa.array(events.kind)),
                "value": _nullable(events.value.astype(np.float64)),
                "occurred_at": _moments(events.timestamp),
                "review_title": titles,
                "review_text": texts,
            }
        )


def _quickstart_users(shop: SyntheticShop) -> pa.Table:
    people = shop.shoppers
    tops = [
        "|".join(dict.fromkeys(p.split(SEPARATOR)[-1] for p in text.split("|")))
        for text in people.preferences
    ]
    return pa.table(
        {
            "user_id": people.user_id,
            "user_name": people.name,
            "signup_date": pa.array(people.signup_at.astype("M8[s]").astype("M8[D]")),
            "preferences": tops,
        }
    )


def _quickstart_items(shop: SyntheticShop) -> pa.Table:
    goods = shop.catalogue
    list_price = np.where(np.isnan(goods.list_price), goods.price, goods.list_price)
    return pa.table(
        {
            "item_id": goods.sku,
            "product_name": goods.name,
            "category": [
                goods.taxonomy.types[kind].path.replace(SEPARATOR, "|") for kind in goods.type_index
            ],
            "discounted_price": goods.price,
            "actual_price": list_price,
            "discount_percentage": np.round(100 * (1 - goods.price / list_price), 1),
            "rating": _nullable(np.round(goods.rating.astype(np.float64), 2)),
            "rating_count": goods.rating_count,
            "about_product": goods.description,
            "arrival_date": pa.array(goods.released_at.astype("M8[s]").astype("M8[D]")),
            "img_link": [picture_name(sku) for sku in goods.sku],
            "product_link": [f"https://shop.example.com/p/{sku}" for sku in goods.sku],
        }
    )


def _quickstart_interactions(shop: SyntheticShop) -> Iterator[pa.Table]:
    user_ids, item_ids = pa.array(shop.shoppers.user_id), pa.array(shop.catalogue.sku)
    types = pa.array([QUICKSTART_TYPES[kind] for kind in KINDS])
    for begin, events in _groups(shop):
        titles, texts = _reviews(shop, events=events)
        counted = np.isin(events.kind, (CART_ADD, PURCHASE))
        yield pa.table(
            {
                "interaction_id": event_ids(shop.config.seed, begin=begin, count=len(events)),
                "user_id": user_ids.take(pa.array(events.user_index)),
                "item_id": item_ids.take(pa.array(events.item_index)),
                "timestamp": _moments(events.timestamp),
                "interaction_type": types.take(pa.array(events.kind)),
                "review_title": titles,
                "review_content": texts,
                "rating": _nullable(np.where(events.kind == RATING, events.value, np.nan).astype(np.float64)),
                "quantity": _nullable(np.where(counted, events.value, np.nan).astype(np.float64)),
            }
        )


def _groups(shop: SyntheticShop) -> list[tuple[int, Events]]:
    """Return the events cut into row groups, each with the number of its first row."""
    starts = range(0, len(shop.events), ROWS_PER_GROUP)
    return [(n, shop.events.take(slice(n, n + ROWS_PER_GROUP))) for n in starts]  # type: ignore[arg-type]


def event_ids(seed: int, *, begin: int, count: int) -> list[str]:
    """Return UUIDs (version 8: made by our own rule) for rows begin to begin + count of one seed."""
    head = f"{seed & 0xFFFFFFFF:08x}-5b0e-8{seed >> 32 & 0xFFF:03x}-8000"
    return [f"{head}-{number:012x}" for number in range(begin, begin + count)]


def _reviews(shop: SyntheticShop, *, events: Events) -> tuple[list[str], list[str]]:
    """Return a title and a text for half of the ratings, empty elsewhere."""
    titles, texts = [""] * len(events), [""] * len(events)
    ticks = np.random.default_rng([shop.config.seed, len(events)]).random((len(events), 2))
    for row in np.flatnonzero((events.kind == RATING) & (ticks[:, 0] < 0.5)):
        item = events.item_index[row]
        kind = shop.catalogue.type_of(item)
        facts = {
            **shop.catalogue.attributes[item],
            "brand": shop.catalogue.brand[item],
            "noun": kind.nouns[0],
        }
        titles[row], texts[row] = review(kind, facts=facts, stars=int(events.value[row]), tick=ticks[row, 1])
    return titles, texts


def _moments(seconds: np.ndarray) -> pa.Array:
    return pa.array((seconds * 1_000_000).astype("M8[us]")).cast(MOMENT)


def _nullable(values: np.ndarray) -> pa.Array:
    """Return the values with NaN as null."""
    return pa.array(values, mask=np.isnan(values))
