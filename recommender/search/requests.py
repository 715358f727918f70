"""What a shopper asks of the search and what they are answered: the types that its parts share."""

# I = products of the catalogue, N = products that a leg found, D = dimension of the encoder's vectors

from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

import numpy as np

from recommender.snapshot import Snapshot
from shop.visitors import Visitor


@dataclass(frozen=True, kw_only=True)
class Filters:
    """What the products must be; nothing set keeps all of them. Values of one name are alternatives."""

    category: str = ""  # the path of a category; what lies below it is in it
    brands: tuple[str, ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()  # such as ("colour", "blue"), in lower case
    price_from: Decimal | None = None
    price_to: Decimal | None = None
    rating_from: int | None = None  # 1 to 5
    on_sale: bool = False
    in_stock: bool = False


@dataclass(frozen=True, kw_only=True)
class SearchRequest:
    """What is asked, as the address of the page says it: the whole state of a search."""

    text: str = ""  # cleaned
    filters: Filters = field(default_factory=Filters)
    sort: str = "relevance"
    literal: bool = False  # to the letter: no word is corrected and none becomes a filter
    like: int | None = None  # the product whose picture is meant
    picture_D: np.ndarray | None = None  # the vector of an uploaded picture
    picture_token: str = ""  # under which that vector is kept for a while, for the page's address


@dataclass(frozen=True, kw_only=True)
class Chip:
    """A word of the query that was taken as a filter; its `without` is the query that leaves it out."""

    label: str  # such as "Colour: blue"
    without: str


@dataclass(frozen=True, kw_only=True)
class Understood:
    """What the text was taken to mean."""

    text: str  # the words to look for, corrected; "" when all of them became filters
    filters: Filters  # of the request and of its words
    chips: tuple[Chip, ...] = ()
    corrected: str = ""  # the whole query as corrected, to be shown; "" when nothing was
    synonyms: tuple[tuple[str, tuple[str, ...]], ...] = ()  # words and what may stand for them


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What every leg may look at: the catalogue, who asks, and the products that the filters let through."""

    catalogue: Snapshot
    visitor: Visitor
    allowed_I: np.ndarray  # bool


@dataclass(frozen=True, kw_only=True)
class Leg:
    """Rows of the catalogue that one way of looking found, best first."""

    name: str
    rows_N: np.ndarray  # int64
    scores_N: np.ndarray  # float32; comparable inside the leg alone
    sure_N: np.ndarray  # bool: an exact name or SKU, or every word of the query; never below the others
    exact_N: np.ndarray | None = None  # bool: those of `sure_N` that are first of all; None: not known


@dataclass(frozen=True, kw_only=True)
class FacetValue:
    """One value to narrow by, and how many products choosing it would show."""

    value: str
    label: str
    count: int
    chosen: bool


@dataclass(frozen=True, kw_only=True)
class Facet:
    """One thing to narrow by. Counts are disjunctive: as if nothing of this facet were chosen."""

    name: str  # category, brand, price, rating, or the name of an attribute
    label: str
    values: tuple[FacetValue, ...]


@dataclass(frozen=True, kw_only=True)
class SearchPage:
    """The answer: product ids, best first; of them the first `num_matching` answer the whole query."""

    request: SearchRequest
    understood: Understood
    product_ids: list[int]
    num_matching: int
    facets: tuple[Facet, ...] = ()
    search_id: UUID | None = None  # the impression that clicks carry back; None: not written down

    @property
    def nearest_only(self) -> bool:
        return bool(self.product_ids) and self.num_matching == 0
