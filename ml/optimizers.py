"""The towers' optimiser: AdamW where parameters are dense, row by row where a table is large."""

# R = rows of a table, T = rows that a step touches, D = embedding dimension

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw

BETAS = (0.9, 0.999)
EPSILON = 1e-8
# From here on a pass over the whole table costs more than finding the rows that a step touched.
LARGE_TABLE = 50_000
# A row moves once a visit, where dense Adam's momentum carries it on for a while: 4 to 8 learn fastest.
ROW_FACTOR = 5.0


class DenseAdamW:
    """AdamW in one fused pass over all its parameters (Loshchilov and Hutter, 2019).

    By the function behind torch.optim.AdamW: making an object of that class imports the compiler, seconds
    that a short training does not have.
    """

    def __init__(self, parameters: Iterable[Tensor], *, learning_rate: float, weight_decay: float) -> None:
        self.parameters = list(parameters)
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.first = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.second = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.steps = [torch.zeros((), device=parameter.device) for parameter in self.parameters]

    @torch.no_grad()
    def step(self) -> None:
        """Move every parameter that has a gradient."""
        moved = [place for place, parameter in enumerate(self.parameters) if parameter.grad is not None]
        adamw(
            [self.parameters[place] for place in moved],
            [grad for parameter in self.parameters if (grad := parameter.grad) is not None],
            [self.first[place] for place in moved],
            [self.second[place] for place in moved],
            [],
            [self.steps[place] for place in moved],
            fused=True,
            amsgrad=False,
            beta1=BETAS[0],
            beta2=BETAS[1],
            lr=self.learning_rate,
            weight_decay=self.weight_decay,
            eps=EPSILON,
            maximize=False,
        )


class RowwiseAdam:
    """Adam without momentum and with one second moment a row, for tables of which a step touches few rows.

    A row costs its D weights, its mean squared gradient and its number of visits, by which the moment is
    unbiased: D + 2 floats, where Adam keeps 3D. Rows that no gradient names neither move nor decay. One
    moment a row is that of row-wise Adagrad (Gupta et al., 2014) with Adam's forgetting. Momentum gained
    nothing: the step before on the same user's row was an epoch ago.
    """

    def __init__(self, tables: Iterable[Tensor], *, learning_rate: float, weight_decay: float) -> None:
        self.tables = list(tables)
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.second = [table_RD.new_zeros(len(table_RD)) for table_RD in self.tables]
        self.visits = [table_RD.new_zeros(len(table_RD)) for table_RD in self.tables]

    @torch.no_grad()
    def step(self) -> None:
        """Move the rows that have a gradient."""
        beta = BETAS[1]
        for table_RD, second_R, visits_R in zip(self.tables, self.second, self.visits, strict=True):
            if table_RD.grad is None:
                continue
            rows_T, grad_TD = touched_rows(table_RD.grad)
            visits_T = visits_R[rows_T] + 1
            second_T = beta * second_R[rows_T] + (1 - beta) * grad_TD.square().mean(dim=1)
            visits_R[rows_T], second_R[rows_T] = visits_T, second_T
            size_T = (second_T / (1 - beta**visits_T)).sqrt() + EPSILON
            step_TD = grad_TD / size_T[:, None]
            if self.weight_decay:
                step_TD += self.weight_decay * table_RD[rows_T]
            table_RD.index_add_(0, rows_T, step_TD, alpha=-self.learning_rate)


def touched_rows(gradient: Tensor) -> tuple[Tensor, Tensor]:
    """(T,) the rows that a gradient names, ascending and once each, and their (T, D) sums."""
    if gradient.is_sparse:
        summed = gradient.coalesce()
        return summed.indices()[0], summed.values()
    rows_T = gradient.any(dim=1).nonzero()[:, 0]
    return rows_T, gradient[rows_T]


class TowerOptimizer:
    """Both optimisers as one; settable `learning_rate`, for a schedule."""

    def __init__(self, network: nn.Module, *, dense: DenseAdamW, rows: RowwiseAdam) -> None:
        self.network, self.dense, self.rows = network, dense, rows
        self.row_factor = rows.learning_rate / dense.learning_rate

    @property
    def learning_rate(self) -> float:
        """That of the dense parameters; rows move by a fixed multiple of it."""
        return self.dense.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self.dense.learning_rate, self.rows.learning_rate = value, value * self.row_factor

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.network.parameters():
            parameter.grad = None

    def step(self) -> None:
        """Move the parameters by their gradients."""
        self.dense.step()
        self.rows.step()


def make_optimizer(
    network: nn.Module,
    *,
    learning_rate: float,
    weight_decay: float = 0.0,
    large_table: int = LARGE_TABLE,
    row_factor: float = ROW_FACTOR,
) -> TowerOptimizer:
    """The optimiser of a network that is already on its device.

    Embeddings of at least `large_table` rows are switched to sparse gradients and updated row by row, at
    `row_factor` times the learning rate; everything else is AdamW's. Deterministic on the CPU.
    """
    if learning_rate <= 0 or row_factor <= 0 or weight_decay < 0:
        raise ValueError("learning_rate and row_factor must be above 0 and weight_decay not below 0.")
    embeddings = [module for module in network.modules() if isinstance(module, nn.Embedding)]
    large = [module for module in embeddings if module.num_embeddings >= large_table]
    for module in large:
        module.sparse = True
    tables = {id(module.weight): module.weight for module in large}
    dense = [parameter for parameter in network.parameters() if id(parameter) not in tables]
    return TowerOptimizer(
        network,
        dense=DenseAdamW(dense, learning_rate=learning_rate, weight_decay=weight_decay),
        rows=RowwiseAdam(
            tables.values(), learning_rate=learning_rate * row_factor, weight_decay=weight_decay
        ),
    )
