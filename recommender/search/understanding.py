"""What a query is taken to mean: its words put right, and those that are filters rather than words."""

# I = products of the index or, in narrowing, of the catalogue

import re
from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np

from recommender.ladder import attempt
from recommender.search import filters as filtering
from recommender.search import prices, synonyms, word_index
from recommender.search.matching import Matches, content_words, exact_rows, match, strengths_of
from recommender.search.narrowing import Narrowing, narrowings
from recommender.search.requests import Chip, SearchRequest, Understood
from recommender.search.tokens import folded, has_operators
from recommender.search.vocabulary import forms_of, meanings_of, parts_of
from recommender.search.word_index import WordIndex
from recommender.snapshot import Snapshot

_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+")


def understand(request: SearchRequest, *, catalogue: Snapshot) -> Understood:
    """Return what the request means; no query of a warm process, and words alone until it is warm.

    Words that the catalogue does not know are put right where no product has all words as they are. Prices
    are taken out of the text; words that name a value of an attribute, a brand or a category become filters
    where that loses nothing, and stay words too. Where the request has chosen values of the same thing, all
    are alternatives, and the words are taken out. With `literal`, and for a query with phrases, minus or
    "or", nothing is changed; for an exact name or SKU only synonyms are looked up.
    """
    index = attempt("the index of words", lambda: word_index.current(catalogue), otherwise=None)
    as_it_is = Understood(text=request.text, filters=request.filters)
    if request.literal or index is None or not request.text or has_operators(request.text):
        return as_it_is
    if exact_rows(request.text, index).any():
        return replace(as_it_is, synonyms=_synonyms(request.text))
    return _Understanding(request, catalogue=catalogue, index=index).understood()


class _Understanding:
    """One request while it is taken apart."""

    def __init__(self, request: SearchRequest, *, catalogue: Snapshot, index: WordIndex) -> None:
        self.request, self.catalogue, self.index = request, catalogue, index
        self.chips: list[Chip] = []
        self.filters = request.filters

    def understood(self) -> Understood:
        """Return what the request means."""
        price = self._price()
        text = prices.without(self.request.text, price.words) if price else self.request.text
        slips, matches = self._slips(text)
        whole, text = _with(self.request.text, slips), _with(text, slips)
        if price:
            self._narrow_price(price, whole=whole)
        for narrowing in self._narrowings(text, matches=matches):
            text = self._narrow(narrowing, text=text, whole=whole)
        return Understood(
            text=text,
            filters=self.filters,
            chips=tuple(self.chips),
            corrected=whole if slips else "",
            synonyms=_synonyms(text),
        )

    def _price(self) -> prices.Price | None:
        """The price that is asked for, unless its words are part of names that the query finds."""
        price = prices.price_in(self.request.text)
        words = content_words(price.words) if price else []
        if not words:
            return price
        in_name_I = np.logical_and.reduce([strengths_of(word, self.index).in_name_I for word in words])
        is_name = bool((in_name_I & match(self.request.text, self.index).every_word_I).any())
        return None if is_name else price

    def _narrow_price(self, price: prices.Price, *, whole: str) -> None:
        """Let the price of the words hold, unless the request has chosen one."""
        chosen = self.request.filters
        if chosen.price_from is None and chosen.price_to is None:
            self.filters = replace(self.filters, price_from=price.lowest, price_to=price.highest)
            self.chips.append(Chip(label=price.label, without=prices.without(whole, price.words)))

    def _slips(self, text: str) -> tuple[dict[str, str], Matches]:
        """Unknown words with what was meant, and what matches the text with them put right."""
        words, matches = content_words(text), match(text, self.index, synonyms=_synonyms(text))
        unknown = [word for word in words if not self._is_known(word)]
        if not unknown or self._on_sale(matches).any():
            return {}, matches
        slips: dict[str, str] = {}
        kept_I = np.ones(len(self.index), dtype=bool)
        for word in words:
            kept_I &= self._holding(word) if word not in unknown else True
        for word in unknown:
            meant = self._meant(word, kept_I=kept_I)
            if meant:
                slips[word] = meant
                kept_I &= self._holding(meant)
        if not slips:
            return {}, matches
        text = _with(text, slips)
        return slips, match(text, self.index, synonyms=_synonyms(text))

    def _on_sale(self, matches: Matches) -> np.ndarray:
        """The catalogue's active products that have every word."""
        every_word_I = self.index.in_rows_of(self.catalogue, matches.every_word_I)
        return np.asarray(every_word_I & self.catalogue.active)

    def _is_known(self, word: str) -> bool:
        if not word.isalpha() or forms_of(word, self.index):
            return True
        return any((self._in_name(one) & self._in_name(two)).any() for one, two in parts_of(word, self.index))

    def _in_name(self, word: str) -> np.ndarray:
        return strengths_of(word, self.index).in_name_I

    def _holding(self, word: str) -> np.ndarray:
        return strengths_of(word, self.index).value_I > 0

    def _meant(self, word: str, *, kept_I: np.ndarray) -> str:
        """The likeliest meaning that products with the other words have, else the likeliest of all."""
        meanings = meanings_of(word, self.index)
        fitting = (meaning for meaning in meanings if (self._holding(meaning) & kept_I).any())
        return next(fitting, meanings[0] if meanings else "")

    def _narrowings(self, text: str, *, matches: Matches) -> list[Narrowing]:
        matching_I, words = self._on_sale(matches), content_words(text)
        if not matching_I.any():
            return []
        in_name = {word: self.index.in_rows_of(self.catalogue, of) for word, of in matches.in_name.items()}
        return narrowings(words, catalogue=self.catalogue, matching_I=matching_I, in_name=in_name)

    def _narrow(self, narrowing: Narrowing, *, text: str, whole: str) -> str:
        """Let the narrowing hold; return the text, without its words where the request chose other values."""
        meant, chosen = narrowing.meaning.filters, self.request.filters
        if meant.category and chosen.category:
            return text
        names = {name for name, _ in meant.attributes}
        is_chosen = bool(meant.brands and chosen.brands) or any(
            name in names for name, _ in chosen.attributes
        )
        without = _without(whole, narrowing.words)
        if not without:
            return text  # the words say it all, and nothing would be left when the chip is taken away
        self.filters = filtering.both(self.filters, meant)
        self.chips.append(Chip(label=narrowing.meaning.label, without=without))
        return _without(text, narrowing.words) if is_chosen else text


def _synonyms(text: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return attempt("the synonyms", lambda: synonyms.of_words(content_words(text)), otherwise=())


def _with(text: str, slips: Mapping[str, str]) -> str:
    """The text with the slips put right and all else as it was typed."""
    return _TOKEN.sub(lambda found: slips.get(folded(found[0]), found[0]), text)


def _without(text: str, words: Collection[str]) -> str:
    """The text without the words."""
    kept = _TOKEN.sub(lambda found: "" if folded(found[0]) in words else found[0], text)
    return " ".join(kept.split())
