"""The scores of baselines that count, by hand."""

import numpy as np
import pytest

from ml.baselines import RandomOrder, RecentPopularity, fit_baselines
from ml.baselines.counting import PopularBelow
from ml.data import Dataset, EntityTable
from tests.ml.shops import DAY, events

# Items: 0 and 1 mugs, 2 and 3 spades. User 0 bought both mugs, user 1 a mug and a spade, user 2 nothing.
LOG = events(
    (0, 0, "purchase", None, 1),
    (0, 1, "purchase", None, 2),
    (1, 0, "purchase", None, 3),
    (1, 2, "purchase", None, 4),
    (2, 3, "dislike", None, 5),
)
SHOP = Dataset(
    users=EntityTable(ids=np.arange(3), multi={"preferences": [(), (), ("spades",)]}),
    items=EntityTable(
        ids=np.arange(4), multi={"category_path": [("mugs",), ("mugs",), ("spades",), ("spades",)]}
    ),
    interactions=LOG,
)
EVERYBODY = np.arange(3)


def baselines(shop: Dataset = SHOP):
    return fit_baselines(shop, events=shop.interactions)


def test_popularity_counts_who_liked_an_item_and_leaves_dislikes_out():
    scores = baselines()["popularity"].scores(EVERYBODY)
    assert scores.tolist() == [[2, 1, 1, 0]] * 3


def test_the_category_rule_ranks_by_popularity_in_the_preferred_category():
    scores = baselines()["category_rule"].scores(EVERYBODY)
    assert scores[2].argmax() == 2, "the popular spade for who prefers spades"
    assert scores[2, 3] > scores[2, 0], "any spade before any mug"


def test_the_category_rule_follows_what_was_touched_most_without_a_preference():
    scores = baselines()["category_rule"].scores(EVERYBODY)
    assert scores[0, 1] > scores[0, 2]
    assert scores[1, 0] > scores[1, 2], "half and half: the more popular"


def test_the_category_rule_reads_the_plain_category_too_and_works_without_any():
    plain = EntityTable(
        ids=np.arange(4), categorical={"category": np.array(["a", "a", "b", ""], dtype=object)}
    )
    rule = baselines(Dataset(users=SHOP.users, items=plain, interactions=LOG))["category_rule"]
    assert rule.scores(EVERYBODY)[0].argmax() == 0
    bare = Dataset(users=EntityTable(ids=np.arange(3)), items=EntityTable(ids=np.arange(4)), interactions=LOG)
    assert baselines(bare)["category_rule"].scores(EVERYBODY)[2].argmax() == 0


def test_recent_popularity_halves_with_every_half_life_and_knows_nothing_later():
    """Item 0 was bought twice on day 0, item 1 once on day 2, item 2 on day 4."""
    log = events(
        (0, 0, "purchase", None, 0),
        (1, 0, "purchase", None, 1),
        (0, 1, "purchase", None, 2 * DAY),
        (1, 2, "purchase", None, 4 * DAY),
    )
    recent = RecentPopularity.fit(
        log, moments=np.array([2 * DAY + 1, 4 * DAY + 1]), popularity=np.zeros(3), half_life=1.0
    )
    scores = recent.scores(np.array([0, 1]))
    # At day 2: 2 x 1/4 and 1. At day 4: 2 x 1/16, 1/4 and 1.
    assert scores.tolist() == [[0.5, 1, 0], [0.125, 0.25, 1]]


def test_what_nobody_liked_lately_is_ordered_by_popularity():
    recent = RecentPopularity.fit(
        LOG.take(slice(0, 0)), moments=np.array([DAY]), popularity=np.array([1.0, 3.0]), half_life=7.0
    )
    assert recent.scores(np.array([0])).argmax() == 1


def test_items_without_a_score_follow_by_popularity():
    class Half:
        def scores(self, users: np.ndarray) -> np.ndarray:
            return np.array([[0.0, 1e-6, 0.0], [0.0, 0.0, 0.0]])[users]

    scores = PopularBelow(scorer=Half(), popularity=np.array([1.0, 2.0, 3.0])).scores(np.array([0, 1]))
    assert (-scores).argsort(axis=1).tolist() == [[1, 2, 0], [2, 1, 0]]


def test_chance_is_seeded_by_user_whatever_the_chunk():
    order = RandomOrder(num_items=5, seed=1)
    assert np.array_equal(order.scores(EVERYBODY)[2], order.scores(np.array([2]))[0])
    assert not np.array_equal(order.scores(EVERYBODY)[0], order.scores(EVERYBODY)[1])
    assert order.scores(np.zeros(0, dtype=int)).shape == (0, 5)


@pytest.mark.parametrize("method", ["popularity", "recent_popularity", "category_rule", "random"])
def test_scores_may_be_changed_by_who_asked_for_them(method):
    scorer = baselines()[method]
    scorer.scores(EVERYBODY)[:] = -1
    assert scorer.scores(EVERYBODY).max() > 0
