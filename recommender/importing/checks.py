"""The verdict on each row of a batch: the first reason to reject it, if any."""

import numpy as np
import pyarrow as pa

from recommender.importing.columns import has_nul, is_missing, longer_than
from recommender.importing.rejects import Rejects
from recommender.importing.tables import Batch


class Checks:
    """Reasons by row; the first that is flagged for a row stays."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._codes = np.zeros(len(batch.lines), np.int16)
        self._reasons = [""]

    def flag(self, mask: np.ndarray, reason: str) -> None:
        """Reject the rows of the mask that no earlier check has rejected."""
        self._reasons.append(reason)
        self._codes[mask & self.accepted] = len(self._reasons) - 1

    def flag_text(self, texts: pa.Array, name: str, *, max_length: int, required: bool = False) -> None:
        if required:
            self.flag(is_missing(texts), f"missing {name}")
        self.flag(has_nul(texts), f"NUL character in {name}")
        self.flag(longer_than(texts, max_length), f"{name} is longer than {max_length} characters")

    @property
    def accepted(self) -> np.ndarray:
        """(M,) bool"""
        return self._codes == 0

    def send(self, rejects: Rejects) -> None:
        """Write the rejected rows to the reject file."""
        rejected = ~self.accepted
        if not rejected.any():
            return
        lines, codes = self._batch.lines[rejected], self._codes[rejected]
        rows = self._batch.rows(rejected)
        found = zip(lines.tolist(), codes.tolist(), rows, strict=True)
        rejects.add_all(self._batch.file, ((line, self._reasons[code], row) for line, code, row in found))
