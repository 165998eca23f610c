"""What becomes of a message to a person, by tables; and quiet hours in 24 zones and over both changes of the clocks."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_notifications.consent.rules import (
    ALERT,
    CONFIRMATION,
    INBOX,
    REPLY,
    Defer,
    Gather,
    PersonFacts,
    Send,
    Skip,
    TopicFacts,
    decide,
    priority_of,
    quiet_until,
    zone_of,
)

NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)
NIGHT = (time(22), time(8))
OFF = {"news": {"email": False}}
NEWS, CRITICAL = TopicFacts("news"), TopicFacts("outage", is_critical=True)
QUESTION, ESCALATED, ANSWER = TopicFacts(CONFIRMATION), TopicFacts(ALERT), TopicFacts(REPLY)
# a zone of each whole hour from UTC-11 to UTC+12 in June 2026
ZONES = (
    "Pacific/Pago_Pago", "Pacific/Honolulu", "Pacific/Gambier", "America/Anchorage", "America/Los_Angeles",
    "America/Denver", "America/Chicago", "America/New_York", "America/Halifax", "America/Sao_Paulo",
    "Atlantic/South_Georgia", "Atlantic/Cape_Verde", "UTC", "Europe/London", "Europe/Paris", "Europe/Kyiv",
    "Asia/Dubai", "Asia/Tashkent", "Asia/Dhaka", "Asia/Bangkok", "Asia/Shanghai", "Asia/Tokyo", "Australia/Sydney",
    "Pacific/Auckland",
)  # fmt: skip


def person(**facts):
    return PersonFacts(**{"address": "u1@example.test"} | facts)


@pytest.mark.parametrize(
    ("who", "topic", "expected"),
    [
        (person(), NEWS, Send()),
        (person(address=None), CRITICAL, Skip("no_address")),
        (person(address=None, suppressed="manual"), NEWS, Skip("no_address")),
        *((person(suppressed=why), NEWS, Skip("suppressed")) for why in ("hard_bounce", "complaint", "unsubscribe")),
        *((person(suppressed=why), CRITICAL, Skip("suppressed")) for why in ("hard_bounce", "complaint", "manual")),
        (person(suppressed="unsubscribe"), CRITICAL, Send(may_leave=False)),
        (person(suppressed="unsubscribe"), QUESTION, Send(may_leave=False)),
        (person(suppressed="hard_bounce"), QUESTION, Skip("suppressed")),
        (person(is_confirmed=False), NEWS, Skip("not_confirmed")),
        (person(is_confirmed=False), CRITICAL, Skip("not_confirmed")),
        (person(is_confirmed=False, suppressed="manual"), NEWS, Skip("suppressed")),
        (person(is_confirmed=False), QUESTION, Send(may_leave=False)),
        (person(is_confirmed=False, quiet=(time(11), time(13))), ANSWER, Send(may_leave=False)),
        (person(suppressed="unsubscribe"), ANSWER, Send(may_leave=False)),
        (person(suppressed="hard_bounce"), ANSWER, Skip("suppressed")),
        (person(wanted=OFF), NEWS, Skip("unsubscribed")),
        (person(wanted={"news": {"inbox": False}}), NEWS, Send()),
        (person(wanted={"else": {"email": False}}), NEWS, Send()),
        (person(), TopicFacts("news", is_on=False), Skip("unsubscribed")),
        (person(wanted={"news": {"email": True}}), TopicFacts("news", is_on=False), Send()),
        (person(wanted={"outage": {"email": False}}), CRITICAL, Send(may_leave=False)),
        (person(recent=2), TopicFacts("news", throttle_count=3), Send()),
        (person(recent=3), TopicFacts("news", throttle_count=3), Skip("throttled")),
        (person(recent=3, wanted=OFF), TopicFacts("news", throttle_count=3), Skip("unsubscribed")),
        (person(recent=9), TopicFacts("outage", is_critical=True, throttle_count=3), Send(may_leave=False)),
        (person(quiet=NIGHT), NEWS, Send()),
        (person(quiet=(time(11), time(13))), NEWS, Defer(NOON + timedelta(hours=1))),
        (person(quiet=(time(11), time(13))), CRITICAL, Send(may_leave=False)),
        (person(quiet=(time(11), time(13)), recent=3), TopicFacts("news", throttle_count=3), Skip("throttled")),
        (person(quiet=NIGHT, zone="Asia/Shanghai"), NEWS, Send()),
        (person(quiet=NIGHT, zone="Pacific/Auckland"), NEWS, Defer(datetime(2026, 6, 15, 20, tzinfo=UTC))),
        (person(quiet=NIGHT, zone="Nowhere/Any_More"), NEWS, Send()),
    ],
)
def test_the_first_reason_that_ends_it_is_told(who, topic, expected):
    assert decide(who, topic, channel="email", now=NOON) == expected


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        (person(), Send(may_leave=False)),
        (person(quiet=(time(11), time(13)), recent=9), Send(may_leave=False)),
        (person(suppressed="unsubscribe"), Send(may_leave=False)),
        (person(suppressed="hard_bounce"), Skip("suppressed")),
        (person(is_confirmed=False), Skip("not_confirmed")),
        (person(address=None), Skip("no_address")),
    ],
)
def test_an_alert_passes_what_people_want_and_no_address_that_does_not_work(who, expected):
    assert decide(who, ESCALATED, channel="email", now=NOON) == expected


@pytest.mark.parametrize(
    ("who", "topic", "expected"),
    [
        (person(address=None), NEWS, Send()),
        (person(suppressed="hard_bounce", is_confirmed=False), NEWS, Send()),
        (person(quiet=(time(11), time(13))), NEWS, Send()),
        (person(wanted=OFF), NEWS, Send()),
        (person(wanted={"news": {"inbox": False}}), NEWS, Skip("unsubscribed")),
        (person(wanted={"outage": {"inbox": False}}), CRITICAL, Send(may_leave=False)),
        (person(), TopicFacts("news", is_on=False), Skip("unsubscribed")),
        (person(recent=3), TopicFacts("news", throttle_count=3), Skip("throttled")),
    ],
)
def test_an_inbox_needs_no_address_and_is_filled_at_night_with_what_is_wanted(who, topic, expected):
    assert decide(who, topic, channel=INBOX, now=NOON) == expected


def test_there_is_a_zone_of_each_hour():
    offsets = [NOON.astimezone(zone_of(name)).utcoffset() for name in ZONES]

    assert len(set(offsets)) >= 21  # summer puts some together; none is left out
    assert len(ZONES) == 24


@pytest.mark.parametrize("name", ZONES)
def test_a_night_is_left_alone_in_each_zone(name):
    zone = ZoneInfo(name)

    def at(day, hour, minute=0):
        return datetime(2026, 6, day, hour, minute, tzinfo=zone).astimezone(UTC)

    morning = at(16, 8)
    told = {
        at(15, 21, 59): None,
        at(15, 22): morning,
        at(15, 23, 59): morning,
        at(16, 0): morning,
        at(16, 7, 59): morning,
        morning: None,
        at(16, 12): None,
    }
    assert {now: quiet_until(NIGHT, zone, now) for now in told} == told


@pytest.mark.parametrize(
    ("name", "quiet", "now", "until"),
    [
        # forward: 2026-03-29 02:00 → 03:00 in Berlin; the night is an hour shorter
        ("Europe/Berlin", NIGHT, "2026-03-28T22:30:00Z", "2026-03-29T06:00:00Z"),
        # the end is skipped: it is over when the clocks are set
        ("Europe/Berlin", (time(22), time(2, 30)), "2026-03-28T23:00:00Z", "2026-03-29T01:00:00Z"),
        # the start is skipped: it begins then
        ("Europe/Berlin", (time(2, 30), time(6)), "2026-03-29T00:59:59Z", None),
        ("Europe/Berlin", (time(2, 30), time(6)), "2026-03-29T01:00:00Z", "2026-03-29T04:00:00Z"),
        # all of it is skipped
        ("Europe/Berlin", (time(2, 10), time(2, 50)), "2026-03-29T01:00:00Z", None),
        # back: 2026-10-25 03:00 → 02:00; the night is an hour longer
        ("Europe/Berlin", NIGHT, "2026-10-24T21:00:00Z", "2026-10-25T07:00:00Z"),
        # the end comes twice: the second ends it
        ("Europe/Berlin", (time(22), time(2, 30)), "2026-10-25T00:45:00Z", "2026-10-25T01:30:00Z"),
        # the start comes twice: the first begins it, and it is not cut in two
        ("Europe/Berlin", (time(2, 30), time(6)), "2026-10-25T00:30:00Z", "2026-10-25T05:00:00Z"),
        ("Europe/Berlin", (time(2, 30), time(6)), "2026-10-25T01:10:00Z", "2026-10-25T05:00:00Z"),
        ("America/New_York", NIGHT, "2026-03-08T06:59:00Z", "2026-03-08T12:00:00Z"),
        ("America/New_York", NIGHT, "2026-11-01T05:59:00Z", "2026-11-01T13:00:00Z"),
        # half an hour, in the other half of the world
        ("Australia/Lord_Howe", NIGHT, "2026-04-04T14:00:00Z", "2026-04-04T21:30:00Z"),
        # midnight itself is skipped, and comes twice
        ("Africa/Cairo", (time(0), time(7)), "2026-04-23T22:00:00Z", "2026-04-24T04:00:00Z"),
        ("Africa/Cairo", (time(23, 30), time(7)), "2026-10-29T21:10:00Z", "2026-10-30T05:00:00Z"),
        # a day that never was: midnight of the 30th is that of the 31st
        ("Pacific/Apia", (time(9), time(17)), "2011-12-30T10:00:00Z", None),
        ("Pacific/Apia", (time(9), time(17)), "2011-12-30T20:00:00Z", "2011-12-31T03:00:00Z"),
    ],
)
def test_the_change_of_clocks_loses_no_night_and_cuts_none_in_two(name, quiet, now, until):
    expected = None if until is None else datetime.fromisoformat(until)

    assert quiet_until(quiet, ZoneInfo(name), datetime.fromisoformat(now)) == expected


TIMES = st.times().map(lambda value: value.replace(second=0, microsecond=0))


@given(
    st.sampled_from((*ZONES, "Africa/Cairo", "Australia/Lord_Howe", "America/Santiago", "Asia/Kathmandu")),
    TIMES,
    TIMES,
    st.integers(0, 3 * 365 * 24 * 3600).map(
        lambda seconds: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    ),
)
def test_what_is_deferred_comes_within_a_day_when_nobody_is_left_alone(name, start, end, now):
    if start == end:
        return
    zone = ZoneInfo(name)

    until = quiet_until((start, end), zone, now)

    shown = now.astimezone(zone).time()
    is_night = start <= shown < end if start < end else shown >= start or shown < end
    if until is None:
        assert not is_night
        return
    assert now < until <= now + timedelta(hours=25)
    assert quiet_until((start, end), zone, until) is None
    # all that lies between is quiet and ends at the same moment
    assert quiet_until((start, end), zone, now + (until - now) / 2) == until


@given(
    st.builds(
        PersonFacts,
        address=st.sampled_from([None, "u1@example.test"]),
        is_confirmed=st.booleans(),
        suppressed=st.sampled_from([None, "hard_bounce", "complaint", "unsubscribe", "manual"]),
        wanted=st.sampled_from([{}, OFF, {"news": {"email": True}}]),
        quiet=st.sampled_from([None, NIGHT, (time(11), time(13))]),
        zone=st.sampled_from(ZONES),
        recent=st.integers(0, 5),
    ),
    st.builds(
        TopicFacts,
        key=st.sampled_from(["news", CONFIRMATION]),
        is_on=st.booleans(),
        is_critical=st.booleans(),
        throttle_count=st.sampled_from([None, 1, 3]),
    ),
)
def test_nobody_gets_what_they_must_not_whatever_else_is_so(who, topic):
    found = decide(who, topic, channel="email", now=NOON)

    never = who.address is None or who.suppressed in ("hard_bounce", "complaint", "manual")
    if never or (not who.is_confirmed and topic.key != CONFIRMATION):
        assert isinstance(found, Skip)
    elif topic.is_critical or topic.key == CONFIRMATION:
        assert found == Send(may_leave=False)
    elif isinstance(found, Send):
        assert found.may_leave
        assert who.wanted.get("news", {}).get("email", topic.is_on)


@pytest.mark.parametrize("topic", [NEWS, CRITICAL, QUESTION, ESCALATED])
def test_what_is_let_through_goes_first(topic):
    decision = decide(person(), topic, channel="email", now=NOON)

    assert priority_of(decision) == (0 if topic is NEWS else 1)


@pytest.mark.parametrize("decision", [Defer(NOON), Skip("throttled"), Gather({"every": "day"}, "UTC")])
def test_what_is_not_sent_now_goes_with_the_others(decision):
    assert priority_of(decision) == 0
