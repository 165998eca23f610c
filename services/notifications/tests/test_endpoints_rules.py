"""What an endpoint hears, and when it has failed for too long, without a database."""

from datetime import UTC, datetime, timedelta

import pytest

from opsloop_notifications.endpoints.rules import has_failed_too_long, hears

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("patterns", "type", "heard"),
    [
        (["*"], "kpi.breached", True),
        (["kpi.*"], "kpi.breached", True),
        (["kpi.*"], "kpis.breached", False),
        (["kpi.breached"], "kpi.breached", True),
        (["kpi.breached"], "kpi.recovered", False),
        (["feedback.*", "kpi.recovered"], "kpi.recovered", True),
    ],
)
def test_patterns(patterns, type, heard):
    assert hears(patterns, type) is heard


def test_five_days_of_failures():
    assert has_failed_too_long(NOW - timedelta(days=5), 10, NOW)
    assert not has_failed_too_long(NOW - timedelta(days=5), 9, NOW)
    assert not has_failed_too_long(NOW - timedelta(days=4, hours=23), 500, NOW)
