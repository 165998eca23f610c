"""Tables of values through the door: who was seen with what, with numbers worked by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import pytest_asyncio

from services.metrics.tests.asked import Insights, did, identified, many

DAY = {"from": "2026-03-02", "to": "2026-03-02"}
UNASKED = {"sessions": None, "bounce_rate": None}
ODD = "=1+1 {x:String} '; DROP TABLE event; --"


@pytest_asyncio.fixture
async def insights(world_with_store):
    return Insights(world_with_store)


def rows(answer):
    """See rows as values, events, people."""
    return [("|".join(row["values"]), row["events"], row["people"]) for row in answer["rows"]]


async def test_pages_by_people_then_events_then_name(insights):
    """/pricing: u1 twice, u2 once. / and /a: u1 once each, by name. /b: u3 three times. Of three people these are 2/3, 1/3 …"""
    await insights.happened(
        *many("u1", "/pricing", ["03-02T10:00", "03-02T10:01"]),
        did("u1", "/", "03-02T10:02"),
        did("u1", "/a", "03-02T10:03"),
        did("u2", "/pricing", "03-02T10:00"),
        *many("u3", "/b", ["03-02T10:00", "03-02T10:01", "03-02T10:02"]),
    )

    found = await insights.ask("breakdown", **DAY, by=["path"])

    assert rows(found) == [("/pricing", 3, 2), ("/b", 3, 1), ("/", 1, 1), ("/a", 1, 1)]
    assert [row["share"] for row in found["rows"]] == [2 / 3, 1 / 3, 1 / 3, 1 / 3]
    assert (found["by"], found["other"], found["total"]) == (["path"], None, {"events": 8, "people": 3, **UNASKED})
    assert {row["previous"] for row in found["rows"]} == {None}


async def test_what_is_left_is_other_in_which_a_person_counts_once(insights):
    await insights.happened(
        *(did("u1", page, "03-02T10:00") for page in ("/a", "/b", "/c")),
        *(did("u2", page, "03-02T10:00") for page in ("/a", "/c")),
    )

    found = await insights.ask("breakdown", **DAY, by=["path"], limit=1)

    # of equals the name decides: /a has as many people and events as /c
    assert rows(found) == [("/a", 2, 2)]
    assert (found["other"], found["total"]) == (
        {"events": 3, "people": 2, **UNASKED},
        {"events": 5, "people": 2, **UNASKED},
    )


LITERAL = ["$none", "$other", "$$none", "$nonesuch", "none"]
APART = ["$$none", "$$other", "$$$none", "$nonesuch", "none"]


async def said_literally(insights):
    """u0 … u4 each say one of `LITERAL`, u5 and u6 say nothing."""
    users = [(f"u{place}", {"x": value}) for place, value in enumerate(LITERAL)] + [("u5", {}), ("u6", {})]
    await insights.happened(*(did(user, "A", "03-02T10:00", properties=said) for user, said in users))


async def test_a_value_called_like_a_row_of_the_table_is_told_apart(insights):
    await said_literally(insights)

    found = await insights.ask("breakdown", **DAY, by=["properties.x"])

    assert rows(found) == [("$none", 2, 2), *((value, 1, 1) for value in sorted(APART))]
    assert found["other"] is None
    where = [{"field": "properties.x", "op": "eq", "value": "$none"}]
    assert rows(await insights.ask("breakdown", **DAY, by=["properties.x"], where=where)) == [("$$none", 1, 1)]


@pytest.mark.parametrize(
    ("insight", "question", "values"),
    [
        (
            "trends",
            {"interval": "day", "series": [{"event": "A"}]},
            lambda answer: [(row["breakdown"], row["total"]) for row in answer["series"]],
        ),
        (
            "funnel",
            {"steps": [{"event": "A"}, {"event": "B"}]},
            lambda answer: [(part["value"], part["steps"][0]["count"]) for part in answer["breakdown"]],
        ),
    ],
    ids=["trends", "funnel"],
)
async def test_in_other_insights_too(insights, insight, question, values):
    await said_literally(insights)

    found = values(await insights.ask(insight, **DAY, **question, breakdown={"field": "properties.x", "limit": 10}))

    assert found == [("$none", 2), *((value, 1) for value in sorted(APART))]


async def test_up_to_three_fields_and_what_is_absent(insights):
    await insights.happened(
        did("u1", "买", "03-02T10:00", properties={"plan": "企业", "seats": 5}),
        did("u2", "买", "03-02T10:00", properties={"plan": "企业", "seats": 5.0}),
        did("u3", "买", "03-02T10:00", properties={"plan": "", "seats": True}),
        did("u3", "看", "03-02T10:00"),
    )

    found = await insights.ask("breakdown", **DAY, by=["properties.plan", "properties.seats", "event"])

    assert rows(found) == [("企业|5|买", 2, 2), ("$none|$none|看", 1, 1), ("$none|true|买", 1, 1)]
    bought = await insights.ask("breakdown", **DAY, event="买", by=["properties.plan"])
    assert (rows(bought), bought["total"]) == ([("企业", 2, 2), ("$none", 1, 1)], {"events": 3, "people": 3, **UNASKED})


async def test_browsers_and_campaigns(insights):
    chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
    page = {"path": "/", "url": "https://shop.example/?utm_source=微信&utm_campaign=春"}
    await insights.happened(did("u1", "/", "03-02T10:00", properties=page, context={"userAgent": chrome}))

    found = await insights.ask("breakdown", **DAY, by=["browser", "utm_source", "utm_campaign"])

    assert rows(found) == [("Chrome|微信|春", 1, 1)]


async def test_the_day_before_beside_it(insights):
    """/: 2 people today, 1 (twice) yesterday. /new: nobody before. /old is of yesterday only, and no row."""
    await insights.happened(
        *many("u1", "/", ["03-01T00:00", "03-01T23:59:59.999", "03-02T00:00"]),
        did("u2", "/", "03-02T10:00"),
        did("u2", "/new", "03-02T10:01"),
        did("u2", "/old", "03-01T10:00"),
        did("u2", "/", "02-28T23:59:59.999"),
    )

    found = await insights.ask("breakdown", **DAY, by=["path"], compare="previous")

    assert rows(found) == [("/", 2, 2), ("/new", 1, 1)]
    assert [row["previous"] for row in found["rows"]] == [{"events": 2, "people": 1}, {"events": 0, "people": 0}]
    assert found["total"] == {"events": 3, "people": 2, **UNASKED}


async def test_a_day_of_25_hours_is_compared_with_a_whole_day(insights):
    """On 1 November 2026 clocks of Los Angeles go back: it lasts from 07:00 to 08:00 UTC of the 2nd; the day before begins at 07:00."""
    insights.world.api.clock.set(insights.world.now.replace(year=2027, month=1))
    await insights.happened(
        *many("u1", "/", ["10-31T06:59", "10-31T07:00", "11-01T06:59", "11-01T07:00", "11-02T07:59", "11-02T08:00"])
    )

    asked = {"from": "2026-11-01", "to": "2026-11-01", "time_zone": "America/Los_Angeles", "compare": "previous"}
    [row] = (await insights.ask("breakdown", **asked, by=["path"]))["rows"]

    assert (row["events"], row["previous"]["events"]) == (2, 2)


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        # u1: /, /a, then half an hour and a second later /a, /b. u2: an event, /a. u3 sees no page
        ("entries", [("/a", 2, 2), ("/", 1, 1)]),
        ("exits", [("/a", 2, 2), ("/b", 1, 1)]),
    ],
)
async def test_pages_with_which_sessions_began_and_ended(insights, of, expected):
    await insights.happened(
        did("u1", "/", "03-02T10:00"),
        did("u1", "/a", "03-02T10:10"),
        did("u1", "/a", "03-02T10:40:01"),
        did("u1", "/b", "03-02T10:50"),
        did("u1", "left", "03-02T10:55"),
        did("u2", "opened", "03-02T10:00"),
        did("u2", "/a", "03-02T10:01"),
        did("u3", "opened", "03-02T10:00"),
    )

    found = await insights.ask("breakdown", **DAY, by=["path"], of=of)

    assert rows(found) == expected
    assert found["total"] == {"events": 3, "people": 2, **UNASKED}


async def test_a_session_counts_where_it_begins(insights):
    """It begins before midnight and sees /b after it: yesterday's entry is /a, today's is none; tomorrow's belongs to nobody yet."""
    await insights.happened(
        did("u1", "/a", "03-01T23:50"),
        did("u1", "/b", "03-02T00:10"),
        did("u2", "/c", "03-02T23:50"),
        did("u2", "/d", "03-03T00:10"),
    )

    entries = await insights.ask("breakdown", **DAY, by=["path"], of="entries", compare="previous")
    exits = await insights.ask("breakdown", **DAY, by=["path"], of="exits")

    assert rows(entries) == [("/c", 1, 1)]
    assert rows(exits) == [("/d", 1, 1)]
    whole = await insights.ask("breakdown", **{"from": "2026-03-01", "to": "2026-03-02"}, by=["path"], of="exits")
    assert rows(whole) == [("/b", 1, 1), ("/d", 1, 1)]


async def test_merged_people_are_one_and_bots_and_the_personless_are_not_there(insights):
    bot = {"context": {"userAgent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}}
    await insights.happened(
        did("~a1", "/", "03-02T10:00"), did("u1", "/", "03-02T10:10"), did("b1", "/", "03-02T10:00", **bot)
    )
    assert rows(await insights.ask("breakdown", **DAY, by=["path"])) == [("/", 2, 2)]
    assert rows(await insights.ask("breakdown", **DAY, by=["path"], include_filtered=True)) == [("/", 3, 3)]

    await insights.happened(identified("u1", "03-09T10:00", was="~a1", plan="pro"))

    assert rows(await insights.ask("breakdown", **DAY, by=["path", "person.plan"])) == [("/|pro", 2, 1)]
    assert rows(await insights.ask("breakdown", **DAY, by=["path"], of="entries")) == [("/", 1, 1)]


async def test_nobody_came_and_another_workspace_sees_nothing(insights):
    nothing = {"by": ["path"], "rows": [], "other": None, "total": {"events": 0, "people": 0, **UNASKED}}
    for of in ("events", "entries", "exits"):
        assert await insights.ask("breakdown", **DAY, by=["path"], of=of) == nothing

    await insights.happened(did("u1", "/", "03-02T10:00"))
    insights.world.headers = await insights.world.api.key("metrics:read", workspace="other")

    assert await insights.ask("breakdown", **DAY, by=["path"]) == nothing


async def test_what_somebody_wrote_is_a_value_and_nothing_else(insights):
    await insights.happened(did("u1", ODD, "03-02T10:00", properties={"a'b": ODD, "long": "长" * 5_000}))

    found = await insights.ask("breakdown", **DAY, event=ODD, by=["properties.a'b", "event"])

    assert rows(found) == [(f"{ODD}|{ODD}", 1, 1)]
    [row] = (await insights.ask("breakdown", **DAY, by=["properties.long"]))["rows"]
    assert row["values"] == ["长" * 1_000]


async def test_as_csv(insights):
    await insights.happened(
        did("u1", "/a", "03-02T10:00"), did("u1", "/b", "03-02T10:00"), did("u2", "/b", "03-02T10:01")
    )

    table = await insights.csv("breakdown", **DAY, by=["path", "event"], limit=1, compare="previous")

    assert table.text.splitlines() == [
        "path,event,events,people,share,previous_events,previous_people,sessions,bounce_rate",
        "/b,$pageview,2,2,1.0,0,0,,",
        "$other,$other,1,1,0.5,,,,",
    ]


SENSELESS = [
    ({"by": []}, "/by"),
    ({"by": ["path", "event", "host", "url"]}, "/by"),
    ({"by": ["colour"]}, "/by/0"),
    ({"by": ["path", "path"]}, "/by"),
    ({"by": ["path"], "of": "exits", "event": "A"}, "/event"),
    ({"by": ["path"], "of": "people"}, "/of"),
    ({"by": ["path"], "limit": 1_001}, "/limit"),
    ({"by": ["path"], "compare": "next"}, "/compare"),
    ({"by": ["path"], "to": "2026-03-01"}, "/to"),
    ({"by": ["path"], "from": "0001-01-01", "to": "0001-01-01", "compare": "previous"}, "/from"),
]


async def test_what_cannot_be_meant(insights, subtests):
    for wrong, pointer in SENSELESS:
        with subtests.test(wrong=wrong):
            assert (await insights.refused("breakdown", **DAY | wrong))[0][0] == pointer


@pytest.mark.parametrize("day", ["1900-01-01", "2200-12-30"])
async def test_at_the_ends_of_the_calendar_nothing_happened(insights, day):
    for of in ("events", "exits"):
        assert (await insights.ask("breakdown", **{"from": day, "to": day}, by=["path"], of=of))["rows"] == []


async def test_the_day_before_one_that_begins_at_one_o_clock(insights):
    """In Cairo clocks skip the midnight of 24 April: 22:30 UTC on the 22nd is 00:30 on the 23rd, the day before."""
    insights.world.api.clock.set(datetime(2026, 4, 25, 12, tzinfo=UTC))
    await insights.happened(did("u1", "A", "04-22T22:30"), did("u2", "A", "04-24T10:00"))
    day = {"from": "2026-04-24", "to": "2026-04-24", "time_zone": "Africa/Cairo"}

    found = await insights.ask("breakdown", **day, by=["event"], compare="previous")
    trend = await insights.ask("trends", **day, series=[{"event": "A"}], compare="previous")

    assert found["rows"][0]["previous"] == {"events": 1, "people": 1}
    assert trend["series"][0]["previous"]["total"] == 1


async def test_a_report_of_channels(insights):
    """Visitors, sessions, bounce rate, views.

    u1: at 10:00 from a search, then / without one: a session that both values have. At 12:00 from a search again, alone: a bounce.
    u2: from a search at 10:00, alone: a bounce. u3: direct before midnight, which is yesterday's, and over midnight. Search has 3
    sessions and 2 bounces; in all 3, as u1's first is one, and u3's began before.
    """
    ad = {"properties": {"path": "/", "url": "https://shop.example/?utm_medium=organic&utm_source=x"}}
    await insights.happened(
        did("u1", "/", "03-02T10:00", **ad),
        did("u1", "/a", "03-02T10:10"),
        did("u1", "/", "03-02T12:00", **ad),
        did("u2", "/", "03-02T10:00", **ad),
        *many("u3", "/b", ["03-01T23:50", "03-02T00:10"]),
    )
    asked = DAY | {"by": ["utm_medium"], "sessions": True}

    found = await insights.ask("breakdown", **asked)

    told = {
        row["values"][0]: (row["people"], row["sessions"], row["bounce_rate"], row["events"]) for row in found["rows"]
    }
    assert told == {"organic": (2, 3, 2 / 3, 3), "$none": (2, 1, 0, 2)}
    assert found["total"] == {"events": 5, "people": 3, "sessions": 3, "bounce_rate": 2 / 3}
    whole = await insights.ask("sessions", **DAY)
    assert (whole["sessions"], whole["bounce_rate"]) == ([3], [2 / 3])
    [row] = (await insights.ask("breakdown", **asked | {"limit": 1}))["rows"]
    assert row["values"] == ["organic"]
    table = (await insights.csv("breakdown", **asked | {"limit": 1})).text.splitlines()
    assert table[0].endswith("previous_people,sessions,bounce_rate")
    assert table[2] == "$other,2,2,0.6666666666666666,,,1,0.0"


async def test_sessions_of_entries_and_of_one_event(insights):
    """u1 enters at / and goes on, u2 at / and leaves; u1's `buy` is in a session of two events, u2's of none."""
    await insights.happened(
        did("u1", "/", "03-02T10:00"), did("u1", "buy", "03-02T10:01"), did("u2", "/", "03-02T10:00")
    )

    entries = await insights.ask("breakdown", **DAY, by=["path"], of="entries", sessions=True)
    bought = await insights.ask("breakdown", **DAY, by=["event"], event="buy", sessions=True, compare="previous")
    nothing = await insights.ask("breakdown", **DAY, by=["event"], event="nothing", sessions=True)

    assert [(row["events"], row["sessions"], row["bounce_rate"]) for row in entries["rows"]] == [(2, 2, 0.5)]
    assert [(row["sessions"], row["bounce_rate"], row["previous"]) for row in bought["rows"]] == [
        (1, 0, {"events": 0, "people": 0})
    ]
    assert nothing["total"] == {"events": 0, "people": 0, "sessions": 0, "bounce_rate": None}
