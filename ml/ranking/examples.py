"""Lists of a model's candidates at a cut in time, labelled by what their shoppers did after it."""

# B = users of a chunk, C = candidates of all lists, E = evaluated users, I = items, K = depth of a list

from dataclasses import dataclass

import numpy as np

from ml.data import MAX_HISTORY, Dataset, Histories, Interactions
from ml.evaluation import Model, ModelScorer
from ml.ranking.features import FEATURES, Past, Shelf, features_of
from ml.ranking.lists import ListRanker, RankingLists
from ml.ranking.neighbours import Neighbours
from ml.ranking.shelves import neighbours_of, shelf_of
from ml.scorers import rank_unseen
from ml.splits import HeldOut, held_out

DEPTH = 100
MAX_LISTS = 3_000
GRADES = (0.0, 0.5, 0.99)  # a weight above each is one grade more: seen, into the cart, bought


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Candidates of each judged user, best of the model first, and what was wanted among all items."""

    test: HeldOut
    ranked: np.ndarray  # (E, K) int, -1 = none
    lists: RankingLists  # E lists, without the -1
    retrieval: ModelScorer
    neighbours: tuple[Neighbours, Neighbours]


def examples_at(
    dataset: Dataset,
    *,
    model: Model,
    cut: int,
    until: int | None = None,
    depth: int = DEPTH,
    max_lists: int = MAX_LISTS,
    seed: int = 7,
) -> Examples:
    """The examples at `cut`, labelled by the events before `until` (all).

    The model and the features of the data set must know nothing of what is at or after the cut. Only items
    that the user had not touched are candidates, as in ml.evaluation. Of more than `max_lists` users, so
    many are drawn by the seed.
    """
    events = dataset.interactions if until is None else dataset.interactions.before(until)
    known = events.before(cut)
    test = held_out(events, cut=cut, num_users=len(dataset.users))
    if len(test) > max_lists:
        rng = np.random.default_rng(seed)
        test = test.take(np.sort(rng.choice(len(test), size=max_lists, replace=False)))
    retrieval = ModelScorer.of(model, dataset=dataset, known=known, test=test)
    ranked = rank_unseen(retrieval, test=test, depth=min(depth, len(dataset.items)))
    neighbours = neighbours_of(known, num_users=len(dataset.users), num_items=len(dataset.items))
    shelf = shelf_of(
        dataset.items, known=known, as_of=cut, vectors=retrieval.item_vectors, neighbours=neighbours
    )
    features = _features(
        shelf, test=test, ranked=ranked, vectors=retrieval.vectors, known=known, cut=cut, of=dataset
    )
    later = grades_of(events.since(cut), num_items=len(dataset.items))
    there = ranked >= 0
    sizes = there.sum(axis=1)
    keys = np.repeat(test.users, sizes) * np.int64(len(dataset.items)) + ranked[there]
    lists = RankingLists(
        names=FEATURES,
        offsets=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        features=features,
        labels=_looked_up(later, keys=keys),
    )
    return Examples(test=test, ranked=ranked, lists=lists, retrieval=retrieval, neighbours=neighbours)


def grades_of(events: Interactions, *, num_items: int) -> tuple[np.ndarray, np.ndarray]:
    """The pairs of `events` as ascending keys (user * items + item), and the grade of each: 0 to 3."""
    grade = np.searchsorted(np.array(GRADES), events.weight, side="left").astype(np.int32)
    keys = events.user_index.astype(np.int64) * num_items + events.item_index
    order = np.lexsort((grade, keys))
    last = np.append(np.diff(keys[order]) > 0, True) if len(order) else np.zeros(0, dtype=bool)
    return keys[order][last], grade[order][last]


@dataclass(frozen=True, kw_only=True)
class RankedScorer:
    """A second stage as a scorer: its candidates in its order, before all others in the model's."""

    examples: Examples
    scores_C: np.ndarray  # of all lists' candidates, one list after the other

    @classmethod
    def of(cls, ranker: ListRanker, *, examples: Examples) -> "RankedScorer":
        """The order of a fitted ranker."""
        return cls(examples=examples, scores_C=ranker.score(examples.lists.features))

    def scores(self, users: np.ndarray) -> np.ndarray:
        """(B, I) of users who are in the test."""
        examples = self.examples
        scores_BI = examples.retrieval.scores(users)
        places = examples.retrieval.row_of_user[users]
        for row, place in enumerate(places):
            items = examples.ranked[place][examples.ranked[place] >= 0]
            start, end = examples.lists.offsets[place : place + 2]
            # Equal scores keep the model's order, as on a page.
            order = np.argsort(-self.scores_C[start:end], kind="stable")
            best = scores_BI[row].max()
            scores_BI[row, items[order]] = best + np.arange(len(items), 0, -1)
        return scores_BI


def _features(
    shelf: Shelf,
    *,
    test: HeldOut,
    ranked: np.ndarray,
    vectors: np.ndarray,
    known: Interactions,
    cut: int,
    of: Dataset,
) -> np.ndarray:
    histories = Histories.from_interactions(
        known, num_users=len(of.users), as_of=cut, max_length=MAX_HISTORY
    ).take(test.users)
    parts = [
        features_of(
            shelf,
            rows=ranked[row][ranked[row] >= 0],
            user_vector=vectors[row],
            past=past_of(histories, row=row),
            moment=cut,
        )
        for row in range(len(test))
    ]
    return np.concatenate(parts) if parts else np.zeros((0, len(FEATURES)), dtype=np.float32)


def past_of(histories: Histories, *, row: int) -> Past:
    """One user's past as `features_of` reads it."""
    part = slice(int(histories.offsets[row]), int(histories.offsets[row + 1]))
    return Past(
        rows=histories.item_index[part],
        weight=histories.weight[part],
        age_seconds=histories.age_seconds[part],
    )


def _looked_up(graded: tuple[np.ndarray, np.ndarray], *, keys: np.ndarray) -> np.ndarray:
    """The grade of each key, 0 for one that is not there."""
    known, grade = graded
    if not len(known):
        return np.zeros(len(keys), dtype=np.int32)
    place = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.where(known[place] == keys, grade[place], 0).astype(np.int32)
