"""Sessions through the door: how many, how long, how many of one event, by whom, with numbers worked by hand."""

from __future__ import annotations

import pytest
import pytest_asyncio

from opsloop_metrics.sessions.rules import Counted, answered
from services.metrics.tests.asked import AFTER, Insights, did, identified, many
from tests.insights.by_hand import WORLDS
from tests.insights.compare import differences
from tests.insights.segment import messages_of

BY_HAND = [worked for worked in WORLDS if worked.insight == "sessions"]
DAY = {"from": "2026-03-01", "to": "2026-03-01"}


@pytest_asyncio.fixture
async def insights(world_with_store):
    return Insights(world_with_store)


@pytest.mark.parametrize("worked", BY_HAND, ids=lambda worked: worked.name)
async def test_worlds_worked_by_hand(insights, worked):
    await insights.happened(*messages_of(worked.events))

    for asked in worked.asked:
        found = await insights.world.post("/v1/insights/sessions", asked.query, 200)
        assert list(differences(asked.see(found), asked.expected)) == [], asked.query


async def test_days_of_shanghai(insights):
    # 15:50 UTC is 23:50 in Shanghai: the session that goes on over midnight is of the 1st, its 20 minutes too
    await insights.happened(*many("用户", "A", ["03-01T15:50", "03-01T16:10", "03-01T20:00"]))

    found = await insights.ask("sessions", **DAY | {"to": "2026-03-02"}, time_zone="Asia/Shanghai")

    assert found == {
        "intervals": ["2026-02-28T16:00:00Z", "2026-03-01T16:00:00Z"],
        "sessions": [1, 1],
        "average_seconds": [1200, 0],
        "bounce_rate": [0, 1],
        "people": [1, 1],
        "incomplete_from": None,
    }


async def test_nobody_came(insights):
    found = await insights.ask("sessions", **DAY)

    assert (found["sessions"], found["average_seconds"], found["bounce_rate"], found["people"]) == (
        [0],
        [None],
        [None],
        [0],
    )


async def test_merged_persons_have_one_session_and_bots_none(insights):
    bot = {"context": {"userAgent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}}
    await insights.happened(
        did("~a1", "A", "03-01T10:00"), did("u1", "A", "03-01T10:10"), did("b1", "A", "03-01T10:00", **bot)
    )
    assert (await insights.ask("sessions", **DAY))["sessions"] == [2]
    assert (await insights.ask("sessions", **DAY, include_filtered=True))["sessions"] == [3]

    await insights.happened(identified("u1", "03-09T10:00", was="~a1"))

    found = await insights.ask("sessions", **DAY)
    assert (found["sessions"], found["average_seconds"], found["people"]) == ([1], [600], [1])


async def test_another_workspace_sees_nothing(insights):
    await insights.happened(did("u1", "A", "03-01T10:00"))
    insights.world.headers = await insights.world.api.key("metrics:read", workspace="other")

    assert (await insights.ask("sessions", **DAY))["sessions"] == [0]


async def test_as_csv(insights):
    await insights.happened(*many("u1", "A", ["03-01T10:00", "03-01T10:30"]))

    table = await insights.csv("sessions", **DAY)

    assert table.text.splitlines() == [
        "interval,sessions,average_seconds,bounce_rate,people",
        "2026-03-01T00:00:00Z,1,1800,0.0,1",
    ]


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"from": "2026-03-02"}, "/to"),
        ({"interval": "year"}, "/interval"),
        ({"time_zone": "Mars/Olympus"}, "/time_zone"),
        ({"from": "2020-01-01", "interval": "hour"}, "/interval"),
    ],
)
async def test_what_cannot_be_meant(insights, wrong, pointer):
    assert (await insights.refused("sessions", **DAY | wrong))[0][0] == pointer


def test_intervals_without_sessions_are_there():
    found = answered([AFTER, AFTER, AFTER], [Counted(1, 4, 30.0, 1, 2)], incomplete_from=2)

    assert found.incomplete_from == 2
    assert (found.sessions, found.people) == ([0, 4, 0], [0, 2, 0])
    assert (found.average_seconds, found.bounce_rate) == ([None, 30.0, None], [None, 0.25, None])


async def test_the_clients_own_session_does_not_decide(insights):
    await insights.happened(
        did("u1", "A", "03-01T10:00", context={"sessionId": "s1"}),
        did("u1", "A", "03-01T10:20", context={"sessionId": "s2"}),
        did("u1", "A", "03-01T11:00", context={"sessionId": "s2"}),
    )

    found = await insights.ask("sessions", **DAY)

    assert (found["sessions"], found["bounce_rate"], found["average_seconds"]) == ([2], [0.5], [600])
