"""What a search text means: here, just its words."""

from recommender.search.requests import SearchRequest, Understood
from recommender.snapshot import Snapshot


def understand(request: SearchRequest, *, catalogue: Snapshot) -> Understood:
    """Return the words to look for and the filters, as they were given."""
    return Understood(text=request.text, filters=request.filters)
