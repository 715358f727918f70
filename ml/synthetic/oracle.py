"""The best that any model could do on a made shop: ranking by the tastes that made the behaviour."""

import numpy as np

from ml.data import Interactions
from ml.evaluation import HeldOut, held_out
from ml.metrics import rank_metrics, top_k
from ml.synthetic.choices import TASTE_STRENGTH, taste_and_utility
from ml.synthetic.shop import SyntheticShop

# B = users of one block, I = items, J = items of one type, T = types
TEST_SHARE = 0.2
USERS_PER_BLOCK = 256
MOMENTS = (1 / 6, 1 / 2, 5 / 6)  # of the test window: items released in it count for the time they are there


def oracle_report(shop: SyntheticShop, *, k: int = 10) -> dict[str, dict[str, float]]:
    """Return the held-out metrics of "oracle" and "popularity", and the "test" they were measured on.

    The protocol is ml.evaluation's: the last fifth of the time is the test, items seen before are masked.
    """
    interactions = to_interactions(shop)
    cut = split_time(shop)
    test = held_out(interactions, cut=cut, num_users=len(shop.shoppers))
    if not len(test.users):
        raise ValueError("No shopper has something new after the split; make more interactions.")
    before = interactions.before(cut)
    weight = np.bincount(before.item_index, np.maximum(before.weight, 0), minlength=len(shop.catalogue))
    ranked: dict[str, list[np.ndarray]] = {"oracle": [], "popularity": []}
    for begin in range(0, len(test.users), USERS_PER_BLOCK):
        rows = np.arange(begin, min(begin + USERS_PER_BLOCK, len(test.users)))
        users = test.users[rows]
        scores = {
            "oracle": expected_looks(shop, users=users, cut=cut),
            "popularity": np.tile(weight, (len(users), 1)),
        }
        for name, scores_BI in scores.items():
            ranked[name].append(top_k(test.mask(scores_BI, rows=rows), k=k))
    report = {name: _means(np.concatenate(lists), test=test, k=k) for name, lists in ranked.items()}
    return {
        **report,
        "test": {"users": float(len(test.users)), "positives": float(test.positives.sizes.mean())},
    }


def to_interactions(shop: SyntheticShop) -> Interactions:
    """Return the shop's events as models read them; indices are the made shop's own rows."""
    events = shop.events
    return Interactions(
        user_index=events.user_index,
        item_index=events.item_index,
        kind=events.kind,
        value=events.value,
        timestamp=events.timestamp,
    )


def split_time(shop: SyntheticShop) -> int:
    """Return the moment, in seconds, after which the last fifth of the events lies."""
    return int(np.quantile(shop.events.timestamp, 1 - TEST_SHARE))


def expected_looks(shop: SyntheticShop, *, users: np.ndarray, cut: int) -> np.ndarray:
    """Return (B, I) float32: the expected share of each user's looks after `cut` that fall on each item."""
    moments = [int(cut + share * (shop.until - cut)) for share in MOMENTS]
    chance_BI = np.zeros((len(users), len(shop.catalogue)), dtype=np.float32)
    for moment in moments:
        chance_BI += _chances(shop, users=users, moment=moment)
    return chance_BI / len(moments)


def _chances(shop: SyntheticShop, *, users: np.ndarray, moment: int) -> np.ndarray:
    """Return (B, I): the chance that a look at `moment` falls on each item; rows sum to one."""
    times = np.full(len(users), moment, dtype=np.int64)
    catalogue = shop.catalogue
    share_BT = shop.shoppers.tastes.type_shares(users, times=times, taxonomy=catalogue.taxonomy)
    chance_BI = np.zeros((len(users), len(catalogue)), dtype=np.float32)
    for kind in np.unique(catalogue.type_index):
        items = np.flatnonzero(catalogue.type_index == kind)
        taste_BJ, rest_BJ = taste_and_utility(
            users, times=times, items=items, catalogue=catalogue, shoppers=shop.shoppers
        )
        chance_BI[:, items] = share_BT[:, [kind]] * _softmax(TASTE_STRENGTH * taste_BJ + rest_BJ)
    return chance_BI


def _softmax(utility_BJ: np.ndarray) -> np.ndarray:
    """Return rows that sum to one, or to zero where nothing may be had."""
    best_B = np.maximum(utility_BJ.max(axis=1, keepdims=True), np.finfo(np.float32).min)
    odds_BJ = np.exp(utility_BJ - best_B)
    return odds_BJ / np.maximum(odds_BJ.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)


def _means(ranked_UK: np.ndarray, *, test: HeldOut, k: int) -> dict[str, float]:
    metrics = rank_metrics(ranked_UK, positives=test.positives, k=k)
    return {name: float(values.mean()) for name, values in metrics.items()}
