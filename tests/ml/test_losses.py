"""The losses step by step, on 2x2 cases worked by hand, and the hand-written gradient against autograd's."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from ml.config import LossConfig
from ml.losses import Pairs, cosine_contrastive_loss, loss_of, push_apart, softmax_loss

USERS = torch.eye(2)
ITEMS = torch.eye(2)
NONE = torch.zeros(0, dtype=torch.long)
HALF = LossConfig(temperature=0.5)
ONE = LossConfig(temperature=1.0)
CONTRASTIVE = LossConfig(name="cosine_contrastive", margin=0.4, negative_weight=10.0)


def pairs(**changes: Tensor) -> Pairs:
    """User 0 wants item 0, user 1 wants item 1, nothing else."""
    plain = Pairs(
        row=torch.tensor([0, 1]),
        column=torch.tensor([0, 1]),
        weight=torch.ones(2),
        row_weight=torch.ones(2),
        hidden_row=NONE,
        hidden_column=NONE,
        negative_row=NONE,
        negative_column=NONE,
    )
    return replace(plain, **changes)


def both_by_the_first(**changes: Tensor) -> Pairs:
    """User 0 wants both items and counts three times as much as user 1, who wants item 1."""
    return pairs(
        row=torch.tensor([0, 0, 1]),
        column=torch.tensor([0, 1, 1]),
        weight=torch.tensor([0.5, 0.5, 1.0]),
        row_weight=torch.tensor([3.0, 1.0]),
        **changes,
    )


def softmax(
    config: LossConfig, *, bias: Tensor | None = None, of: Pairs, log_q: Tensor | None = None
) -> float:
    bias_C = torch.zeros(2) if bias is None else bias
    return softmax_loss(USERS, item_CD=ITEMS, bias_C=bias_C, pairs=of, config=config, log_q_C=log_q).item()


def test_the_loss_of_two_users_and_two_items():
    # Each row is (2, 0): log(1 + e^-2) = .126928
    assert softmax(HALF, of=pairs()) == pytest.approx(0.126928, abs=1e-6)


def test_a_bias_is_added_after_the_temperature():
    # Rows (2, 3) and (0, 5): log(1 + e^1) = 1.313262 and log(1 + e^-5) = .006715
    loss = softmax(HALF, bias=torch.tensor([0.0, 3.0]), of=pairs())
    assert loss == pytest.approx((1.313262 + 0.006715) / 2, abs=1e-6)


def test_log_q_takes_from_the_often_sampled():
    loss = softmax(ONE, of=pairs(), log_q=torch.log(torch.tensor([0.5, 0.25])))
    # Row 0 has e/.5 against 1/.25, row 1 has e/.25 against 1/.5: log(1 + 4/2e) and log(1 + 2/4e).
    assert loss == pytest.approx((math.log(1 + 2 / math.e) + math.log(1 + 0.5 / math.e)) / 2, abs=1e-6)


def test_log_q_makes_a_sample_cost_what_the_whole_catalogue_costs():
    """Of 1 + 4 like items one of the four is drawn, with an expected count of 1/4: it stands for all four."""
    user = torch.tensor([[1.0, 0.0]])
    catalogue = torch.tensor([[1.0, 0.0]] + 4 * [[0.0, 1.0]])
    wants_first = pairs(
        row=torch.tensor([0]), column=torch.tensor([0]), weight=torch.ones(1), row_weight=torch.ones(1)
    )
    full = softmax_loss(user, item_CD=catalogue, bias_C=torch.zeros(5), pairs=wants_first, config=ONE)
    log_q = torch.log(torch.tensor([1.0, 0.25]))
    sampled = softmax_loss(
        user, item_CD=catalogue[:2], bias_C=torch.zeros(2), pairs=wants_first, config=ONE, log_q_C=log_q
    )
    # log(e + 4) - 1 either way; without the correction log(e + 1) - 1.
    assert full.item() == pytest.approx(math.log(math.e + 4) - 1, abs=1e-6)
    assert sampled.item() == pytest.approx(full.item(), abs=1e-6)


@pytest.mark.parametrize("pair_share", [0.0, 0.3, 1.0])
def test_an_accidental_hit_has_no_probability_and_no_gradient(pair_share):
    """Item 1 has a logit of 50 above item 0's, and user 0 knows it: it must not count."""
    item = torch.eye(2, requires_grad=True)
    bias = torch.tensor([0.0, 50.0], requires_grad=True)
    known = pairs(
        row=torch.tensor([0]),
        column=torch.tensor([0]),
        weight=torch.ones(1),
        row_weight=torch.tensor([1.0, 0.0]),
        hidden_row=torch.tensor([0]),
        hidden_column=torch.tensor([1]),
    )
    config = LossConfig(temperature=1.0, pair_share=pair_share)
    loss = softmax_loss(USERS, item_CD=item, bias_C=bias, pairs=known, config=config)
    loss.backward()
    # Item 0 is the only candidate left, with a probability of e^-loss.
    assert 1 - math.exp(-loss.item()) < 2e-6
    assert item.grad[1].abs().max() == 0
    assert bias.grad[1] == 0


def test_what_is_hidden_keeps_less_than_a_millionth_of_the_probability():
    """The gradient of a bias is the item's probability (less its pull): 0 for the hidden one, 1 in all."""
    user, item = torch.eye(3)[:1], torch.eye(3)
    bias = torch.tensor([0.0, 0.0, 30.0], requires_grad=True)
    known = pairs(
        row=torch.tensor([0]),
        column=torch.tensor([0]),
        weight=torch.ones(1),
        row_weight=torch.ones(1),
        hidden_row=torch.tensor([0]),
        hidden_column=torch.tensor([2]),
    )
    softmax_loss(user, item_CD=item, bias_C=bias, pairs=known, config=ONE).backward()
    # Row (1, 0, hidden): p = e / (e + 1) = .731059
    assert bias.grad.tolist() == pytest.approx([0.731059 - 1, 1 - 0.731059, 0], abs=1e-6)
    assert bias.grad[2].item() < 1e-6


def test_a_hidden_pair_does_not_count_as_a_negative():
    hidden = pairs(hidden_row=torch.tensor([0]), hidden_column=torch.tensor([1]))
    # Row 0 has nothing left to lose to, row 1 still has .126928.
    assert softmax(HALF, of=hidden) == pytest.approx(0.126928 / 2, abs=1e-6)


def test_positives_share_a_user_and_users_weigh_as_told():
    # Row 0 is (2, 0): its positives cost .126928 and 2.126928, 1.126928 on average; row 1 costs .126928.
    assert softmax(HALF, of=both_by_the_first()) == pytest.approx((3 * 1.126928 + 0.126928) / 4, abs=1e-6)


def test_apart_each_positive_stands_against_the_negatives_alone():
    """Of three items user 0 wants two: the decoupled loss leaves each one's fellow out of its denominator."""
    user = torch.tensor([[1.0, 0.0]])
    item = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    both = pairs(
        row=torch.tensor([0, 0]),
        column=torch.tensor([0, 1]),
        weight=torch.tensor([0.75, 0.25]),
        row_weight=torch.ones(1),
    )

    def loss(pair_share: float) -> float:
        config = LossConfig(temperature=1.0, pair_share=pair_share)
        return softmax_loss(user, item_CD=item, bias_C=torch.zeros(3), pairs=both, config=config).item()

    # Logits (1, 0, -1). Together the log of the total e + 1 + 1/e is 1.407606: .407606 and 1.407606.
    # Apart the first has log(1 + e^-2) = .126928 and the second log(1 + e^-1) = .313262.
    together, apart = 0.75 * 0.407606 + 0.25 * 1.407606, 0.75 * 0.126928 + 0.25 * 0.313262
    assert loss(0.0) == pytest.approx(together, abs=1e-6)
    assert loss(1.0) == pytest.approx(apart, abs=1e-6)
    assert loss(0.3) == pytest.approx(0.7 * together + 0.3 * apart, abs=1e-6)


def plain_loss(
    user_BD: Tensor, item_CD: Tensor, bias_C: Tensor, *, pairs: Pairs, config: LossConfig
) -> Tensor:
    """The same loss as a formula that autograd can follow: one pair after the other."""
    logits_BC = user_BD @ item_CD.T / config.temperature + bias_C
    hidden = set(zip(pairs.hidden_row.tolist(), pairs.hidden_column.tolist(), strict=True))
    wanted = set(zip(pairs.row.tolist(), pairs.column.tolist(), strict=True))
    total = logits_BC.new_zeros(())
    for row, column, weight in zip(
        pairs.row.tolist(), pairs.column.tolist(), pairs.weight.tolist(), strict=True
    ):
        seen = [place for place in range(len(item_CD)) if (row, place) not in hidden]
        rivals = [place for place in seen if place == column or (row, place) not in wanted]
        together = torch.logsumexp(logits_BC[row, seen], dim=0) - logits_BC[row, column]
        apart = torch.logsumexp(logits_BC[row, rivals], dim=0) - logits_BC[row, column]
        share = pairs.row_weight[row] / pairs.row_weight.sum()
        total = total + share * weight * ((1 - config.pair_share) * together + config.pair_share * apart)
    return total


def random_case() -> tuple[tuple[Tensor, Tensor, Tensor, Tensor], Pairs]:
    """Four users, seven items, float64: one user with three positives, one with none, some hidden pairs."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=generator)

    user, item = functional.normalize(normal(4, 3), dim=1), functional.normalize(normal(7, 3), dim=1)
    log_q = torch.rand(7, dtype=torch.float64, generator=generator).log()
    made = pairs(
        row=torch.tensor([0, 0, 0, 1, 1, 3]),
        column=torch.tensor([0, 2, 5, 1, 6, 4]),
        weight=torch.tensor([0.5, 0.2, 0.3, 0.9, 0.1, 1.0], dtype=torch.float64),
        row_weight=torch.tensor([2.0, 0.5, 0.0, 1.0], dtype=torch.float64),
        hidden_row=torch.tensor([0, 0, 2, 3]),
        hidden_column=torch.tensor([1, 6, 3, 0]),
    )
    return (user, item, normal(7), log_q), made


@pytest.mark.parametrize("pair_share", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("sampled", [False, True])
def test_the_gradient_is_the_one_autograd_finds_for_the_plain_formula(pair_share, sampled):
    (user, item, bias, log_q), made = random_case()
    config = LossConfig(temperature=0.3, pair_share=pair_share)
    inputs = [value.clone().requires_grad_() for value in (user, item, bias)]
    ours = softmax_loss(
        inputs[0],
        item_CD=inputs[1],
        bias_C=inputs[2],
        pairs=made,
        config=config,
        log_q_C=log_q if sampled else None,
    )
    theirs = plain_loss(
        inputs[0], inputs[1], inputs[2] - log_q if sampled else inputs[2], pairs=made, config=config
    )
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-12)
    # Three times the loss, so that what flows in from above counts.
    our_gradients = torch.autograd.grad(3 * ours, inputs)
    for got, expected in zip(our_gradients, torch.autograd.grad(3 * theirs, inputs), strict=True):
        assert torch.allclose(got, expected, rtol=1e-9, atol=1e-12)


def test_a_second_pass_backwards_is_refused_and_never_wrong():
    """The gradient is made in the buffer of the odds, which are gone then."""
    item = torch.eye(2, requires_grad=True)
    loss = softmax_loss(USERS, item_CD=item, bias_C=torch.zeros(2), pairs=pairs(), config=HALF)
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@pytest.mark.parametrize("pair_share", [0.0, 0.3, 1.0])
def test_positives_with_all_of_the_mass_leave_finite_numbers(pair_share):
    item = torch.eye(2, requires_grad=True)
    bias = torch.tensor([200.0, 200.0], requires_grad=True)
    config = LossConfig(temperature=0.01, pair_share=pair_share)
    loss = softmax_loss(USERS, item_CD=item, bias_C=bias, pairs=both_by_the_first(), config=config)
    loss.backward()
    assert math.isfinite(loss.item())
    assert torch.isfinite(item.grad).all()
    assert torch.isfinite(bias.grad).all()


def test_users_without_targets_do_not_break_the_mean():
    empty = pairs(row=NONE, column=NONE, weight=torch.zeros(0), row_weight=torch.zeros(2))
    assert softmax(LossConfig(pair_share=0.3), of=empty) == 0
    assert cosine_contrastive_loss(USERS, item_CD=ITEMS, pairs=empty, config=CONTRASTIVE).item() == 0


def test_the_cosine_contrastive_loss_by_hand():
    user = torch.tensor([[1.0, 0.0]])
    item = torch.tensor([[0.6, 0.8], [0.8, 0.6], [0.5, 0.866025], [0.0, 1.0]])
    wants_first = pairs(
        row=torch.tensor([0]), column=torch.tensor([0]), weight=torch.ones(1), row_weight=torch.ones(1)
    )
    # 1 - .6 for the positive; above the margin of .4 the negatives .8, .5, 0 have .4, .1, 0: 10 * .5 / 3.
    loss = cosine_contrastive_loss(user, item_CD=item, pairs=wants_first, config=CONTRASTIVE)
    assert loss.item() == pytest.approx(0.4 + 10 * 0.5 / 3, abs=1e-5)
    known = replace(wants_first, hidden_row=torch.tensor([0]), hidden_column=torch.tensor([1]))
    # Without the hidden .8 the two negatives left have .1 and 0: 10 * .1 / 2.
    loss = cosine_contrastive_loss(user, item_CD=item, pairs=known, config=CONTRASTIVE)
    assert loss.item() == pytest.approx(0.4 + 0.5, abs=1e-5)


def test_the_cosine_contrastive_loss_is_a_weighted_mean_over_users():
    swapped = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    weighted = pairs(row_weight=torch.tensor([3.0, 1.0]))
    # Each positive has cosine 0 and costs 1; each negative has 1, .6 above the margin, times 10.
    loss = cosine_contrastive_loss(USERS, item_CD=swapped, pairs=weighted, config=CONTRASTIVE)
    assert loss.item() == pytest.approx(7.0, abs=1e-6)
    # User 0 now wants both, of cosines 0 and 1, and has no negative left: .5. User 1 costs 7 as before.
    loss = cosine_contrastive_loss(USERS, item_CD=swapped, pairs=both_by_the_first(), config=CONTRASTIVE)
    assert loss.item() == pytest.approx(0.75 * 0.5 + 0.25 * 7, abs=1e-6)


def test_the_config_chooses_the_loss():
    def loss(config: LossConfig, bias: Tensor) -> float:
        return loss_of(USERS, item_CD=ITEMS, bias_C=bias, pairs=pairs(), config=config).item()

    plain, popular = torch.zeros(2), torch.tensor([0.0, 3.0])
    assert loss(HALF, plain) == pytest.approx(0.126928, abs=1e-6)
    assert loss(HALF, popular) > loss(HALF, plain)
    # Positives at 1, negatives at 0: nothing to pay, whatever is popular.
    assert loss(CONTRASTIVE, plain) == loss(CONTRASTIVE, popular) == 0


@pytest.mark.parametrize("name", ["softmax", "cosine_contrastive"])
def test_disliked_pairs_are_pushed_apart(name):
    item = torch.tensor([[1.0, 0.0], [-1.0, 0.0]], requires_grad=True)
    disliked = pairs(negative_row=torch.tensor([0]), negative_column=torch.tensor([0]))
    plain, pushed = (
        loss_of(
            USERS,
            item_CD=item,
            bias_C=torch.zeros(2),
            pairs=disliked,
            config=LossConfig(name=name, temperature=1.0, dislike_weight=weight),
        )
        for weight in (0.0, 1.0)
    )
    # softplus(1) = 1.313262 for a cosine of 1
    assert (pushed - plain).item() == pytest.approx(1.313262, abs=1e-5)
    (pushed - plain).backward()
    assert item.grad[0, 0] > 0, "a step down the gradient lowers the cosine with the disliked item"


def test_pairs_that_point_apart_cost_almost_nothing():
    assert push_apart(torch.tensor([-1.0]), temperature=0.1).item() < 1e-4
