"""What came of the lists that were shown: seen, clicked, put in the cart, bought."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection

# A cart addition or a purchase counts for the last click on that product by the same actor within the
# window, and so for one list at most. A click by a guest who then logged in is the account's.
OUTCOMES = """
    WITH shown AS (
        SELECT id, placement, version_id, cardinality(product_ids) AS products,
               cardinality(seen_positions) AS seen, product_ids, seen_positions
        FROM recommender_impression WHERE created_at >= %(since)s
    ),
    clicks AS (
        SELECT i.id, i.impression_id, i.product_id, i.user_id, i.visitor_id, i.occurred_at,
               array_position(shown.product_ids, i.product_id) - 1 <> ALL (shown.seen_positions) AS unseen
        FROM recommender_interaction i JOIN shown ON shown.id = i.impression_id
        WHERE i.kind = 'click' AND i.occurred_at >= %(since)s
    ),
    wanted AS (
        SELECT DISTINCT ON (o.id) o.kind, clicks.impression_id
        FROM recommender_interaction o
        JOIN clicks ON clicks.product_id = o.product_id
            AND clicks.occurred_at BETWEEN o.occurred_at - %(window)s AND o.occurred_at
            AND (clicks.user_id = o.user_id
                 OR (clicks.user_id IS NULL AND o.user_id IS NULL AND clicks.visitor_id = o.visitor_id))
        WHERE o.kind IN ('cart_add', 'purchase') AND o.occurred_at >= %(since)s
        ORDER BY o.id, clicks.occurred_at DESC, clicks.id DESC
    ),
    clicked AS (
        SELECT impression_id, count(*) AS n, count(DISTINCT product_id) FILTER (WHERE unseen) AS unseen
        FROM clicks GROUP BY 1
    ),
    came AS (
        SELECT impression_id, count(*) FILTER (WHERE kind = 'cart_add') AS carts,
               count(*) FILTER (WHERE kind = 'purchase') AS purchases
        FROM wanted GROUP BY 1
    )
    SELECT placement, version_id, count(*), sum(products), sum(seen), coalesce(sum(clicked.n), 0),
           coalesce(sum(clicked.unseen), 0), coalesce(sum(came.carts), 0), coalesce(sum(came.purchases), 0)
    FROM shown
    LEFT JOIN clicked ON clicked.impression_id = shown.id
    LEFT JOIN came ON came.impression_id = shown.id
    GROUP BY placement, version_id
    ORDER BY placement, version_id DESC NULLS LAST
"""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The lists of one placement by one version (None: by no model), and what came of them."""

    placement: str
    version_id: int | None
    lists: int
    products: int
    seen: int
    clicks: int
    clicked_unseen: int  # products that were followed sooner than a browser tells that they are in view
    carts: int
    purchases: int

    @property
    def click_rate(self) -> float | None:
        """Clicks for each product seen or followed; for each one shown, where no browser told."""
        shown = self.seen + self.clicked_unseen if self.seen else self.products
        return self.clicks / shown if shown else None


def by_placement(since: datetime) -> list[Outcome]:
    """Return what came of the lists served from `since` on, within ATTRIBUTION_DAYS of a click; one query."""
    values: dict[str, Any] = {"since": since, "window": timedelta(days=settings.ATTRIBUTION_DAYS)}
    with connection.cursor() as cursor:
        cursor.execute(OUTCOMES, values)
        return [
            Outcome(
                placement=placement,
                version_id=version_id,
                lists=lists,
                products=int(products),
                seen=int(seen),
                clicks=int(clicks),
                clicked_unseen=int(clicked_unseen),
                carts=int(carts),
                purchases=int(purchases),
            )
            for (
                placement,
                version_id,
                lists,
                products,
                seen,
                clicks,
                clicked_unseen,
                carts,
                purchases,
            ) in cursor.fetchall()
        ]
