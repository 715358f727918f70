"""What a history's categories say: worked by hand, and as columns of stored vectors."""

import numpy as np
import pytest
import torch

from ml.affinity import Affinity, columns_of
from ml.data import EntityTable
from ml.features import FeatureSpec

ITEMS = EntityTable(
    ids=np.arange(4),
    categorical={"category": np.array(["lamp", "lamp", "mug", "toy"], dtype=object)},
)
SPEC = FeatureSpec.fit(ITEMS, min_count=1)


def plain(width: int = 8) -> Affinity:
    """Weights as they are, no fading, a doubt of 1, a sharpness of 1."""
    affinity = Affinity(SPEC, width=width)
    with torch.no_grad():
        affinity.power.fill_(float(np.log(np.e - 1)))
        affinity.fading.fill_(-50.0)
        affinity.doubt.fill_(float(np.log(np.e - 1)))
        affinity.sharpness.fill_(0.0)
    return affinity


def of_history(affinity: Affinity, *entries: tuple[int, float]) -> list[float]:
    """The scores of the four items for who did this: items and weights."""
    codes = torch.from_numpy(SPEC.encode(ITEMS).categorical)
    item = torch.tensor([item for item, _ in entries], dtype=torch.long)
    user = affinity(
        torch.tensor([weight for _, weight in entries]),
        age_H=torch.zeros(len(entries)),
        row_H=torch.zeros(len(entries), dtype=torch.long),
        code_HF=codes[item],
        num=1,
    )
    return (user @ affinity.of_items(codes).T)[0].tolist()


def test_the_share_of_a_category_is_counted_by_weight_beside_a_doubt():
    scores = of_history(plain(), (0, 1.0), (1, 0.5), (2, 0.5))
    # of 1 + .5 + .5 and a doubt of 1: 1.5 / 3 of lamps, .5 / 3 of mugs
    expected = [np.log1p(0.5), np.log1p(0.5), np.log1p(0.5 / 3), 0.0]
    assert scores == pytest.approx(expected, abs=1e-6)


def test_what_is_disliked_adds_nothing_and_nobody_has_no_affinity():
    assert of_history(plain(), (0, -1.0)) == [0, 0, 0, 0]
    nobody = plain()(
        torch.zeros(0),
        age_H=torch.zeros(0),
        row_H=torch.zeros(0, dtype=torch.long),
        code_HF=torch.zeros(0, 1, dtype=torch.long),
        num=2,
    )
    assert nobody.tolist() == [[0, 0, 0]] * 2


def test_an_unknown_category_meets_nobody():
    stranger = EntityTable(ids=np.array([9]), categorical={"category": np.array(["yacht"], dtype=object)})
    codes = torch.from_numpy(SPEC.encode(stranger).categorical)
    assert plain().of_items(codes).tolist() == [[0, 0, 0]]


def test_fields_of_few_values_have_columns_first_and_what_does_not_fit_has_none():
    columns = columns_of([5, 2, 3], width=6)
    assert columns.shape == (13, 5)
    assert not columns[:6].any(), "the five of the first field do not fit beside the others"
    assert torch.equal(columns[7:9, :2], torch.eye(2))
    assert torch.equal(columns[10:13, 2:], torch.eye(3))


def test_where_nothing_fits_values_share_columns_nearly_at_right_angles():
    columns = columns_of([500], width=64)
    gram = (columns[1:] @ columns[1:].T).numpy()
    assert np.diag(gram) == pytest.approx(np.ones(500))
    assert np.abs(gram - np.eye(500)).mean() < 0.12
    assert torch.equal(columns, columns_of([500], width=64)), "the same in every model"
