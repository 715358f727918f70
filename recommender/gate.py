"""The promotion gate: whether a new version's held-out metrics are good enough to serve."""

import math
from dataclasses import asdict, dataclass, field

Rows = dict[str, dict[str, float]]  # method -> metric -> value, as ml.evaluation gives them

MODEL = "two_tower"
BASELINES = ("popularity", "random")
METRICS = ("hit@10", "recall@10")
# How far below the serving version a new one may fall before it counts as worse: splits differ by this share,
# and by chance where few users are judged.
TOLERANCE = 0.10
STANDARD_ERRORS = 2.0


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether the version passes, and in words why."""

    passed: bool
    forced: bool = False
    reasons: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, object]:
        return asdict(self)


def judge(
    rows: Rows, *, active: Rows | None = None, num_users: int = 1_000_000, force: bool = False
) -> Verdict:
    """Return the verdict on the model's metrics beside its baselines' and the serving version's.

    It must not lose to popularity or random, and not fall clearly below the active version. That one was
    measured on an earlier split; when popularity finds today's split harder, the bar sinks alike, and it is
    lower where so few as `num_users` were judged that chance alone moves the figures.
    """
    if not all(metric in rows[MODEL] for metric in METRICS):
        return _unmeasured(active=active, force=force)
    objections = _lost_to_baselines(rows) + (
        _fell_below_active(rows, active=active, num_users=num_users) if active else []
    )
    if objections:
        return Verdict(passed=force, forced=force, reasons=objections)
    beaten = f"Not below {' and '.join(BASELINES)} in {' and '.join(METRICS)}."
    return Verdict(passed=True, reasons=[beaten])


def _unmeasured(*, active: Rows | None, force: bool) -> Verdict:
    """Return the verdict when nobody acted on both sides of the cut: better than no version, not than one."""
    reason = "Nothing could be measured: no user has events both before and after the cut in time."
    passed = active is None or force
    return Verdict(passed=passed, forced=force and active is not None, reasons=[reason])


def _lost_to_baselines(rows: Rows) -> list[str]:
    return [
        f"{metric} {rows[MODEL][metric]:.4f} is below {baseline}'s {rows[baseline][metric]:.4f}: "
        "the model learnt less than counting; give it more data."
        for metric in METRICS
        for baseline in BASELINES
        if rows[MODEL][metric] < rows[baseline][metric]
    ]


def tolerance(hit_rate: float, *, num_users: int) -> float:
    """Return the share of the active version's figures that a new one may fall short by.

    The standard error of a hit rate p over n users is sqrt(p (1 - p) / n).
    """
    if not 0 < hit_rate < 1 or num_users < 1:
        return TOLERANCE
    return max(TOLERANCE, STANDARD_ERRORS * math.sqrt((1 - hit_rate) / (hit_rate * num_users)))


def _fell_below_active(rows: Rows, *, active: Rows, num_users: int) -> list[str]:
    share = tolerance(active.get(MODEL, {}).get("hit@10", 0.0), num_users=num_users)
    bars = {metric: _bar(metric, rows=rows, active=active) * (1 - share) for metric in METRICS}
    return [
        f"{metric} {rows[MODEL][metric]:.4f} is more than {share:.0%} below the active version's: "
        f"at least {bar:.4f} was expected on this data."
        for metric, bar in bars.items()
        if rows[MODEL][metric] < bar
    ]


def _bar(metric: str, *, rows: Rows, active: Rows) -> float:
    recorded = active.get(MODEL, {}).get(metric, 0.0)
    easier_then = active.get("popularity", {}).get(metric, 0.0)
    now = rows["popularity"][metric]
    hardness = min(1.0, now / easier_then) if easier_then > 0 else 1.0
    return recorded * hardness
