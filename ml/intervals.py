"""Bootstrap intervals: how far a mean over users would move if other users had been judged."""

# E = evaluated users, M = columns of values, R = resamples

import numpy as np

RESAMPLES = 1_000
AT_ONCE = 8_000_000  # counts of users in one block of resamples
Interval = tuple[float, float]


def resampled_means(values_EM: np.ndarray, *, resamples: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """(R, M) the means of the columns over users drawn with replacement; NaN (not measured) is left out.

    Every column sees the same draws, so that differences of columns are paired.
    """
    num_users = len(values_EM)
    if not num_users:
        raise ValueError("There are no users to resample; judge at least one.")
    rng = np.random.default_rng(seed)
    measured_EM = np.isfinite(values_EM)
    filled_EM = np.where(measured_EM, values_EM, 0.0)
    whole = bool(measured_EM.all())
    means = []
    block = max(1, AT_ONCE // num_users)
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        drawn = rng.integers(0, num_users, size=(size, num_users)) + np.arange(size)[:, None] * num_users
        counts_RE = np.bincount(drawn.ravel(), minlength=size * num_users).reshape(size, num_users)
        weights_RE = counts_RE.astype(np.float64)
        total_RM = weights_RE @ measured_EM if not whole else np.full((size, 1), float(num_users))
        with np.errstate(invalid="ignore"):  # nobody measured in a resample: NaN
            means.append((weights_RE @ filled_EM) / total_RM)
    return np.concatenate(means)


def interval(values_E: np.ndarray, *, level: float = 0.95, seed: int = 0) -> Interval:
    """The percentile interval of the mean of (E,) values."""
    return intervals({"": values_E}, level=level, seed=seed)[""]


def intervals(values: dict[str, np.ndarray], *, level: float = 0.95, seed: int = 0) -> dict[str, Interval]:
    """The interval of each named column of (E,) values."""
    if not 0 < level < 1:
        raise ValueError("level is the share of resamples inside the interval: between 0 and 1.")
    if not values:
        return {}
    means_RM = resampled_means(np.column_stack(list(values.values())), seed=seed)
    tail = 50 * (1 - level)
    low_M, high_M = np.nanpercentile(means_RM, [tail, 100 - tail], axis=0)
    return {name: (float(low), float(high)) for name, low, high in zip(values, low_M, high_M, strict=True)}


def paired_interval(
    values_E: np.ndarray, *, other_E: np.ndarray, level: float = 0.95, seed: int = 0
) -> Interval:
    """The interval of the mean of (E,) values minus another method's on the same users.

    Above zero: the first is better than chance among users explains. Far narrower than the two intervals
    apart suggest, since most of what differs between users is common to both methods.
    """
    if len(values_E) != len(other_E):
        raise ValueError(f"{len(values_E)} and {len(other_E)} users; compare methods on the same users.")
    return interval(values_E - other_E, level=level, seed=seed)
