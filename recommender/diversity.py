"""The last order of a list. Stands in until it is here: the given order."""

from collections.abc import Sequence

from recommender.candidates import Candidate
from recommender.context import Context


def arrange(
    candidates: Sequence[Candidate], *, context: Context, taken: Sequence[Candidate] = ()
) -> list[Candidate]:
    """The first candidates that are allowed and not taken, k with those in `taken`."""
    held = {candidate.product_id for candidate in taken}
    left = [each for each in candidates if context.allowed[each.row] and each.product_id not in held]
    return left[: max(context.k - len(taken), 0)]
