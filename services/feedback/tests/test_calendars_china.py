"""The shipped days of China's year 2026, by the State Council's notice on holidays: imported through the door, and counted."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from opsloop_feedback.calendars import rules

FILE = Path(__file__).parents[3] / "docs/calendars/cn-2026.json"
WORKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday"]
WEEK = [{"days": WORKDAYS, "start": "09:00", "end": "12:00"}, {"days": WORKDAYS, "start": "13:30", "end": "18:00"}]
CALENDAR = {"name": "中国大陆", "time_zone": "Asia/Shanghai", "week": WEEK}


@pytest.fixture
async def calendar(desk):
    answer = await desk.client.post("/v1/calendars", json=CALENDAR, headers=desk.agent)
    path = f"/v1/calendars/{answer.json()['id']}"
    answer = await desk.client.patch(path, json=json.loads(FILE.read_text()), headers=desk.agent)
    assert answer.status_code == 200, answer.text
    return answer.json()


def read(calendar):
    return rules.read_calendar(calendar["time_zone"], calendar["week"], calendar["days"])


def workdays_of(calendar):
    found = [date(2026, 1, 1) + timedelta(days=number) for number in range(365)]
    return [day for day in found if calendar.windows(day)]


async def test_each_month_has_its_workdays(calendar):
    """Counted by hand: 248 in all, as many as weekdays without the holidays (242) and with the six make-up days."""
    days = workdays_of(read(calendar))

    months = [sum(day.month == month for day in days) for month in range(1, 13)]

    assert months == [21, 16, 22, 21, 19, 21, 23, 21, 22, 18, 21, 23]
    assert sum(months) == 248
    assert [day.isoformat() for day in days if day.weekday() > 4] == [
        "2026-01-04",
        "2026-02-14",
        "2026-02-28",
        "2026-05-09",
        "2026-09-20",
        "2026-10-10",
    ]


async def test_a_year_of_work_is_as_long_as_its_days(calendar):
    begin, end = datetime(2025, 12, 31, 16, tzinfo=UTC), datetime(2026, 12, 31, 16, tzinfo=UTC)

    assert rules.elapsed(read(calendar), begin, end) == 248 * timedelta(hours=7.5)


@pytest.mark.parametrize(
    ("start", "due"),
    [
        ("2026-02-13T17:30:00+08:00", "2026-02-14T01:30:00Z"),  # a Friday before a Saturday of make-up work
        ("2026-02-14T17:30:00+08:00", "2026-02-24T01:30:00Z"),  # before the nine days of the Spring Festival
        ("2026-02-27T17:45:00+08:00", "2026-02-28T01:45:00Z"),
        ("2026-09-24T17:30:00+08:00", "2026-09-28T01:30:00Z"),
        ("2026-09-30T17:30:00+08:00", "2026-10-08T01:30:00Z"),
        ("2026-10-10T12:00:00+08:00", "2026-10-10T06:30:00Z"),
    ],
)
async def test_an_hour_goes_over_holidays(desk, calendar, start, due):
    path = f"/v1/calendars/{calendar['id']}/due-time"

    assert (await desk.get(path, start=start, working="PT1H"))["due_at"] == due
