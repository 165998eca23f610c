"""From when on events are kept, without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from opsloop_metrics.forgetting import rules

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(("longest", "days"), [(None, 30), (DAY, 30), (90 * DAY, 90)])
def test_a_window_from_before_keeps_what_it_measures(longest: timedelta | None, days: int):
    assert rules.kept_from(NOW, 30 * DAY, longest) == NOW - days * DAY
