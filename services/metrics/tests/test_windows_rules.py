"""Over which time a KPI is looked at, without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from opsloop_common.errors import FieldError, Invalid
from opsloop_metrics.insights.periods import WeekStart
from opsloop_metrics.kpi_periods.rules import TICK, Period
from opsloop_metrics.windows import rules
from opsloop_metrics.windows.rules import Calendar, Span, Window

DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
SHANGHAI = Calendar("Asia/Shanghai", WeekStart.MONDAY)
BERLIN = Calendar("Europe/Berlin", WeekStart.SUNDAY)
NOW = datetime(2026, 3, 31, 10, 30, tzinfo=UTC)  # a Tuesday, 18:30 in Shanghai, 12:30 in Berlin


@pytest.mark.parametrize("window", [None, SECOND, 366 * DAY, *Period])
def test_a_window_slides_or_is_a_period(window: Window | None):
    assert rules.read_window(window) == window


@pytest.mark.parametrize("window", [timedelta(), -SECOND, 366 * DAY + SECOND])
def test_a_window_that_is_none_is_refused(window: timedelta):
    with pytest.raises(Invalid) as refused:
        rules.read_window(window)
    assert list(refused.value.errors) == [FieldError("/window", "a window is longer than nothing and at most 366 days")]


@pytest.mark.parametrize(
    ("window", "length"), [(HOUR, HOUR), (Period.DAY, DAY), (Period.WEEK, 7 * DAY), (Period.MONTH, 31 * DAY)]
)
def test_how_long_it_is_at_most(window: Window, length: timedelta):
    assert rules.longest(window) == length


def utc(*numbers: int) -> datetime:
    return datetime(*numbers, tzinfo=UTC)


@pytest.mark.parametrize(
    ("window", "calendar", "start", "before"),
    [
        (HOUR, SHANGHAI, utc(2026, 3, 31, 9, 30), (utc(2026, 3, 31, 8, 30), utc(2026, 3, 31, 9, 30))),
        (Period.DAY, SHANGHAI, utc(2026, 3, 30, 16), (utc(2026, 3, 29, 16), utc(2026, 3, 30, 10, 30))),
        (Period.WEEK, SHANGHAI, utc(2026, 3, 29, 16), (utc(2026, 3, 22, 16), utc(2026, 3, 24, 10, 30))),
        # Sunday, 29 March, is the day on which clocks go on: it begins at 23:00, and Monday at 22:00
        (Period.DAY, BERLIN, utc(2026, 3, 30, 22), (utc(2026, 3, 29, 22), utc(2026, 3, 30, 10, 30))),
        (Period.WEEK, BERLIN, utc(2026, 3, 28, 23), (utc(2026, 3, 21, 23), utc(2026, 3, 24, 10, 30))),
        # 30.8 days of March are over, and February had 28
        (Period.MONTH, SHANGHAI, utc(2026, 2, 28, 16), (utc(2026, 1, 31, 16), utc(2026, 2, 28, 16) - TICK)),
    ],
)
def test_a_span_and_what_it_is_compared_with(
    window: Window, calendar: Calendar, start: datetime, before: tuple[datetime, datetime]
):
    span = rules.span(window, NOW, calendar)

    assert span == Span(start, NOW)
    assert span.length == NOW - start
    assert rules.span_before(window, span, calendar) == Span(*before)


def test_without_a_window_it_is_ever_since():
    span = rules.span(None, NOW, SHANGHAI)
    assert (span.start, span.length) == (None, None)


@pytest.mark.parametrize("period", [Period.DAY, Period.MONTH])
def test_at_its_first_moment_a_period_is_empty(period: Period):
    first = utc(2026, 3, 31, 16)
    assert rules.span(period, first, SHANGHAI).length == timedelta()
    assert rules.over_at(period, first, SHANGHAI) == (
        utc(2026, 4, 1, 16) if period is Period.DAY else utc(2026, 4, 30, 16)
    )


@pytest.mark.parametrize(
    ("window", "over_at"),
    [
        (None, None),
        (HOUR, None),
        (Period.DAY, utc(2026, 3, 31, 16)),
        (Period.WEEK, utc(2026, 4, 5, 16)),
        (Period.MONTH, utc(2026, 3, 31, 16)),
    ],
)
def test_a_period_ends(window: Window | None, over_at: datetime | None):
    assert rules.over_at(window, NOW, SHANGHAI) == over_at
