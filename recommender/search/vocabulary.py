"""What the catalogue's own words make of a typed one: its forms, its completions, what was meant by it."""

from bisect import bisect_left

from rapidfuzz import process
from rapidfuzz.distance import OSA

from recommender.search.tokens import stem
from recommender.search.word_index import WordIndex

ONE_EDIT_FROM, TWO_EDITS_FROM = 4, 7  # letters of the word that was meant
MAX_MEANINGS = 12
SHORTEST_PART = 3  # letters of each half of a word that was written as one
LETTERS = 26
FIRST_LETTER_WRONG = 0.2  # as often as any other
_LAST = "\U0010ffff"


def forms_of(word: str, index: WordIndex) -> list[int]:
    """Return the ids of the words with the same stem, the word itself first where it is known."""
    same = index.by_stem.get(stem(word), [])
    own = index.word_id.get(word)
    return [*([] if own is None else [own]), *(word_id for word_id in same if word_id != own)]


def completions_of(beginning: str, index: WordIndex) -> tuple[int, int]:
    """Return the ids from and without the last of the words with this beginning; they are neighbours."""
    return bisect_left(index.words, beginning), bisect_left(index.words, beginning + _LAST)


def edits_allowed(word: str) -> int:
    """Return how many letters of this word may be wrong, missing, too many or swapped."""
    if len(word) < ONE_EDIT_FROM or not word.isalpha():
        return 0
    return 2 if len(word) >= TWO_EDITS_FROM else 1


def meanings_of(typed: str, index: WordIndex) -> list[str]:
    """Return known words that the typed one may be a slip of, the likeliest first, with the fewest edits.

    An edit is a letter too many, missing, wrong, or swapped with its neighbour (Damerau's distance). A word
    weighs by the products that it is of, and by how likely it is to be mistyped so (Kernighan et al., 1990).
    """
    if not typed.isalpha() or len(typed) < ONE_EDIT_FROM - 1:
        return []
    return _at_distance(1, typed, index=index) or _at_distance(2, typed, index=index)


def _at_distance(edits: int, typed: str, *, index: WordIndex) -> list[str]:
    """The words so many edits away that may have as many wrong, the likeliest first."""
    lengths = range(len(typed) - edits, len(typed) + edits + 1)
    words = [word for length in lengths for word in index.by_length.get(length, ())]
    near = process.extract(typed, words, scorer=OSA.distance, score_cutoff=edits, limit=None)
    found = [
        (-_likelihood(typed, word) * index.weight(index.word_id[word]), word)
        for word, distance, _ in near
        if distance == edits <= edits_allowed(word)
    ]
    return [word for _, word in sorted(found)[:MAX_MEANINGS]]


def _likelihood(typed: str, word: str) -> float:
    """How often somebody who makes a slip in the word types this, up to a factor.

    Each kind of slip is as frequent as the others; what is typed wrong or too much may be any letter, while
    only so many letters can be left out or swapped. The first letter is rarely wrong.
    """
    is_any_letter = len(typed) > len(word) or (len(typed) == len(word) and sorted(typed) != sorted(word))
    places = len(word) * (LETTERS if is_any_letter else 1)
    return (1 if typed[0] == word[0] else FIRST_LETTER_WRONG) / places


def parts_of(word: str, index: WordIndex) -> list[tuple[str, str]]:
    """Return the pairs of the catalogue's words that it is made of, such as hand and bag of handbag."""
    cuts = range(SHORTEST_PART, len(word) - SHORTEST_PART + 1)
    pairs = [(word[:cut], word[cut:]) for cut in cuts] if word.isalpha() else []
    return [pair for pair in pairs if pair[0] in index.word_id and pair[1] in index.word_id]


def joined(first: str, second: str, index: WordIndex) -> str:
    """Return the two words as one where the catalogue writes them so, else ""."""
    whole = first + second
    return whole if whole.isalpha() and forms_of(whole, index) else ""
