"""What a saved insight comes to at a time: where its question says when itself, that stays."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from opsloop_common.db import Context
from opsloop_metrics.active_users.schemas import ActiveUsersIn
from opsloop_metrics.insights.periods import WeekStart
from opsloop_metrics.saved_insights import service
from services.metrics.tests.analyst import Analyst, did

NOON_OF_THE_SECOND = datetime(2026, 4, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "days", "count"),
    [
        ({}, None, 3),  # 30 days that end then: not the 1st of March, nor the 3rd of April
        ({}, 30, 3),  # the same
        ({}, 2, 1),  # the 1st and the 2nd of April
        ({}, 3, 2),
        ({"interval": "hour"}, 3, 2),
        ({"from": "2026-04-01"}, 30, 1),
        ({"to": "2026-04-03"}, 2, 4),
        ({"from": "2026-03-01", "to": "2026-03-01"}, 2, 1),
    ],
)
async def test_a_question_is_asked_as_of_a_time(world_with_store, said, days, count):
    """Opened at noon of 1, 20 and (at 13:00) 31 March, at 10:00 of 2 April, and a day after the time that is meant."""
    world = world_with_store
    await Analyst(world, "").tell(
        did("a", "opened", "01"), did("a", "opened", "20"), did("a", "opened", "31T13:00"),
        did("a", "opened", "04-02T10:00"), did("a", "opened", "04-03"),
    )  # fmt: skip
    query = {"series": [{"event": "opened"}]} | said
    insight = await world.post("/v1/insights", {"name": "Opened", "kind": "trends", "query": query})

    async with world.api.db.session(Context(workspace="acme")) as session:
        kind, body = await service.answer_as_of(session, insight["id"], NOON_OF_THE_SECOND, days=days)

    assert (kind, body["series"][0]["total"]) == ("trends", count)


@pytest.mark.parametrize(
    ("as_of", "days", "first", "count"),
    [
        (NOON_OF_THE_SECOND, 1, "2026-04-02", 1),
        (NOON_OF_THE_SECOND, 7, "2026-03-27", 7),
        (NOON_OF_THE_SECOND, None, "2026-03-04", 30),
        # as of its end a day is the last one itself
        (datetime(2026, 4, 3, tzinfo=UTC), 1, "2026-04-02", 1),
        (datetime(2026, 4, 3, tzinfo=UTC), 7, "2026-03-27", 7),
        (datetime(2026, 4, 3, tzinfo=UTC), None, "2026-03-04", 30),
    ],
)
def test_so_many_days_are_that_many_of_the_calendar(as_of, days, first, count):
    asked = ActiveUsersIn().until(as_of, days=days)

    frame = asked.frame(now=as_of, zone="UTC", week_start=WeekStart.MONDAY)

    assert (frame.start, len(frame.aligned().labels)) == (datetime.fromisoformat(f"{first}T00:00:00Z"), count)


def test_days_are_those_of_the_questions_zone():
    """At noon in London it is 20:00 in Shanghai, whose day began at 16:00 the day before."""
    asked = ActiveUsersIn(time_zone="Asia/Shanghai").until(NOON_OF_THE_SECOND, days=1)

    frame = asked.frame(now=NOON_OF_THE_SECOND, zone="UTC", week_start=WeekStart.MONDAY)

    assert (frame.start, len(frame.labels)) == (datetime(2026, 4, 1, 16, tzinfo=UTC), 1)


def test_a_question_that_says_until_when_is_of_30_days_with_that_one():
    asked = ActiveUsersIn.model_validate({"to": "2026-04-03"}).until(NOON_OF_THE_SECOND, days=2)

    frame = asked.frame(now=NOON_OF_THE_SECOND, zone="UTC", week_start=WeekStart.MONDAY)

    assert (frame.labels[0], len(frame.labels)) == ("2026-03-05T00:00:00Z", 30)


@pytest.mark.parametrize(
    ("said", "days", "people", "rate"),
    [
        ({}, None, 3, 1 / 3),  # 30 days to the 3rd of March: a and b, who came again, and c, who did not
        ({}, 2, 1, 0.0),  # the 2nd and 3rd: b
        ({"from": "2026-02-20"}, None, 2, 0.0),
        (
            {"inactive_for": "P10D"},
            None,
            4,
            0.75,
        ),  # the 30 days to the 23rd of March: of a, b, d and e only d came within ten days
        ({"from": "2026-02-02", "to": "2026-02-12"}, None, 1, 1.0),  # one that says when itself stays
    ],
)
async def test_of_churn_those_are_asked_for_whose_time_is_over(world_with_store, said, days, people, rate):
    """At noon of 2 April nobody who was active in the last 30 days can have left, and whoever was before it and stayed, too."""
    world = world_with_store
    analyst = Analyst(world, "")
    world.api.clock.set(NOON_OF_THE_SECOND)
    await analyst.tell(
        did("a", "opened", "02-20"), did("a", "opened", "03-10"), did("a", "opened", "03-15"),
        did("b", "opened", "03-02"), did("b", "opened", "03-12"),
        did("c", "opened", "02-10"),
        did("d", "opened", "03-20"), did("d", "opened", "03-28"),
        did("e", "opened", "03-21"),
    )  # fmt: skip
    insight = await world.post("/v1/insights", {"name": "Churn", "kind": "churn", "query": said})

    async with world.api.db.session(Context(workspace="acme")) as session:
        _, body = await service.answer_as_of(session, insight["id"], NOON_OF_THE_SECOND, days=days)

    assert (body["people"], body["undecided"], body["churn_rate"]) == (people, 0, pytest.approx(rate))
