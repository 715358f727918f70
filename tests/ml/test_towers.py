"""Widths, shapes and the history encoder's sums by hand."""

import numpy as np
import pytest
import torch

from ml.breadth import breadth_scale
from ml.config import TrainConfig
from ml.data import EntityTable, Histories
from ml.features import FeatureSpec
from ml.histories import HistoryEncoder
from ml.model import encode_items, history_batch
from ml.towers import (
    EntityBatch,
    EntityTower,
    SharedValues,
    TowerShape,
    TwoTower,
    share_width,
)
from tests.ml.shops import two_taste_shop

CPU = torch.device("cpu")
SHOP = two_taste_shop()
ITEMS = FeatureSpec.fit(SHOP.items)


def test_the_width_is_shared_by_ratio_among_the_present_groups():
    widths = share_width(ITEMS, width=80, dim_ratio={"numeric": 1, "categorical": 2, "multi": 2, "text": 3})
    assert widths == {"numeric": 10, "categorical": 20, "multi": 20, "text": 30}


def test_absent_groups_take_no_width_and_the_rest_fill_it():
    only_numbers = FeatureSpec.fit(EntityTable(ids=np.array([1]), numeric={"a": np.array([1.0])}))
    assert share_width(only_numbers, width=80, dim_ratio={"text": 9}) == {"numeric": 80}
    assert sum(share_width(ITEMS, width=33, dim_ratio={}).values()) == 33
    assert share_width(FeatureSpec.fit(EntityTable(ids=np.array([1]))), width=80, dim_ratio={}) == {}


def test_every_group_reaches_the_vector():
    torch.manual_seed(0)
    tower = EntityTower(ITEMS, dim=8, width=16, dim_ratio={})
    plain = tower(EntityBatch.from_encoded(ITEMS.encode(SHOP.items), device=CPU))
    assert plain.shape == (40, 8)
    for group in ("numeric", "categorical", "multi", "vectors"):
        emptied = EntityTable(**{**vars(SHOP.items), group: {}})
        changed = tower(EntityBatch.from_encoded(ITEMS.encode(emptied), device=CPU))
        assert (plain - changed).abs().max() > 1e-3, group


def test_ids_alone_make_a_tower_and_an_unknown_id_the_zero_vector():
    bare = EntityTable(ids=np.array([1, 2]))
    spec = FeatureSpec.fit(bare)
    tower = EntityTower(spec, dim=4, width=8, dim_ratio={})
    vectors = tower(EntityBatch.from_encoded(spec.encode(EntityTable(ids=np.array([2, 7]))), device=CPU))
    assert vectors[0].abs().sum() > 0
    assert vectors[1].tolist() == [0, 0, 0, 0]


def test_a_stated_value_points_where_the_items_that_have_it_point():
    paths = [("home", "home/mugs"), ("home", "home/lamps"), ("toys",), ("toys",)]
    items = EntityTable(ids=np.arange(4), multi={"category_path": paths})
    users = EntityTable(ids=np.arange(2), multi={"preferences": [("toys",), ("toys",)]})
    item_spec = FeatureSpec.fit(items, min_count=1)
    user_spec = FeatureSpec.fit(users, beside=item_spec)
    shared = SharedValues(user_spec, item_spec, dim=2)
    with torch.no_grad():
        shared.map.copy_(torch.eye(2))
    vectors = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    batch = EntityBatch.from_encoded(item_spec.encode(items), device=CPU)
    directions = shared.directions(batch, item_vectors=vectors)
    newcomers = EntityTable(ids=np.arange(5, 9), multi={"preferences": [("home",), ("toys",), ("cars",), ()]})
    stated = shared(EntityBatch.from_encoded(user_spec.encode(newcomers), device=CPU), directions=directions)
    half = 0.5**0.5  # the mean of (1, 0) and (0, 1), of length 1; nobody of the training stated "home"
    expected = torch.tensor([[half, half], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0]])
    assert torch.allclose(stated, expected, atol=1e-6)


def test_stored_items_are_unit_vectors_with_the_bias_in_units_of_the_cosine():
    network = towers(breadth=0.0)
    with torch.no_grad():
        network.item.id_bias.weight.fill_(3.0)
    stored = encode_items(network, encoded=ITEMS.encode(SHOP.items))
    assert np.linalg.norm(stored[:, :8], axis=1) == pytest.approx(np.ones(40), abs=1e-5)
    assert stored[:, -1].tolist() == pytest.approx([3.0 * network.temperature] * 40)
    assert stored.shape[1] == network.width


def towers(*, breadth: float) -> TwoTower:
    config = TrainConfig(embedding_dim=8, content_width=16, history_width=4, breadth=breadth)
    torch.manual_seed(0)
    shape = TowerShape.of(config.to_dict())
    return TwoTower(users=FeatureSpec.fit(SHOP.users), items=ITEMS, shape=shape)


def test_the_shape_of_the_towers_is_what_the_settings_say():
    network = towers(breadth=0.0)
    assert network.item.id_table.weight.shape == (41, 8)
    assert network.user.history.hidden.weight.shape == (4, 8)
    assert sum(network.user.profile.widths.values()) == sum(network.item.widths.values()) == 16


@pytest.mark.parametrize("breadth", [0.0, 0.5])
def test_a_users_vector_is_as_long_as_the_number_of_events_says(breadth):
    network = towers(breadth=breadth)
    with torch.no_grad():
        network.user.doubt.fill_(-50.0)  # softplus of it is 0: vectors have their full length
    spec = FeatureSpec.fit(SHOP.users)
    counts = np.array([0, 3, 10, 40])
    history = Histories(
        offsets=np.concatenate([[0], np.cumsum(counts)]),
        item_index=np.concatenate([np.arange(count) for count in counts]).astype(np.int32),
        weight=np.ones(counts.sum(), dtype=np.float32),
        age_seconds=np.zeros(counts.sum(), dtype=np.float32),
    )
    users = EntityBatch.from_encoded(spec.encode(SHOP.users.take(np.arange(4))), device=CPU)
    items = EntityBatch.from_encoded(ITEMS.encode(SHOP.items), device=CPU)
    vectors = network.item.encode(items)[0]
    encoded = network.user.encode(
        users,
        history=history_batch(history, device=CPU),
        item_vectors=vectors,
        item_codes=items.categorical,
        directions=network.user.shared.directions(items, item_vectors=vectors),
    )
    expected = [breadth_scale(int(count), breadth=breadth) for count in counts]
    assert encoded[:, :8].norm(dim=1).tolist() == pytest.approx(expected, rel=1e-5)


def test_who_says_nothing_has_no_vector_and_who_says_much_almost_the_whole_length():
    """One event by a bare user: with every learned number 1 the history says (1, 0), beside a doubt of 1."""
    bare = FeatureSpec.fit(EntityTable(ids=np.array([1])))
    shape = TowerShape(
        dim=2, width=8, history_width=1, dim_ratio={}, breadth=0.0, affinity_width=0, temperature=1.0
    )
    network = TwoTower(users=bare, items=bare, shape=shape)
    one = float(np.log(np.e - 1))  # softplus of it is 1
    with torch.no_grad():
        history = network.user.history
        for parameter in (network.user.doubt, history.power, history.decay, history.patience):
            parameter.fill_(one)
        history.maps.copy_(torch.stack([torch.eye(2), torch.eye(2)]))
    guests = EntityBatch.from_encoded(bare.encode(EntityTable(ids=np.array([7, 8]))), device=CPU)
    seen = Histories(
        offsets=np.array([0, 0, 1]),
        item_index=np.zeros(1, dtype=np.int32),
        weight=np.ones(1, dtype=np.float32),
        age_seconds=np.zeros(1, dtype=np.float32),
    )
    encoded = network.user.encode(
        guests,
        history=history_batch(seen, device=CPU),
        item_vectors=torch.tensor([[1.0, 0.0]]),
        item_codes=torch.zeros(1, 0, dtype=torch.long),
        directions=torch.zeros(0, 2),
    )
    assert encoded[0].tolist() == [0, 0]
    # (1, 0) over the root of 1 + 1
    assert encoded[1].tolist() == pytest.approx([0.5**0.5, 0.0], abs=1e-5)


def histories(*events: tuple[int, float, float]) -> Histories:
    item, weight, age = zip(*events, strict=True)
    return Histories(
        offsets=np.array([0, len(events)]),
        item_index=np.array(item, dtype=np.int32),
        weight=np.array(weight, dtype=np.float32),
        age_seconds=np.array(age, dtype=np.float32),
    )


def encode(history: Histories, *, hidden: float = 0.0) -> torch.Tensor:
    """Through an encoder without any map: 2 items along the 2 axes; power, dislike and patience are 1.

    The one hidden unit sees the first axis, and adds `hidden` times what it saw to the second.
    """
    encoder = HistoryEncoder(2, width=1)
    one = float(np.log(np.e - 1))  # softplus of it is 1
    with torch.no_grad():
        encoder.hidden.weight.copy_(torch.tensor([[1.0, 0.0]]))
        encoder.output.weight.copy_(torch.tensor([[0.0], [hidden]]))
        for parameter in (encoder.power, encoder.dislike, encoder.decay, encoder.patience):
            parameter.fill_(one)
        encoder.maps.copy_(torch.stack([torch.eye(2), torch.eye(2)]))
        return encoder(history_batch(history, device=CPU), item_vectors=torch.eye(2))[0]


def test_one_event_by_hand():
    # Both bags are (1, 0), shortened to 1 / (1 + 1).
    assert encode(histories((0, 1.0, 0.0))).tolist() == pytest.approx([1.0, 0.0], abs=1e-5)


def test_a_view_says_less_than_a_purchase_and_a_dislike_the_opposite():
    view, purchase, dislike = (encode(histories((0, weight, 0.0)))[0] for weight in (0.2, 1.0, -1.0))
    # .2 / (.2 + 1) twice
    assert view.item() == pytest.approx(0.4 / 1.2, abs=1e-5)
    assert 0 < view < purchase
    assert dislike.item() == pytest.approx(-purchase.item(), abs=1e-5)


def test_the_newest_event_weighs_most_in_the_short_term_bag():
    first_old = encode(histories((0, 1.0, 1.0), (1, 1.0, 0.0)))
    # The long bag is (1, 1), length 1.41421; the short one (e^-1, 1), length 1.06551.
    assert first_old[0].item() == pytest.approx(1 / 2.41421 + np.exp(-1) / 2.06551, abs=1e-4)
    assert first_old[1].item() == pytest.approx(1 / 2.41421 + 1 / 2.06551, abs=1e-4)


def test_what_came_in_one_moment_is_equally_new():
    # The newest basket has both items, so both bags are (1, 1), length 1.41421; the older one is a step away.
    basket = encode(histories((0, 1.0, 0.0), (1, 1.0, 0.0)))
    assert basket.tolist() == pytest.approx([2 / 2.41421] * 2, abs=1e-5)
    older = encode(histories((0, 1.0, 1.0), (1, 1.0, 0.0)))
    assert older[0] < basket[0]


def test_hidden_units_add_what_a_linear_map_cannot_say():
    purchase, dislike = (encode(histories((0, weight, 0.0)), hidden=0.5) for weight in (1.0, -1.0))
    # The unit sees 1 and adds .5 of it to the second axis; of -1 it sees nothing.
    assert purchase.tolist() == pytest.approx([1.0, 0.5], abs=1e-5)
    assert dislike.tolist() == pytest.approx([-1.0, 0.0], abs=1e-5)


def test_hidden_units_start_at_nothing_and_can_leave_it():
    torch.manual_seed(0)
    encoder = HistoryEncoder(2, width=3)
    out = encoder(history_batch(histories((0, 1.0, 0.0)), device=CPU), item_vectors=torch.eye(2))
    assert out[0, 1] == 0, "nothing turns the vector of an item away from its own axis"
    out.sum().backward()
    assert encoder.output.weight.grad.abs().max() > 0


def test_an_old_event_fades_from_the_short_term_bag_alone():
    days = (np.e - 1) * 86_400  # log1p of it in days is 1
    old = encode(histories((0, 1.0, days)))
    short = np.exp(-1)
    assert old[0].item() == pytest.approx(0.5 + short / (short + 1), abs=1e-5)


def test_an_empty_history_is_the_zero_vector_and_breaks_no_gradient():
    encoder = HistoryEncoder(2, width=3)
    items = torch.eye(2, requires_grad=True)
    out = encoder(history_batch(Histories.empty(3), device=CPU), item_vectors=items)
    assert out.abs().max() == 0
    out.sum().backward()
    assert torch.isfinite(items.grad).all()
    assert all(torch.isfinite(p.grad).all() for p in encoder.parameters() if p.grad is not None)
