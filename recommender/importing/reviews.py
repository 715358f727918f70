"""Reviews that come with rating events: one per user and product, the latest wins."""

import math
from datetime import datetime
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from recommender.importing.columns import as_mask
from recommender.importing.job import Tally
from shop.models import Review

MAX_TITLE = 150
MAX_TEXT = 5000
CHUNK = 2000


class _Found(NamedTuple):
    created_at: datetime
    rating: int
    title: str
    text: str


class Reviews:
    """The latest review of every user and product seen so far."""

    def __init__(self) -> None:
        self._found: dict[tuple[int, int], _Found] = {}

    def collect(self, table: pa.Table) -> None:
        """Keep the ratings with words by known users."""
        worded = pc.or_(pc.is_valid(table["review_title"]), pc.is_valid(table["review_text"]))
        mask = (
            as_mask(pc.equal(table["kind"], "rating"))
            & as_mask(worded)
            & as_mask(pc.is_valid(table["user_id"]))
        )
        for row in table.filter(pa.array(mask)).to_pylist():
            # Half stars are rounded up, as a shopper would.
            stars = math.floor(row["value"] + 0.5)
            found = _Found(row["occurred_at"], stars, row["review_title"] or "", row["review_text"] or "")
            key = (row["user_id"], row["product_id"])
            if key not in self._found or self._found[key].created_at <= found.created_at:
                self._found[key] = found

    def save(self) -> Tally:
        """Write what is new or newer than the shop's own; returns the counts."""
        tally = Tally()
        keys = sorted(self._found)
        for start in range(0, len(keys), CHUNK):
            self._save_some(keys[start : start + CHUNK], tally)
        return tally

    def _save_some(self, keys: list[tuple[int, int]], tally: Tally) -> None:
        users, products = {user for user, _ in keys}, {product for _, product in keys}
        there = {
            (review.user_id, review.product_id): review
            for review in Review.objects.filter(user_id__in=users, product_id__in=products)
        }
        new, changed = [], []
        for key in keys:
            found = self._found[key]
            review = there.get(key)
            if review is None:
                new.append(Review(user_id=key[0], product_id=key[1], **found._asdict()))
            elif review.created_at < found.created_at:
                for name, value in found._asdict().items():
                    setattr(review, name, value)
                changed.append(review)
        Review.objects.bulk_create(new)
        Review.objects.bulk_update(changed, _Found._fields)
        tally.new += len(new)
        tally.changed += len(changed)
        tally.unchanged += len(keys) - len(new) - len(changed)
