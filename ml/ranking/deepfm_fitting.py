"""Fits DeepFM (Guo et al., 2017) to lists, by the softmax over each list (ListNet; Cao et al., 2007)."""

# B = lists of a batch, K = candidates of the longest of them, C = candidates, D = width of a feature's vector
# F = features, I = inputs: a value and a missing flag for each feature

import os

import numpy as np
import torch
from torch import Tensor, nn

from ml.data import csr_positions
from ml.optimizers import make_optimizer
from ml.ranking.deepfm import DeepFmRanker, Scaling
from ml.ranking.lists import RankingLists, ndcg_of

WIDTH, HIDDEN_WIDTHS = 8, (64, 32)
EPOCHS, PATIENCE = 30, 4
BATCH_LISTS = 32
LEARNING_RATE, WEIGHT_DECAY = 0.002, 0.01
DROPOUT = 0.2
VALID_SHARE = 0.2
# It begins at the retrieval order, and learns what to change of it.
START_FEATURE, START_WEIGHT = "retrieval_z", 1.0
START = 0.03  # deviation of the vectors at first


class DeepFm(nn.Module):
    """Scores of candidates: linear part, pairs of features by their vectors, and hidden layers over all."""

    def __init__(self, num_inputs: int) -> None:
        super().__init__()
        self.linear = nn.Parameter(torch.zeros(num_inputs))
        self.bias = nn.Parameter(torch.zeros(1))
        self.vectors = nn.Parameter(START * torch.randn(num_inputs, WIDTH))
        first, second = HIDDEN_WIDTHS
        self.deep = nn.Sequential(
            nn.Linear(num_inputs * WIDTH, first),
            nn.ReLU(),
            nn.Linear(first, second),
            nn.ReLU(),
            nn.Linear(second, 1),
        )
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, inputs_CI: Tensor) -> Tensor:
        """(C,) the scores."""
        inputs_CI = self.dropout(inputs_CI)
        summed_CD = inputs_CI @ self.vectors
        squares_C = inputs_CI**2 @ (self.vectors**2).sum(dim=1)
        pairs_C = 0.5 * ((summed_CD**2).sum(dim=1) - squares_C)
        parts_CX = (inputs_CI[:, :, None] * self.vectors).flatten(start_dim=1)
        return inputs_CI @ self.linear + self.bias + pairs_C + self.deep(parts_CX)[:, 0]


def fit(lists: RankingLists, *, valid: RankingLists | None, seed: int) -> DeepFmRanker:
    """The ranker of the epoch that ranked the validation lists best; without any, of the last fifth.

    On the CPU, on one thread unless OMP_NUM_THREADS says otherwise; the same seed gives the same weights.
    """
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "0")) or 1)
    if valid is None:
        lists, valid = lists.split(last_share=VALID_SHARE)
    scaling = Scaling.of(lists.features)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        weights = _fitted(lists, valid=valid, scaling=scaling, seed=seed)
    return DeepFmRanker(scaling=scaling, weights=weights, names=lists.names)


def _fitted(
    lists: RankingLists, *, valid: RankingLists, scaling: Scaling, seed: int
) -> dict[str, np.ndarray]:
    inputs_CI = torch.from_numpy(scaling.apply(lists.features))
    gains_C = torch.from_numpy((2.0**lists.labels - 1).astype(np.float32))
    network = DeepFm(inputs_CI.shape[1])
    if START_FEATURE in lists.names:
        with torch.no_grad():
            network.linear[lists.names.index(START_FEATURE)] = START_WEIGHT
    optimizer = make_optimizer(network, learning_rate=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    rng = np.random.default_rng(seed)
    best, best_value, waited = _numpy_weights(network), -1.0, 0
    for _ in range(EPOCHS):
        network.train()
        for batch in np.array_split(rng.permutation(len(lists)), -(-len(lists) // BATCH_LISTS)):
            optimizer.zero_grad()
            _loss(network, inputs_CI=inputs_CI, gains_C=gains_C, lists=lists, batch=batch).backward()
            optimizer.step()
        value = _mean_ndcg(network, valid, scaling=scaling)
        if value > best_value:
            best, best_value, waited = _numpy_weights(network), value, 0
        else:
            waited += 1
        if waited == PATIENCE:
            break
    return best


def _loss(
    network: DeepFm, *, inputs_CI: Tensor, gains_C: Tensor, lists: RankingLists, batch: np.ndarray
) -> Tensor:
    """The mean over lists of the cross-entropy from the gains' shares to the scores' softmax."""
    rows, offsets = csr_positions(lists.offsets, batch)
    scores_C, gains_C = network(inputs_CI[rows]), gains_C[rows]
    of_list = torch.from_numpy(np.repeat(np.arange(len(batch)), np.diff(offsets)))
    shape = (len(batch), int(np.diff(offsets).max()))
    place = torch.from_numpy(np.arange(len(rows)) - np.repeat(offsets[:-1], np.diff(offsets)))
    scores_BK = scores_C.new_full(shape, -torch.inf).index_put((of_list, place), scores_C)
    shares_BK = gains_C.new_zeros(shape).index_put((of_list, place), gains_C)
    shares_BK = shares_BK / shares_BK.sum(dim=1, keepdim=True)
    logs_BK = torch.log_softmax(scores_BK, dim=1).masked_fill(scores_BK == -torch.inf, 0.0)
    return -(shares_BK * logs_BK).sum(dim=1).mean()


@torch.inference_mode()
def _mean_ndcg(network: DeepFm, lists: RankingLists, *, scaling: Scaling) -> float:
    network.eval()
    scores_C = network(torch.from_numpy(scaling.apply(lists.features))).numpy()
    return float(ndcg_of(scores_C, lists=lists).mean())


def _numpy_weights(network: DeepFm) -> dict[str, np.ndarray]:
    return {name: value.numpy().copy() for name, value in network.state_dict().items()}
