"""Examples know nothing of what comes after their cut but the labels; rankers are judged beside retrieval."""

from dataclasses import replace

import numpy as np
import pytest

from ml.data import Interactions
from ml.ranking import judging, rankers
from ml.ranking.examples import RankedScorer, examples_at, grades_of
from ml.ranking.features import FEATURES
from ml.scorers import rank_unseen
from ml.training import TrainConfig, train
from tests.ml.ranking.made_lists import easy_lists
from tests.ml.shops import DAY, events, two_taste_shop

CUT = 80 * DAY


@pytest.fixture(scope="module")
def trial():
    shop = two_taste_shop(num_users=120)
    config = TrainConfig(embedding_dim=16, content_width=32, max_epochs=3, learning_rate=0.02)
    model = train(replace(shop, interactions=shop.interactions.before(CUT)), config)
    return shop, model, examples_at(shop, model=model, cut=CUT, depth=20)


class Fixed:
    kind, names = "fixed", FEATURES

    def __init__(self, weights):
        self.weights = weights

    def score(self, features):
        return sum(weight * features[:, FEATURES.index(name)] for name, weight in self.weights.items())


def test_candidates_are_the_best_of_the_model_that_were_not_touched(trial):
    _, _, found = trial
    assert np.array_equal(found.ranked, rank_unseen(found.retrieval, test=found.test, depth=20))
    scores = found.lists.features[:, FEATURES.index("retrieval_score")].reshape(found.ranked.shape)
    assert (np.diff(scores, axis=1) <= 1e-5).all()


def test_labels_are_what_was_bought_after_the_cut(trial):
    shop, _, found = trial
    later = shop.interactions.since(CUT)
    bought = set(zip(later.user_index.tolist(), later.item_index.tolist(), strict=True))
    pairs = zip(np.repeat(found.test.users, 20).tolist(), found.ranked.ravel().tolist(), strict=True)
    assert found.lists.labels.tolist() == [3 if pair in bought else 0 for pair in pairs]
    assert found.lists.labels.any()


def test_features_do_not_change_with_what_happens_after_the_cut(trial):
    """The later events move to other items: the same people are judged by other labels, features stay."""
    shop, model, found = trial
    log = shop.interactions
    after = log.timestamp >= CUT
    moved = replace(
        log, item_index=np.where(after, (log.item_index + 4) % 40, log.item_index).astype(np.int32)
    )
    other = examples_at(replace(shop, interactions=moved), model=model, cut=CUT, depth=20)
    both, left, right = np.intersect1d(found.test.users, other.test.users, return_indices=True)
    assert len(both) > 50
    assert np.array_equal(found.lists.take(left).features, other.lists.take(right).features, equal_nan=True)
    assert not np.array_equal(found.lists.take(left).labels, other.lists.take(right).labels)


def test_labels_end_where_they_are_told_to(trial):
    shop, model, found = trial
    early = examples_at(shop, model=model, cut=CUT, until=CUT + DAY, depth=20)
    assert 0 < len(early.test) < len(found.test)


def test_no_more_lists_than_asked_for(trial):
    shop, model, _ = trial
    few = [examples_at(shop, model=model, cut=CUT, depth=5, max_lists=7) for _ in range(2)]
    assert len(few[0].lists) == 7
    assert np.array_equal(few[0].test.users, few[1].test.users)


def test_grades_take_the_strongest_event():
    log = events(
        (0, 1, "view", None, 1),
        (0, 1, "purchase", None, 2),
        (0, 2, "cart_add", None, 3),
        (1, 1, "click", None, 4),
        (1, 2, "dislike", None, 5),
        (1, 3, "rating", 5.0, 6),
    )
    keys, grades = grades_of(log, num_items=10)
    assert dict(zip(keys.tolist(), grades.tolist(), strict=True)) == {1: 3, 2: 2, 11: 1, 12: 0, 13: 3}
    nothing: Interactions = log.take(slice(0, 0))
    assert len(grades_of(nothing, num_items=10)[0]) == 0


def test_a_ranker_of_the_retrieval_score_ranks_as_retrieval_does(trial):
    shop, _, found = trial
    same = judging.compare({"fixed": Fixed({"retrieval_score": 1})}, examples=found, dataset=shop, cut=CUT)
    assert same.rows["fixed"]["ndcg@10"] == pytest.approx(same.rows["two_tower"]["ndcg@10"])
    assert not same.beats_retrieval("fixed")  # as good is not better
    assert set(same.rows) == {"two_tower", "fixed", "item_knn", "popularity"}


def test_a_ranker_is_better_only_beyond_chance(trial):
    shop, _, found = trial
    rankers_ = {"worse": Fixed({"retrieval_score": -1}), "fixed": Fixed({"retrieval_score": 1})}
    found = judging.compare(rankers_, examples=found, dataset=shop, cut=CUT)
    assert found.ahead["worse"][1] < 0
    assert not found.beats_retrieval("worse")
    assert "worse" in found.table()
    assert found.to_dict()["num_lists"] == found.num_lists


def test_the_oracle_of_the_candidates_beats_retrieval(trial):
    shop, _, found = trial

    class Oracle(Fixed):
        def score(self, features):
            return found.lists.labels

    judged = judging.compare({"oracle": Oracle({})}, examples=found, dataset=shop, cut=CUT)
    assert judged.beats_retrieval("oracle")


def test_equal_scores_keep_the_retrieval_order(trial):
    _, _, found = trial
    flat = RankedScorer(examples=found, scores_C=np.zeros(len(found.lists.labels)))
    assert np.array_equal(rank_unseen(flat, test=found.test, depth=10), found.ranked[:, :10])


def test_logged_lists_are_compared_by_what_they_show():
    lists = easy_lists(120)
    columns = np.zeros((len(lists.labels), len(FEATURES)), dtype=np.float32)
    columns[:, FEATURES.index("retrieval_rank")] = np.tile(np.arange(12), 120)
    columns[:, FEATURES.index("price_gap")] = np.nan_to_num(lists.features[:, 1])
    logged = replace(lists, names=FEATURES, features=columns)
    earlier, later = logged.split(last_share=0.3)
    fitted = {"lightgbm": rankers.fit("lightgbm", earlier)}
    found = judging.compare_logged(fitted, lists=later)
    assert found.source == "logged_impressions"
    assert found.beats_retrieval("lightgbm")
