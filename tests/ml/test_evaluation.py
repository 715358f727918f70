"""The held-out protocol by hand, and the table beside the baselines."""

import json
from dataclasses import dataclass

import numpy as np
import pytest

from ml.data import cut_in_time
from ml.evaluation import Evaluation, evaluate, held_out, judge, rank_unseen
from ml.training import TrainConfig, train
from tests.ml.shops import events, two_taste_shop

LOG = events(
    (0, 0, "view", None, 1),
    (1, 1, "purchase", None, 2),
    (3, 1, "purchase", None, 3),
    (0, 0, "purchase", None, 10),  # touched before: not new
    (0, 2, "purchase", None, 11),
    (0, 3, "dislike", None, 12),  # not a positive
    (2, 2, "purchase", None, 13),  # nothing known of user 2 before
)


@dataclass
class Fixed:
    """A scorer that gives everybody the same scores."""

    row: list[float]

    def scores(self, users: np.ndarray) -> np.ndarray:
        return np.tile(np.array(self.row, dtype=np.float32), (len(users), 1))


def test_the_test_holds_new_positives_of_known_users():
    test = held_out(LOG, cut=10, num_users=4)
    assert test.users.tolist() == [0]
    assert test.seen.of(0).tolist() == [0]
    assert test.positives.of(0).tolist() == [2]


def test_seen_items_are_never_ranked():
    test = held_out(LOG, cut=10, num_users=4)
    ranked = rank_unseen(Fixed([9, 1, 2, 3]), test=test, depth=4)
    assert ranked.tolist() == [[3, 2, 1, -1]]


def test_a_judged_scorer_by_hand():
    test = held_out(LOG, cut=10, num_users=4)
    row = judge({"fixed": Fixed([9, 1, 2, 3])}, test=test, num_items=4, ks=(2,)).rows["fixed"]
    # The positive is second: 1 / log2(3). Of four items two are shown, once each: (1 + 3) / (4 x 2).
    accuracy = {"hit@2": 1, "recall@2": 1, "ndcg@2": 0.63093, "map@2": 0.5, "mrr": 0.5}
    assert row == pytest.approx({**accuracy, "coverage": 0.5, "gini": 0.5}, abs=1e-5)


def test_a_test_without_users_gives_an_empty_evaluation():
    nobody = held_out(LOG, cut=1000, num_users=4)
    evaluation = judge({"fixed": Fixed([1, 2, 3, 4])}, test=nobody, num_items=4)
    assert evaluation.num_users == 0
    assert "0 users" in evaluation.table()


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    shop = two_taste_shop()
    cut = cut_in_time(shop.interactions.timestamp, last_share=0.2)
    known = type(shop)(users=shop.users, items=shop.items, interactions=shop.interactions.before(cut))
    model = train(known, TrainConfig(embedding_dim=8, content_width=16, max_epochs=2))
    return evaluate(shop, cut=cut, model=model)


def test_a_model_is_judged_beside_its_baselines_and_printed(evaluation):
    assert list(evaluation.rows) == [
        "two_tower",
        "category_rule",
        "item_knn",
        "decayed_cooccurrence",
        "ials",
        "ease",
        "recent_popularity",
        "popularity",
        "random",
    ]
    of_lists = {"novelty", "diversity", "calibration", "coverage", "gini"}
    accuracy = {"hit@10", "recall@10", "ndcg@10", "map@10", "mrr"}
    assert set(evaluation.rows["two_tower"]) == accuracy | of_lists
    lines = evaluation.table().splitlines()
    assert len(lines) == 11
    assert len({len(line) for line in lines[:10]}) == 1, "the columns line up"
    assert "ndcg@10 95 %" in lines[0]


def test_an_evaluation_is_plain_json(evaluation):
    saved = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    assert saved["rows"] == evaluation.rows
    low, high = saved["intervals"]["ease"]["ndcg@10"]
    assert low < evaluation.rows["ease"]["ndcg@10"] < high
    assert saved["seconds"]["ease"]["fit"] > 0
    assert saved["seconds"]["two_tower"]["fit"] is None, "trained elsewhere"
    assert "values" not in saved


def test_the_segments_of_a_test_are_judged_apart(evaluation):
    users = {name: segment.num_users for name, segment in evaluation.segments.items()}
    assert sum(count for name, count in users.items() if name.startswith("history")) == evaluation.num_users
    lines = evaluation.segment_table("ndcg@10").splitlines()
    assert len(lines) == 11
    assert lines[0].split()[:2] == ["method", "history"]


def test_a_method_is_ahead_of_another_by_an_interval_user_by_user(evaluation):
    low, high = evaluation.ahead("item_knn", of="random", metric="ndcg@10")
    assert 0 < low < high


def test_several_lengths_of_list_are_judged_at_once():
    test = held_out(LOG, cut=10, num_users=4)
    row = judge({"fixed": Fixed([9, 1, 2, 3])}, test=test, num_items=4, ks=(1, 2)).rows["fixed"]
    assert (row["hit@1"], row["hit@2"], row["coverage"]) == (0, 1, 0.25)
    with pytest.raises(ValueError, match="at least 1"):
        judge({}, test=test, num_items=4, ks=(0,))


def test_a_score_that_is_no_number_is_refused():
    test = held_out(LOG, cut=10, num_users=4)
    with pytest.raises(ValueError, match="Fixed gives user 0 a score of NaN"):
        judge({"fixed": Fixed([9, 1, np.nan, 3])}, test=test, num_items=4)


def test_an_evaluation_prints_what_it_was_measured_on():
    table = Evaluation(rows={"m": {"hit@10": 0.25}}, num_users=4, num_positives=9, k=10).table()
    assert "0.2500" in table
    assert table.endswith("4 users, 9 held-out items")
