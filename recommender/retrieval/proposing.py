"""Rows of the catalogue as candidates."""

from collections.abc import Callable, Iterable

import numpy as np

from recommender.candidates import Candidate, Reason
from recommender.context import Context

ReasonOf = Callable[[int], Reason | None]


def candidates(
    context: Context, *, source: str, rows: np.ndarray, scores: Iterable[float], reason_of: ReasonOf
) -> list[Candidate]:
    """The rows as candidates of a source, in their order; `reason_of` is given the row."""
    ids = context.catalogue.product_id[rows]
    return [
        Candidate(row=row, product_id=pk, source=source, score=float(score), reason=reason_of(row))
        for row, pk, score in zip(rows.tolist(), ids.tolist(), scores, strict=True)
    ]
