"""Where features come from: SQL over the shop's own tables, each row stamped with when it became known.

A row's event_timestamp is the moment from which it may be used. The daily rows of activity and popularity
carry the time of the day's last event, so a read in the middle of a day sees the days before it and nothing
later. The SQL is made of this file's constants alone.
"""

from feast import PushSource
from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import PostgreSQLSource

# What an event adds to a product's popularity: the positive kinds of ml.data.KIND_WEIGHTS (a test compares
# them); ratings are kept as ratings.
POPULARITY_WEIGHTS = {"view": 0.2, "click": 0.3, "cart_add": 0.6, "purchase": 1.0}
_WEIGHT = " ".join(f"WHEN '{kind}' THEN {weight}" for kind, weight in POPULARITY_WEIGHTS.items())

# Every category with its ancestors and itself: home/kitchen/mugs has home, home/kitchen, home/kitchen/mugs.
_CATEGORY_PATHS = """
    SELECT parts.id AS category_id,
           array_agg(array_to_string(parts.slugs[1:level], '/') ORDER BY level) AS paths
    FROM (SELECT id, string_to_array(path, '/') AS slugs FROM shop_category) AS parts,
         generate_subscripts(parts.slugs, 1) AS level
    GROUP BY parts.id
"""

user_profile_source = PostgreSQLSource(
    name="user_profile_source",
    timestamp_field="event_timestamp",
    query=f"""
        WITH category_paths AS ({_CATEGORY_PATHS}), preferred AS (
            SELECT chosen.profile_id, array_agg(DISTINCT path ORDER BY path) AS paths
            FROM shop_profile_preferences AS chosen
            JOIN category_paths USING (category_id), unnest(category_paths.paths) AS path
            GROUP BY chosen.profile_id
        )
        SELECT account.id AS user_id,
               account.date_joined AS event_timestamp,
               extract(epoch FROM account.date_joined)::float8 AS signed_up_at,
               profile.region::text AS region,
               to_char(profile.birth_date, 'YYYYMMDD')::bigint AS birth_day,
               coalesce(preferred.paths, ARRAY[]::text[]) AS preferences
        FROM shop_user AS account
        LEFT JOIN shop_profile AS profile ON profile.user_id = account.id
        LEFT JOIN preferred ON preferred.profile_id = profile.id
    """,  # noqa: S608
)

user_activity_source = PostgreSQLSource(
    name="user_activity_source",
    timestamp_field="event_timestamp",
    query="""
        WITH days AS (
            SELECT event.user_id,
                   max(event.occurred_at) AS event_timestamp,
                   count(*) AS num_interactions,
                   count(*) FILTER (WHERE event.kind = 'purchase') AS num_purchases,
                   coalesce(sum(item.price) FILTER (WHERE event.kind NOT IN ('dislike', 'cart_remove')), 0)
                       AS price_sum,
                   count(*) FILTER (WHERE event.kind NOT IN ('dislike', 'cart_remove')) AS num_priced,
                   array_agg(DISTINCT category.path::text) AS last_categories
            FROM recommender_interaction AS event
            JOIN shop_product AS item ON item.id = event.product_id
            JOIN shop_category AS category ON category.id = item.category_id
            WHERE event.user_id IS NOT NULL
            GROUP BY event.user_id, (event.occurred_at AT TIME ZONE 'UTC')::date
        )
        SELECT user_id,
               event_timestamp,
               (sum(num_interactions) OVER until_day)::bigint AS num_interactions,
               (sum(num_purchases) OVER until_day)::bigint AS num_purchases,
               (sum(price_sum) OVER until_day / nullif(sum(num_priced) OVER until_day, 0))::float8
                   AS mean_price,
               last_categories
        FROM days
        WINDOW until_day AS (PARTITION BY user_id ORDER BY event_timestamp)
    """,
)

product_content_source = PostgreSQLSource(
    name="product_content_source",
    timestamp_field="event_timestamp",
    # A review here moves the product's mean and count of today. It is taken out again, and not the whole
    # rating, since the gap alone would tell an earlier moment which products are going to be reviewed. What
    # was imported with the catalogue is older than the product's row, and never moved its mean.
    query=f"""
        WITH category_paths AS ({_CATEGORY_PATHS}), reviewed AS (
            SELECT review.product_id, count(*) AS num, sum(review.rating) AS stars
            FROM shop_review AS review
            JOIN shop_product AS item ON item.id = review.product_id AND review.created_at > item.created_at
            GROUP BY review.product_id
        )
        SELECT item.id AS product_id,
               least(item.released_at, item.created_at) AS event_timestamp,
               extract(epoch FROM item.released_at)::float8 AS released_at,
               item.name::text AS name,
               category.path::text AS category,
               category_paths.paths AS category_path,
               item.brand::text AS brand,
               item.price::float8 AS price,
               coalesce(1 - item.price / nullif(item.list_price, 0), 0)::float8 AS discount,
               ARRAY(SELECT lower(key || '=' || value) FROM jsonb_each_text(item.attributes) ORDER BY key)
                   AS attributes,
               CASE
                   WHEN reviewed.num IS NULL THEN item.rating
                   WHEN item.rating_count > reviewed.num THEN
                       (item.rating * item.rating_count - reviewed.stars) / (item.rating_count - reviewed.num)
               END::float8 AS catalogue_rating,
               greatest(item.rating_count - coalesce(reviewed.num, 0), 0)::bigint AS catalogue_rating_count
        FROM shop_product AS item
        JOIN shop_category AS category ON category.id = item.category_id
        JOIN category_paths ON category_paths.category_id = category.id
        LEFT JOIN reviewed ON reviewed.product_id = item.id
    """,  # noqa: S608
)

product_popularity_source = PostgreSQLSource(
    name="product_popularity_source",
    timestamp_field="event_timestamp",
    query=f"""
        WITH days AS (
            SELECT product_id,
                   max(occurred_at) AS event_timestamp,
                   count(*) FILTER (WHERE kind = 'view') AS num_views,
                   count(*) FILTER (WHERE kind = 'purchase') AS num_purchases,
                   sum(CASE kind {_WEIGHT} ELSE 0 END) AS popularity,
                   coalesce(sum(value) FILTER (WHERE kind = 'rating'), 0) AS stars,
                   count(value) FILTER (WHERE kind = 'rating') AS num_ratings
            FROM recommender_interaction
            GROUP BY product_id, (occurred_at AT TIME ZONE 'UTC')::date
        )
        SELECT product_id,
               event_timestamp,
               (sum(num_views) OVER until_day)::bigint AS num_views,
               (sum(num_purchases) OVER until_day)::bigint AS num_purchases,
               (sum(popularity) OVER until_day)::float8 AS popularity,
               (sum(num_ratings) OVER until_day)::bigint AS num_ratings,
               (sum(stars) OVER until_day / nullif(sum(num_ratings) OVER until_day, 0))::float8 AS mean_rating
        FROM days
        WINDOW until_day AS (PARTITION BY product_id ORDER BY event_timestamp)
    """,  # noqa: S608
)

user_top_k_source = PostgreSQLSource(
    name="user_top_k_source",
    timestamp_field="event_timestamp",
    query="""
        SELECT ranked.user_id,
               ranked.created_at AS event_timestamp,
               ranked.product_ids,
               ranked.scores,
               ranked.version_id
        FROM recommender_recommendation AS ranked
        JOIN recommender_modelversion AS version ON version.id = ranked.version_id
        WHERE version.status = 'active'
    """,
)

# The windows are pushed by the consumer as events come and as they grow old. Feast asks each push source for
# a table beside it, for reads of the past; windows have none, since their past is logged with each list.
_NO_HISTORY = "SELECT NULL::bigint AS {key}, now() AS event_timestamp, {columns} WHERE false"
_COUNTS = ", ".join(
    f"0::bigint AS {kind}_{window}" for kind in ("views", "clicks") for window in ("5m", "1h", "24h")
)

user_windows_source = PushSource(
    name="user_windows_source",
    batch_source=PostgreSQLSource(
        name="user_windows_history",
        timestamp_field="event_timestamp",
        query=_NO_HISTORY.format(
            key="user_id",
            columns=f"{_COUNTS}, ARRAY[]::bigint[] AS categories_5m, ARRAY[]::bigint[] AS categories_1h,"
            " ARRAY[]::bigint[] AS categories_24h, 0::float8 AS counted_at",
        ),
    ),
)

product_windows_source = PushSource(
    name="product_windows_source",
    batch_source=PostgreSQLSource(
        name="product_windows_history",
        timestamp_field="event_timestamp",
        query=_NO_HISTORY.format(
            key="product_id", columns=f"{_COUNTS}, 0::float8 AS velocity, 0::float8 AS counted_at"
        ),
    ),
)
