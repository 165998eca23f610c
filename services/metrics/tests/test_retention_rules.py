"""How far back a monitor may look, without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from opsloop_common.errors import FieldError, Invalid
from opsloop_metrics.retention import rules

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(("window", "fits"), [(None, True), (30 * DAY, True), (31 * DAY, False)])
def test_a_window_is_not_longer_than_events_are_kept(window: timedelta | None, fits: bool):
    if fits:
        rules.require_kept(window, 30 * DAY)
        return

    with pytest.raises(Invalid) as refused:
        rules.require_kept(window, 30 * DAY)

    said = "events are kept for 30 days, so a window over them is at most that long"
    assert list(refused.value.errors) == [FieldError("/window", said)]


@pytest.mark.parametrize(("longest", "days"), [(None, 30), (DAY, 30), (90 * DAY, 90)])
def test_a_window_from_before_keeps_what_it_measures(longest: timedelta | None, days: int):
    assert rules.kept_from(NOW, 30 * DAY, longest) == NOW - days * DAY
