"""Words of a text as search compares them: folded, parted and stemmed, the same for products and queries."""

import re
import unicodedata
from functools import lru_cache

import Stemmer

# A number and its unit are two words, so that 350ml and 350 ml are the same.
_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+")
_OWNED = re.compile(r"['’ʼ]s\b")
_APOSTROPHES = str.maketrans("", "", "'’ʼ`´")
_MAX_WORD = 40  # letters; what is longer is no word of any language
STOP_WORDS = frozenset(
    {"a", "an", "and", "are", "as", "at", "be", "by", "for", "from", "in", "into", "is", "it", "its", "of"}
    | {"on", "or", "that", "the", "their", "this", "to", "was", "were", "with"}
)
_stemmer = Stemmer.Stemmer("english")  # Porter's second algorithm, which PostgreSQL's "english" uses too


def folded(text: str) -> str:
    """Return the text in lower case, without accents and with compatible characters made the same."""
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in parts if not unicodedata.combining(char))


def words_of(text: str) -> list[str]:
    """Return the words and numbers of a text in order, folded; an owner's 's is left out."""
    plain = _OWNED.sub("", folded(text)).translate(_APOSTROPHES)
    return [word[:_MAX_WORD] for word in _WORD.findall(plain)]


def key_of(text: str) -> str:
    """Return what two texts have in common when they are the same words in the same order."""
    return " ".join(words_of(text))


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """Return the stem of a folded word, such as mug for mugs."""
    return str(_stemmer.stemWord(word))


def has_operators(query: str) -> bool:
    """Return whether the query uses websearch syntax: a phrase, a minus or an "or"."""
    return bool(re.search(r'"|(^|\s)-\w|\sor\s', query, re.IGNORECASE))
