"""What a search can be narrowed by, and how many products each choice would show."""

# I = products of the catalogue, N = products that answer the query

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from recommender.search import attribute_codes, filters
from recommender.search.filters import mask
from recommender.search.requests import Facet, FacetValue, Filters, Scene
from recommender.snapshot import Snapshot
from shop.money import money

__all__ = ["count", "mask", "price_range"]

MOST_CATEGORIES, MOST_BRANDS, MOST_ATTRIBUTES, MOST_VALUES = 20, 20, 8, 15
HELD_BY = 0.1  # of what was found: an attribute that fewer products have is no help
RATINGS = (4, 3, 2)
STEPS = (1, 2, 2.5, 5, 10)  # of a decade: prices that people think in
_SIZE = re.compile(r"[smlx]{1,4}(/[smlx]{1,4})?|\dx[sl]", re.IGNORECASE)


def count(rows_N: np.ndarray, *, scene: Scene, filters: Filters) -> tuple[Facet, ...]:
    """Return the facets of the rows that answer the query, whatever the filters; counts are disjunctive.

    Each count is how many products choosing the value would show: the other facets' filters hold, those of
    its own do not. `scene.allowed_I` is of who asks alone, without the filters.
    """
    counting = _Counting(np.asarray(rows_N[scene.allowed_I[rows_N]]), scene.catalogue, filters)
    found = [
        _categories(counting),
        _brands(counting),
        _prices(counting),
        _ratings(counting),
        *_attributes(counting),
        _flag(counting, filters_name="on_sale", label="Offers", value="On sale"),
        _flag(counting, filters_name="in_stock", label="Availability", value="In stock"),
    ]
    return tuple(facet for facet in found if facet.values)


def price_range(value: str) -> tuple[Decimal | None, Decimal | None]:
    """Return the ends of a price facet's value, such as 10 and 25 of "10-25", None and 10 of "-10".

    Raises ValueError for anything else.
    """
    if not re.fullmatch(r"([0-9]{1,9}(\.[0-9]{1,2})?)?-([0-9]{1,9}(\.[0-9]{1,2})?)?", value) or value == "-":
        raise ValueError(f"{value[:40]!r} is no price range; write such as 10-25, -10 or 100-.")
    lowest, _, highest = value.partition("-")
    return (Decimal(lowest) if lowest else None, Decimal(highest) if highest else None)


class _Counting:
    """The rows found, and what each filter says of them."""

    def __init__(self, rows_N: np.ndarray, catalogue: Snapshot, chosen: Filters) -> None:
        self.rows_N, self.catalogue, self.chosen = rows_N, catalogue, chosen
        masks = filters.masks(chosen, catalogue=catalogue)
        self._kept = {name: mask_I[rows_N] for name, mask_I in masks.items()}

    def rows(self, name: str) -> np.ndarray:
        """Return the rows that all filters but those of this facet keep."""
        others = [kept for other, kept in self._kept.items() if other != name]
        return self.rows_N[np.logical_and.reduce(others)] if others else self.rows_N


def _categories(counting: _Counting) -> Facet:
    """The categories one level below what all products share, and about the chosen one."""
    catalogue, chosen = counting.catalogue, counting.chosen.category
    ids, counts = np.unique(catalogue.category_id[counting.rows(filters.CATEGORY)], return_counts=True)
    number: dict[str, int] = {}
    for category_id, found in zip(ids.tolist(), counts.tolist(), strict=True):
        for path in _lineage(catalogue.category_path.get(category_id, "")):
            number[path] = number.get(path, 0) + found
    number.setdefault(chosen, 0)
    number.pop("", None)
    names = {path: catalogue.category_name.get(pk, "") for pk, path in catalogue.category_path.items()}
    wanted = _shown(number, chosen=chosen)
    values = [
        FacetValue(
            value=path, label=names.get(path) or _slug(path), count=number.get(path, 0), chosen=path == chosen
        )
        for path in wanted
    ]
    return Facet(
        name=filters.CATEGORY, label="Category", values=tuple(values) if len(values) > 1 or chosen else ()
    )


def _shown(number: dict[str, int], *, chosen: str) -> list[str]:
    """The paths to choose from: the chosen one's line, its siblings, and what is right below it."""
    below = chosen
    if not chosen:
        while len(children := _children(number, of=below)) == 1:
            below = children[0]
    kin = _children(number, of=chosen.rpartition("/")[0]) if chosen else []
    shown = [*_lineage(chosen), *_children(number, of=below)[:MOST_CATEGORIES], *kin[:MOST_CATEGORIES]]
    return sorted(dict.fromkeys(filter(None, shown)), key=lambda path: path.split("/"))


def _children(number: dict[str, int], *, of: str) -> list[str]:
    depth = of.count("/") + 1 if of else 0
    paths = [path for path in number if path.count("/") == depth and (not of or path.startswith(f"{of}/"))]
    return sorted(paths, key=lambda path: (-number[path], path))


def _lineage(path: str) -> list[str]:
    slugs = path.split("/")
    return ["/".join(slugs[:depth]) for depth in range(1, len(slugs) + 1)]


def _slug(path: str) -> str:
    return path.rpartition("/")[2].replace("-", " ").capitalize()


def _brands(counting: _Counting) -> Facet:
    brands, rows = counting.catalogue.brands, counting.rows(filters.BRAND)
    numbers = np.bincount(counting.catalogue.brand[rows], minlength=len(brands))
    wanted = {brand.casefold() for brand in counting.chosen.brands}
    found = [
        FacetValue(
            value=brands[code],
            label=brands[code],
            count=int(numbers[code]),
            chosen=brands[code].casefold() in wanted,
        )
        for code in _commonest(
            numbers, also=(code for code, name in enumerate(brands) if name.casefold() in wanted)
        )
        if brands[code]
    ]
    return Facet(name=filters.BRAND, label="Brand", values=_cut(found, most=MOST_BRANDS))


def _commonest(numbers: np.ndarray, *, also: Iterable[int]) -> list[int]:
    """The codes that something was found of, the commonest first, and those of `also`."""
    order = np.argsort(-numbers, kind="stable")
    return list(dict.fromkeys([*order[numbers[order] > 0].tolist(), *also]))


def _cut(values: list[FacetValue], *, most: int) -> tuple[FacetValue, ...]:
    """The most common values and all that are chosen; none where there is nothing to choose."""
    kept = [value for place, value in enumerate(values) if place < most or value.chosen]
    return tuple(kept) if len(kept) > 1 or any(value.chosen for value in kept) else ()


def _prices(counting: _Counting) -> Facet:
    rows, chosen = counting.rows(filters.PRICE), counting.chosen
    prices = counting.catalogue.price[rows]
    asked = (chosen.price_from, chosen.price_to)
    ranges = list(_ranges(prices))
    if asked != (None, None) and asked not in ranges:
        ranges.insert(0, asked)
    values = []
    for lowest, highest in ranges:
        fits = np.ones(len(prices), dtype=bool)
        fits &= prices >= np.float32(lowest) if lowest is not None else True
        fits &= prices <= np.float32(highest) if highest is not None else True
        value = FacetValue(
            value=f"{'' if lowest is None else lowest}-{'' if highest is None else highest}",
            label=_range_label(lowest, highest),
            count=int(np.count_nonzero(fits)),
            chosen=(lowest, highest) == asked,
        )
        values.append(value)
    return Facet(name=filters.PRICE, label="Price", values=_cut(values, most=len(values)))


def _ranges(prices: np.ndarray) -> Iterator[tuple[Decimal | None, Decimal | None]]:
    """Yield about five ranges with about as many products each, from and to prices that people think in."""
    if len(prices) < 2:
        return
    quantiles = np.quantile(prices, (0.2, 0.4, 0.6, 0.8))
    ends = sorted({_round(float(price)) for price in quantiles if price > 0})
    ends = [end for end in ends if prices.min() <= end < prices.max()]
    for lowest, highest in zip([None, *ends], [*ends, None], strict=True):
        if lowest is not None or highest is not None:
            yield lowest, highest


def _round(price: float) -> Decimal:
    decade = 10.0 ** np.floor(np.log10(price))
    step = min(STEPS, key=lambda step: abs(step * decade - price))
    return Decimal(f"{step * decade:.2f}".removesuffix(".00"))


def _range_label(lowest: Decimal | None, highest: Decimal | None) -> str:
    low, high = (money(end).removesuffix(".00") for end in (lowest, highest))
    if not low:
        return f"Up to {high}"
    return f"{low} to {high}" if high else f"{low} and more"


def _ratings(counting: _Counting) -> Facet:
    ratings, chosen = counting.catalogue.rating[counting.rows(filters.RATING)], counting.chosen.rating_from
    values = [
        FacetValue(
            value=str(stars),
            label=f"{stars} stars and more" if stars > 1 else "1 star and more",
            count=int(np.count_nonzero(ratings >= stars)),
            chosen=stars == chosen,
        )
        for stars in sorted({*RATINGS, *([chosen] if chosen else [])}, reverse=True)
    ]
    values = [value for value in values if value.count or value.chosen]
    return Facet(name=filters.RATING, label="Rating", values=tuple(values))


@dataclass(frozen=True)
class _Held:
    """An attribute that the products found have, and by how many of them."""

    name: str
    number: int


def _attributes(counting: _Counting) -> list[Facet]:
    columns = attribute_codes.of(counting.catalogue)
    chosen = {name.lower() for name, _ in counting.chosen.attributes}
    held = []
    for name, column in columns.items():
        number = int(np.count_nonzero(column.codes_I[counting.rows(name)] >= 0))
        if name not in filters.OWN_NAMES and (number > HELD_BY * len(counting.rows_N) or name in chosen):
            held.append(_Held(name, number))
    held.sort(key=lambda found: (found.name not in chosen, -found.number, found.name))
    facets = [_attribute(counting, found.name, column=columns[found.name]) for found in held]
    return [facet for facet in facets if facet.values][:MOST_ATTRIBUTES]


def _attribute(counting: _Counting, name: str, *, column: attribute_codes.Column) -> Facet:
    codes = column.codes_I[counting.rows(name)]
    numbers = np.bincount(codes[codes >= 0], minlength=len(column.values))
    wanted = {value.lower() for of, value in counting.chosen.attributes if of.lower() == name}
    values = [
        FacetValue(
            value=column.values[code],
            label=value_label(column.values[code]),
            count=int(numbers[code]),
            chosen=column.values[code] in wanted,
        )
        for code in _commonest(
            numbers, also=(column.code_of[value] for value in wanted & column.code_of.keys())
        )
    ]
    return Facet(name=name, label=name_label(name), values=_cut(values, most=MOST_VALUES))


def name_label(name: str) -> str:
    """Return the name of an attribute for people: Colour for colour."""
    return name.replace("_", " ").capitalize()


def value_label(value: str) -> str:
    """Return the value of an attribute for people: Sage green, XL, 350 ml."""
    return value.upper() if _SIZE.fullmatch(value) else value[:1].upper() + value[1:]


def _flag(counting: _Counting, *, filters_name: str, label: str, value: str) -> Facet:
    rows, catalogue = counting.rows(filters_name), counting.catalogue
    column = catalogue.discount if filters_name == filters.ON_SALE else catalogue.stock
    number, chosen = int(np.count_nonzero(column[rows] > 0)), bool(getattr(counting.chosen, filters_name))
    flag = FacetValue(value="1", label=value, count=number, chosen=chosen)
    return Facet(name=filters_name, label=label, values=(flag,) if number or chosen else ())
