"""Baselines of co-occurrence: item-kNN, and a table of what follows what."""

# B = users of a chunk, U = users, I = items, M = liked pairs of a user and an item

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ml.data import Interactions, merge_repeats

BLOCK = 1_000  # items of one block of similarities
MAX_REACH = 100  # how many places apart two items of one history may stand
MAX_PAIRS = 60_000_000  # the reach shrinks before more pairs than these would be counted
PAIRS_AT_ONCE = 8_000_000

Triples = tuple[np.ndarray, np.ndarray, np.ndarray]  # rows, columns, values


@dataclass(frozen=True, kw_only=True)
class ItemKnn:
    """Items that the users of the user's items also liked: the sum of their similarities."""

    wants: sparse.csr_matrix  # (U, I)
    similarity: sparse.csr_matrix  # (I, I), zero on the diagonal

    @classmethod
    def fit(cls, wants: sparse.csr_matrix, *, neighbours: int = 200, weighting: str = "cosine") -> "ItemKnn":
        """The best `neighbours` of each item, by cosine or by BM25; memory grows with items x neighbours."""
        normal = _WEIGHTINGS[weighting](wants).tocsc()
        blocks = []
        for start in range(0, wants.shape[1], BLOCK):
            block = (normal[:, start : start + BLOCK].T @ normal).tocsr()
            blocks.append(_keep_largest(block, first_row=start, count=neighbours))
        return cls(wants=wants, similarity=sparse.vstack(blocks).tocsr())

    def scores(self, users: np.ndarray) -> np.ndarray:
        return np.asarray((self.wants[users] @ self.similarity).toarray(), dtype=np.float32)


def _cosine(wants: sparse.csr_matrix) -> sparse.csr_matrix:
    lengths = np.sqrt(np.asarray(wants.multiply(wants).sum(axis=0)).ravel())
    return wants @ sparse.diags(1 / np.maximum(lengths, 1e-12))


def _bm25(wants: sparse.csr_matrix, *, k1: float = 1.2, b: float = 0.75) -> sparse.csr_matrix:
    """Items as documents, users as words: who likes everything says little (Robertson & Walker, 1994)."""
    num_items = wants.shape[1]
    idf_U = np.log(num_items) - np.log1p(np.diff(wants.indptr))
    length_I = np.asarray(wants.sum(axis=0)).ravel()
    norm_I = (1 - b) + b * length_I / max(float(length_I.mean()), 1e-12)
    rows = np.repeat(np.arange(wants.shape[0]), np.diff(wants.indptr))
    weight = wants.data * (k1 + 1) / (k1 * norm_I[wants.indices] + wants.data) * np.maximum(idf_U, 0)[rows]
    return sparse.csr_matrix((weight.astype(np.float32), wants.indices, wants.indptr), shape=wants.shape)


_WEIGHTINGS = {"cosine": _cosine, "bm25": _bm25}


def _keep_largest(block: sparse.csr_matrix, *, first_row: int, count: int) -> sparse.csr_matrix:
    """The block with each row's `count` largest values, and none on the diagonal of the whole matrix."""
    rows = np.repeat(np.arange(block.shape[0]), np.diff(block.indptr))
    block.data[block.indices == rows + first_row] = 0
    # A partition of each row: one sort of the whole block took ten times as long.
    for row in np.flatnonzero(np.diff(block.indptr) > count):
        values = block.data[block.indptr[row] : block.indptr[row + 1]]
        values[np.argpartition(values, len(values) - count)[: len(values) - count]] = 0
    block.eliminate_zeros()
    return block


@dataclass(frozen=True, kw_only=True)
class OrderedPairs:
    """What comes after what in the histories of a log: counted once, then weighed in more than one way.

    A history is a row of moments, each an item or a basket of one second. Two items g moments apart, up to
    `window`, add decay ** (g - 1) to what follows the first; those of one basket add 1 to each other.
    """

    table: sparse.csr_matrix  # (I, I): row = item, column = what follows
    user: np.ndarray  # (M,) ascending
    item: np.ndarray  # (M,)
    since: np.ndarray  # (M,) moments from each item of a history to its last
    num_users: int
    window: int

    @classmethod
    def count(
        cls,
        events: Interactions,
        *,
        num_users: int,
        num_items: int,
        window: int = 10,
        decay: float = 0.8,
    ) -> "OrderedPairs":
        """The pairs of what each user liked, each item at its latest."""
        user, item, weight, time = merge_repeats(events)
        user, item, time = (column[weight > 0] for column in (user, item, time))
        begins = np.ones(len(user), dtype=bool)
        begins[1:] = (np.diff(user) != 0) | (np.diff(time) != 0)
        moment = np.cumsum(begins)
        table = _ordered_pairs(
            user, item=item, moment=moment, num_items=num_items, window=window, decay=decay
        )
        last = np.searchsorted(user, user, side="right") - 1
        return cls(
            table=table,
            user=user,
            item=item,
            since=moment[last] - moment,
            num_users=num_users,
            window=window,
        )


@dataclass(frozen=True, kw_only=True)
class DecayedCooccurrence:
    """What followed the user's latest items in the histories of others; the nearer, the more it counts."""

    latest: sparse.csr_matrix  # (U, I)
    follows: sparse.csr_matrix  # (I, I): row = item, column = what comes next

    @classmethod
    def fit(
        cls, pairs: OrderedPairs, *, recency: float = 0.7, flattening: float = 0.5
    ) -> "DecayedCooccurrence":
        """The table weighed: a user's items count recency ** (moments since), over the last ten.

        `flattening` is the power of its popularity by which an item that follows is divided.
        """
        num_items = pairs.table.shape[0]
        popularity = np.bincount(pairs.item, minlength=num_items).astype(np.float32)
        # Half of the first item's popularity: all of it (a probability) makes chance pairs of rare items win.
        scale = sparse.diags(np.maximum(popularity, 1) ** -0.5)
        follows = scale @ pairs.table @ sparse.diags((popularity + 1) ** -flattening)
        recent = pairs.since < pairs.window
        latest = sparse.csr_matrix(
            (
                np.float32(recency) ** pairs.since[recent].astype(np.float32),
                (pairs.user[recent], pairs.item[recent]),
            ),
            shape=(pairs.num_users, num_items),
        )
        return cls(latest=latest, follows=follows.tocsr().astype(np.float32))

    def scores(self, users: np.ndarray) -> np.ndarray:
        return np.asarray((self.latest[users] @ self.follows).toarray(), dtype=np.float32)


def _ordered_pairs(
    user: np.ndarray, *, item: np.ndarray, moment: np.ndarray, num_items: int, window: int, decay: float
) -> sparse.csr_matrix:
    """(I, I) the summed weights of the pairs of each history, in the order of their moments."""
    shape = (num_items, num_items)
    table = sparse.csr_matrix(shape, dtype=np.float32)
    reach = min(MAX_REACH, max(1, MAX_PAIRS // max(len(user), 1)), len(user) - 1)
    parts: list[Triples] = []
    waiting = 0
    for gap in range(1, reach + 1):
        steps = moment[gap:] - moment[:-gap]
        near = np.flatnonzero((user[:-gap] == user[gap:]) & (steps <= window))
        if not len(near):
            break
        first, second = item[:-gap][near], item[gap:][near]
        weight = np.float32(decay) ** np.maximum(steps[near] - 1, 0).astype(np.float32)
        together = steps[near] == 0
        parts += [(first, second, weight), (second[together], first[together], weight[together])]
        waiting += len(near) + int(together.sum())
        if waiting > PAIRS_AT_ONCE or gap == reach:
            table = table + _summed(parts, shape=shape)
            parts, waiting = [], 0
    return table + _summed(parts, shape=shape) if parts else table


def _summed(
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]], *, shape: tuple[int, int]
) -> sparse.csr_matrix:
    first, second, weight = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return sparse.coo_matrix((weight, (first, second)), shape=shape).tocsr()
