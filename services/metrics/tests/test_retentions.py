"""Retention through the door: what clients sent, and who came back, with numbers worked by hand."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from io import StringIO

import pytest
import pytest_asyncio

from services.metrics.tests.asked import Insights, did, identified, many
from tests.insights.by_hand import WORLDS
from tests.insights.compare import differences
from tests.insights.segment import messages_of

BY_HAND = {worked.name: worked for worked in WORLDS if worked.insight == "retention"}
A_TO_B = {"start": {"event": "A"}, "return": {"event": "B"}}
THREE_DAYS = {"from": "2026-03-01", "to": "2026-03-03", "periods": 3} | A_TO_B
ODD = "=cmd|' /C calc'!A0 {x:String} '; DROP TABLE event; --"


@pytest_asyncio.fixture
async def insights(world_with_store):
    return Insights(world_with_store)


def counts(answer):
    """See the counts of each row, by month and day (and value) of its start."""
    return {
        " ".join([row["start"][5:10], *([row["breakdown"]] if row["breakdown"] is not None else [])]): [
            cell["count"] for cell in row["values"]
        ]
        for row in answer["cohorts"]
    }


@pytest.mark.parametrize("name", sorted(BY_HAND))
async def test_worlds_worked_by_hand(insights, name):
    worked = BY_HAND[name]
    await insights.happened(*messages_of(worked.events))

    for asked in worked.asked:
        insights.world.api.clock.set(asked.now)
        found = await insights.world.post("/v1/insights/retention", asked.query, 200)
        assert list(differences(asked.see(found), asked.expected)) == [], asked.query


async def test_the_whole_answer(insights):
    # two begin on the 1st, one of them is back on the 2nd; it is the 3rd at noon, so the 3rd is not over
    await insights.happened(did("u1", "A", "03-01T10:00"), did("u2", "A", "03-01T11:00"), did("u1", "B", "03-02T09:00"))
    insights.world.api.clock.set(datetime(2026, 3, 3, 12, tzinfo=UTC))

    found = await insights.ask("retention", **THREE_DAYS | {"to": "2026-03-01"})

    assert found == {
        "cohorts": [
            {
                "start": "2026-03-01T00:00:00Z",
                "breakdown": None,
                "size": 2,
                "values": [
                    {"count": 2, "share": 1.0, "has_begun": True, "is_complete": True},
                    {"count": 1, "share": 0.5, "has_begun": True, "is_complete": True},
                    {"count": 0, "share": 0.0, "has_begun": True, "is_complete": False},
                ],
            }
        ],
        "average": [1.0, 0.5, None],
    }


async def test_nobody_began(insights):
    found = await insights.ask("retention", **THREE_DAYS)

    assert counts(found) == {"03-01": [0, 0, 0], "03-02": [0, 0, 0], "03-03": [0, 0, 0]}
    assert {cell["share"] for row in found["cohorts"] for cell in row["values"]} == {None}
    assert found["average"] == [None, None, None]


async def test_nobody_began_with_any_value(insights):
    found = await insights.ask("retention", **THREE_DAYS, breakdown={"field": "properties.plan"})

    assert found == {"cohorts": [], "average": [None, None, None]}


@pytest.mark.parametrize(
    ("week_start", "expected"),
    [
        # in Shanghai, 8 h ahead, the A of the 1st at 16:30 UTC is Monday the 2nd, 00:30; the B of the 8th is Monday the 9th
        ("monday", {"02-22": [0, 0, 0], "03-01": [1, 1, 0]}),
        # weeks from Sunday the 1st and the 8th: Monday the 2nd is in the first, Monday the 9th in the next
        ("sunday", {"02-28": [1, 1, 0]}),
    ],
)
async def test_weeks_of_shanghai(insights, week_start, expected):
    await insights.happened(did("用户", "A", "03-01T16:30"), did("用户", "B", "03-08T16:10"))

    found = await insights.ask(
        "retention",
        **A_TO_B,
        **{"from": "2026-03-01", "to": "2026-03-07", "periods": 3},
        time_zone="Asia/Shanghai",
        week_start=week_start,
        interval="week",
    )

    assert counts(found) == expected
    assert all(row["start"].endswith("T16:00:00Z") for row in found["cohorts"])


async def test_days_of_23_and_of_25_hours(insights):
    # US/Pacific: 8 March lasts from 08:00 UTC to 07:00 UTC, 1 November from 07:00 UTC to 08:00 UTC
    insights.world.api.clock.set(datetime(2026, 12, 1, tzinfo=UTC))
    await insights.happened(
        *(did("u1", "A", "03-08T08:00"), did("u1", "B", "03-09T06:59"), did("u2", "A", "03-08T08:00")),
        *(did("u2", "B", "03-09T07:00"), did("u3", "A", "11-01T07:00"), did("u3", "B", "11-02T07:59")),
    )
    query = A_TO_B | {"periods": 2, "time_zone": "US/Pacific"}

    spring = await insights.ask("retention", **query, **{"from": "2026-03-08", "to": "2026-03-08"})
    autumn = await insights.ask("retention", **query, **{"from": "2026-11-01", "to": "2026-11-01"})

    assert counts(spring) == {"03-08": [2, 1]}
    assert counts(autumn) == {"11-01": [1, 0]}


@pytest.mark.parametrize(
    ("interval", "back", "expected"),
    [
        ("hour", "03-01T12:00", [1, 0, 1]),
        ("day", "03-02T00:00", [1, 1, 0]),
        ("day", "03-03T23:59:59.999", [1, 0, 1]),
        ("week", "03-02T00:00", [1, 1, 0]),
        ("month", "04-30T23:59", [1, 1, 0]),
        ("month", "05-01T00:00", [1, 0, 1]),
    ],
)
async def test_intervals(insights, interval, back, expected):
    await insights.happened(did("u1", "A", "03-01T10:30"), did("u1", "B", back))

    query = A_TO_B | {"from": "2026-03-01T10:00:00Z", "to": "2026-03-01T11:00:00Z", "interval": interval}

    (row,) = counts(await insights.ask("retention", **query, periods=3)).values()
    assert row == expected


HOW_OFTEN = [
    # B on the 2nd once, on the 3rd three times, on the 5th twice
    ({}, [1, 1, 1, 0, 1]),
    ({"min_occurrences": 2}, [1, 0, 1, 0, 1]),
    ({"min_occurrences": 3}, [1, 0, 1, 0, 0]),
    ({"min_occurrences": 4}, [1, 0, 0, 0, 0]),
    ({"rolling": True}, [1, 1, 1, 1, 1]),
    ({"rolling": True, "min_occurrences": 3}, [1, 1, 1, 0, 0]),
    ({"rolling": True, "periods": 4}, [1, 1, 1, 0]),
    # from the 1st at 20:00: 2nd 19:00 is +23 h; 3rd 10:00 to 12:00 is +38 h; 5th 21:00 is +97 h
    ({"windows_24h": True}, [1, 1, 0, 0, 1]),
    ({"windows_24h": True, "min_occurrences": 3}, [1, 1, 0, 0, 0]),
    ({"windows_24h": True, "rolling": True}, [1, 1, 1, 1, 1]),
]


async def test_how_often_and_since_when(insights, subtests):
    await insights.happened(
        did("u1", "A", "03-01T20:00"),
        *many("u1", "B", ["03-02T19:00", "03-03T10:00", "03-03T11:00", "03-03T12:00", "03-05T21:00", "03-05T21:00"]),
    )
    for asked, expected in HOW_OFTEN:
        with subtests.test(asked=asked):
            query = A_TO_B | {"from": "2026-03-01", "to": "2026-03-01", "periods": 5} | asked

            assert counts(await insights.ask("retention", **query)) == {"03-01": expected}


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        # u1 did A before the range; u2's first A is a free one; u3's first A is that of the 2nd
        ("recurring", {"03-01": [1, 0], "03-02": [2, 1]}),
        ("first_time", {"03-01": [0, 0], "03-02": [2, 1]}),
        ("first_ever", {"03-01": [0, 0], "03-02": [1, 0]}),
    ],
)
async def test_the_first_time_is_looked_for_before_the_range(insights, mode, expected):
    pro = {"properties": {"plan": "pro"}}
    await insights.happened(
        *(did("u1", "A", "02-01T10:00", **pro), did("u1", "A", "03-01T10:00", **pro)),
        *(did("u2", "A", "02-20T10:00"), did("u2", "A", "03-02T10:00", **pro), did("u2", "B", "03-03T10:00")),
        did("u3", "A", "03-02T10:00", **pro),
    )
    is_pro = [{"field": "properties.plan", "op": "eq", "value": "pro"}]

    query = {"from": "2026-03-01", "to": "2026-03-02", "periods": 2, "mode": mode}
    found = await insights.ask(
        "retention", **query, start={"event": "A", "where": is_pro}, **{"return": {"event": "B"}}
    )

    assert counts(found) == expected


async def test_broken_down_by_the_first_start_event_of_each_row(insights):
    # at one time the message's id decides: m1 before m2. u1's second A of the 1st does not count; u3 has no source
    await insights.happened(
        did("u1", "A", "03-01T10:00", messageId="m2", properties={"source": "ad"}),
        did("u1", "A", "03-01T10:00", messageId="m1", properties={"source": "微信"}),
        did("u1", "A", "03-02T10:00", properties={"source": "ad"}),
        did("u2", "A", "03-01T10:00", properties={"source": "微信"}),
        did("u3", "A", "03-01T10:00"),
        did("u3", "A", "03-02T10:00", properties={"source": 5.0}),
        *(did("u1", "B", "03-02T11:00"), did("u1", "B", "03-03T11:00")),
    )
    query = THREE_DAYS | {"to": "2026-03-02", "periods": 2, "breakdown": {"field": "properties.source"}}

    found = await insights.ask("retention", **query)
    few = await insights.ask("retention", **query | {"breakdown": {"field": "properties.source", "limit": 1}})

    # two in 微信; then, one each, by text: $none, 5, ad
    assert counts(found) == {
        "03-01 微信": [2, 1],
        "03-01 $none": [1, 0],
        "03-01 5": [0, 0],
        "03-01 ad": [0, 0],
        "03-02 微信": [0, 0],
        "03-02 $none": [0, 0],
        "03-02 5": [1, 0],
        "03-02 ad": [1, 1],
    }
    assert list(counts(found)) == [
        f"{day} {value}" for day in ("03-01", "03-02") for value in ("微信", "$none", "5", "ad")
    ]
    assert counts(few) == {
        "03-01 微信": [2, 1],
        "03-01 $other": [1, 0],
        "03-02 微信": [0, 0],
        "03-02 $other": [2, 1],
    }


async def test_broken_down_by_what_is_known_of_people_now(insights):
    await insights.happened(
        *(did("u1", "A", "03-01T10:00"), did("u2", "A", "03-01T10:00"), did("u2", "B", "03-02T10:00")),
        *(identified("u1", "03-05T10:00", plan="企业"), identified("u2", "03-05T10:00", plan="free")),
    )

    query = THREE_DAYS | {"to": "2026-03-01", "periods": 2}
    found = await insights.ask("retention", **query, breakdown={"field": "person.plan"})
    free = await insights.ask("retention", **query, where=[{"field": "person.plan", "op": "eq", "value": "free"}])

    assert counts(found) == {"03-01 free": [1, 1], "03-01 企业": [1, 0]}
    assert counts(free) == {"03-01": [1, 1]}


async def test_a_later_merge_changes_what_was(insights):
    await insights.happened(did("~a1", "A", "03-01T10:00"), did("u1", "B", "03-02T10:00"))
    query = THREE_DAYS | {"to": "2026-03-01"}
    assert counts(await insights.ask("retention", **query)) == {"03-01": [1, 0, 0]}

    await insights.happened(identified("u1", "03-20T10:00", was="~a1"))

    assert counts(await insights.ask("retention", **query)) == {"03-01": [1, 1, 0]}


async def test_who_is_nobody_a_bot_or_a_test_is_left_out(insights):
    bot = {"context": {"userAgent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}}
    await insights.happened(
        did("u1", "A", "03-01T10:00"), did("b1", "A", "03-01T10:00", **bot), did("b1", "B", "03-02T10:00", **bot)
    )
    nobody = {"event": "A", "distinct_id": "n1", "properties": {"$process_person_profile": False}}
    key = insights.world.headers["Authorization"].removeprefix("Bearer ")
    await insights.world.post(
        "/batch/", {"batch": [nobody | {"timestamp": "2026-03-01T10:00:00Z"}], "api_key": key}, 200
    )
    query = THREE_DAYS | {"to": "2026-03-01"}

    assert counts(await insights.ask("retention", **query)) == {"03-01": [1, 0, 0]}
    assert counts(await insights.ask("retention", **query, include_filtered=True)) == {"03-01": [2, 1, 0]}


async def test_another_workspace_sees_nothing(insights):
    await insights.happened(did("u1", "A", "03-01T10:00"))
    insights.world.headers = await insights.world.api.key("metrics:read", workspace="other")

    assert counts(await insights.ask("retention", **THREE_DAYS | {"to": "2026-03-01"})) == {"03-01": [0, 0, 0]}


async def test_names_are_no_sql_and_no_formulas(insights):
    await insights.happened(did("u1", ODD, "03-01T10:00", properties={ODD: ODD}), did("u1", "B", "03-02T10:00"))
    query = {"from": "2026-03-01", "to": "2026-03-01", "periods": 2, "breakdown": {"field": f"properties.{ODD}"}}
    query |= {"start": {"event": ODD}, "return": {"event": "B"}}

    found = await insights.ask("retention", **query)
    table = await insights.csv("retention", **query)

    assert counts(found) == {f"03-01 {ODD}": [1, 1]}
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    assert list(csv.reader(StringIO(table.text))) == [
        ["start", "breakdown", "size", "period", "count", "share", "has_begun", "is_complete"],
        ["2026-03-01T00:00:00Z", f"'{ODD}", "1", "0", "1", "1.0", "true", "true"],
        ["2026-03-01T00:00:00Z", f"'{ODD}", "1", "1", "1", "1.0", "true", "true"],
    ]


SENSELESS = [
    ({"windows_24h": True, "interval": "week"}, "/windows_24h", "interval day"),
    ({"periods": 0}, "/periods", "1"),
    ({"periods": 101}, "/periods", "100"),
    ({"min_occurrences": 0}, "/min_occurrences", "1"),
    ({"mode": "sometimes"}, "/mode", "recurring"),
    ({"breakdown": {"field": "nowhere"}}, "/breakdown/field", "field of an event"),
    ({"breakdown": {"field": "path", "limit": 0}}, "/breakdown/limit", "1"),
    ({"from": "2026-03-04"}, "/to", "after from"),
    ({"from": "2024-01-01", "periods": 100}, "/periods", "50000 cells"),
    ({"start": None}, "/start", ""),
]


async def test_what_cannot_be_meant(insights, subtests):
    for wrong, pointer, words in SENSELESS:
        with subtests.test(wrong=wrong):
            ((where, detail), *_) = await insights.refused("retention", **THREE_DAYS | wrong)

            assert where == pointer
            assert words in detail
