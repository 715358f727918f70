"""What the tests of the search share."""

from typing import Any

import numpy as np
import pytest
from django.utils import timezone

from recommender import snapshot
from recommender.filtering import listed_mask
from recommender.search import facets, lexical, understanding
from recommender.search.requests import Filters, Scene, SearchRequest, Understood
from shop.models import Product
from shop.visitors import Visitor


class Search:
    """The search by words alone: understood, narrowed and looked for, as find() does it."""

    def __init__(self, visitor: Visitor) -> None:
        self.visitor = visitor

    def understood(self, text: str, **fields: Any) -> Understood:
        request = SearchRequest(text=text, **fields)
        return understanding.understand(request, catalogue=snapshot.current())

    def scene(self, filters: Filters | None = None) -> Scene:
        catalogue = snapshot.current()
        allowed_I = listed_mask(catalogue, visitor=self.visitor, now=timezone.now())
        allowed_I &= facets.mask(filters or Filters(), catalogue=catalogue)
        return Scene(catalogue=catalogue, visitor=self.visitor, allowed_I=allowed_I)

    def ids(self, text: str, *, only_sure: bool = False, **fields: Any) -> list[int]:
        """Return the ids found, best first."""
        understood = self.understood(text, **fields)
        scene = self.scene(understood.filters)
        leg = lexical.look(understood, scene=scene)
        rows = leg.rows_N[leg.sure_N] if only_sure else leg.rows_N
        return [int(pk) for pk in scene.catalogue.product_id[rows]]

    def names(self, text: str, *, only_sure: bool = False, **fields: Any) -> list[str]:
        ids = self.ids(text, only_sure=only_sure, **fields)
        names = dict(Product.objects.filter(pk__in=ids).values_list("pk", "name"))
        return [names[pk] for pk in ids]

    def facets(self, text: str = "", *, filters: Filters | None = None) -> dict[str, dict[str, int]]:
        """Return the counts by facet and value."""
        everything = self.scene()
        rows = np.flatnonzero(everything.allowed_I)
        if text:
            leg = lexical.look(Understood(text=text, filters=Filters()), scene=everything)
            rows = leg.rows_N[leg.sure_N]
        found = facets.count(rows, scene=everything, filters=filters or Filters())
        return {facet.name: {value.value: value.count for value in facet.values} for facet in found}


@pytest.fixture
def search(visitor: Visitor) -> Search:
    """The search of somebody whom nobody knows."""
    return Search(visitor)
