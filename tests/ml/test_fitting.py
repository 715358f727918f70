"""Where a fit starts and how large its batches are."""

import numpy as np
import pytest
import torch

from ml.config import TrainConfig
from ml.data import Dataset, EntityTable
from ml.fitting import Fit, fit_linear, users_at_once
from tests.ml.shops import events, two_taste_shop


def test_batches_are_as_set_or_by_the_number_of_users_and_never_more_than_there_are():
    open_size, fixed = TrainConfig(), TrainConfig(batch_users=100)
    # A quarter of the users, between 256 and 512.
    counts = (60, 1_200, 1_600, 10**6)
    assert [users_at_once(open_size, num_users=count) for count in counts] == [60, 300, 400, 512]
    assert [users_at_once(fixed, num_users=count) for count in (0, 60, 10**6)] == [1, 60, 100]


def test_a_layer_is_fitted_to_targets_that_are_linear_in_its_inputs():
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(400, 3, generator=generator)
    wanted, shift = torch.tensor([[2.0, 0.0, -1.0], [0.5, 1.0, 0.0]]), torch.tensor([3.0, -1.0])
    layer = torch.nn.Linear(3, 2)
    with torch.no_grad():
        fit_linear(layer, inputs, targets_ND=inputs @ wanted.T + shift)
    # The ridge takes about one part in a hundred.
    assert layer.weight.tolist() == [pytest.approx(row, abs=0.05) for row in wanted.tolist()]
    assert layer.bias.tolist() == pytest.approx(shift.tolist(), abs=0.05)


def test_items_start_at_the_directions_of_who_liked_them_with_their_content_taken_in():
    shop = two_taste_shop(noise=0.0)
    fit = Fit(shop, events=shop.interactions, config=TrainConfig(embedding_dim=8, content_width=16))
    with torch.inference_mode():
        vectors = fit.network.item.encode(fit.all_items)[0].numpy()
    taste = np.arange(40) % 4
    alike = taste[:, None] == taste[None, :]
    cosine = vectors @ vectors.T
    assert cosine[alike].mean() > cosine[~alike].mean() + 0.5


def test_an_item_that_nobody_wants_starts_as_one_of_the_less_popular():
    table = EntityTable(ids=np.arange(5))
    log = events(*((user, item, "purchase", None, user) for user in range(4) for item in range(user + 1)))
    fit = Fit(Dataset(users=table, items=table, interactions=log), events=log, config=TrainConfig())
    bias = fit.network.item.id_bias.weight[torch.from_numpy(fit.items.id_code), 0]
    assert bias[:4].tolist() == sorted(bias[:4].tolist(), reverse=True)
    assert bias[4] <= bias[1]
