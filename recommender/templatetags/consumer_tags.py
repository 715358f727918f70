"""What the admin's first page says of the consumer of events."""

from django import template

from recommender import redis_door, streams

register = template.Library()


@register.simple_tag
def consumer_status() -> str:
    """Return one line: what waits, how fresh the counts are, whether a consumer runs."""
    try:
        return streams.in_words(streams.status())
    except redis_door.RedisAway:
        return "Redis does not answer: pages do without live counts, and interactions are counted later."
