"""When a digest goes out, also where clocks are changed, and what it says, without a database."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_notifications.consent.rules import Defer, Gather, PersonFacts, Send, Skip, TopicFacts, decide
from opsloop_notifications.digests.rules import ENTRIES, EXCERPT_CHARACTERS, WEEKDAYS, Entry, window_end, words

DAILY = {"every": "day", "at": "09:00", "weekday": "monday"}
HOURLY, WEEKLY = DAILY | {"every": "hour"}, DAILY | {"every": "week", "weekday": "friday"}


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("digest", "zone", "now", "end"),
    [
        (HOURLY, "UTC", "2026-11-22T08:00:00", "2026-11-22T09:00:00"),
        (HOURLY, "UTC", "2026-11-22T08:59:59.999", "2026-11-22T09:00:00"),
        (HOURLY, "Asia/Kathmandu", "2026-11-22T08:00:00", "2026-11-22T08:15:00"),
        (HOURLY, "Europe/Paris", "2026-10-25T00:30:00", "2026-10-25T01:00:00"),
        (HOURLY, "Europe/Paris", "2026-10-25T01:30:00", "2026-10-25T02:00:00"),
        (DAILY, "UTC", "2026-11-22T08:59:59", "2026-11-22T09:00:00"),
        (DAILY, "UTC", "2026-11-22T09:00:00", "2026-11-23T09:00:00"),
        (DAILY, "Asia/Shanghai", "2026-11-22T00:59:00", "2026-11-22T01:00:00"),
        (DAILY, "Asia/Shanghai", "2026-11-22T01:00:00", "2026-11-23T01:00:00"),
        (DAILY, "Pacific/Kiritimati", "2026-11-22T18:00:00", "2026-11-22T19:00:00"),
        (DAILY, "Pacific/Niue", "2026-11-22T08:00:00", "2026-11-22T20:00:00"),
        # the day after clocks were put forward or back it is nine by them
        (DAILY, "Europe/Paris", "2026-03-28T12:00:00", "2026-03-29T07:00:00"),
        (DAILY, "Europe/Paris", "2026-10-24T12:00:00", "2026-10-25T08:00:00"),
        # half past two is skipped: the moment at which it is
        (DAILY | {"at": "02:30"}, "Europe/Paris", "2026-03-28T12:00:00", "2026-03-29T01:00:00"),
        # half past two comes twice: the first
        (DAILY | {"at": "02:30"}, "Europe/Paris", "2026-10-24T12:00:00", "2026-10-25T00:30:00"),
        (DAILY | {"at": "02:30"}, "Europe/Paris", "2026-10-25T00:45:00", "2026-10-26T01:30:00"),
        (DAILY | {"at": "00:00"}, "America/Havana", "2026-11-01T03:00:00", "2026-11-01T04:00:00"),
        (WEEKLY, "UTC", "2026-11-27T08:59:00", "2026-11-27T09:00:00"),
        (WEEKLY, "UTC", "2026-11-27T09:00:00", "2026-12-04T09:00:00"),
        (WEEKLY, "UTC", "2026-11-28T09:00:00", "2026-12-04T09:00:00"),
        (WEEKLY, "Asia/Tokyo", "2026-11-26T23:00:00", "2026-11-27T00:00:00"),
    ],
)
def test_a_window_ends_by_the_clock_where_the_person_lives(digest, zone, now, end):
    assert window_end(digest, ZoneInfo(zone), at(now)) == at(end)


ZONES = st.sampled_from(
    ["UTC", "Europe/Paris", "Asia/Kathmandu", "America/Havana", "Australia/Lord_Howe", "Pacific/Apia"]
)
TIMES = st.integers(0, 15 * 366 * 86_400).map(lambda seconds: at("2011-12-20T00:00:00") + timedelta(seconds=seconds))
DIGESTS = st.builds(
    lambda every, hour, minute, weekday: {"every": every, "at": f"{hour:02}:{minute:02}", "weekday": weekday},
    st.sampled_from(["hour", "day", "week"]),
    st.integers(0, 23),
    st.sampled_from([0, 15, 30, 59]),
    st.sampled_from(WEEKDAYS),
)
LONGEST = {"hour": timedelta(hours=1), "day": timedelta(hours=49), "week": timedelta(days=9)}


@given(DIGESTS, ZONES, TIMES, st.floats(0, 0.999))
def test_all_that_comes_before_a_window_ends_is_of_that_window(digest, zone, now, share):
    end = window_end(digest, ZoneInfo(zone), now)

    assert now < end <= now + LONGEST[digest["every"]]
    # the half hour that clocks of Lord Howe are put back by is an hour of its own
    if not (digest["every"] == "hour" and zone == "Australia/Lord_Howe"):
        assert window_end(digest, ZoneInfo(zone), now + (end - now) * share) == end


def texts(count, shown, *, name="News", name_zh="新闻"):
    said = words(name, name_zh, [Entry(f"Subject {place}", f"body {place}") for place in range(shown)], count)
    return {each["locale"]: each for each in said}


def test_it_lists_what_came_in_both_languages():
    said = texts(2, 2)

    assert {locale: each["subject"] for locale, each in said.items()} == {
        "en": "News: 2 messages",
        "zh-CN": "新闻：2 条消息",
    }
    assert texts(1, 1)["en"]["subject"] == "News: 1 message"
    for each in said.values():
        assert all(f"Subject {place}" in each["body"] and f"body {place}" in each["body"] for place in range(2))
        assert "more" not in each["body"]
        assert f'lang="{each["locale"]}"' in each["html"]


def test_of_many_the_first_are_listed_and_the_number_of_the_others():
    said = texts(ENTRIES + 5, ENTRIES + 1)

    assert said["en"]["body"].strip().endswith("… and 5 more")
    assert said["zh-CN"]["body"].strip().endswith("……另有 5 条")
    assert f"Subject {ENTRIES}" not in said["en"]["body"]


@pytest.mark.parametrize("text", ["<b>x</b>", "**x**", "{{ name }}", "[x](http://x.test)", "# x", "{% if %}"])
def test_words_of_messages_are_words_and_no_markup(text):
    [english, _] = words(text, text, [Entry(text, text)], 1)

    assert text in english["body"]
    assert english["subject"] == f"{text}: 1 message"
    for tag in ("<b>", "<a ", "<h1"):
        assert tag not in english["html"]


def test_long_words_are_cut():
    [english, _] = words("n", "n", [Entry("s", "word " * 1_000)], 1)
    assert len(english["body"]) < EXCERPT_CHARACTERS + 50
    assert "…" in english["body"]


NOW = at("2026-11-22T08:00:00")
PERSON = PersonFacts("a@x.test")


@pytest.mark.parametrize(
    ("person", "topic", "channel", "expected"),
    [
        ({}, {}, "email", Send()),
        ({}, {"digest": DAILY}, "email", Gather(DAILY, "UTC")),
        ({"digests": {"t": {"email": HOURLY}}}, {"digest": DAILY}, "email", Gather(HOURLY, "UTC")),
        ({"digests": {"t": {"email": HOURLY}}}, {}, "email", Gather(HOURLY, "UTC")),
        ({"digests": {"t": {"email": DAILY | {"every": "none"}}}}, {"digest": DAILY}, "email", Send()),
        ({"digests": {"t": {"sms": HOURLY}}}, {}, "email", Send()),
        ({}, {"digest": DAILY}, "inbox", Send()),
        ({}, {"digest": DAILY, "is_critical": True}, "email", Send(may_leave=False)),
        ({"address": None}, {"digest": DAILY}, "email", Skip("no_address")),
        ({"wanted": {"t": {"email": False}}}, {"digest": DAILY}, "email", Skip("unsubscribed")),
        ({"recent": 5}, {"digest": DAILY, "throttle_count": 1}, "email", Gather(DAILY, "UTC")),
    ],
)
def test_what_is_held_for_a_digest(person, topic, channel, expected):
    facts = PersonFacts(**{"address": "a@x.test"} | person)

    assert decide(facts, TopicFacts("t", **topic), channel=channel, now=NOW, may_gather=True) == expected


def test_a_digest_itself_is_not_held_but_in_quiet_hours():
    topic, nine = TopicFacts("t", digest=DAILY), time(9)

    assert decide(PERSON, topic, channel="email", now=NOW) == Send()
    sleeper = PersonFacts("a@x.test", quiet=(time(22), nine))
    assert decide(sleeper, topic, channel="email", now=NOW) == Defer(at("2026-11-22T09:00:00"))
