"""Candidates from every source, each with why it proposes them.

A source takes a request's context and a number, and returns at most so many candidates, best first. It looks
only at the products that the context allows, so that no filter after it can make a list short.
"""

from collections.abc import Callable

from recommender.candidates import Candidate
from recommender.context import Context
from recommender.retrieval.counted import (
    new_arrivals,
    newest,
    on_sale,
    popular_in_category,
    trending,
)
from recommender.retrieval.learned import similar, two_tower
from recommender.retrieval.own import bought_together, buy_again, recently_viewed

Source = Callable[[Context, int], list[Candidate]]

SOURCES: dict[str, Source] = {
    "two_tower": two_tower,
    "similar": similar,
    "bought_together": bought_together,
    "recently_viewed": recently_viewed,
    "buy_again": buy_again,
    "trending": trending,
    "popular_in_category": popular_in_category,
    "new_arrivals": new_arrivals,
    "on_sale": on_sale,
    "newest": newest,
}

__all__ = ["SOURCES", "Source"]
