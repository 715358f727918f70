"""The promotion gate: whether a new version's held-out metrics are good enough to serve."""

from dataclasses import asdict, dataclass, field

Rows = dict[str, dict[str, float]]  # method -> metric -> value, as ml.evaluation gives them

MODEL = "two_tower"
BASELINES = ("popularity", "random")
METRICS = ("hit@10", "recall@10")
# How far below the serving version a new one may fall before it counts as worse: splits differ.
TOLERANCE = 0.10


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether the version passes, and in words why."""

    passed: bool
    forced: bool = False
    reasons: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, object]:
        return asdict(self)


def judge(rows: Rows, *, active: Rows | None = None, force: bool = False) -> Verdict:
    """Return the verdict on the model's metrics beside its baselines' and the serving version's.

    It must not lose to popularity or random, and not fall clearly below the active version. That one was
    measured on an earlier split; when popularity finds today's split harder, the bar sinks alike.
    """
    if not all(metric in rows[MODEL] for metric in METRICS):
        return _unmeasured(active=active, force=force)
    objections = _lost_to_baselines(rows) + (_fell_below_active(rows, active=active) if active else [])
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


def _fell_below_active(rows: Rows, *, active: Rows) -> list[str]:
    bars = {metric: _bar(metric, rows=rows, active=active) for metric in METRICS}
    return [
        f"{metric} {rows[MODEL][metric]:.4f} is more than {TOLERANCE:.0%} below the active version's: "
        f"at least {bar:.4f} was expected on this data."
        for metric, bar in bars.items()
        if rows[MODEL][metric] < bar
    ]


def _bar(metric: str, *, rows: Rows, active: Rows) -> float:
    recorded = active.get(MODEL, {}).get(metric, 0.0)
    easier_then = active.get("popularity", {}).get(metric, 0.0)
    now = rows["popularity"][metric]
    hardness = min(1.0, now / easier_then) if easier_then > 0 else 1.0
    return recorded * hardness * (1 - TOLERANCE)
