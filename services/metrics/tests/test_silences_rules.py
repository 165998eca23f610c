"""Which mutes and windows there may be."""

from datetime import UTC, datetime, timedelta

import pytest

from opsloop_common.errors import Invalid
from opsloop_metrics.silences import rules
from opsloop_metrics.silences.rules import Times, WindowState

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("starts", "ends", "state"),
    [(1, 2, "upcoming"), (0, 1, "active"), (-1, 1, "active"), (-1, 0, "past"), (-2, -1, "past")],
)
def test_a_window_begins_with_its_start_and_is_over_at_its_end(starts, ends, state):
    assert Times(NOW + starts * HOUR, NOW + ends * HOUR).state(NOW, "UTC") is WindowState(state)


@pytest.mark.parametrize(
    ("require", "given"),
    [
        (rules.require_ahead, (NOW, NOW)),
        (rules.require_ahead, (NOW + timedelta(days=30, microseconds=1), NOW)),
        (rules.require_times, (Times(NOW, NOW), "UTC")),
        (rules.require_times, (Times(NOW, NOW - HOUR), "UTC")),
        (rules.require_times, (Times(NOW, NOW + timedelta(days=31, microseconds=1)), "UTC")),
        (rules.require_known, (["a", "b"], {"a"})),
    ],
)
def test_what_cannot_be_is_refused(require, given):
    with pytest.raises(Invalid):
        require(*given)


def test_the_bounds_themselves_are_fine():
    rules.require_ahead(NOW + timedelta(days=30), NOW)
    rules.require_times(Times(NOW, NOW + timedelta(days=31)), "UTC")
    rules.require_known(["a"], {"a", "b"})
    rules.require_known([], set())
