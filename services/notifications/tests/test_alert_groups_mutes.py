"""Hours in which a route tells nothing, also on the days on which clocks are changed: moments computed by hand."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_common.testing.due import run_due
from opsloop_notifications.alert_groups.rules import DAYS, read_mute_times
from services.notifications.tests.watching import DUE, Watch, lasting, over


def mute(start, end, zone="UTC", days=()):
    [found] = read_mute_times([{"days": list(days), "start": start, "end": end, "time_zone": zone}])
    return found


BERLIN, NEW_YORK, SHANGHAI, HALF = "Europe/Berlin", "America/New_York", "Asia/Shanghai", "Asia/Kolkata"

MOMENTS = [
    # Berlin, 29 March 2026: at 02:00 (01:00 UTC) it is 03:00. 02:30 is not on the clock that night
    ("02:00", "03:00", BERLIN, (), "2026-03-29T00:59:59Z", False),  # 01:59:59
    ("02:00", "03:00", BERLIN, (), "2026-03-29T01:00:00Z", False),  # 03:00: the hour was left out
    ("01:30", "03:30", BERLIN, (), "2026-03-29T00:30:00Z", True),  # 01:30
    ("01:30", "03:30", BERLIN, (), "2026-03-29T01:29:59Z", True),  # 03:29:59, an hour after the beginning
    ("01:30", "03:30", BERLIN, (), "2026-03-29T01:30:00Z", False),
    ("22:00", "08:00", BERLIN, (), "2026-03-28T21:00:00Z", True),  # 22:00 in winter: UTC+1
    ("22:00", "08:00", BERLIN, (), "2026-03-29T05:59:59Z", True),  # 07:59:59 in summer: UTC+2; nine hours in all
    ("22:00", "08:00", BERLIN, (), "2026-03-29T06:00:00Z", False),
    # Berlin, 25 October 2026: at 03:00 (01:00 UTC) it is 02:00 again, so 02:00 to 03:00 is there twice
    ("02:00", "03:00", BERLIN, (), "2026-10-25T00:00:00Z", True),  # 02:00 for the first time
    ("02:00", "03:00", BERLIN, (), "2026-10-25T00:59:59Z", True),
    ("02:00", "03:00", BERLIN, (), "2026-10-25T01:00:00Z", True),  # and for the second
    ("02:00", "03:00", BERLIN, (), "2026-10-25T01:59:59Z", True),
    ("02:00", "03:00", BERLIN, (), "2026-10-25T02:00:00Z", False),
    # New York: 8 March 2026 at 02:00 (07:00 UTC), 1 November 2026 at 02:00 (06:00 UTC)
    ("02:00", "03:00", NEW_YORK, (), "2026-03-08T07:00:00Z", False),
    ("01:00", "02:00", NEW_YORK, (), "2026-11-01T05:30:00Z", True),
    ("01:00", "02:00", NEW_YORK, (), "2026-11-01T06:30:00Z", True),
    ("01:00", "02:00", NEW_YORK, (), "2026-11-01T07:00:00Z", False),
    # the day of the week is that of the place: Sunday 20:00 UTC is Monday 04:00 in Shanghai
    ("00:00", "08:00", SHANGHAI, ("monday",), "2026-11-22T20:00:00Z", True),
    ("00:00", "08:00", SHANGHAI, ("sunday",), "2026-11-22T20:00:00Z", False),
    ("09:00", "10:00", HALF, (), "2026-11-22T03:30:00Z", True),  # UTC+5:30
    ("09:00", "10:00", HALF, (), "2026-11-22T04:30:00Z", False),
    # past midnight it belongs to the day on which it begins: Friday's night ends on Saturday, Sunday's on Monday
    ("22:00", "06:00", "UTC", ("friday",), "2026-11-28T05:59:59Z", True),
    ("22:00", "06:00", "UTC", ("friday",), "2026-11-28T22:00:00Z", False),
    ("22:00", "06:00", "UTC", ("sunday",), "2026-11-23T03:00:00Z", True),
    ("22:00", "06:00", "UTC", ("monday",), "2026-11-23T03:00:00Z", False),
    # both alike: a whole day from there
    ("06:00", "06:00", "UTC", ("monday",), "2026-11-23T05:59:59Z", False),
    ("06:00", "06:00", "UTC", ("monday",), "2026-11-23T06:00:00Z", True),
    ("06:00", "06:00", "UTC", ("monday",), "2026-11-24T05:59:59Z", True),
    ("06:00", "06:00", "UTC", ("monday",), "2026-11-24T06:00:00Z", False),
]


@pytest.mark.parametrize(("start", "end", "zone", "days", "moment", "expected"), MOMENTS)
def test_a_moment(start, end, zone, days, moment, expected):
    assert mute(start, end, zone, days).covers(datetime.fromisoformat(moment)) is expected


HOURS = st.integers(0, 23).map(lambda hour: f"{hour:02}:00")


@given(HOURS, HOURS, st.sets(st.sampled_from(DAYS)), st.integers(0, 7 * 24 * 4))
def test_hours_are_those_of_a_second_writing(start, end, days, quarter):
    """All of a week in UTC, painted quarter by quarter, against what is asked."""
    monday = datetime(2026, 11, 16, tzinfo=UTC)
    first, last = int(start[:2]) * 4, int(end[:2]) * 4
    length = last - first if last > first else last - first + 96
    painted = {
        (day * 96 + first + step) % (7 * 96)
        for day, name in enumerate(DAYS)
        if not days or name in days
        for step in range(length)
    }

    found = mute(start, end, days=days).covers(monday + timedelta(minutes=15 * quarter))
    assert found is (quarter % (7 * 96) in painted)


@pytest.fixture
async def watch(service, hook):
    made = Watch(service, await service.key(), None)
    made.receiver = await made.call("POST", "/v1/webhooks", 201, url=hook.url, format="alertmanager")
    return made


def clock(watch, minutes):
    return (watch.service.clock.now() + timedelta(minutes=minutes)).strftime("%H:%M")


async def test_what_fires_and_ends_within_is_never_told_and_what_was_told_before_is_told_to_have_ended(watch):
    hours = {"start": clock(watch, 2), "end": clock(watch, 30)}
    await watch.call("POST", "/v1/alert-routes", 201, name="quiet", group_by=[], mute_times=[hours])
    await run_due(watch.service.db, DUE)
    await watch.post(lasting(watch, "before"))
    await watch.pass_by(30)
    await watch.pass_by(150)
    await watch.post(lasting(watch, "within"), lasting(watch, "stays"))
    await watch.pass_by(600, step=60)
    await watch.post(over(watch, "within"), over(watch, "before"))
    await watch.pass_by(2_400, step=60)

    (_, first), *rest = await watch.said()
    assert (first, [names for _, names in rest]) == (["+before"], [["+stays", "-before"]])


async def test_routes_beside_are_not_muted(watch):
    await watch.call("POST", "/v1/alert-routes", 201, name="quiet", position=1, mute_times=[{"start": "00:00", "end": "00:00"}],
                     matchers=[{"name": "area", "value": "search"}], **{"continue": True})  # fmt: skip
    await watch.call("POST", "/v1/alert-routes", 201, name="loud", position=2)
    await run_due(watch.service.db, DUE)
    await watch.post(lasting(watch, "a", area="search"))
    await watch.pass_by(30)

    assert [document["groupKey"].split(":")[0] for document, _ in await watch.told()] == ["{}/{loud}"]
