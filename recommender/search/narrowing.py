"""Words of a query that name a colour, a material, a brand or a category: filters that lose nothing."""

# I = products of the catalogue

import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from recommender.search import attribute_codes
from recommender.search.colours import COLOUR_NAMES, colours_of
from recommender.search.facets import name_label
from recommender.search.filters import OWN_NAMES, in_category, mask
from recommender.search.requests import Filters
from recommender.search.tokens import STOP_WORDS, stem, words_of
from recommender.snapshot import Snapshot

MAX_VALUE_WORDS = 4
MAY_LOSE = 0.02  # of the products with the word in their name: none of fewer than 50
MIN_LETTERS = 3
Stems = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """What some words of a query may narrow to."""

    label: str  # such as "Brand: Harlow"; of an attribute "Colour" alone
    filters: Filters


@dataclass(frozen=True, kw_only=True)
class Narrowing:
    """Words of a query that were taken as a filter."""

    words: tuple[str, ...]
    meaning: Meaning


def narrowings(
    words: Sequence[str], *, catalogue: Snapshot, matching_I: np.ndarray, in_name: dict[str, np.ndarray]
) -> list[Narrowing]:
    """Return the words that may narrow the search, the longest first; words are used once.

    `matching_I` are the products with every word, `in_name` those with each word in their name. A word
    narrows only where nearly all of the matching products that have it in their name stay: what is called
    blue cheese board stays found though it is not blue. Something always stays.
    """
    known, stems = _known.of(catalogue), [stem(word) for word in words]
    taken, found, kept_I = np.zeros(len(words), dtype=bool), [], matching_I
    for first, last in _spans(len(words)):
        meanings = known.get(tuple(stems[first:last]), ())
        if taken[first:last].any() or not meanings:
            continue
        part = tuple(words[first:last])
        named_I = kept_I & np.logical_and.reduce([in_name[word] for word in part])
        best = _best(meanings, catalogue=catalogue, kept_I=kept_I, named_I=named_I)
        if best is not None:
            kept_I = kept_I & mask(best.filters, catalogue=catalogue)
            found.append(
                Narrowing(words=part, meaning=_of_use(best, words=part, catalogue=catalogue, kept_I=kept_I))
            )
            taken[first:last] = True
    return found


def _spans(length: int) -> Iterator[tuple[int, int]]:
    for size in range(min(MAX_VALUE_WORDS, length), 0, -1):
        for first in range(length - size + 1):
            yield first, first + size


def _best(
    meanings: Sequence[Meaning], *, catalogue: Snapshot, kept_I: np.ndarray, named_I: np.ndarray
) -> Meaning | None:
    """The meaning that keeps most, None where each loses products that have the words in their name."""
    num_named, best, best_kept = int(np.count_nonzero(named_I)), None, 0
    for meaning in meanings:
        fits_I = mask(meaning.filters, catalogue=catalogue)
        num_lost = num_named - int(np.count_nonzero(named_I & fits_I))
        num_kept = int(np.count_nonzero(kept_I & fits_I))
        if num_lost <= MAY_LOSE * num_named and num_kept > best_kept:
            best, best_kept = meaning, num_kept
    return best


def _of_use(meaning: Meaning, *, words: Stems, catalogue: Snapshot, kept_I: np.ndarray) -> Meaning:
    """The meaning as the words say it, with only those values that the search finds: the lamps' own blues."""
    if not meaning.filters.attributes:
        return meaning
    columns = attribute_codes.of(catalogue)
    found = [
        (name, value)
        for name, value in meaning.filters.attributes
        if (columns[name].has([value]) & kept_I).any()
    ]
    filters = replace(meaning.filters, attributes=tuple(sorted(found)))
    return Meaning(label=f"{meaning.label}: {' '.join(words)}", filters=filters)


class _Known:
    """What words of the latest catalogue may mean."""

    def __init__(self) -> None:
        self._held: tuple[weakref.ref[Snapshot] | None, tuple[object, ...], dict[Stems, list[Meaning]]]
        self._held = (None, (), {})

    def of(self, catalogue: Snapshot) -> dict[Stems, list[Meaning]]:
        """Return the meanings by the stems of the words; made anew when a value came or went."""
        reference, state, meanings = self._held
        if reference is not None and reference() is catalogue:
            return meanings
        columns = attribute_codes.of(catalogue)
        sizes = tuple((name, len(column.values)) for name, column in columns.items())
        now = (sizes, catalogue.brands, catalogue.category_path, catalogue.category_name)
        if now != state:
            meanings = _meanings(catalogue, columns=columns)
        self._held = (weakref.ref(catalogue), now, meanings)
        return meanings


_known = _Known()


def _meanings(
    catalogue: Snapshot, *, columns: dict[str, attribute_codes.Column]
) -> dict[Stems, list[Meaning]]:
    meanings: dict[Stems, list[Meaning]] = {}
    for stems, meaning in [*_of_attributes(columns), *_of_brands(catalogue), *_of_categories(catalogue)]:
        meanings.setdefault(stems, []).append(meaning)
    return meanings


def _of_attributes(columns: dict[str, attribute_codes.Column]) -> Iterator[tuple[Stems, Meaning]]:
    """Yield values, and last words of values: blue is every blue, sky blue and navy too."""
    for name, column in columns.items():
        if name in OWN_NAMES:
            continue
        values: dict[Stems, list[str]] = {}
        for value in column.values:
            stems = _stems(value)
            for first in range(len(stems)):
                values.setdefault(stems[first:], []).append(value)
            for colour in colours_of(value) if name in COLOUR_NAMES else []:
                values.setdefault(_stems(colour), []).append(value)
        for stems, alternatives in values.items():
            if _can_be_meant(stems):
                pairs = tuple((name, value) for value in dict.fromkeys(alternatives))
                yield stems, Meaning(label=name_label(name), filters=Filters(attributes=pairs))


def _of_brands(catalogue: Snapshot) -> Iterator[tuple[Stems, Meaning]]:
    for brand in catalogue.brands:
        if _can_be_meant(_stems(brand)):
            yield _stems(brand), Meaning(label=f"Brand: {brand}", filters=Filters(brands=(brand,)))


def _of_categories(catalogue: Snapshot) -> Iterator[tuple[Stems, Meaning]]:
    for pk, path in catalogue.category_path.items():
        name = catalogue.category_name.get(pk, "")
        if _can_be_meant(_stems(name)) and in_category(path, catalogue=catalogue).any():
            yield _stems(name), Meaning(label=f"Category: {name}", filters=Filters(category=path))


def _stems(text: str) -> Stems:
    return tuple(stem(word) for word in words_of(text) if word not in STOP_WORDS)


def _can_be_meant(stems: Stems) -> bool:
    """Whether words are said of products, and are no size or number."""
    return (
        0 < len(stems) <= MAX_VALUE_WORDS
        and all(word.isalpha() for word in stems)
        and (len("".join(stems)) >= MIN_LETTERS)
    )
