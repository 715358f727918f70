"""What an import did, as one table."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from recommender.importing.job import Tally


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The counts of one import, dry or not."""

    schema: str
    source: str
    tallies: dict[str, Tally]
    rejected: Counter[tuple[str, str]]  # by file and reason
    notices: Counter[str]
    reject_file: Path | None
    seconds: float
    dry_run: bool

    def __str__(self) -> str:
        lines = [
            f"{self.source} in the {self.schema} schema{' (dry run: nothing was written)' * self.dry_run}",
            "",
        ]
        lines.append(f"{'':<14}{'new':>10}{'changed':>10}{'unchanged':>11}")
        for name, tally in self.tallies.items():
            lines.append(f"{name:<14}{tally.new:>10,}{tally.changed:>10,}{tally.unchanged:>11,}")
        lines += self._rejected_lines()
        lines += [f"{count:>10,}  {text}" for text, count in self.notices.most_common() if count]
        new, changed = (
            sum(getattr(tally, name) for tally in self.tallies.values()) for name in ("new", "changed")
        )
        lines += [
            "",
            f"{new:,} new, {changed:,} changed, {self.rejected.total():,} rejected in {self.seconds:.1f} s",
        ]
        return "\n".join(lines)

    def _rejected_lines(self) -> list[str]:
        if not self.rejected:
            return ["", "No row was rejected."]
        where = f", listed in {self.reject_file}" if self.reject_file else ""
        lines = ["", f"Rejected rows{where}:"]
        return lines + [
            f"{count:>10,}  {file}: {reason}" for (file, reason), count in self.rejected.most_common()
        ]
