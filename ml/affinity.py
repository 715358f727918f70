"""What a history's categories say: who looks at lamps a third of the time is shown lamps."""

# B = users, H = history entries, F = categorical columns, K = their codes in all, A = affinity columns

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ml.data import MONTH_SECONDS
from ml.features import FeatureSpec

_SEED = 1  # of the signs by which many codes share few columns: the same in every model


class Affinity(nn.Module):
    """Columns by which a user's share of each value (a category, a brand) meets the items that have it.

    share = what the user liked of the value / (all that they liked + a learned doubt), each liking weighed by
    its kind and fading with age; column = gain * log(1 + sharpness * share). An inner product of pooled item
    vectors grows with a share, but whether a third of the looks or a tenth falls on lamps is a factor in how
    often lamps are wanted, and the logit of a factor is its log.

    One column a value, for the categorical fields that fit into `width`, those of few values first. Where
    even the smallest does not fit, its values share the columns by random signs, which keep inner products
    near what they were (Achlioptas, 2003).
    """

    columns: Tensor  # (K, A), 0 for the unknown and for fields without columns
    field: Tensor  # (K,) the categorical field of each code

    def __init__(self, spec: FeatureSpec, *, width: int) -> None:
        super().__init__()
        sizes = [len(values) for values in spec.categorical.values()]
        columns = columns_of(sizes, width=width)
        self.width = columns.shape[1]
        self.register_buffer("columns", columns)
        codes_of = torch.tensor([size + 1 for size in sizes], dtype=torch.long)
        self.register_buffer("field", torch.repeat_interleave(torch.arange(len(sizes)), codes_of))
        self.gain = nn.Parameter(torch.full((len(sizes),), 1.0))
        self.sharpness = nn.Parameter(torch.full((len(sizes),), 3.5))
        self.doubt = nn.Parameter(torch.full((len(sizes),), -0.5))
        self.power = nn.Parameter(torch.tensor(-1.5))
        self.fading = nn.Parameter(torch.tensor(-3.0))

    def of_items(self, codes: Tensor) -> Tensor:
        """(N, A) the columns of items with (N, F) categorical codes."""
        return self.columns[codes].sum(dim=1)

    def forward(self, weight_H: Tensor, *, age_H: Tensor, row_H: Tensor, code_HF: Tensor, num: int) -> Tensor:
        """(num, A) from the histories' entries: their weights, ages in seconds, users' rows and codes."""
        months_H = age_H.clamp_min(0.0) / MONTH_SECONDS
        liked_H = (weight_H > 0) * weight_H.clamp_min(1e-6) ** functional.softplus(self.power)
        liked_H = liked_H * torch.exp(-functional.softplus(self.fading) * torch.log1p(months_H))
        total_B1 = liked_H.new_zeros(num).index_add(0, row_H, liked_H)[:, None]
        num_codes = len(self.field)
        cell_HF = row_H[:, None] * num_codes + code_HF
        counts = liked_H.new_zeros(num * num_codes)
        counts = counts.index_add(0, cell_HF.flatten(), liked_H.repeat_interleave(code_HF.shape[1]))
        share_BK = counts.view(num, num_codes) / (total_B1 + functional.softplus(self.doubt)[self.field])
        value_BK = self.gain[self.field] * torch.log1p(self.sharpness.exp()[self.field] * share_BK)
        return value_BK @ self.columns


def columns_of(sizes: Sequence[int], *, width: int) -> Tensor:
    """(K, A) what each code has in each column; a field of n values has n + 1 codes, the unknown first."""
    order = sorted((place for place, size in enumerate(sizes) if size), key=lambda place: sizes[place])
    fitting: list[int] = []
    for place in order:
        if sum(sizes[other] for other in fitting) + sizes[place] > width:
            break
        fitting.append(place)
    starts = [sum(sizes[:place]) + place + 1 for place in range(len(sizes))]
    if not fitting and order:
        size = sizes[order[0]]
        signs = torch.randint(0, 2, (size, width), generator=torch.Generator().manual_seed(_SEED))
        columns = torch.zeros(sum(sizes) + len(sizes), width)
        columns[starts[order[0]] : starts[order[0]] + size] = (2.0 * signs - 1) * width**-0.5
        return columns
    columns = torch.zeros(sum(sizes) + len(sizes), sum(sizes[place] for place in fitting))
    used = 0
    for place in fitting:
        columns[starts[place] : starts[place] + sizes[place], used : used + sizes[place]] = torch.eye(
            sizes[place]
        )
        used += sizes[place]
    return columns
