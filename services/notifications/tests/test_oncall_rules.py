"""Who is on call: handovers computed by hand, also over changes of clocks, and against a second writing."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_notifications.oncall import rules
from opsloop_notifications.oncall.rules import Override, Rotation, Shift, ShiftUnit, on_call

BERLIN, NEW_YORK, SHANGHAI, LORD_HOWE = "Europe/Berlin", "America/New_York", "Asia/Shanghai", "Australia/Lord_Howe"


def shifts(*given):
    return [shift for shift in rules.shifts(*given) if shift is not None]


def moment(text):
    return datetime.fromisoformat(text + "Z" if len(text) > 10 else text + "T00:00:00Z")


def rotation(begins, users="abc", *, zone="UTC", unit="weeks", length=1):
    return Rotation(tuple(users), datetime.fromisoformat(begins), ZoneInfo(zone), ShiftUnit(unit), length)


HANDOVERS = [
    # every week on Monday at 09:00 in Berlin: 07:00 UTC in summer, 08:00 in winter. Clocks go back on 25 October 2026
    ("2026-10-12T09:00", BERLIN, "weeks", 1, ["2026-10-12T07:00", "2026-10-19T07:00", "2026-10-26T08:00"]),
    # and forward on 29 March 2026
    ("2026-03-23T09:00", BERLIN, "weeks", 1, ["2026-03-23T08:00", "2026-03-30T07:00"]),
    # every day at 02:30, which is not there on 29 March: an hour later, at 03:30 (01:30 UTC); the day after at 02:30 (00:30 UTC)
    ("2026-03-28T02:30", BERLIN, "days", 1, ["2026-03-28T01:30", "2026-03-29T01:30", "2026-03-30T00:30"]),
    # which is there twice on 25 October: the first, at 00:30 UTC; the day after at 01:30 UTC
    ("2026-10-24T02:30", BERLIN, "days", 1, ["2026-10-24T00:30", "2026-10-25T00:30", "2026-10-26T01:30"]),
    # New York, 8 March at 02:00: 05:00 UTC becomes 04:00
    ("2026-03-07T00:00", NEW_YORK, "days", 1, ["2026-03-07T05:00", "2026-03-08T05:00", "2026-03-09T04:00"]),
    # clocks of Lord Howe are changed by half an hour (UTC+10:30 to +11, on 4 October 2026 at 02:00)
    ("2026-10-03T12:00", LORD_HOWE, "days", 1, ["2026-10-03T01:30", "2026-10-04T01:00"]),
    # no change of clocks in Shanghai
    ("2026-03-28T09:00", SHANGHAI, "days", 2, ["2026-03-28T01:00", "2026-03-30T01:00", "2026-04-01T01:00"]),
    # hours go by as they pass: twelve hours are twelve hours in the night of 29 March as well
    ("2026-03-28T20:00", BERLIN, "hours", 12, ["2026-03-28T19:00", "2026-03-29T07:00", "2026-03-29T19:00"]),
    ("2026-10-24T20:00", BERLIN, "hours", 12, ["2026-10-24T18:00", "2026-10-25T06:00", "2026-10-25T18:00"]),
    ("2026-01-01T00:00", "UTC", "weeks", 2, ["2026-01-01T00:00", "2026-01-15T00:00", "2026-01-29T00:00"]),
]


@pytest.mark.parametrize(("begins", "zone", "unit", "length", "expected"), HANDOVERS)
def test_handovers(begins, zone, unit, length, expected):
    made = rotation(begins, zone=zone, unit=unit, length=length)

    assert [made.handover(number) for number in range(len(expected))] == [moment(each + ":00") for each in expected]
    for number, each in enumerate(expected):
        at = moment(each + ":00")
        assert made.shift_at(at) == number
        assert made.shift_at(at - timedelta(seconds=1)) == (number - 1 if number else None)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-02T08:59:59", None),
        ("2026-11-02T09:00:00", "a"),
        ("2026-11-09T08:59:59", "a"),
        ("2026-11-09T09:00:00", "b"),
        ("2026-11-16T09:00:00", "c"),
        ("2026-11-23T09:00:00", "a"),
        ("2027-11-01T09:00:00", "b"),  # 52 weeks later: 52 = 17 × 3 + 1
    ],
)
def test_whose_turn_it_is(at, expected):
    made = rotation("2026-11-02T09:00")
    assert made.user_at(moment(at)) == expected


def test_one_alone_is_always_on_call():
    made = rotation("2026-11-02T09:00", "a", unit="hours", length=4)

    assert {made.user_at(moment(f"2026-11-{day:02}T12:00:00")) for day in range(3, 30)} == {"a"}


BASE = rotation("2026-11-02T00:00", "ab", unit="days")  # a on the 2nd, b on the 3rd, a on the 4th …
LATER = rotation("2026-11-05T12:00", "x", unit="weeks")


@pytest.mark.parametrize(
    ("at", "overrides", "expected"),
    [
        ("2026-11-03T06:00:00", [], ("b", False)),
        ("2026-11-05T11:59:59", [], ("b", False)),
        ("2026-11-05T12:00:00", [], ("x", False)),  # the last rotation that has begun
        ("2026-11-01T00:00:00", [], None),
        ("2026-11-03T06:00:00", [("o", "2026-11-03T06:00:00", "2026-11-03T07:00:00")], ("o", True)),
        ("2026-11-03T07:00:00", [("o", "2026-11-03T06:00:00", "2026-11-03T07:00:00")], ("b", False)),
        ("2026-11-01T00:00:00", [("o", "2026-10-31T00:00:00", "2026-11-02T00:00:00")], ("o", True)),
        # of two the last that was made
        ("2026-11-03T06:30:00", [("o", "2026-11-03T06:00:00", "2026-11-03T07:00:00"), ("p", "2026-11-03T06:15:00", "2026-11-03T06:45:00")],
         ("p", True)),
        ("2026-11-03T06:50:00", [("o", "2026-11-03T06:00:00", "2026-11-03T07:00:00"), ("p", "2026-11-03T06:15:00", "2026-11-03T06:45:00")],
         ("o", True)),
    ],
)  # fmt: skip
def test_who_is_on_call(at, overrides, expected):
    made = [Override(user, moment(starts), moment(ends)) for user, starts, ends in overrides]
    assert on_call([BASE, LATER], made, moment(at)) == expected


def test_shifts_follow_each_other():
    override = Override("o", moment("2026-11-03T12:00:00"), moment("2026-11-04T06:00:00"))
    found = shifts([BASE, LATER], [override], moment("2026-11-01T00:00:00"), moment("2026-11-06T00:00:00"))

    assert [
        (one.user, one.starts_at.strftime("%d %H"), one.ends_at.strftime("%d %H"), one.is_override) for one in found
    ] == [
        ("a", "02 00", "03 00", False),
        ("b", "03 00", "03 12", False),
        ("o", "03 12", "04 06", True),
        ("a", "04 06", "05 00", False),
        ("b", "05 00", "05 12", False),
        ("x", "05 12", "06 00", False),
    ]


def test_the_same_person_twice_is_one_shift():
    found = shifts(
        [rotation("2026-11-02T00:00", "aab", unit="days")],
        [],
        moment("2026-11-02T00:00:00"),
        moment("2026-11-06T00:00:00"),
    )
    assert [(one.user, (one.ends_at - one.starts_at).days) for one in found] == [("a", 2), ("b", 1), ("a", 1)]


def test_a_shift_over_a_change_of_clocks_is_longer_or_shorter():
    made = rotation("2026-03-28T22:00", "ab", zone=BERLIN, unit="days")
    found = shifts([made], [], moment("2026-03-28T21:00:00"), moment("2026-03-30T20:00:00"))
    assert [(one.ends_at - one.starts_at) / timedelta(hours=1) for one in found] == [23, 24]

    made = rotation("2026-10-24T22:00", "ab", zone=BERLIN, unit="days")
    found = shifts([made], [], moment("2026-10-24T20:00:00"), moment("2026-10-26T21:00:00"))
    assert [(one.ends_at - one.starts_at) / timedelta(hours=1) for one in found] == [25, 24]


ZONES = st.sampled_from(["UTC", BERLIN, NEW_YORK, SHANGHAI, LORD_HOWE, "Asia/Kolkata", "Pacific/Apia"])
UNITS = st.sampled_from([("hours", 5), ("hours", 12), ("days", 1), ("days", 3), ("weeks", 1), ("weeks", 2)])
BEGINS = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)).map(lambda at: at.replace(second=0, microsecond=0))  # noqa: DTZ001


@given(BEGINS, ZONES, UNITS, st.integers(0, 400 * 24 * 60), st.integers(1, 4))
def test_turns_are_those_of_who_counts_them_one_by_one(begins, zone, unit, minutes, people):
    """Walk from handover to handover by the clock on the wall, and see who has it."""
    name, length = unit
    users = "abcd"[:people]
    made = Rotation(tuple(users), begins, ZoneInfo(zone), ShiftUnit(name), length)
    start = begins.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    now = start + timedelta(minutes=minutes)
    number = 0
    while True:
        span = timedelta(**{name: length * (number + 1)})
        after = start + span if name == "hours" else (begins + span).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
        if after > now:
            break
        number += 1

    assert made.shift_at(now) == number
    assert made.user_at(now) == users[number % people]


@given(BEGINS, ZONES, UNITS, st.integers(0, 90 * 24), st.integers(1, 31 * 24), st.integers(0, 31 * 24))
def test_shifts_say_at_each_moment_what_is_asked_of_it(begins, zone, unit, since, hours, probe):
    made = Rotation(("a", "b", "c"), begins, ZoneInfo(zone), ShiftUnit(unit[0]), unit[1])
    first = moment("2026-03-01T00:00:00") + timedelta(hours=since)
    override = Override("o", first + timedelta(hours=5), first + timedelta(hours=30))
    last, at = first + timedelta(hours=hours), first + timedelta(hours=probe % hours)
    found = shifts([made], [override], first, last)

    covering = [one for one in found if one.starts_at <= at < one.ends_at]
    assert [(one.user, one.is_override) for one in covering] == [
        one for one in [on_call([made], [override], at)] if one
    ]
    assert all(isinstance(one, Shift) and first <= one.starts_at < one.ends_at <= last for one in found)
    assert all(one.ends_at <= other.starts_at for one, other in pairwise(found))


LAYERS = st.lists(st.tuples(st.integers(0, 200), st.sampled_from(["a", "ab", "abc"]), UNITS), min_size=1, max_size=3)
SPANS = st.lists(st.tuples(st.sampled_from("op"), st.integers(0, 400), st.integers(1, 60)), max_size=4)


@given(LAYERS, SPANS, st.integers(-20, 500))
def test_who_is_on_call_is_that_of_a_second_writing(layers, spans, hour):
    """Paint who has it hour by hour: rotation over rotation as each begins, then override over override as they were made."""
    zero = datetime(2026, 6, 1, tzinfo=UTC)  # no clocks are changed in UTC
    rotations, overrides, painted = [], [], {}
    for begin, users, (unit, length) in layers:
        begins = (zero + timedelta(hours=begin)).replace(tzinfo=None)
        rotations.append(Rotation(tuple(users), begins, ZoneInfo("UTC"), ShiftUnit(unit), length))
        hours = length * {"hours": 1, "days": 24, "weeks": 168}[unit]
        painted |= {begin + each: (users[each // hours % len(users)], False) for each in range(501 - begin)}
    for user, begin, length in spans:
        overrides.append(Override(user, zero + timedelta(hours=begin), zero + timedelta(hours=begin + length)))
        painted |= {begin + each: (user, True) for each in range(length)}

    assert on_call(rotations, overrides, zero + timedelta(hours=hour)) == painted.get(hour)


def test_an_override_does_not_move_whose_turn_is_next():
    """Who was relieved has not kept their turn: b is on the 3rd as they would have been."""
    relieved = Override("o", moment("2026-11-02T00:00:00"), moment("2026-11-03T00:00:00"))
    found = shifts([BASE], [relieved], moment("2026-11-02T00:00:00"), moment("2026-11-05T00:00:00"))

    assert [one.user for one in found] == ["o", "b", "a"]


def test_overrides_that_lie_outside_change_nothing():
    since, until = moment("2026-11-02T00:00:00"), moment("2026-11-04T00:00:00")
    outside = [
        Override("o", moment("2026-11-01T00:00:00"), since),  # its end is no part of it
        Override("p", until, moment("2026-11-05T00:00:00")),
    ]

    assert shifts([BASE], outside, since, until) == shifts([BASE], [], since, until)


def test_an_override_over_all_of_it_is_one_shift():
    since, until = moment("2026-11-02T00:00:00"), moment("2026-11-09T00:00:00")
    over = Override("o", moment("2026-11-01T00:00:00"), moment("2026-12-01T00:00:00"))

    assert shifts([BASE, LATER], [over], since, until) == [Shift("o", since, until, True)]
