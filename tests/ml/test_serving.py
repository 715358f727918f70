"""The NumPy user tower: equal to the torch tower, alone without torch."""

import subprocess
import sys

import numpy as np
import pytest

from ml import artifacts
from ml.data import Histories, weight_of
from ml.features import one_row
from ml.folders import ArtifactError
from ml.serving import HistoryEvent, load_user_tower
from ml.training import TrainConfig, train
from tests.ml.shops import DAY, events, two_taste_shop

QUICK = TrainConfig(
    embedding_dim=16,
    content_width=32,
    max_epochs=3,
    learning_rate=0.02,
    max_history=6,
    newcomer_trust=0.5,
)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    shop = two_taste_shop()
    model = train(shop, QUICK)
    folder = tmp_path_factory.mktemp("models") / "v1"
    sha256 = artifacts.save(model, folder)
    return shop, model, folder, sha256


def test_every_user_is_encoded_as_by_torch(saved):
    shop, model, folder, sha256 = saved
    tower = load_user_tower(folder, expected_sha256=sha256)
    histories = Histories.from_interactions(shop.interactions, num_users=60, as_of=101 * DAY, max_length=6)
    expected = model.encode_users(shop.users, histories)
    for user in range(60):
        log = shop.interactions.take(shop.interactions.user_index == user)
        got = tower.encode_user(
            numeric={"age": float(shop.users.numeric["age"][user])},
            categorical={"region": str(shop.users.categorical["region"][user])},
            multi={"preferences": shop.users.multi["preferences"][user]},
            user_id=int(shop.users.ids[user]),
            history=[
                HistoryEvent(
                    item_id=int(shop.items.ids[item]),
                    weight=float(weight),
                    age_seconds=101 * DAY - float(time),
                )
                for item, weight, time in zip(log.item_index, log.weight, log.timestamp, strict=True)
            ],
        )
        assert got.dtype == np.float32
        assert np.abs(got - expected[user]).max() < 1e-5


def test_ties_one_event_none_and_more_than_are_kept_match_torch(saved):
    """The version keeps six items; of one moment the lower indices go first."""
    shop, model, folder, _ = saved
    tower = load_user_tower(folder)
    now = 100 * DAY
    cases = [
        [],
        [(9, "purchase", 5)],
        [(9, "view", now - 1), (9, "purchase", 5)],
        [(item, "purchase", 40) for item in (3, 1, 2)],
        [(item, "view", item // 3 * DAY) for item in range(9)],
        [(item, "purchase", 7) for item in range(12)],
        [(item % 11, "purchase" if item % 3 else "view", item * 3_600) for item in range(40)],
        [(4, "dislike", 7)] + [(item, "cart_add", 90 * DAY + item // 2) for item in range(10, 20)],
    ]
    for case in cases:
        log = events(*((0, item, kind, None, time) for item, kind, time in case)) if case else None
        history = (
            Histories.empty(1)
            if log is None
            else Histories.from_interactions(log, num_users=1, as_of=now, max_length=QUICK.max_history)
        )
        assert len(history.item_index) <= QUICK.max_history
        seen = [
            HistoryEvent(
                item_id=int(shop.items.ids[item]), weight=weight_of(kind, None), age_seconds=float(now - time)
            )
            for item, kind, time in case
        ]
        expected = model.encode_users(one_row(), history)[0]
        assert np.abs(tower.encode_user(history=seen) - expected).max() < 1e-5


def test_missing_features_unknown_values_and_an_empty_history_match_torch(saved):
    _, model, folder, _ = saved
    tower = load_user_tower(folder)
    cases = [
        {},
        {"numeric": {"age": float("nan")}},
        {"categorical": {"region": "XX"}, "multi": {"preferences": ("never seen", "garden")}},
        {"user_id": 10**9, "numeric": {"age": 1e12, "unknown_column": 3.0}},
    ]
    for case in cases:
        values = dict(case)
        table = one_row(entity_id=values.pop("user_id", -1), **values)
        expected = model.encode_users(table, Histories.empty(1))[0]
        assert np.abs(tower.encode_user(**case) - expected).max() < 1e-5


def test_dislikes_and_repeats_match_torch(saved):
    shop, model, folder, _ = saved
    tower = load_user_tower(folder)
    touched = [(0, 0.2, 50.0), (0, 1.0, 900.0), (5, -1.0, 10.0), (5, 1.0, 5.0), (7, 0.6, 86_400.0 * 30)]
    got = tower.encode_user(
        history=[
            HistoryEvent(item_id=500 + item, weight=weight, age_seconds=age) for item, weight, age in touched
        ]
    )
    merged = Histories(
        offsets=np.array([0, 3]),
        item_index=np.array([7, 0, 5], dtype=np.int32),
        weight=np.array([0.6, 1.0, -1.0], dtype=np.float32),
        age_seconds=np.array([86_400 * 30, 50, 5], dtype=np.float32),
    )
    expected = model.encode_users(one_row(), merged)[0]
    assert np.abs(got - expected).max() < 1e-5
    assert shop.items.ids[0] == 500


def test_unknown_items_are_skipped(saved):
    _, _, folder, _ = saved
    tower = load_user_tower(folder)
    stranger = HistoryEvent(item_id=10**9, weight=1.0, age_seconds=0.0)
    assert np.array_equal(tower.encode_user(history=[stranger]), tower.encode_user())


def test_the_product_with_a_stored_item_is_the_score(saved):
    shop, model, folder, _ = saved
    user = load_user_tower(folder).encode_user(multi={"preferences": ("garden",)})
    items = model.encode_items(shop.items)
    cosine = items[:, :-1] @ user[:-1]
    assert items @ user == pytest.approx(cosine + items[:, -1], abs=1e-6)


def test_a_changed_folder_is_refused(saved, tmp_path):
    _, _, folder, _ = saved
    with pytest.raises(ArtifactError, match="checksum differs"):
        load_user_tower(folder, expected_sha256="0" * 64)
    with pytest.raises(ArtifactError, match="no saved model"):
        load_user_tower(tmp_path / "nowhere")


def test_the_page_path_imports_no_torch():
    code = (
        "import sys, ml.serving, ml.baselines, ml.evaluation, ml.metrics, ml.features, ml.data; "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
