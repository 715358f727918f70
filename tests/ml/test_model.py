"""What a trained model stores: vectors whose product is the score, in chunks, for items of any table."""

import numpy as np
import pytest
import torch

from ml import model as model_module
from ml.breadth import breadth_scale, popularity_columns
from ml.data import EntityTable, Histories
from ml.model import history_batch
from ml.sampling import UserPairs
from ml.towers import EntityBatch
from ml.training import TrainConfig, train
from tests.ml.shops import DAY, two_taste_shop

CPU = torch.device("cpu")
CONFIG = TrainConfig(
    embedding_dim=16, content_width=32, max_epochs=4, learning_rate=0.02, temperature=0.3, breadth=0.4
)
NUM_CATEGORIES = 2  # of the shop's products: a column each
WIDTH = 16 + NUM_CATEGORIES + 2


@pytest.fixture(scope="module")
def shop():
    return two_taste_shop()


@pytest.fixture(scope="module")
def model(shop):
    return train(shop, CONFIG)


def test_a_newcomers_scores_are_popularity_of_late(shop, model):
    """Each event halves what it counts; by then the vector speaks."""
    share = popularity_columns(np.arange(3), fading=0.5)
    assert share.tolist() == [[1, 1], [0.5, 1], [0.25, 1]]
    lately_and_bias = model.item_vectors[:, -2:].sum(axis=1) / CONFIG.temperature
    half_life = model.config["newcomer_half_life_days"]
    pairs = UserPairs.from_interactions(shop.interactions, num_users=len(shop.users))
    popular = np.log1p(pairs.recent_popularity(len(shop.items), half_life_days=half_life))
    known = popular > 0
    gap = (lately_and_bias - popular)[known]
    assert gap == pytest.approx(np.full(known.sum(), gap.mean()), abs=1e-4), "the same but for one number"


def histories_of(shop) -> Histories:
    return Histories.from_interactions(shop.interactions, num_users=len(shop.users), as_of=101 * DAY)


def test_a_stored_user_times_a_stored_item_is_the_temperature_times_the_logit(shop, model):
    """As pgvector multiplies them, whatever the popularity bias and the length of the user's vector are."""
    histories = histories_of(shop)
    stored = model.encode_users(shop.users, histories) @ model.encode_items(shop.items).T
    items = EntityBatch.from_encoded(model.items.encode(shop.items), device=CPU)
    with torch.inference_mode():
        item_IV, bias_I = model.network.encode_items(items)
        read_ID = item_IV[:, :16]
        user_UV = model.network.user.encode(
            EntityBatch.from_encoded(model.users.encode(shop.users), device=CPU),
            history=history_batch(histories, device=CPU),
            item_vectors=read_ID,
            item_codes=items.categorical,
            directions=model.network.user.shared.directions(items, item_vectors=read_ID),
        )
        logits_UI = torch.addmm(bias_I, user_UV / CONFIG.temperature, item_IV.T)
        share_U = torch.from_numpy(
            popularity_columns(np.diff(histories.offsets), fading=model.config["newcomer_fading"])[:, 0]
        )
        logits_UI += torch.outer(share_U, model.network.item.lately[items.id_code])
    assert bias_I.std() > 0.05, "else the bias proves nothing"
    assert stored == pytest.approx(CONFIG.temperature * logits_UI.numpy(), abs=2e-6)


def test_vectors_are_about_as_long_as_the_number_of_events_says_with_a_bias_or_a_one_beside_them(shop, model):
    histories = histories_of(shop)
    items, users = model.encode_items(shop.items), model.encode_users(shop.users, histories)
    assert items.shape == (40, WIDTH)
    assert users.shape == (60, WIDTH)
    assert model.width == WIDTH
    assert np.linalg.norm(items[:, :16], axis=1) == pytest.approx(np.ones(40), abs=1e-5)
    most = np.array([breadth_scale(int(count), breadth=0.4) for count in np.diff(histories.offsets)])
    lengths = np.linalg.norm(users[:, :16], axis=1)
    assert (lengths <= most * (1 + 1e-5)).all()
    assert (lengths > 0.5 * most).all(), "a learned doubt takes a part"
    assert (users[:, -1] == 1).all()


def test_vectors_of_the_training_are_those_of_the_same_table_encoded_again(shop, model):
    assert np.array_equal(model.encode_items(shop.items), model.item_vectors)


def test_many_users_are_encoded_in_chunks_to_the_same_vectors(shop, model, monkeypatch):
    histories = histories_of(shop)
    at_once, items = model.encode_users(shop.users, histories), model.encode_items(shop.items)
    monkeypatch.setattr(model_module, "CHUNK", 7)
    assert model.encode_users(shop.users, histories) == pytest.approx(at_once, abs=1e-6)
    assert model.encode_items(shop.items) == pytest.approx(items, abs=1e-6)


def test_nobody_and_nothing_have_no_vectors_of_the_right_width(model):
    nobody = EntityTable(ids=np.zeros(0, dtype=np.int64))
    assert model.encode_users(nobody, Histories.empty(0)).shape == (0, WIDTH)
    assert model.encode_items(nobody).shape == (0, WIDTH)


def test_users_and_histories_must_be_as_many(shop, model):
    with pytest.raises(ValueError, match="60 users with 3 histories; give one history a user"):
        model.encode_users(shop.users, Histories.empty(3))


def test_histories_in_another_tables_indices_are_translated(shop, model):
    reordered = shop.items.ids[::-1].copy()
    history = Histories(
        offsets=np.array([0, 2]),
        item_index=np.array([39, 0], dtype=np.int32),
        weight=np.ones(2, dtype=np.float32),
        age_seconds=np.array([9, 3], dtype=np.float32),
    )
    guest = EntityTable(ids=np.array([-1]))
    direct = Histories(**{**vars(history), "item_index": np.array([0, 39], dtype=np.int32)})
    translated = model.encode_users(guest, history, item_ids=reordered)
    assert np.array_equal(translated, model.encode_users(guest, direct))
    strangers = model.encode_users(guest, history, item_ids=reordered + 100_000)
    assert np.array_equal(strangers, model.encode_users(guest, Histories.empty(1)))


def test_absurd_and_missing_values_of_ids_never_seen_give_vectors_all_the_same(model):
    absurd = EntityTable(
        ids=np.array([10**15, 2, 3]),
        numeric={"age": np.array([np.nan, np.inf, -1e38], dtype=np.float32)},
        categorical={"region": np.array(["nowhere", "", "GB"], dtype=object)},
        multi={"preferences": [("garden",) * 50, (), ("never seen",)]},
    )
    users = model.encode_users(absurd, Histories.empty(3))
    assert np.isfinite(users).all()
    assert (np.linalg.norm(users[:, :16], axis=1) <= breadth_scale(0, breadth=0.4) * (1 + 1e-5)).all()
    items = EntityTable(
        ids=np.array([10**15, 2]),
        numeric={"log_price": np.array([np.nan, 1e38], dtype=np.float32)},
        vectors={"text": np.array([[np.nan] * 6, [0] * 6], dtype=np.float32)},
    )
    assert np.isfinite(model.encode_items(items)).all()
