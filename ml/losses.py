"""The loss in order: score, temperature, logQ, accidental hits, cross-entropy. A family of losses."""

# B = users of the batch, C = candidate items, D = embedding dimension, P = positive pairs, N = negative pairs

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ml.config import LossConfig

MASKED = -1e9


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Which candidate columns are positives, negatives and already known of which rows of the batch."""

    row: Tensor  # (P,)
    column: Tensor  # (P,)
    weight: Tensor  # (P,) sums to 1 over each row that has positives
    row_weight: Tensor  # (B,) a user's share of the loss; 0 without positives
    hidden_row: (
        Tensor  # (...,) pairs that must not count as negatives: known items that are no positives here
    )
    hidden_column: Tensor
    negative_row: Tensor  # (N,) explicit negatives
    negative_column: Tensor


def loss_of(
    user_BD: Tensor,
    *,
    item_CD: Tensor,
    bias_C: Tensor,
    pairs: Pairs,
    config: LossConfig,
    log_q_C: Tensor | None = None,
) -> Tensor:
    """The loss that the config names, plus what pushes disliked pairs apart."""
    if config.name == "softmax":
        loss = softmax_loss(
            user_BD, item_CD=item_CD, bias_C=bias_C, pairs=pairs, config=config, log_q_C=log_q_C
        )
    else:
        loss = cosine_contrastive_loss(user_BD, item_CD=item_CD, pairs=pairs, config=config)
    if config.dislike_weight and len(pairs.negative_row):
        cosine_N = (user_BD[pairs.negative_row] * item_CD[pairs.negative_column]).sum(dim=1)
        loss = loss + config.dislike_weight * push_apart(cosine_N, temperature=config.temperature)
    return loss


def softmax_loss(
    user_BD: Tensor,
    *,
    item_CD: Tensor,
    bias_C: Tensor,
    pairs: Pairs,
    config: LossConfig,
    log_q_C: Tensor | None = None,
) -> Tensor:
    """The weighted mean over users of -log p of their positives among the candidates.

    With the whole catalogue as candidates it is the full softmax. With sampled candidates give `log_q_C`, the
    log of each one's expected count in the sample, which makes the gradient unbiased (Bengio and Senecal,
    2008; Yi et al., 2019). Hidden pairs have no probability ("accidental hits"). A user's positives share one
    denominator; of `pair_share` of the loss each stands against the negatives alone, which is the decoupled
    loss of Yeh et al. (2022).
    """
    bias_C = bias_C if log_q_C is None else bias_C - log_q_C
    scale_B = pairs.row_weight / pairs.row_weight.sum().clamp_min(1e-12)
    loss: Tensor = _CrossEntropy.apply(
        user_BD / config.temperature,
        item_CD,
        bias_C,
        (pairs.row, pairs.column, pairs.weight * scale_B[pairs.row]),
        (pairs.hidden_row, pairs.hidden_column),
        config.pair_share,
    )
    return loss


class _CrossEntropy(torch.autograd.Function):
    """Logits, cross-entropy and its gradient in one (B, C) buffer: autograd would keep about six of them."""

    @staticmethod
    def forward(
        ctx: Any,
        user_BD: Tensor,
        item_CD: Tensor,
        bias_C: Tensor,
        positives: tuple[Tensor, Tensor, Tensor],
        hidden: tuple[Tensor, Tensor],
        pair_share: float,
    ) -> Tensor:
        row_P, column_P, pull_P = positives
        logits_BC = torch.addmm(bias_C, user_BD, item_CD.T)
        logits_BC.index_put_(hidden, logits_BC.new_tensor(MASKED))
        positive_P = logits_BC[row_P, column_P]
        top_B = logits_BC.amax(dim=1)
        odds_BC = logits_BC.sub_(top_B[:, None]).exp_()
        total_B = odds_BC.sum(dim=1)
        of_positives_B = total_B.new_zeros(len(total_B)).index_add_(0, row_P, odds_BC[row_P, column_P])
        # The difference may cancel where positives have nearly all of the mass.
        negatives_B = torch.maximum(total_B - of_positives_B, 1e-6 * total_B)
        together_P = (total_B.log() + top_B)[row_P] - positive_P
        apart_P = (negatives_B.log() + top_B)[row_P] - positive_P
        sum_B = total_B.new_zeros(len(total_B))
        push_B = sum_B.index_add(0, row_P, pull_P) * (1 - pair_share) / total_B
        away_P = pair_share * pull_P * torch.sigmoid(apart_P)
        push_apart_B = sum_B.index_add(0, row_P, away_P) / negatives_B
        ctx.save_for_backward(user_BD, item_CD, odds_BC, push_B, push_apart_B, row_P, column_P)
        ctx.pull_P = (1 - pair_share) * pull_P + away_P
        return (pull_P * ((1 - pair_share) * together_P + pair_share * functional.softplus(apart_P))).sum()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        user_BD, item_CD, odds_BC, push_B, push_apart_B, row_P, column_P = ctx.saved_tensors
        own_P = odds_BC[row_P, column_P] * push_B[row_P] - ctx.pull_P
        grad_BC = odds_BC.mul_((push_B + push_apart_B)[:, None])
        grad_BC.index_put_((row_P, column_P), own_P)
        grad_BC.mul_(gradients[0])
        return grad_BC @ item_CD, grad_BC.T @ user_BD, grad_BC.sum(dim=0), None, None, None


def cosine_contrastive_loss(user_BD: Tensor, *, item_CD: Tensor, pairs: Pairs, config: LossConfig) -> Tensor:
    """1 - cosine of the positives, plus the mean of what negatives' cosine has above the margin.

    SimpleX of Mao et al. (2021). Negatives are all candidates that are neither positive nor hidden; the
    popularity bias takes no part.
    """
    cosine_BC = user_BD @ item_CD.T
    negative_BC = torch.ones_like(cosine_BC, dtype=torch.bool)
    negative_BC[pairs.row, pairs.column] = False
    negative_BC[pairs.hidden_row, pairs.hidden_column] = False
    above_BC = functional.relu(cosine_BC - config.margin) * negative_BC
    push_B = above_BC.sum(dim=1) / negative_BC.sum(dim=1).clamp_min(1)
    pull_P = pairs.weight * (1 - cosine_BC[pairs.row, pairs.column])
    pull_B = push_B.new_zeros(len(push_B)).index_add(0, pairs.row, pull_P)
    loss_B = pull_B + config.negative_weight * push_B
    return (loss_B * pairs.row_weight).sum() / pairs.row_weight.sum().clamp_min(1e-12)


def push_apart(cosine_N: Tensor, *, temperature: float) -> Tensor:
    """The mean softplus of disliked pairs' cosine over temperature: near zero once they point apart."""
    return functional.softplus(cosine_N / temperature).mean()
