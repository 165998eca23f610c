"""From counts to rows: shares, what is complete, and means."""

from datetime import UTC, date, datetime, timedelta

import pytest

from opsloop_common.errors import Invalid
from opsloop_metrics.insights.periods import EventFilter, Interval, WeekStart, frame_of
from opsloop_metrics.retentions.rules import (
    Breakdown,
    Counted,
    Retention,
    RetentionMode,
    answered,
    as_table,
    edges_of,
    require_sound,
)

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def looking(now=NOON, interval=Interval.DAY, start=date(2026, 3, 1), end=date(2026, 3, 2), zone="UTC"):
    return frame_of(
        workspace="acme", now=now, zone=zone, week_start=WeekStart.MONDAY, interval=interval, start=start, end=end
    )


def asking(**given):
    return Retention(EventFilter("A"), EventFilter("B"), **({"periods": 3} | given))


def counts(result):
    return [[cell.count for cell in row.values] for row in result.cohorts]


# four began on the 1st, of whom two came on the 2nd and one on the 3rd; one on the 2nd, who came on the 3rd
COUNTED = [
    Counted(0, None, 0, 0, 4),
    Counted(0, None, 0, 1, 2),
    Counted(0, None, 0, 2, 1),
    Counted(0, None, 1, 0, 1),
    Counted(0, None, 1, 1, 1),
]


def test_rows_shares_and_means():
    found = answered(looking(), asking(), COUNTED)

    assert counts(found) == [[4, 2, 1], [1, 1, 0]]
    assert [cell.share for cell in found.cohorts[0].values] == [1, 0.5, 0.25]
    # on the 4th at noon the 4th, column 2 of the 2nd, is not over
    assert [[cell.is_complete for cell in row.values] for row in found.cohorts] == [[True] * 3, [True, True, False]]
    assert found.average == [1, 3 / 5, 1 / 4]


def test_an_interval_that_ends_now_is_complete():
    end = datetime(2026, 3, 5, tzinfo=UTC)

    assert answered(looking(end), asking(), COUNTED).cohorts[1].values[2].is_complete
    assert not answered(looking(end - timedelta(milliseconds=1)), asking(), COUNTED).cohorts[1].values[2].is_complete


def test_an_interval_that_begins_now_has_begun():
    """Column 2 of the 1st and column 1 of the 2nd are the 3rd, column 2 of the 2nd is the 4th."""
    begin = datetime(2026, 3, 3, tzinfo=UTC)
    begun = [
        [[cell.has_begun for cell in row.values] for row in answered(looking(now), asking(), COUNTED).cohorts]
        for now in (begin, begin - timedelta(milliseconds=1))
    ]

    assert begun == [[[True] * 3, [True, True, False]], [[True, True, False], [True, False, False]]]


def test_a_window_of_24_hours_has_begun_as_soon_as_somebodys_may():
    # 8 March begins in US/Pacific at 08:00 UTC, so column 1 on the 9th at 08:00
    day, begin = date(2026, 3, 8), datetime(2026, 3, 9, 8, tzinfo=UTC)
    for now, begun in ((begin, True), (begin - timedelta(seconds=1), False)):
        frame = looking(now, start=day, end=day, zone="US/Pacific")
        assert answered(frame, asking(windows_24h=True), []).cohorts[0].values[1].has_begun is begun


def test_whoever_comes_later_has_come_then_or_later():
    found = answered(looking(), asking(rolling=True), COUNTED)

    assert counts(found) == [[4, 3, 1], [1, 1, 0]]


def test_windows_of_24_hours_end_after_the_rows_last_start():
    # 8 March has 23 hours in US/Pacific and ends on the 9th at 07:00 UTC: column 1 ends 48 h later
    day, end = date(2026, 3, 8), datetime(2026, 3, 11, 7, tzinfo=UTC)
    for now, complete in ((end, True), (end - timedelta(seconds=1), False)):
        frame = looking(now, start=day, end=day, zone="US/Pacific")
        assert answered(frame, asking(windows_24h=True), []).cohorts[0].values[1].is_complete is complete


def test_values_stand_in_the_order_of_their_ranks():
    counted = [Counted(2, "$other", 1, 0, 5), Counted(1, "b", 0, 0, 2)]

    found = answered(looking(), asking(breakdown=Breakdown("path", 1)), counted)

    assert [(row.start.day, row.breakdown, row.size) for row in found.cohorts] == [
        (1, "b", 2),
        (1, "$other", 0),
        (2, "b", 0),
        (2, "$other", 5),
    ]


@pytest.mark.parametrize(("interval", "last"), [("day", (3, 5)), ("week", (3, 23)), ("month", (6, 1))])
def test_edges_reach_as_far_as_the_columns(interval, last):
    edges = edges_of(looking(interval=Interval(interval), start=date(2026, 3, 2)), asking(periods=3))

    assert (edges[-1].month, edges[-1].day) == last


def test_a_table_has_a_row_a_cell():
    names, rows = as_table(answered(looking(), asking(), COUNTED))

    assert names == ["start", "breakdown", "size", "period", "count", "share", "has_begun", "is_complete"]
    assert len(rows) == 6
    assert rows[1][1:] == [None, 4, 1, 2, 0.5, "true", "true"]


@pytest.mark.parametrize("mode", RetentionMode)
def test_windows_of_24_hours_go_with_days(mode):
    require_sound(looking(), asking(windows_24h=True, mode=mode))
    with pytest.raises(Invalid):
        require_sound(looking(interval=Interval.WEEK), asking(windows_24h=True, mode=mode))


def test_cells_are_bounded():
    frame = looking(start=date(2025, 1, 1), end=date(2026, 3, 1))  # 425 days

    require_sound(frame, asking(periods=100))
    with pytest.raises(Invalid):
        require_sound(frame, asking(periods=100, breakdown=Breakdown("path", 1)))
