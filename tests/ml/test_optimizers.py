"""The towers' optimiser: updates worked by hand, rows left alone, and the same weights twice."""

import pytest
import torch
from torch import nn

from ml.optimizers import RowwiseAdam, make_optimizer, touched_rows


def table(*rows: list[float]) -> nn.Embedding:
    return nn.Embedding.from_pretrained(torch.tensor(rows), freeze=False)


def test_a_row_moves_by_its_gradient_over_its_own_mean_size():
    """Row 1 is read once with gradient [3, 4]: mean square 12.5, root 3.5355; lr .1 x [.8485, 1.1314]."""
    embedding = table([1.0, 1.0], [1.0, 1.0], [1.0, 1.0])
    optimizer = make_optimizer(embedding, learning_rate=0.1, large_table=3, row_factor=1.0)
    (embedding(torch.tensor([1])) * torch.tensor([3.0, 4.0])).sum().backward()
    assert embedding.weight.grad.is_sparse
    optimizer.step()
    expected = torch.tensor([[1.0, 1.0], [0.91515, 0.88686], [1.0, 1.0]])
    torch.testing.assert_close(embedding.weight.detach(), expected, atol=1e-4, rtol=0)


def test_a_second_visit_weighs_both_gradients():
    """Gradients 1, then 3 on one number: second = .999 x .001 + .001 x 9 = .009999.

    Over 1 - .999^2 = .001999 that is 5.0020, root 2.23651; the steps are 1 and 3 / 2.23651 = 1.34137.
    """
    embedding = table([0.0], [0.0])
    optimizer = make_optimizer(embedding, learning_rate=1.0, large_table=1, row_factor=1.0)
    for size in (1.0, 3.0):
        optimizer.zero_grad()
        (size * embedding(torch.tensor([0]))).sum().backward()
        optimizer.step()
    assert embedding.weight[0].item() == pytest.approx(-2.34137, abs=1e-4)
    assert embedding.weight[1].item() == 0.0


def test_a_row_read_twice_in_one_step_counts_once_with_the_sum():
    """Gradients 1 and 3 on the same row sum to 4 and are one visit: a first step is lr x sign = .5."""
    embedding = table([0.0], [0.0])
    optimizer = make_optimizer(embedding, learning_rate=0.1, large_table=1, row_factor=5.0)
    (embedding(torch.tensor([1, 1])) * torch.tensor([[1.0], [3.0]])).sum().backward()
    rows, sums = touched_rows(embedding.weight.grad)
    assert (rows.tolist(), sums.tolist()) == ([1], [[4.0]])
    optimizer.step()
    assert embedding.weight[1].item() == pytest.approx(-0.5, abs=1e-5)


def test_a_row_visited_late_moves_as_far_as_one_visited_early():
    """A first visit is a step of lr in whichever step it comes: each row counts its own visits."""
    embedding = table([0.0], [0.0])
    optimizer = make_optimizer(embedding, learning_rate=0.1, large_table=1, row_factor=1.0)
    for row in (0, 0, 0, 1):
        optimizer.zero_grad()
        embedding(torch.tensor([row])).sum().backward()
        optimizer.step()
    assert embedding.weight[0].item() == pytest.approx(-0.3, abs=1e-5)
    assert embedding.weight[1].item() == pytest.approx(-0.1, abs=1e-5)


def test_a_dense_gradient_of_a_large_table_moves_the_rows_it_names():
    """As from a loss over the whole table: row 0 has gradient 2, row 1 none."""
    embedding = table([0.0], [1.0])
    optimizer = make_optimizer(embedding, learning_rate=0.1, weight_decay=0.5, large_table=1, row_factor=1.0)
    (embedding.weight * torch.tensor([[2.0], [0.0]])).sum().backward()
    optimizer.step()
    assert embedding.weight[:, 0].tolist() == pytest.approx([-0.1, 1.0], abs=1e-5)


def test_weight_decay_shrinks_only_the_rows_that_are_read():
    """Row 0: gradient 1 is a step of .1, and decay takes .1 x .5 x 2 = .1 more."""
    embedding = table([2.0], [2.0])
    optimizer = make_optimizer(embedding, learning_rate=0.1, weight_decay=0.5, large_table=1, row_factor=1.0)
    embedding(torch.tensor([0])).sum().backward()
    optimizer.step()
    assert embedding.weight[:, 0].tolist() == pytest.approx([1.8, 2.0])


def test_small_tables_and_everything_else_are_adamws_bit_for_bit():
    networks = [network_of(seed=1) for _ in range(2)]
    ours = make_optimizer(networks[0], learning_rate=0.02, weight_decay=0.1)
    theirs = torch.optim.AdamW(networks[1].parameters(), lr=0.02, weight_decay=0.1, fused=True)
    for seed in range(5):
        for network, optimizer in zip(networks, (ours, theirs), strict=True):
            optimizer.zero_grad()
            loss_of(network, seed=seed).backward()
            optimizer.step()
    for mine, reference in zip(networks[0].parameters(), networks[1].parameters(), strict=True):
        assert torch.equal(mine, reference)


def test_the_same_seed_gives_the_same_weights_bit_for_bit():
    trained = []
    for _ in range(2):
        network = network_of(seed=1)
        optimizer = make_optimizer(network, learning_rate=0.05, large_table=5)
        for seed in range(10):
            optimizer.zero_grad()
            loss_of(network, seed=seed).backward()
            optimizer.step()
        trained.append([parameter.detach().clone() for parameter in network.parameters()])
    assert all(torch.equal(first, second) for first, second in zip(*trained, strict=True))


def test_a_parameter_without_a_gradient_stays():
    network = network_of(seed=1)
    before = [parameter.detach().clone() for parameter in network.parameters()]
    optimizer = make_optimizer(network, learning_rate=0.1, large_table=5)
    optimizer.step()
    network[1](torch.ones(1, 3)).sum().backward()
    optimizer.step()
    assert torch.equal(network[0].weight, before[0])
    assert not torch.equal(network[1].weight, before[1])


def test_a_schedule_moves_rows_and_the_rest_together():
    optimizer = make_optimizer(network_of(seed=1), learning_rate=0.1, large_table=5, row_factor=4.0)
    optimizer.learning_rate = 0.05
    assert optimizer.dense.learning_rate == 0.05
    assert optimizer.rows.learning_rate == pytest.approx(0.2)


def test_a_large_row_costs_two_numbers_beside_its_weights():
    rows = RowwiseAdam([torch.zeros(100, 64)], learning_rate=0.1, weight_decay=0.0)
    assert sum(state.numel() for state in rows.second + rows.visits) == 2 * 100


def test_a_learning_rate_of_zero_is_refused():
    with pytest.raises(ValueError, match="learning_rate and row_factor must be above 0"):
        make_optimizer(network_of(seed=1), learning_rate=0.0)


def network_of(*, seed: int) -> nn.Sequential:
    """A table of five rows of three numbers, then a linear map."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 2))


def loss_of(network: nn.Sequential, *, seed: int) -> torch.Tensor:
    rows = torch.randint(0, 5, (4,), generator=torch.Generator().manual_seed(seed))
    return network(rows).square().sum()
