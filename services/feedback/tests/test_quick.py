"""The hot path is one statement; in everything one can see it is the same as the ordinary transaction."""

import asyncio

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from opsloop_common.db import Context
from opsloop_feedback.intake import service
from opsloop_feedback.intake.rules import Submission

SAID = Submission(
    body='说 "number":0 \\ and 闪退',
    source="test",
    title='"data":{"number":0}',
    tags=['"number":0'],
    area="a",
    rating=2,
)
ACME = Context(
    workspace="acme", actor="key:x", correlationid="c", traceparent="00-" + "1" * 32 + "-" + "2" * 16 + "-01"
)


async def test_row_and_event_are_those_of_the_transaction(desk):
    json = {"body": SAID.body, "title": SAID.title, "tags": SAID.tags, "area": SAID.area, "rating": SAID.rating}
    headers = desk.agent | {"X-Request-Id": "c", "traceparent": ACME.traceparent}

    quick = (await desk.client.post("/v1/feedback", json=json, headers=headers)).json()
    async with desk.api.db.transaction(ACME) as session:
        slow, created = await service.submit(session, SAID)

    assert created
    listed = await desk.get("/v1/feedback")
    rows = [{name: value for name, value in item.items() if name not in ("id", "number")} for item in listed["items"]]
    assert rows[0] == rows[1]
    assert [item["id"] for item in listed["items"]] == [str(slow.id), quick["id"]]
    events = [event.document() for event in await desk.api.events()]
    own = ("id", "actor", "subject", "partitionkey", "traceparent")
    first, second = ({name: value for name, value in event.items() if name not in own} for event in events)
    assert first["data"].pop("feedback_id") == quick["id"]
    assert first["data"].pop("number") == quick["number"]
    assert second["data"].pop("feedback_id") == str(slow.id)
    assert second["data"].pop("number") == slow.number == quick["number"] + 1
    assert first == second
    assert list(events[0]) == list(events[1])
    assert events[0]["traceparent"].split("-")[1] == events[1]["traceparent"].split("-")[1]


async def test_later_events_follow_the_first_in_their_stream(desk):
    item = await desk.post()
    await desk.patch(item["id"], severity="s1")

    first, second = await desk.api.events()

    assert (first.sequence, second.sequence) == (1, 2)
    assert first.partitionkey == second.partitionkey


async def test_a_post_wakes_the_relay(desk):
    waiting = desk.api.db.wakeups.subscribe("outbox")

    await desk.post()

    assert waiting.is_set()


async def test_a_refused_post_leaves_nothing(desk):
    await desk.post(external_id="x")
    await desk.post(expect=200, external_id="x")

    async with desk.api.db.transaction(ACME) as session:
        counts = [
            (await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one()
            for table in ("feedback", "outbox", "outbox_stream")
        ]

    assert counts == [1, 1, 1]


async def test_another_workspace_cannot_be_written_to_by_a_forged_row(desk):
    """The workspace of the row is the one that the statement set, which comes from the credential."""
    item = await desk.post(attributes={"workspace": "other"})

    async with desk.api.db.transaction(Context(workspace="other")) as session:
        theirs = (await session.execute(text("SELECT id FROM feedback"))).all()

    assert theirs == []
    assert (await desk.get(f"/v1/feedback/{item['id']}"))["attributes"] == {"workspace": "other"}


async def test_cut_connections_are_replaced(desk):
    for _ in range(3):
        await desk.post()
    engine = create_async_engine(desk.api.db.url)
    async with engine.connect() as connection:
        await connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'opsloop-feedback'")
        )
    await engine.dispose()

    statuses = []
    async with asyncio.timeout(20):
        while 201 not in statuses:
            answer = await desk.client.post("/v1/feedback", json={"body": "b"}, headers=desk.agent)
            statuses.append(answer.status_code)

    assert set(statuses) <= {201, 503}
    assert len(statuses) < 15
