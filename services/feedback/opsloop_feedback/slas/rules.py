"""What came of clocks, added up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from opsloop_feedback.sla_policies.rules import Target


@dataclass(frozen=True)
class Outcome:
    """How many clocks of one target were met and breached. `median`: of the working time that those met took."""

    group: str | None
    target: str
    met: int
    breached: int
    median: timedelta | None

    @property
    def compliance(self) -> float | None:
        """Return the share that was met; None of nothing."""
        ended = self.met + self.breached
        return self.met / ended if ended else None

    @property
    def median_seconds(self) -> float | None:
        """Return the median in seconds."""
        return None if self.median is None else self.median.total_seconds()


def totals(rows: Sequence[Outcome]) -> list[Outcome]:
    """Return what each target came to in all groups; their medians cannot be added up."""
    found = []
    for target in Target:
        own = [row for row in rows if row.target == target]
        if own:
            met, breached = sum(row.met for row in own), sum(row.breached for row in own)
            found.append(Outcome(None, target.value, met, breached, None))
    return found
