"""What a KPI comes to, without a database."""

from datetime import UTC, datetime, timedelta

from opsloop_metrics.events.rules import Cause, Reading
from opsloop_metrics.kpis import rules

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_a_ratio_is_null_over_nothing_and_takes_the_denominators_samples():
    newest = Cause("b", "c", 0, None)
    over = Reading(3.0, 3, oldest_at=NOW, cause=Cause("a", "c", 0, None))

    whole = rules.combine([over, Reading(4.0, 4, oldest_at=NOW - MINUTE, cause=newest)])

    assert (whole.value, whole.samples, whole.oldest_at, whole.cause) == (0.75, 4, NOW - MINUTE, newest)
    assert rules.combine([over, Reading(0.0, 0)]).value is None
    assert rules.combine([over, Reading(None, 0)]).value is None
    assert rules.combine([Reading(None, 0), over]).value is None
    assert rules.combine([Reading(1e308, 1), Reading(1e-308, 1)]).value is None
