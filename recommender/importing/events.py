"""Interactions of a data set: validated a batch at a time, then copied into the database."""

import hashlib
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ml.data import KINDS
from recommender.bulk import copy_interactions
from recommender.importing.checks import Checks
from recommender.importing.columns import as_mask, as_moments, as_numbers, as_text, is_missing
from recommender.importing.job import Job, Tally
from recommender.importing.reviews import MAX_TEXT, MAX_TITLE, Reviews
from recommender.importing.tables import Batch
from shop.models import Product, User

NAMESPACE = uuid.UUID("6f1b0c52-3a4e-5d0f-9a55-2c6d3f7b8e10")  # of ids that are no UUIDs; never change it
MAX_ID = 64
MAX_QUANTITY = 1_000_000
FUTURE_SLACK = timedelta(days=1)  # clocks and zones differ; what is ahead of now is stored as now
_UUID = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
_TEXTS = ("event_id", "user_id", "visitor_id", "item_id", "kind", "review_title", "review_text")


@dataclass(frozen=True, kw_only=True)
class Keys:
    """Ids as the data set writes them, and the database keys at the same places."""

    external: pa.Array  # (N,) strings
    ids: np.ndarray  # (N,) int64

    @classmethod
    def of(cls, pairs: Iterable[tuple[str | None, int]]) -> "Keys":
        external, ids = [], []
        for name, key in pairs:
            external.append(name)
            ids.append(key)
        return cls(external=pa.array(external, pa.string()), ids=np.array(ids, np.int64))

    def find(self, texts: pa.Array) -> pa.Array:
        """Return (M,) int64 keys, null where the id is not known."""
        places = pc.index_in(texts, value_set=self.external)
        return pc.take(pa.array(self.ids), places)


@dataclass(kw_only=True)
class Loader:
    """State that outlives a batch."""

    job: Job
    users: Keys
    products: Keys
    reviews: Reviews = field(default_factory=Reviews)
    seen: set[str] = field(default_factory=set)
    accepted: int = 0

    def tables(self, batches: Iterable[Batch]) -> Iterator[pa.Table]:
        """Yield what COPY takes; rejected rows go to the reject file, reviews are kept for later."""
        for batch in batches:
            checks, table = self.check(batch)
            checks.send(self.job.rejects)
            self.accepted += table.num_rows
            self.reviews.collect(table)
            yield table

    def check(self, batch: Batch) -> tuple[Checks, pa.Table]:
        """Return the verdict on every row, and the accepted rows with bulk.COLUMNS and the review's texts."""
        checks = Checks(batch)
        texts = {name: as_text(batch.column(name)) for name in _TEXTS}
        users, products = self.users.find(texts["user_id"]), self.products.find(texts["item_id"])
        _check_texts(checks, texts)
        checks.flag(is_missing(users) & ~is_missing(texts["user_id"]), "unknown user")
        checks.flag(is_missing(products), "unknown item")
        moments = self._check_moments(checks, batch)
        values = _check_values(checks, batch, kinds=texts["kind"])
        self._check_repeats(checks, texts["event_id"])
        table = pa.table(
            {
                **texts,
                "user_key": users,
                "product_id": products,
                "value": pa.array(values, from_pandas=True),
                "occurred_at": pa.array(moments).cast(pa.timestamp("us", tz="UTC")),
            }
        ).filter(pa.array(checks.accepted))
        return checks, _with_keys(table, schema=self.job.schema)

    def _check_moments(self, checks: Checks, batch: Batch) -> np.ndarray:
        moments, valid = as_moments(batch.column("occurred_at"))
        checks.flag(~valid, "occurred_at is not a date")
        latest = self.job.now + FUTURE_SLACK
        checks.flag(moments > _microseconds(latest.timestamp()), "occurred_at is in the future")
        return np.minimum(moments, _microseconds(self.job.now.timestamp()))

    def _check_repeats(self, checks: Checks, ids: pa.Array) -> None:
        """Flag the second and later rows of an event id, among those that are otherwise good."""
        repeated = np.zeros(len(ids), bool)
        accepted = np.flatnonzero(checks.accepted)
        for index, name in zip(
            accepted.tolist(), pc.utf8_lower(ids.take(pa.array(accepted))).to_pylist(), strict=True
        ):
            if name in self.seen:
                repeated[index] = True
            self.seen.add(name)
        checks.flag(repeated, "duplicate event_id")


def load_interactions(batches: Iterable[Batch], *, job: Job) -> dict[str, Tally]:
    """Return what became of the events and of the reviews in them."""
    users = User.objects.exclude(external_id=None).values_list("external_id", "id")
    loader = Loader(job=job, users=Keys.of(users), products=Keys.of(Product.objects.values_list("sku", "id")))
    new = copy_interactions(loader.tables(batches))
    return {
        "interactions": Tally(new=new, unchanged=loader.accepted - new),
        "reviews": loader.reviews.save(),
    }


def _check_texts(checks: Checks, texts: dict[str, pa.Array]) -> None:
    checks.flag_text(texts["event_id"], "event_id", max_length=200, required=True)
    checks.flag_text(texts["item_id"], "item_id", max_length=MAX_ID, required=True)
    for name in ("user_id", "visitor_id"):
        checks.flag_text(texts[name], name, max_length=MAX_ID)
    checks.flag(
        is_missing(texts["user_id"]) & is_missing(texts["visitor_id"]), "missing user_id and visitor_id"
    )
    checks.flag(
        ~as_mask(pc.is_in(texts["kind"], value_set=pa.array(KINDS))), f"kind is none of {', '.join(KINDS)}"
    )
    checks.flag_text(texts["review_title"], "review_title", max_length=MAX_TITLE)
    checks.flag_text(texts["review_text"], "review_text", max_length=MAX_TEXT)


def _check_values(checks: Checks, batch: Batch, *, kinds: pa.Array) -> np.ndarray:
    """Return (M,) float64 stars or quantities, NaN for none."""
    values, numeric = as_numbers(batch.column("value"))
    checks.flag(~numeric, "value is not a number")
    is_rating = as_mask(pc.equal(kinds, "rating"))
    missing = np.isnan(values)
    checks.flag(is_rating & (missing | (values < 1) | (values > 5)), "rating is outside 1 to 5")
    is_quantity = ~is_rating & ~missing
    checks.flag(
        is_quantity & ((values < 0) | (values > MAX_QUANTITY)), f"value is outside 0 to {MAX_QUANTITY}"
    )
    return values


def _with_keys(table: pa.Table, *, schema: str) -> pa.Table:
    """Return the table with UUIDs for ids: an id that is none is hashed with what it belongs to."""
    owners = [table[name].to_pylist() for name in ("user_id", "visitor_id", "item_id")]
    names = (
        "\x1f".join((schema, event, user or "", visitor or "", item))
        for event, user, visitor, item in zip(table["event_id"].to_pylist(), *owners, strict=True)
    )
    columns = {name: table[name] for name in ("product_id", "kind", "value", "occurred_at")}
    return pa.table(
        {
            "event_id": _uuids(table["event_id"], names=names),
            "visitor_id": _uuids(table["visitor_id"], names=(name or "" for name in owners[1])),
            "user_id": table["user_key"],
            **columns,
            **{name: table[name] for name in ("review_title", "review_text")},
        }
    )


def _uuids(texts: pa.ChunkedArray, *, names: Iterable[str]) -> pa.Array:
    """Return (M,) UUIDs as hex text: the text where it is one, else the UUIDv5 of the name; null stays."""
    are_uuids = as_mask(pc.match_substring_regex(texts, _UUID))
    rows = zip(texts.to_pylist(), are_uuids.tolist(), names, strict=True)
    return pa.array(
        [text if text is None or is_uuid else uuid5_hex(name) for text, is_uuid, name in rows], pa.string()
    )


def uuid5_hex(name: str) -> str:
    """Return uuid.uuid5(NAMESPACE, name).hex, in a third of its time."""
    digest = bytearray(hashlib.sha1(NAMESPACE.bytes + name.encode(), usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    return digest.hex()


def _microseconds(seconds: float) -> int:
    return round(seconds * 1_000_000)
