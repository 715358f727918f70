"""The loss step by step, on 2x2 cases worked by hand."""

import math

import pytest
import torch

from ml.losses import (
    Pairs,
    cross_entropy,
    mask_accidental_hits,
    push_apart,
    scores,
    softmax_loss,
    subtract_log_q,
)

USERS = torch.eye(2)
ITEMS = torch.eye(2)


def pairs(**changes: torch.Tensor) -> Pairs:
    """User 0 wants item 0, user 1 wants item 1, nothing else."""
    none = torch.zeros(0, dtype=torch.long)
    values = {
        "row": torch.tensor([0, 1]),
        "column": torch.tensor([0, 1]),
        "weight": torch.ones(2),
        "row_weight": torch.ones(2),
        "hidden_row": none,
        "hidden_column": none,
        "negative_row": none,
        "negative_column": none,
    }
    return Pairs(**{**values, **changes})


def test_scores_are_cosine_over_temperature_plus_bias():
    logits = scores(USERS, item_CD=ITEMS, bias_C=torch.tensor([0.0, 3.0]), temperature=0.5)
    assert logits.tolist() == [[2, 3], [0, 5]]


def test_the_loss_of_two_users_and_two_items():
    loss = softmax_loss(USERS, item_CD=ITEMS, bias_C=torch.zeros(2), pairs=pairs(), temperature=0.5)
    # Each row is (2, 0): log(1 + e^-2) = .126928
    assert loss.item() == pytest.approx(0.126928, abs=1e-6)


def test_log_q_takes_from_the_often_sampled():
    corrected = subtract_log_q(torch.zeros(1, 2), log_q_C=torch.log(torch.tensor([0.8, 0.2])))
    # Softmax of (-log .8, -log .2) is (.2, .8): the rare one wins by what it was sampled less.
    assert torch.softmax(corrected, dim=1)[0].tolist() == pytest.approx([0.2, 0.8])


def test_the_loss_with_log_q_by_hand():
    loss = softmax_loss(
        USERS,
        item_CD=ITEMS,
        bias_C=torch.zeros(2),
        pairs=pairs(),
        temperature=1.0,
        log_q_C=torch.log(torch.tensor([0.5, 0.25])),
    )
    # Row 0 has e/.5 against 1/.25, row 1 has e/.25 against 1/.5: log(1 + 4/2e) and log(1 + 2/4e).
    assert loss.item() == pytest.approx((math.log(1 + 2 / math.e) + math.log(1 + 0.5 / math.e)) / 2, abs=1e-6)


def test_an_accidental_hit_keeps_no_probability():
    masked = mask_accidental_hits(
        torch.tensor([[1.0, 50.0]]), row=torch.tensor([0]), column=torch.tensor([1])
    )
    assert torch.softmax(masked, dim=1)[0, 1].item() < 1e-6


def test_a_hidden_pair_does_not_count_as_a_negative():
    hidden = pairs(hidden_row=torch.tensor([0]), hidden_column=torch.tensor([1]))
    loss = softmax_loss(USERS, item_CD=ITEMS, bias_C=torch.zeros(2), pairs=hidden, temperature=0.5)
    # Row 0 has nothing left to lose to, row 1 still has .126928.
    assert loss.item() == pytest.approx(0.126928 / 2, abs=1e-6)


def test_positives_share_a_user_and_users_weigh_as_told():
    both = pairs(
        row=torch.tensor([0, 0, 1]),
        column=torch.tensor([0, 1, 1]),
        weight=torch.tensor([0.5, 0.5, 1.0]),
        row_weight=torch.tensor([3.0, 1.0]),
    )
    loss = cross_entropy(torch.tensor([[0.0, 0.0], [0.0, 0.0]]), pairs=both)
    # Every positive costs log 2, so any weighted mean does.
    assert loss.item() == pytest.approx(math.log(2), abs=1e-6)
    loss = cross_entropy(torch.tensor([[0.0, 0.0], [0.0, 40.0]]), pairs=both)
    assert loss.item() == pytest.approx(0.75 * math.log(2), abs=1e-6)


def test_disliked_pairs_are_pushed_apart():
    item = torch.tensor([[1.0, 0.0], [-1.0, 0.0]], requires_grad=True)
    disliked = pairs(negative_row=torch.tensor([0]), negative_column=torch.tensor([0]))
    plain, pushed = (
        softmax_loss(
            USERS, item_CD=item, bias_C=torch.zeros(2), pairs=disliked, temperature=1.0, dislike_weight=weight
        )
        for weight in (0.0, 1.0)
    )
    # softplus(1) = 1.313262 for a cosine of 1
    assert (pushed - plain).item() == pytest.approx(1.313262, abs=1e-5)
    (pushed - plain).backward()
    assert item.grad[0, 0] > 0, "a step down the gradient lowers the cosine with the disliked item"


def test_pairs_that_point_apart_cost_almost_nothing():
    assert push_apart(torch.tensor([-1.0]), temperature=0.1).item() < 1e-4


def test_users_without_targets_do_not_break_the_mean():
    empty = pairs(
        row=torch.zeros(0, dtype=torch.long),
        column=torch.zeros(0, dtype=torch.long),
        weight=torch.zeros(0),
        row_weight=torch.zeros(2),
    )
    assert cross_entropy(torch.zeros(2, 2), pairs=empty).item() == 0
