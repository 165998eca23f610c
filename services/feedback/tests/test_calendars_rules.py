"""Working time against a counter of minutes, and the days on which it is easily miscounted."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop_common.errors import Invalid
from opsloop_feedback.calendars import rules
from opsloop_feedback.calendars.rules import WEEK, Weekday

MINUTE = timedelta(minutes=1)
WORKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday"]
CHINA = {
    "time_zone": "Asia/Shanghai",
    "week": [
        {"days": WORKDAYS, "start": "09:00", "end": "12:00"},
        {"days": WORKDAYS, "start": "13:30", "end": "18:00"},
    ],
    "days": [
        {"first_day": "2026-10-01", "last_day": "2026-10-07", "works_as": None, "windows": []},
        {"first_day": "2026-10-10", "last_day": "2026-10-10", "works_as": "thursday", "windows": []},
    ],
}
ZONES = (
    "UTC",
    "Asia/Shanghai",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",  # half an hour of summer time
    "America/Havana",  # clocks change at midnight
    "Asia/Beirut",
    "Pacific/Chatham",
)


def calendar_of(**fields):
    return rules.read_calendar(**(CHINA | fields))


def local(text, zone="Asia/Shanghai"):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def shown(moment, zone="Asia/Shanghai"):
    return moment.astimezone(ZoneInfo(zone)).strftime("%a %m-%d %H:%M")


@pytest.mark.parametrize(
    ("start", "hours", "due"),
    [
        ("2026-11-27T17:30", 1, "Mon 11-30 09:30"),  # over the weekend
        ("2026-11-25T11:45", 1, "Wed 11-25 14:15"),  # over lunch
        ("2026-09-30T17:30", 1, "Thu 10-08 09:30"),  # over National Day
        ("2026-10-09T17:30", 1, "Sat 10-10 09:30"),  # a Saturday of make-up work
        ("2026-10-10T17:30", 1, "Mon 10-12 09:30"),
        ("2026-10-03T10:00", 1, "Thu 10-08 10:00"),  # begun on a holiday
        ("2026-11-25T08:00", 3, "Wed 11-25 12:00"),  # to the end of a window, not to the start of the next
        ("2026-11-25T12:30", 7.5, "Thu 11-26 12:00"),
        ("2026-11-25T09:00", 0.5, "Wed 11-25 09:30"),
    ],
)
def test_due_times_of_a_chinese_calendar(start, hours, due):
    assert shown(rules.due_at(calendar_of(), local(start), timedelta(hours=hours))) == due


NIGHT = [{"days": [day.value for day in WEEK], "start": "01:00", "end": "04:00"}]


@pytest.mark.parametrize(
    ("day", "hours"),
    [("2026-03-28", 3), ("2026-03-29", 2), ("2026-10-24", 3), ("2026-10-25", 4)],
)
def test_a_night_shift_is_as_long_as_the_clock_on_the_wall_shows(day, hours):
    """Berlin's clocks leave out 02:00 to 03:00 in March and show it twice in October."""
    berlin = calendar_of(time_zone="Europe/Berlin", week=NIGHT, days=[])
    begin = local(f"{day}T00:30", "Europe/Berlin")

    assert rules.elapsed(berlin, begin, local(f"{day}T05:00", "Europe/Berlin")) == timedelta(hours=hours)
    due = rules.due_at(berlin, begin, timedelta(hours=hours))
    assert shown(due, "Europe/Berlin").endswith("04:00")


def test_office_hours_do_not_move_when_clocks_do():
    berlin = calendar_of(time_zone="Europe/Berlin", days=[])

    due = rules.due_at(berlin, local("2026-03-27T17:30", "Europe/Berlin"), timedelta(hours=1))

    assert due == datetime(2026, 3, 30, 7, 30, tzinfo=UTC)  # 09:30 of summer time


def test_whoever_names_no_calendar_works_round_the_clock():
    start = datetime(2026, 11, 22, 23, 59, 30, tzinfo=UTC)

    assert rules.due_at(rules.ALWAYS, start, timedelta(hours=25)) == start + timedelta(hours=25)
    assert rules.elapsed(rules.ALWAYS, start, start + timedelta(days=3)) == timedelta(days=3)


def test_time_that_runs_backwards_is_none():
    start = local("2026-11-25T11:00")

    assert rules.elapsed(calendar_of(), start, start - timedelta(hours=1)) == timedelta()
    assert rules.elapsed(calendar_of(), start, start) == timedelta()


def test_what_is_due_after_three_years_is_due_at_no_time():
    one_hour_a_week = calendar_of(week=[{"days": ["monday"], "start": "09:00", "end": "10:00"}], days=[])
    start = local("2026-11-23T09:00")

    assert rules.due_at(one_hour_a_week, start, timedelta(hours=100)) == start + timedelta(weeks=99, hours=1)
    assert rules.due_at(one_hour_a_week, start, timedelta(hours=200)) is None


def test_windows_that_overlap_or_touch_are_one():
    week = [
        {"days": ["monday"], "start": "13:00", "end": "24:00"},
        {"days": ["monday"], "start": "09:00", "end": "12:00"},
        {"days": ["monday", "tuesday"], "start": "11:00", "end": "13:00"},
    ]
    joined = calendar_of(week=week, days=[])

    assert joined.week[0] == ((540, 1_440),)
    assert joined.week[1] == ((660, 780),)
    assert joined.week[2:] == ((),) * 5


def test_of_special_days_that_overlap_the_last_counts():
    short = {"first_day": "2026-10-07", "last_day": "2026-10-07", "works_as": None}
    days = [*CHINA["days"], short | {"windows": [{"start": "10:00", "end": "11:00"}]}]

    found = calendar_of(days=days)

    assert found.windows(date(2026, 10, 6)) == ()
    assert found.windows(date(2026, 10, 7)) == ((600, 660),)
    assert found.windows(date(2026, 10, 10)) == ((540, 720), (810, 1_080))


def test_special_days_are_few():
    year = {"first_day": "2026-01-01", "last_day": "2026-12-31"}

    rules.require_few([year, year])
    with pytest.raises(Invalid) as refused:
        rules.require_few([year, year, year])
    assert refused.value.errors[0].pointer == "/days"


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2026-11-25T08:59", False),
        ("2026-11-25T09:00", True),
        ("2026-11-25T11:59", True),
        ("2026-11-25T12:00", False),
        ("2026-10-10T10:00", True),
        ("2026-10-02T10:00", False),
    ],
)
def test_a_moment_is_working_time_or_not(at, is_open):
    assert rules.is_open(calendar_of(), local(at)) is is_open


TIMES = st.integers(0, 47).map(lambda half: half * 30)


@st.composite
def windows(draw, most=3):
    found = []
    for _ in range(draw(st.integers(0, most))):
        start = draw(TIMES)
        end = draw(st.integers(start + 1, 1_440))
        found.append({"start": _clock(start), "end": _clock(end)})
    return found


def _clock(minute):
    return f"{minute // 60:02}:{minute % 60:02}"


@st.composite
def calendars(draw):
    days = st.lists(st.sampled_from([day.value for day in Weekday]), min_size=1, max_size=7, unique=True)
    week = [window | {"days": draw(days)} for window in draw(windows(5))]
    around = st.dates(date(2026, 3, 1), date(2026, 4, 10)) | st.dates(date(2026, 10, 1), date(2026, 11, 8))
    special = []
    for _ in range(draw(st.integers(0, 4))):
        first = draw(around)
        last = first + timedelta(days=draw(st.integers(0, 3)))
        works_as = draw(st.none() | st.sampled_from([day.value for day in Weekday]))
        own = draw(windows()) if works_as is None else []
        entry = {"first_day": first.isoformat(), "last_day": last.isoformat()}
        special.append(entry | {"works_as": works_as, "windows": own})
    return {"time_zone": draw(st.sampled_from(ZONES)), "week": week, "days": special}


# minutes of the weeks in which clocks change
STARTS = st.integers(0, 34 * 1_440).map(
    lambda minute: datetime(2026, 3, 5, tzinfo=UTC) + minute * MINUTE
) | st.integers(0, 33 * 1_440).map(lambda minute: datetime(2026, 10, 3, tzinfo=UTC) + minute * MINUTE)


class Counter:
    """Asks the clock on the wall of each minute, and the entries as they were given."""

    def __init__(self, given):
        self.zone, self.given = ZoneInfo(given["time_zone"]), given

    def works(self, moment):
        wall = moment.astimezone(self.zone)
        weekday, own = WEEK[wall.weekday()].value, None
        for one in self.given["days"]:
            if one["first_day"] <= wall.date().isoformat() <= one["last_day"]:
                own = one
        if own is not None and own["works_as"] is None:
            return self._within(own["windows"], wall.time())
        weekday = weekday if own is None else own["works_as"]
        return self._within([one for one in self.given["week"] if weekday in one["days"]], wall.time())

    def _within(self, found, now):
        minute = now.hour * 60 + now.minute
        return any(self._minute(one["start"]) <= minute < self._minute(one["end"]) for one in found)

    def _minute(self, text):
        return int(text[:2]) * 60 + int(text[3:])


@settings(max_examples=60, deadline=None)
@given(calendars(), STARTS, st.integers(1, 6_000))
def test_it_counts_as_a_counter_of_minutes_does(given_calendar, start, length):
    calendar, counter = rules.read_calendar(**given_calendar), Counter(given_calendar)
    worked = [counter.works(start + number * MINUTE) for number in range(length)]

    assert rules.elapsed(calendar, start, start + length * MINUTE) == sum(worked) * MINUTE
    assert rules.is_open(calendar, start) is worked[0]
    if total := sum(worked):
        nth = max(total // 2, 1)
        reached = [number for number, works in enumerate(worked) if works][nth - 1]
        assert rules.due_at(calendar, start, nth * MINUTE) == start + (reached + 1) * MINUTE


@settings(max_examples=100, deadline=None)
@given(calendars(), STARTS, st.integers(1, 400_000), st.integers(0, 400_000))
def test_what_is_due_after_some_working_time_has_had_just_that(given_calendar, minute, seconds, split):
    start = minute + timedelta(microseconds=split)
    calendar, working = rules.read_calendar(**given_calendar), timedelta(seconds=seconds)
    due = rules.due_at(calendar, start, working)
    if due is None:
        return

    between = min(start + timedelta(seconds=split), due)

    assert rules.elapsed(calendar, start, due) == working
    assert rules.elapsed(calendar, start, between) + rules.elapsed(calendar, between, due) == working
    assert rules.elapsed(calendar, start, due - timedelta(microseconds=1)) < working
    left = working - rules.elapsed(calendar, start, between)
    assert rules.due_at(calendar, between, left) == due or not left


@settings(max_examples=60, deadline=None)
@given(calendars(), STARTS, st.integers(1, 6_000))
def test_it_opens_next_where_a_counter_of_minutes_sees_work_begin(given_calendar, start, length):
    calendar, counter = rules.read_calendar(**given_calendar), Counter(given_calendar)
    worked = [counter.works(start + number * MINUTE) for number in range(length)]
    begins = [number for number in range(1, length) if worked[number] and not worked[number - 1]]

    opens = rules.opens_after(calendar, start)

    if begins:
        assert opens == start + begins[0] * MINUTE
    else:
        assert opens is None or opens >= start + length * MINUTE


def test_the_day_begins_where_clocks_skip_midnight():
    cuba = calendar_of(
        time_zone="America/Havana", week=[{"days": ["sunday"], "start": "00:00", "end": "24:00"}], days=[]
    )
    before = local("2026-03-07T12:00", "America/Havana")

    assert rules.elapsed(cuba, before, before + timedelta(days=2)) == timedelta(hours=23)
    assert time(1) == rules.due_at(cuba, before, timedelta(seconds=1)).astimezone(cuba.zone).replace(second=0).time()
