"""The baselines' scores by hand."""

import numpy as np
import pytest

from ml.baselines import CategoryRule, ItemKnn, Popularity, RandomOrder, fit_baselines, positive_matrix
from ml.data import Dataset, EntityTable
from tests.ml.shops import events

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


def test_item_knn_is_the_cosine_of_co_occurrence():
    wants = positive_matrix(LOG, num_users=3, num_items=4)
    knn = ItemKnn.fit(wants)
    # Item 0 has two buyers, items 1 and 2 one each, shared with it: 1 / sqrt(2).
    assert knn.similarity.toarray()[0].tolist() == pytest.approx([0, 0.7071, 0.7071, 0], abs=1e-4)
    assert knn.scores(EVERYBODY)[0].tolist() == pytest.approx([0.7071, 0.7071, 0.7071, 0], abs=1e-4)


def test_item_knn_keeps_the_nearest_neighbours_only():
    knn = ItemKnn.fit(positive_matrix(LOG, num_users=3, num_items=4), neighbours=1)
    assert (np.diff(knn.similarity.indptr) <= 1).all()


def test_chance_is_seeded_by_user_whatever_the_chunk():
    order = RandomOrder(num_items=5, seed=1)
    assert np.array_equal(order.scores(EVERYBODY)[2], order.scores(np.array([2]))[0])
    assert not np.array_equal(order.scores(EVERYBODY)[0], order.scores(EVERYBODY)[1])


def test_every_baseline_scores_every_item():
    assert set(baselines()) == {"category_rule", "item_knn", "popularity", "random"}
    for scorer in baselines().values():
        assert scorer.scores(np.array([1, 2])).shape == (2, 4)
    assert isinstance(baselines()["popularity"], Popularity)
    assert isinstance(baselines()["category_rule"], CategoryRule)
