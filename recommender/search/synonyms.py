"""Words that mean the same, as the admin says: held in the process, and read anew as soon as they change."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction

from recommender import revisions
from recommender.models import Synonym
from recommender.refreshing import Refreshed
from recommender.search.tokens import stem, words_of

FRESH_SECONDS = 1.0  # how long a process trusts what it holds before it looks at the synonyms' mark
READ_SECONDS = 60.0  # and before it reads them though their mark is the same
Stems = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Loaded:
    """The synonyms as one process holds them."""

    meanings: dict[Stems, tuple[str, ...]]
    longest: int  # words of the longest term
    mark: str | None  # of the synonyms when they were read; None: Redis was away
    read_at: float


def of_words(words: Sequence[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the terms among these words, in order, each with what may stand for it; no query of a page.

    Raises DatabaseError when the synonyms were never read and cannot be.
    """
    held = _kept.get()
    stems = tuple(stem(word) for word in words)
    found = []
    for first in range(len(words)):
        for last in range(first + 1, min(first + held.longest, len(words)) + 1):
            meanings = held.meanings.get(stems[first:last])
            if meanings:
                found.append((" ".join(words[first:last]), meanings))
    return tuple(found)


def changed() -> None:
    """Let every process read the synonyms anew, this one at once, as soon as the transaction is committed."""
    revisions.bump(revisions.SYNONYMS)
    transaction.on_commit(_kept.forget)


def _read(held: _Loaded | None) -> _Loaded:
    """Return the synonyms as they are now; `held` itself while they are as marked."""
    mark, moment = revisions.current([revisions.SYNONYMS]), time.monotonic()
    if held is not None and mark is not None and mark == held.mark and moment - held.read_at < READ_SECONDS:
        return held
    meanings = meanings_by_term(Synonym.objects.filter(active=True))
    longest = max(map(len, meanings), default=0)
    return _Loaded(meanings=meanings, longest=longest, mark=mark, read_at=moment)


_kept = Refreshed(_read, seconds=FRESH_SECONDS, name="the synonyms")


def meanings_by_term(synonyms: Iterable[Synonym]) -> dict[Stems, tuple[str, ...]]:
    """Return what may stand for each term, by the stems of its words."""
    meanings: dict[Stems, dict[str, None]] = {}
    for synonym in synonyms:
        terms = [synonym.term, *synonym.meanings]
        for term in terms if synonym.both_ways else terms[:1]:
            key = tuple(stem(word) for word in words_of(term))
            others = (" ".join(words_of(other)) for other in terms if other != term)
            meanings.setdefault(key, {}).update(dict.fromkeys(filter(None, others)))
    return {key: tuple(found) for key, found in meanings.items() if key}
