"""The published quickstart's files, renamed and reshaped to our schema."""

from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from recommender.importing.columns import as_mask, as_text
from recommender.importing.tables import Batch

KIND_OF_TYPE = {
    "positive_view": "view",
    "negative_view": "dislike",
    "cart": "cart_add",
    "purchase": "purchase",
    "rate": "rating",
}


def adapt_items(batch: Batch) -> Batch:
    """Return items in our columns; the price before a discount stays only where it is higher."""
    return _rename(
        batch,
        item_id=as_text(batch.column("item_id")),
        name=as_text(batch.column("product_name")),
        description=as_text(batch.column("about_product")),
        category=_category(as_text(batch.column("category"))),
        price=_amount(as_text(batch.column("discounted_price"))),
        list_price=_amount(as_text(batch.column("actual_price"))),
        rating=as_text(batch.column("rating")),
        rating_count=_amount(as_text(batch.column("rating_count"))),
        released_at=batch.column("arrival_date"),
        image=as_text(batch.column("img_link")),
    )


def adapt_users(batch: Batch) -> Batch:
    return _rename(
        batch,
        user_id=as_text(batch.column("user_id")),
        name=as_text(batch.column("user_name")),
        signup_at=batch.column("signup_date"),
        preferences=as_text(batch.column("preferences")),
    )


def adapt_interactions(batch: Batch) -> Batch:
    """Return events in our columns: the stars are the value of a rating, the quantity that of the others."""
    types = as_text(batch.column("interaction_type"))
    ratings, quantities = (as_text(batch.column(name)) for name in ("rating", "quantity"))
    is_rating = pa.array(as_mask(pc.equal(types, "rate")))
    is_quantity = pc.is_in(types, value_set=pa.array(["cart", "purchase"]))
    nothing = pa.scalar(None, pa.string())
    return _rename(
        batch,
        event_id=as_text(batch.column("interaction_id")),
        user_id=as_text(batch.column("user_id")),
        item_id=as_text(batch.column("item_id")),
        kind=_kinds(types),
        value=pc.if_else(is_rating, ratings, pc.if_else(is_quantity, quantities, nothing)),
        occurred_at=batch.column("timestamp"),
        review_title=as_text(batch.column("review_title")),
        review_text=as_text(batch.column("review_content")),
    )


def _rename(batch: Batch, **columns: pa.Array | pa.ChunkedArray) -> Batch:
    given = {name: column for name, column in columns.items() if column.null_count < len(column)}
    return replace(batch, table=pa.table(given or columns))


def _kinds(types: pa.Array) -> pa.Array:
    """Return our kinds; an unknown type stays itself, so that validation names it."""
    kinds = pa.array(list(KIND_OF_TYPE.values()))
    known = pc.index_in(types, value_set=pa.array(list(KIND_OF_TYPE)))
    return pc.coalesce(pc.take(kinds, known), types)


def _category(texts: pa.Array) -> pa.Array:
    """Return `A > B > C` for `A|B|C`."""
    return pc.replace_substring(texts, "|", " > ")


def _amount(texts: pa.Array) -> pa.Array:
    """Return the amount without its currency sign and thousands separators, such as 1099 for `₹1,099`."""
    return pc.replace_substring_regex(texts, r"^[^\d.+-]+|[,\s]", "")
