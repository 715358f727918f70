"""Features by subject; each view is one source with the types of its columns."""

from datetime import timedelta

from feast import FeatureView, Field
from feast.types import Array, Float64, Int64, String

from feature_repo.entities import product, user
from feature_repo.sources import (
    product_content_source,
    product_popularity_source,
    product_windows_source,
    user_activity_source,
    user_profile_source,
    user_top_k_source,
    user_windows_source,
)

FOREVER = timedelta(0)  # the latest row counts, however old

user_profile = FeatureView(
    name="user_profile",
    description="What a shopper told us. Its history is not kept: edits count from the sign-up on.",
    entities=[user],
    ttl=FOREVER,
    source=user_profile_source,
    schema=[
        Field(name="signed_up_at", dtype=Float64, description="Seconds since 1970."),
        Field(name="region", dtype=String, description="ISO 3166 alpha-2 code, or empty."),
        Field(name="birth_day", dtype=Int64, description="19900131 is the 31st of January 1990."),
        Field(name="preferences", dtype=Array(String), description="Chosen category paths and parents."),
    ],
)

user_activity = FeatureView(
    name="user_activity",
    description="What a shopper did until the end of a day, one row a day with events.",
    entities=[user],
    ttl=FOREVER,
    source=user_activity_source,
    schema=[
        Field(name="num_interactions", dtype=Int64),
        Field(name="num_purchases", dtype=Int64),
        Field(name="mean_price", dtype=Float64, description="Of the products touched, dislikes aside."),
        Field(name="last_categories", dtype=Array(String), description="Of the last active day."),
    ],
)

product_content = FeatureView(
    name="product_content",
    description="The catalogue's own words and numbers.",
    entities=[product],
    ttl=FOREVER,
    source=product_content_source,
    schema=[
        Field(name="released_at", dtype=Float64, description="Seconds since 1970."),
        Field(name="name", dtype=String),
        Field(name="category", dtype=String, description="The path of its category."),
        Field(name="category_path", dtype=Array(String), description="That path and its parents."),
        Field(name="brand", dtype=String),
        Field(name="price", dtype=Float64),
        Field(name="discount", dtype=Float64, description="Share off the list price, 0 to 1."),
        Field(name="attributes", dtype=Array(String), description='Such as "colour=blue".'),
        Field(name="catalogue_rating", dtype=Float64, description="Without the reviews written here."),
        Field(name="catalogue_rating_count", dtype=Int64),
    ],
)

product_popularity = FeatureView(
    name="product_popularity",
    description="What everybody, guests included, did with a product until the end of a day.",
    entities=[product],
    ttl=FOREVER,
    source=product_popularity_source,
    schema=[
        Field(name="num_views", dtype=Int64),
        Field(name="num_purchases", dtype=Int64),
        Field(name="popularity", dtype=Float64, description="Events weighed by kind."),
        Field(name="num_ratings", dtype=Int64),
        Field(name="mean_rating", dtype=Float64),
    ],
)

user_top_k = FeatureView(
    name="user_top_k",
    description="The active version's precomputed list, best first.",
    entities=[user],
    ttl=FOREVER,
    source=user_top_k_source,
    schema=[
        Field(name="product_ids", dtype=Array(Int64)),
        Field(name="scores", dtype=Array(Float64)),
        Field(name="version_id", dtype=Int64),
    ],
)

_COUNTS = [
    Field(name=f"{kind}_{window}", dtype=Int64)
    for kind in ("views", "clicks")
    for window in ("5m", "1h", "24h")
]
_COUNTED_AT = Field(name="counted_at", dtype=Float64, description="Seconds since 1970.")

user_windows = FeatureView(
    name="user_windows",
    description="What a shopper did in the last 5 minutes, hour and day, as last counted.",
    entities=[user],
    ttl=FOREVER,
    source=user_windows_source,
    schema=[
        *_COUNTS,
        Field(name="categories_5m", dtype=Array(Int64), description="Ids, those of most events first."),
        Field(name="categories_1h", dtype=Array(Int64)),
        Field(name="categories_24h", dtype=Array(Int64)),
        _COUNTED_AT,
    ],
)

product_windows = FeatureView(
    name="product_windows",
    description="What everybody did with a product in the last 5 minutes, hour and day, as last counted.",
    entities=[product],
    ttl=FOREVER,
    source=product_windows_source,
    schema=[
        *_COUNTS,
        Field(name="velocity", dtype=Float64, description="Views of 5 minutes against the hour's mean."),
        _COUNTED_AT,
    ],
)
