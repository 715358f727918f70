"""Which products hold the words of a query, and how well: each word is a column over all products."""

# I = products of the index

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from recommender.search import word_index
from recommender.search.tokens import STOP_WORDS, words_of
from recommender.search.vocabulary import completions_of, forms_of, joined, parts_of
from recommender.search.word_index import WordIndex

MAX_WORDS = 24
OTHER_FORM, OTHER_WRITING, SYNONYM, BEGINNING = 0.9, 0.9, 0.75, 0.5  # of what the word itself is worth
NAME_COVERED = 0.3  # what it adds that all of the product's name was asked for
# What a word is worth by where it stands; more places add a fifth of theirs.
WORTH = {
    word_index.NAME: 1.0,
    word_index.CATEGORY: 0.7,
    word_index.BRAND: 0.6,
    word_index.ATTRIBUTE: 0.55,
    word_index.SHELF: 0.3,
    word_index.DESCRIPTION: 0.2,
}
Synonyms = Sequence[tuple[str, tuple[str, ...]]]


def _worth_of_bits() -> np.ndarray:
    """(64,) float32: the worth of every combination of places."""
    worth = np.zeros(2 * max(WORTH), dtype=np.float32)
    for bits in range(1, len(worth)):
        values = [value for bit, value in WORTH.items() if bits & bit]
        worth[bits] = max(values) + 0.2 * (sum(values) - max(values))
    return worth


_WORTH = _worth_of_bits()


@dataclass(frozen=True, kw_only=True)
class Matches:
    """How well every product of an index answers a query; 0 is not at all."""

    score_I: np.ndarray  # float32
    every_word_I: np.ndarray  # bool; the exact ones too
    exact_I: np.ndarray  # bool: the whole name or the SKU
    in_name: dict[str, np.ndarray]  # (I,) bool for each word of the query: whether it is in the name


class _Strengths:
    """One word of the query over all products."""

    def __init__(self, index: WordIndex) -> None:
        self.index = index
        self.value_I = np.zeros(len(index), dtype=np.float32)
        self.in_name_I = np.zeros(len(index), dtype=bool)

    def add_words(self, first: int, last: int, *, share: float) -> None:
        """Let the words of these ids stand for the word, for a share of its worth."""
        rows, fields = self.index.pairs(first, last)
        values = share * _WORTH[fields]
        if (
            last - first > 1
        ):  # a product may hold several of them; the last written stays, so the best is last
            order = np.argsort(fields, kind="stable")
            rows, values, fields = rows[order], values[order], fields[order]
        self.value_I[rows] = np.maximum(self.value_I[rows], values)
        self.in_name_I[rows[fields >= word_index.NAME]] = True

    def add_forms(self, word: str, *, share: float = 1.0) -> None:
        """Let the word and its other forms, such as its plural, stand for it."""
        for word_id in forms_of(word, self.index):
            is_itself = self.index.words[word_id] == word
            self.add_words(word_id, word_id + 1, share=share if is_itself else share * OTHER_FORM)

    def add_phrase(self, words: Sequence[str], *, share: float, only_names: bool = False) -> None:
        """Let several words stand for it where a product, or its name, holds all of them."""
        parts = [strengths_of(word, self.index) for word in words]
        together = np.minimum.reduce([part.value_I for part in parts])
        in_name_I = np.logical_and.reduce([part.in_name_I for part in parts])
        if only_names:
            together = together * in_name_I
        self.value_I = np.maximum(self.value_I, share * together)
        self.in_name_I |= in_name_I


def strengths_of(word: str, index: WordIndex) -> _Strengths:
    """Return the strengths of a word in all its forms."""
    strengths = _Strengths(index)
    strengths.add_forms(word)
    return strengths


def content_words(text: str) -> list[str]:
    """Return the words of a query that are looked for; stop words only where there is nothing else."""
    return [word for word in words_of(text) if word not in STOP_WORDS][:MAX_WORDS]


def match(text: str, index: WordIndex, *, synonyms: Synonyms = (), is_typing: bool = False) -> Matches:
    """Return how well each product answers the words of the text.

    The last word may be the beginning of one where no product has all words as they are; with `is_typing`
    it always may.
    """
    words, exact_I = content_words(text), exact_rows(text, index)
    columns = [strengths_of(word, index) for word in words]
    _add_other_writings(words, columns, index=index)
    _add_synonyms(words, columns, synonyms=synonyms)
    num_words = _num_words(columns, index=index)
    if words and (is_typing or not (num_words == len(columns)).any()):
        columns[-1].add_words(*completions_of(words[-1], index), share=BEGINNING)
        num_words = _num_words(columns, index=index)
    return Matches(
        score_I=_score(columns, index=index),
        every_word_I=exact_I | (num_words == max(len(columns), 1)),
        exact_I=exact_I,
        in_name={word: column.in_name_I for word, column in zip(words, columns, strict=True)},
    )


def exact_rows(text: str, index: WordIndex) -> np.ndarray:
    """Return (I,) bool: the products whose whole name or SKU the text is."""
    key = hash(" ".join(words_of(text)))
    return (index.name_key == key) | (index.sku_key == key)


def _add_other_writings(words: Sequence[str], columns: Sequence[_Strengths], *, index: WordIndex) -> None:
    """Let "hand bag" find handbag and "handbag" find hand bag."""
    for place, word in enumerate(words):
        for pair in parts_of(word, index):
            columns[place].add_phrase(pair, share=OTHER_WRITING, only_names=True)
        whole = joined(word, words[place + 1], index) if place + 1 < len(words) else ""
        if whole:
            columns[place].add_forms(whole, share=OTHER_WRITING)
            columns[place + 1].add_forms(whole, share=OTHER_WRITING)


def _add_synonyms(words: Sequence[str], columns: Sequence[_Strengths], *, synonyms: Synonyms) -> None:
    for term, meanings in synonyms:
        for first in _places_of(content_words(term), words):
            for column in columns[first : first + len(content_words(term))]:
                for meaning in filter(None, map(content_words, meanings)):
                    column.add_phrase(meaning, share=SYNONYM)


def _places_of(part: Sequence[str], words: Sequence[str]) -> Iterable[int]:
    """Yield where the part begins among the words."""
    for first in range(len(words) - len(part) + 1 if part else 0):
        if list(words[first : first + len(part)]) == list(part):
            yield first


def _num_words(columns: Sequence[_Strengths], *, index: WordIndex) -> np.ndarray:
    """(I,) int16: how many words of the query each product holds."""
    num_words_I = np.zeros(len(index), dtype=np.int16)
    for column in columns:
        num_words_I += column.value_I > 0
    return num_words_I


def _score(columns: Sequence[_Strengths], *, index: WordIndex) -> np.ndarray:
    """(I,) float32: words by how rare each is (BM25's weight), more where they cover the name."""
    score_I = np.zeros(len(index), dtype=np.float32)
    in_name_I = np.zeros(len(index), dtype=np.int16)
    for column in columns:
        num_held = int(np.count_nonzero(column.value_I))
        rarity = np.log1p((len(index) - num_held + 0.5) / (num_held + 0.5))
        score_I += np.float32(rarity) * column.value_I
        in_name_I += column.in_name_I
    covered_I = np.minimum(in_name_I / np.maximum(index.name_length, 1), 1).astype(np.float32)
    return np.asarray(score_I * (1 + np.float32(NAME_COVERED) * covered_I))
