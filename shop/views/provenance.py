"""Where a click came from: a recommendation's links carry `pl`, its placement, and `imp`, its impression."""

import re
import uuid
from dataclasses import dataclass

from django.http import QueryDict

PLACEMENT = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """A placement and the impression served there; both empty when the visitor came by another way."""

    placement: str = ""
    impression_id: uuid.UUID | None = None

    def __bool__(self) -> bool:
        return self.impression_id is not None


def read_provenance(parameters: QueryDict) -> Provenance:
    """Return where the request came from; values that we never sent count as none."""
    placement = parameters.get("pl", "")
    try:
        impression_id = uuid.UUID(parameters.get("imp", ""))
    except ValueError:
        return Provenance()
    if not PLACEMENT.fullmatch(placement):
        return Provenance()
    return Provenance(placement=placement, impression_id=impression_id)
