"""Training end to end on a small learnable shop: quality, seeds, cancel, leaks, bad input."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from ml import searching, training
from ml.data import Dataset, EntityTable, Histories, Interactions, cut_in_time
from ml.evaluation import Evaluation, evaluate
from ml.fitting import Fit
from ml.sampling import UserBatch
from ml.training import (
    NotEnoughData,
    OutOfDeviceMemory,
    TrainConfig,
    TrainingCancelled,
    inner_split,
    train,
)
from tests.ml.shops import DAY, PURCHASE, events, two_taste_shop

QUICK = {"embedding_dim": 16, "content_width": 32, "max_epochs": 20, "learning_rate": 0.02, "batch_users": 16}


@pytest.fixture(scope="module")
def shop() -> Dataset:
    return two_taste_shop()


@pytest.fixture(scope="module")
def model(shop):
    """With the default settings, of which these tests assert the effect and no number."""
    return train(shop, TrainConfig())


def test_the_model_beats_the_simple_baselines_on_a_taste_that_can_be_learned(shop):
    evaluation = evaluate_new(shop, config=TrainConfig())
    hit = {name: metrics["recall@5"] for name, metrics in evaluation.rows.items()}
    assert hit["two_tower"] > max(hit[name] for name in ("category_rule", "popularity", "random"))
    assert hit["two_tower"] >= hit["item_knn"] - 0.05, "co-occurrence finds the same two tastes"


def test_the_same_seed_gives_the_same_model_bit_for_bit(shop, model):
    again = train(shop, TrainConfig())
    assert np.array_equal(again.item_vectors, model.item_vectors)
    assert again.history == model.history
    weights, before = again.network.state_dict(), model.network.state_dict()
    assert all(torch.equal(weights[name], before[name]) for name in before)
    other = train(shop, TrainConfig(seed=8, max_epochs=2))
    assert not np.array_equal(other.item_vectors, model.item_vectors)


def test_the_same_seed_gives_the_same_model_where_tastes_are_fewer_than_dimensions(shop):
    """Two kinds of user who like the same items each: the spectral start has a rank of two."""
    kind = np.repeat(np.arange(20) % 2, 5)
    log = Interactions.from_columns(
        np.repeat(np.arange(20), 5),
        item_index=np.tile(np.arange(5), 20) + 5 * kind,
        kind=np.full(100, PURCHASE),
        value=np.full(100, np.nan, dtype=np.float32),
        timestamp=np.arange(100),
    )
    few = replace(shop, interactions=log)
    config = TrainConfig.from_dict({**QUICK, "max_epochs": 2})
    first, second = train(few, config), train(few, config)
    assert np.array_equal(first.item_vectors, second.item_vectors)


def test_nothing_after_the_cut_changes_the_model(shop):
    """Permute the items of the test events: the model and its epochs stay, bit for bit."""
    cut = cut_in_time(shop.interactions.timestamp, last_share=0.2)
    later = shop.interactions.since(cut)
    shuffled = np.concatenate([shop.interactions.before(cut).item_index, later.item_index[::-1]])
    permuted = Interactions(**{**columns(shop.interactions), "item_index": shuffled})
    models = [
        train(
            Dataset(users=shop.users, items=shop.items, interactions=log.before(cut)),
            TrainConfig.from_dict({**QUICK, "max_epochs": 4}),
        )
        for log in (shop.interactions, permuted)
    ]
    assert np.array_equal(models[0].item_vectors, models[1].item_vectors)


def test_early_stopping_looks_at_the_newest_events_only(shop):
    earlier, valid = inner_split(shop, TrainConfig())
    assert earlier.timestamp.max() < valid.as_of.min()
    assert len(earlier) == pytest.approx(0.9 * len(shop.interactions), abs=2)


def test_where_time_is_flat_a_random_part_is_held_out(shop):
    flat = Interactions(**{**columns(shop.interactions), "timestamp": np.full(len(shop.interactions), 5)})
    earlier, valid = inner_split(
        Dataset(users=shop.users, items=shop.items, interactions=flat), TrainConfig()
    )
    assert len(valid.users) > 10
    assert len(earlier) + valid.positives.sizes.sum() <= len(flat)


def test_a_given_epoch_to_stop_at_needs_nothing_held_out(shop):
    config = TrainConfig.from_dict({**QUICK, "max_epochs": 6, "stop_epoch": 2})
    assert [sorted(entry) for entry in train(shop, config).history] == [["epoch", "loss"]] * 2


def test_with_nothing_held_out_all_events_are_fitted_for_the_given_epochs(shop):
    config = TrainConfig.from_dict({**QUICK, "max_epochs": 3, "valid_share": 0.0})
    assert [entry["epoch"] for entry in train(shop, config).history] == [1, 2, 3]


def test_a_new_user_gets_what_their_preference_says(shop, model):
    table = EntityTable(ids=np.array([-1, -2]), multi={"preferences": [("garden",), ("kitchen",)]})
    users = model.encode_users(table, Histories.empty(2))
    best = (users @ model.item_vectors.T).argsort(axis=1)[:, ::-1][:, :8]
    garden = best % 2 == 0
    assert garden[0].mean() >= 0.75
    assert garden[1].mean() <= 0.25


def test_one_purchase_moves_a_guest_towards_its_kind(shop, model):
    """Item 0 is garden and red, item 3 is kitchen and blue."""
    guests = EntityTable(ids=np.array([-1, -2, -3]))
    history = Histories(
        offsets=np.array([0, 0, 1, 2]),
        item_index=np.array([0, 3], dtype=np.int32),
        weight=np.ones(2, dtype=np.float32),
        age_seconds=np.zeros(2, dtype=np.float32),
    )
    scores = model.encode_users(guests, history) @ model.item_vectors.T
    like_first = [4, 8, 12, 16]
    assert scores[1, like_first].mean() > scores[0, like_first].mean()
    assert scores[1, like_first].mean() > scores[2, like_first].mean()


def test_a_dislike_pushes_similar_items_away(shop, model):
    guests = EntityTable(ids=np.array([-1, -2]))
    history = Histories(
        offsets=np.array([0, 1, 2]),
        item_index=np.array([0, 0], dtype=np.int32),
        weight=np.array([1, -1], dtype=np.float32),
        age_seconds=np.zeros(2, dtype=np.float32),
    )
    scores = model.encode_users(guests, history) @ model.item_vectors.T
    assert scores[1, 0] < scores[0, 0]
    assert scores[1, [4, 8]].mean() < scores[0, [4, 8]].mean()


def test_a_new_item_is_encoded_from_its_content(shop, model):
    """An item that the training never saw lies nearer to its own kind."""
    new = EntityTable(
        ids=np.array([99_999]),
        categorical={"category": np.array(["garden"], dtype=object)},
        multi={"category_path": [("garden",)], "attributes": [("colour=red",)]},
    )
    vector = model.encode_items(new)[0, :-1]
    cosine = model.item_vectors[:, :-1] @ vector
    assert cosine[::4].mean() > cosine[3::4].mean()


def test_too_little_data_says_what_is_missing(shop):
    one_user = Dataset(users=shop.users, items=shop.items, interactions=events((0, 0, "purchase", None, 1)))
    with pytest.raises(
        NotEnoughData, match=r"20 positive interactions \(there are 1\) and 2 users .* and 2 items"
    ):
        train(one_user, TrainConfig())
    nothing = Dataset(users=shop.users, items=shop.items, interactions=shop.interactions.before(0))
    with pytest.raises(NotEnoughData, match=r"\(there are 0\)"):
        train(nothing, TrainConfig())


def test_what_everybody_took_back_is_nothing_to_learn_from(shop):
    """Thirty purchases, and a dislike of each one after it."""
    bought = [(user, user + 1, "purchase", None, user) for user in range(30)]
    log = events(*bought, *((user, item, "dislike", None, 100) for user, item, *_ in bought))
    with pytest.raises(NotEnoughData, match="the same user disliked too"):
        train(replace(shop, interactions=log), TrainConfig.from_dict(QUICK))


def test_likes_among_the_newest_events_alone_are_learned_from(shop):
    """Nothing but dislikes before the part that is held out: no epoch can be chosen, all are run."""
    old = [(user, user % 40, "dislike", None, user) for user in range(60)] * 5
    new = [(user, (user + 1) % 40, "purchase", None, 100 + user) for user in range(30)]
    config = TrainConfig.from_dict({**QUICK, "max_epochs": 3})
    assert len(train(replace(shop, interactions=events(*old, *new)), config).history) == 3


def test_two_users_and_two_items_are_enough_of_them():
    bought = [(number % 2, number // 2 % 2, "purchase", None, number) for number in range(20)]
    two = EntityTable(ids=np.array([1, 2]))
    smallest = Dataset(users=two, items=two, interactions=events(*bought))
    model = train(smallest, TrainConfig())
    assert np.isfinite(model.encode_users(two, Histories.empty(2)) @ model.item_vectors.T).all()


class FullDevice(Fit):
    """A fit on a device whose memory holds so many users' scores at once."""

    room = 0
    tried: list[int]

    def _loss(self, batch: UserBatch) -> torch.Tensor:
        self.tried.append(len(batch.users))
        if len(batch.users) > self.room:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return super()._loss(batch)


@pytest.fixture
def full_device(monkeypatch):
    monkeypatch.setattr(FullDevice, "tried", [], raising=False)
    monkeypatch.setattr(searching, "Fit", FullDevice)
    monkeypatch.setattr(training, "Fit", FullDevice)
    return FullDevice


@pytest.mark.parametrize(("batch_users", "half"), [(32, 16), (0, 30)])
def test_a_device_out_of_memory_is_tried_again_with_half_the_users(
    shop, full_device, monkeypatch, batch_users, half
):
    """60 users by twos of 30, or all 60 at once where the size is left open."""
    monkeypatch.setattr(full_device, "room", 30 if half == 30 else 16)
    heard = []
    model = train(
        shop,
        TrainConfig.from_dict({**QUICK, "max_epochs": 2, "batch_users": batch_users}),
        on_progress=lambda stage, fraction, message: heard.append(message),
    )
    assert model.config["batch_users"] == half
    assert heard[0] == f"out of device memory; again with batch_users {half}"
    assert full_device.tried[0] > full_device.room
    assert max(full_device.tried[1:]) <= half


def test_a_device_that_is_still_too_small_says_what_to_lower(shop, full_device):
    config = TrainConfig.from_dict({**QUICK, "max_epochs": 2})
    with pytest.raises(
        OutOfDeviceMemory, match=r"batch_users 8; set a lower batch_users or num_samples, .* device=cpu"
    ) as refused:
        train(shop, config)
    assert len(full_device.tried) == 2, "once more and no oftener"
    assert isinstance(refused.value.__cause__, torch.cuda.OutOfMemoryError)


def test_one_user_at_a_time_is_not_halved_to_none(shop, full_device):
    with pytest.raises(OutOfDeviceMemory, match="batch_users 1;"):
        train(shop, TrainConfig.from_dict({**QUICK, "batch_users": 1}))


def test_cancelling_stops_within_a_step(shop):
    asked = iter([False, False, True])
    with pytest.raises(TrainingCancelled):
        train(shop, TrainConfig.from_dict(QUICK), should_stop=lambda: next(asked))


def test_progress_and_checkpoints_follow_the_epochs(shop, tmp_path):
    heard = []
    config = TrainConfig.from_dict({**QUICK, "max_epochs": 4, "recent_half_life_days": 0.0})
    train(
        shop,
        replace(config, known_by_content=True),
        on_progress=lambda stage, fraction, message: heard.append((stage, fraction, message)),
        checkpoint_dir=tmp_path / "checkpoints",
    )
    assert [fraction for stage, fraction, _ in heard if stage == "train"] == [0.25, 0.5, 0.75, 1.0]
    assert "ndcg@20" in heard[1][2]
    assert heard[-1][0] == "refit"
    state = json.loads((tmp_path / "checkpoints" / "checkpoint.json").read_text())
    assert state["config"]["embedding_dim"] == 16
    assert {path.name for path in (tmp_path / "checkpoints").iterdir()} == {
        "checkpoint.json",
        "checkpoint.safetensors",
    }


def test_items_without_features_missing_numbers_duplicates_and_idle_users_train(shop):
    """Ids alone, NaN everywhere, every event twice, and ten users who did nothing."""
    rng = np.random.default_rng(0)
    log = shop.interactions.take(shop.interactions.user_index < 50)
    twice = Interactions.from_columns(
        np.tile(log.user_index, 2),
        item_index=np.tile(log.item_index, 2),
        kind=np.tile(log.kind, 2),
        value=np.tile(log.value, 2),
        timestamp=np.tile(log.timestamp, 2),
    )
    bare = Dataset(
        users=EntityTable(ids=shop.users.ids, numeric={"age": np.full(60, np.nan, dtype=np.float32)}),
        items=EntityTable(ids=shop.items.ids),
        interactions=twice,
    )
    model = train(bare, TrainConfig.from_dict({**QUICK, "max_epochs": 2}))
    users = model.encode_users(bare.users, histories_of(bare))
    assert np.isfinite(users).all()
    assert np.isfinite(model.encode_items(EntityTable(ids=rng.integers(10**6, 10**7, 3)))).all()


@pytest.mark.parametrize("loss", ["softmax", "cosine_contrastive"])
@pytest.mark.parametrize("sampled", [False, True])
def test_every_loss_learns_the_taste_from_all_items_and_from_a_sample(shop, loss, sampled):
    limits = {"full_softmax_limit": 10, "num_samples": 8} if sampled else {}
    settings = {**QUICK, "loss": loss, "refit": False, "negative_weight": 10.0, **limits}
    config = TrainConfig.from_dict(settings)
    rows = evaluate_new(shop, config=config).rows
    assert rows["two_tower"]["recall@5"] > rows["category_rule"]["recall@5"]


def evaluate_new(shop: Dataset, *, config: TrainConfig) -> Evaluation:
    """A model of what was before the cut, judged on what came after."""
    cut = cut_in_time(shop.interactions.timestamp, last_share=0.2)
    known = replace(shop, interactions=shop.interactions.before(cut))
    return evaluate(shop, cut=cut, model=train(known, config), k=5)


def histories_of(shop: Dataset) -> Histories:
    return Histories.from_interactions(shop.interactions, num_users=len(shop.users), as_of=101 * DAY)


def columns(log: Interactions) -> dict[str, np.ndarray]:
    names = ("user_index", "item_index", "kind", "value", "timestamp")
    return {name: getattr(log, name) for name in names}


def test_the_shop_of_these_tests_is_what_it_says(shop):
    assert (shop.interactions.kind == PURCHASE).all()
    assert np.bincount(shop.interactions.user_index).tolist() == [12] * 60
