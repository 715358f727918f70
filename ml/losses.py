"""The loss in order: score, temperature, logQ, accidental hits, cross-entropy. Full and sampled."""

# B = users of the batch, C = candidate items, D = embedding dimension, P = positive pairs, N = negative pairs

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

MASKED = -1e9


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Which candidate columns are positives, negatives and already known of which rows of the batch."""

    row: Tensor  # (P,)
    column: Tensor  # (P,)
    weight: Tensor  # (P,) sums to 1 over each row that has positives
    row_weight: Tensor  # (B,) a user's share of the loss; 0 without positives
    hidden_row: Tensor  # (...,) pairs that must not count as negatives: other positives, items of the history
    hidden_column: Tensor
    negative_row: Tensor  # (N,) explicit negatives
    negative_column: Tensor


def softmax_loss(
    user_BD: Tensor,
    *,
    item_CD: Tensor,
    bias_C: Tensor,
    pairs: Pairs,
    temperature: float,
    log_q_C: Tensor | None = None,
    dislike_weight: float = 0.0,
) -> Tensor:
    """The mean cross-entropy of each user's positives against the candidates.

    With the whole catalogue as candidates it is the full softmax. With sampled candidates give `log_q_C`, the
    log of each one's expected count in the sample, which makes the gradient unbiased (Bengio and Senecal,
    2008; Yi et al., 2019). Other positives of the same user are never negatives ("accidental hits").
    """
    logits_BC = scores(user_BD, item_CD=item_CD, bias_C=bias_C, temperature=temperature)
    cosine_N = (user_BD[pairs.negative_row] * item_CD[pairs.negative_column]).sum(dim=1)
    if log_q_C is not None:
        logits_BC = subtract_log_q(logits_BC, log_q_C=log_q_C)
    loss = cross_entropy(logits_BC, pairs=pairs)
    if dislike_weight and len(cosine_N):
        loss = loss + dislike_weight * push_apart(cosine_N, temperature=temperature)
    return loss


def scores(user_BD: Tensor, *, item_CD: Tensor, bias_C: Tensor, temperature: float) -> Tensor:
    """(B, C) cosine over temperature, plus each item's popularity bias."""
    return torch.addmm(bias_C, user_BD / temperature, item_CD.T)


def subtract_log_q(logits_BC: Tensor, *, log_q_C: Tensor) -> Tensor:
    """(B, C) logits without the advantage that often-sampled items have as negatives."""
    return logits_BC - log_q_C


def mask_accidental_hits(logits_BC: Tensor, *, row: Tensor, column: Tensor) -> Tensor:
    """(B, C) logits in which the given pairs have no probability left; changed in place."""
    return logits_BC.index_put_((row, column), logits_BC.new_tensor(MASKED))


def cross_entropy(logits_BC: Tensor, *, pairs: Pairs) -> Tensor:
    """The weighted mean over users of -log p of their positives, each against all candidates but hidden ones.

    A user's positives share one denominator, which holds them all.
    """
    positive_P = logits_BC[pairs.row, pairs.column]
    masked_BC = mask_accidental_hits(logits_BC, row=pairs.hidden_row, column=pairs.hidden_column)
    log_total_B = torch.logsumexp(masked_BC, dim=1)
    loss_P = pairs.weight * (log_total_B[pairs.row] - positive_P)
    loss_B = loss_P.new_zeros(len(log_total_B)).index_add(0, pairs.row, loss_P)
    return (loss_B * pairs.row_weight).sum() / pairs.row_weight.sum().clamp_min(1e-12)


def push_apart(cosine_N: Tensor, *, temperature: float) -> Tensor:
    """The mean softplus of disliked pairs' cosine over temperature: near zero once they point apart."""
    return functional.softplus(cosine_N / temperature).mean()
