"""Which new products were shown often enough to do without exploration."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.utils import timezone

from recommender.ladder import attempt
from recommender.refreshing import Refreshed

FRESH_SECONDS = 300.0
LATEST_LISTS = 200_000  # that are counted, so that a busy shop is counted in about a second

_SHOWN_OFTEN = """
    WITH latest AS (
        SELECT product_ids FROM recommender_impression
        WHERE created_at >= %(since)s ORDER BY created_at DESC LIMIT %(lists)s
    )
    SELECT product.id
    FROM latest, unnest(latest.product_ids) AS shown(id)
    JOIN shop_product AS product ON product.id = shown.id AND product.released_at >= %(since)s
    GROUP BY product.id HAVING count(*) >= %(enough)s
"""


def well_known() -> frozenset[int]:
    """Return the ids of new products that EXPLORATION_IMPRESSIONS lists have shown, of the latest 200,000.

    Counted in the background every five minutes; none while they cannot be counted.
    """
    return attempt("exposures", _kept.get, otherwise=frozenset())


def _count(held: frozenset[int] | None) -> frozenset[int]:
    values: dict[str, datetime | int] = {
        "since": timezone.now() - timedelta(days=settings.EXPLORATION_DAYS),
        "lists": LATEST_LISTS,
        "enough": settings.EXPLORATION_IMPRESSIONS,
    }
    with connection.cursor() as cursor:
        cursor.execute(_SHOWN_OFTEN, values)
        return frozenset(row[0] for row in cursor.fetchall())


_kept = Refreshed(_count, seconds=FRESH_SECONDS, name="the exposures of new products")
