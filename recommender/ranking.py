"""The second stage: the order of the active ranker. Stands in until rankers are here: the given order."""

from collections.abc import Sequence

from recommender.candidates import Candidate, RankedList
from recommender.context import Context


def rank(candidates: Sequence[Candidate], *, context: Context) -> RankedList:
    """The candidates as they came."""
    return RankedList(candidates=list(candidates))
