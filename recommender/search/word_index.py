"""The words of every product as arrays: which products hold a word, and in which of their texts.

The products' own rows are what it is made of; only those that changed are read again. A small catalogue is
read by the request that finds it changed, a large one in the background, while the index before serves on.
"""

# I = products of the index, W = words, P = pairs of a word and a product that holds it

import logging
import os
import threading
import time
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

import numpy as np
from django.db import DatabaseError, connection, transaction
from scipy.sparse import coo_matrix

from recommender import snapshot
from recommender.search.colours import COLOUR_NAMES, colours_of
from recommender.search.tokens import STOP_WORDS, key_of, stem, words_of
from recommender.snapshot import Snapshot
from shop.models import Product

READ_AT_ONCE = 20_000  # products whose words are read within the request; more: in the background
RETRY_SECONDS = 5.0  # after a read in the background, that a busy shop's edits do not fill a core
NAME, CATEGORY, BRAND, ATTRIBUTE, SHELF, DESCRIPTION = 32, 16, 8, 4, 2, 1  # bits of where a word stands
MENTIONED = 0.2  # what a product that mentions a word counts, beside one that is called so

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class WordIndex:
    """The words of the catalogue in alphabetical order, so that those with one beginning are neighbours."""

    revision: str  # of the catalogue that it was made of
    ids_digest: str
    product_id: np.ndarray  # (I,) int64, ascending
    marks: np.ndarray  # (I, 2) int64: a row is read again when its marks changed
    shelves: tuple[dict[int, str], dict[int, str]]  # names and paths of the categories
    words: list[str]  # W
    starts: np.ndarray  # (W + 1,) int64: the pairs of word w are those from starts[w] to starts[w + 1]
    rows: np.ndarray  # (P,) int32
    fields: np.ndarray  # (P,) uint8, bits of NAME and the others
    name_key: np.ndarray  # (I,) int64, a hash of the name's words
    sku_key: np.ndarray  # (I,) int64
    name_length: np.ndarray  # (I,) int32, in words, those of the brand left out
    text_key: np.ndarray  # (I,) int64, a hash of all words
    word_id: dict[str, int] = field(repr=False)
    by_stem: dict[str, list[int]] = field(repr=False)  # words of one stem
    maps: dict[str, np.ndarray] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.product_id)

    def weight(self, word_id: int) -> float:
        """Return how many products are called by the word, and a little for those that mention it."""
        fields = self.fields[self.starts[word_id] : self.starts[word_id + 1]]
        return float(np.count_nonzero(fields & NAME)) + MENTIONED * len(fields)

    def pairs(self, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
        """Return rows and fields of the words from `first` up to and without `last`."""
        part = slice(self.starts[first], self.starts[last])
        return self.rows[part], self.fields[part]

    @cached_property
    def by_length(self) -> dict[int, list[str]]:
        """The words of letters alone, by how many letters they have."""
        words: dict[int, list[str]] = {}
        for word in self.words:
            if word.isalpha():
                words.setdefault(len(word), []).append(word)
        return words

    def in_rows_of(self, catalogue: Snapshot, values_I: np.ndarray) -> np.ndarray:
        """Return values by this index's rows as values by the catalogue's; 0 for a product not yet here."""
        if catalogue.ids_digest == self.ids_digest:
            return values_I
        places = self.maps.get(catalogue.ids_digest)
        if places is None:
            places = _places(self.product_id, wanted=catalogue.product_id)
            self.maps.clear()
            self.maps[catalogue.ids_digest] = places
        return np.append(values_I, np.zeros(1, dtype=values_I.dtype))[places]


def _places(product_id: np.ndarray, *, wanted: np.ndarray) -> np.ndarray:
    """Return where each wanted id stands; for one that is not there the place after the last."""
    if not len(product_id):
        return np.zeros(len(wanted), dtype=np.int64)
    place = np.minimum(np.searchsorted(product_id, wanted), len(product_id) - 1)
    return np.where(product_id[place] == wanted, place, len(product_id))


class _Kept:
    """The index that this process serves from."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.index: WordIndex | None = None
        self.reading: threading.Thread | None = None
        self.read_at = 0.0


_kept = _Kept()


def current(catalogue: Snapshot) -> WordIndex | None:
    """Return the index of this catalogue, or while a large one is read anew the one before; None before that.

    Raises DatabaseError when it cannot be read within the request.
    """
    index = _kept.index
    if index is not None and index.revision == catalogue.revision:
        return index
    if len(catalogue) > READ_AT_ONCE and not connection.in_atomic_block:
        _read_in_background(catalogue)
        return _kept.index
    with _kept.lock:
        if _kept.index is None or _kept.index.revision != catalogue.revision:
            if connection.in_atomic_block:
                with transaction.atomic():  # a failed query must leave the caller's transaction usable
                    _kept.index = read(catalogue, previous=_kept.index)
            else:
                _kept.index = read(catalogue, previous=_kept.index)
        return _kept.index


def warm() -> None:
    """Start reading the words in the background, so that the first search need not wait."""
    threading.Thread(target=_warm, name="read words", daemon=True).start()


def forget() -> None:
    """Read the words anew for the next request."""
    global _kept  # noqa: PLW0603 - one for the process
    _kept = _Kept()


os.register_at_fork(after_in_child=forget)


def _warm() -> None:
    try:
        current(snapshot.current())
    except (DatabaseError, OSError) as error:
        logger.warning("the words could not be read; the first search reads them: %s", error)
    finally:
        connection.close()  # of this thread, which ends here


def _read_in_background(catalogue: Snapshot) -> None:
    kept = _kept

    def load() -> None:
        try:
            kept.index = read(catalogue, previous=kept.index)
        except (DatabaseError, OSError) as error:
            logger.warning("the words could not be read again; those before serve on: %s", error)
        finally:
            kept.read_at = time.monotonic()
            connection.close()  # of this thread, which ends here

    with kept.lock:
        is_reading = kept.reading is not None and kept.reading.is_alive()
        if not is_reading and (kept.index is None or time.monotonic() - kept.read_at > RETRY_SECONDS):
            kept.reading = threading.Thread(target=load, name="read words", daemon=True)
            kept.reading.start()


def read(catalogue: Snapshot, *, previous: WordIndex | None = None) -> WordIndex:
    """Return the index of the catalogue, reading the products that are not as they were. One query."""
    shelves = (catalogue.category_name, catalogue.category_path)
    if previous is not None and previous.shelves != shelves:
        previous = None
    before = _unchanged(catalogue, previous=previous)
    made = _Postings(catalogue)
    for row, name, sku, description in _texts(catalogue, rows=np.flatnonzero(before < 0)):
        made.add(row, name=name, sku=sku, description=description)
    return made.index(previous, before=before)


def _unchanged(catalogue: Snapshot, *, previous: WordIndex | None) -> np.ndarray:
    """Return (I,) each product's row in the index before, -1 where it must be read."""
    if previous is None or not len(previous):
        return np.full(len(catalogue), -1, dtype=np.int64)
    place = _places(previous.product_id, wanted=catalogue.product_id)
    known = place < len(previous)
    known[known] = (previous.marks[place[known]] == catalogue.marks[known]).all(axis=1)
    return np.where(known, place, -1)


def _texts(catalogue: Snapshot, *, rows: np.ndarray) -> Iterable[tuple[int, str, str, str]]:
    """Yield row, name, SKU and description of the products in these rows."""
    if not len(rows):
        return
    products = Product.objects.order_by()
    if len(rows) < len(catalogue) // 2:
        products = products.filter(pk__in=catalogue.product_id[rows].tolist())
    row_of = dict(zip(catalogue.product_id[rows].tolist(), rows.tolist(), strict=True))
    for pk, name, sku, description in products.values_list("pk", "name", "sku", "description").iterator():
        if pk in row_of:
            yield row_of[pk], name, sku, description


class _Postings:
    """Words of products as they are read, turned into an index at the end."""

    def __init__(self, catalogue: Snapshot) -> None:
        self._catalogue = catalogue
        self._word_id: dict[str, int] = {}
        self._pair_words, self._pair_rows, self._pair_fields = array("i"), array("i"), array("B")
        shape = len(catalogue)
        self._name_key, self._sku_key = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        self._text_key = np.zeros(shape, dtype=np.int64)
        self._name_length = np.zeros(shape, dtype=np.int32)

    def add(self, row: int, *, name: str, sku: str, description: str) -> None:
        """Take in the words of one product."""
        catalogue, name_words = self._catalogue, words_of(name)
        category_id = int(catalogue.category_id[row])
        path = catalogue.category_path.get(category_id, "")
        fields: dict[str, int] = {}
        brand_words = _known_words(catalogue.brands[catalogue.brand[row]])
        # Leaf & Kettle is no kettle: a name's words that say its brand are the brand's alone.
        said = [word for word in name_words if word not in brand_words] or name_words
        for bit, words in (
            (NAME, said),
            (CATEGORY, _known_words(catalogue.category_name.get(category_id, ""))),
            (BRAND, brand_words),
            (ATTRIBUTE, _attribute_words(catalogue.attributes[row])),
            (SHELF, _known_words(path.rpartition("/")[0].replace("-", " "))),
            (DESCRIPTION, words_of(description)),
        ):
            for word in words:
                fields[word] = fields.get(word, 0) | bit
        for word, bits in fields.items():
            if word not in STOP_WORDS:
                self._pair_words.append(self._word_id.setdefault(word, len(self._word_id)))
                self._pair_rows.append(row)
                self._pair_fields.append(bits)
        self._name_key[row], self._sku_key[row] = hash(" ".join(name_words)), hash(key_of(sku))
        self._name_length[row] = len(said)
        self._text_key[row] = hash((name, sku, frozenset(fields.items())))

    def index(self, previous: WordIndex | None, *, before: np.ndarray) -> WordIndex:
        """Return the index of what was read and of what is as it was in `previous`, at the rows `before`."""
        if previous is not None and self._all_as_before(previous):
            return self._dated(previous)
        if previous is not None:
            self._take_over(previous, before=before)
        words, starts, rows, fields = self._by_word()
        by_stem: dict[str, list[int]] = {}
        for word_id, word in enumerate(words):
            by_stem.setdefault(stem(word), []).append(word_id)
        return WordIndex(
            revision=self._catalogue.revision,
            ids_digest=self._catalogue.ids_digest,
            product_id=self._catalogue.product_id,
            marks=self._catalogue.marks,
            shelves=(self._catalogue.category_name, self._catalogue.category_path),
            words=words,
            starts=starts,
            rows=rows,
            fields=fields,
            name_key=self._name_key,
            sku_key=self._sku_key,
            name_length=self._name_length,
            text_key=self._text_key,
            word_id={word: word_id for word_id, word in enumerate(words)},
            by_stem=by_stem,
        )

    def _all_as_before(self, previous: WordIndex) -> bool:
        """Whether what was read, as after a sale, has the words that it had, and no product came or went."""
        if self._catalogue.ids_digest != previous.ids_digest:
            return False
        read_rows = np.flatnonzero(self._text_key)
        return bool((self._text_key[read_rows] == previous.text_key[read_rows]).all())

    def _dated(self, previous: WordIndex) -> WordIndex:
        return replace(previous, revision=self._catalogue.revision, marks=self._catalogue.marks)

    def _take_over(self, previous: WordIndex, *, before: np.ndarray) -> None:
        kept = np.flatnonzero(before >= 0)
        for name in ("name_key", "sku_key", "text_key", "name_length"):
            getattr(self, f"_{name}")[kept] = getattr(previous, name)[before[kept]]
        row_now = np.full(len(previous), -1, dtype=np.int32)
        row_now[before[kept]] = kept
        rows = row_now[previous.rows]
        stay = rows >= 0
        words = np.repeat(np.arange(len(previous.words), dtype=np.int32), np.diff(previous.starts))
        first = len(self._word_id)  # words of before get numbers behind those just read
        number = np.arange(first, first + len(previous.words), dtype=np.int32)
        for word_id, word in enumerate(previous.words):
            number[word_id] = self._word_id.setdefault(word, first + word_id)
        self._pair_words.frombytes(number[words[stay]].tobytes())
        self._pair_rows.frombytes(rows[stay].tobytes())
        self._pair_fields.frombytes(previous.fields[stay].tobytes())

    def _by_word(self) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
        """Return the words that products hold in alphabetical order, and their pairs in that order."""
        pair_words = np.frombuffer(self._pair_words, dtype=np.int32)
        used = np.zeros(max(self._word_id.values(), default=-1) + 1, dtype=bool)
        used[pair_words] = True
        words = sorted(word for word, number in self._word_id.items() if used[number])
        place = np.zeros(len(used), dtype=np.int32)
        place[[self._word_id[word] for word in words]] = np.arange(len(words), dtype=np.int32)
        pairs = coo_matrix(
            (
                np.frombuffer(self._pair_fields, dtype=np.uint8),
                (np.frombuffer(self._pair_rows, dtype=np.int32), place[pair_words]),
            ),
            shape=(len(self._catalogue), len(words)),
        ).tocsc()
        return words, pairs.indptr.astype(np.int64), pairs.indices.astype(np.int32), pairs.data


@lru_cache(maxsize=10_000)
def _known_words(text: str) -> Sequence[str]:
    """The words of a text that many products share."""
    return words_of(text)


def _attribute_words(attributes: Sequence[str]) -> list[str]:
    """The words of the values, and what a shade is called: "colour" is no word of a blue mug."""
    return [word for attribute in attributes for word in _value_words(attribute)]


@lru_cache(maxsize=10_000)
def _value_words(attribute: str) -> Sequence[str]:
    name, _, value = attribute.partition("=")
    return [*words_of(value), *(colours_of(value) if name in COLOUR_NAMES else [])]
