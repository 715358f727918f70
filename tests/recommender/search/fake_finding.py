"""A stand-in for the search: it finds what the test says and remembers what it was asked."""

from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
from PIL import Image

from recommender.search.requests import Facet, FacetValue, Filters, SearchPage, SearchRequest, Understood
from shop.visitors import Visitor


@dataclass
class FakeFind:
    """Called as find() is."""

    product_ids: list[int] = field(default_factory=list)
    num_matching: int | None = None  # None: all of them
    facets: tuple[Facet, ...] = ()
    understood: Understood | None = None
    search_id: UUID | None = None
    asked: list[SearchRequest] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)

    def __call__(
        self, request: SearchRequest, *, visitor: Visitor, start: int = 0, number: int = 24
    ) -> SearchPage:
        self.asked.append(request)
        self.starts.append(start)
        understood = self.understood or Understood(text=request.text, filters=Filters())
        return SearchPage(
            request=request,
            understood=understood,
            product_ids=self.product_ids,
            num_matching=len(self.product_ids) if self.num_matching is None else self.num_matching,
            facets=self.facets,
            search_id=self.search_id,
        )


def facet(name: str, *values: tuple[str, int] | tuple[str, int, bool], label: str = "") -> Facet:
    """A facet of (value, count) or (value, count, chosen), each labelled by its value."""
    return Facet(
        name=name,
        label=label or name.capitalize(),
        values=tuple(
            FacetValue(value=value, label=value.capitalize(), count=count, chosen=bool(chosen and chosen[0]))
            for value, count, *chosen in values
        ),
    )


class ColourEncoder:
    """Stands in for open_clip: a picture is the red, green and blue of its first pixel."""

    name = "colours"
    dimension = 3

    def encode_images(self, images: list[Image.Image]) -> np.ndarray:
        return self._rows([[value / 255 for value in image.getpixel((0, 0))] for image in images])

    def encode_texts(self, texts: list[str]) -> np.ndarray:
        return self._rows([[float(word in text) for word in ("red", "green", "blue")] for text in texts])

    def _rows(self, colours: list[list[float]]) -> np.ndarray:
        rows = np.array(colours) + 0.01
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
