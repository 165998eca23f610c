"""The hot path is one statement; in everything one can see it is the same as the ordinary transaction."""

import asyncio
import json

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from opsloop_common.contracts.envelope import Event
from opsloop_common.db import Context
from opsloop_feedback.intake import service
from opsloop_feedback.items.service import Feedback
from opsloop_feedback.submissions.rules import Submission

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


HOSTILE = {
    "the least": {},
    "everything": {
        "title": "A title",
        "kind": "complaint",
        "channel": "email",
        "external_id": "mail-1",
        "rating": 1,
        "locale": "zh-CN",
        "tags": ["b", "a", "b"],
        "area": "export",
        "occurred_at": "2026-11-21T08:00:00.123456+02:00",
        "author": {"user_id": "u1", "email": "a@example.org", "name": "小王"},
    },
    "JSON as text": {
        "title": '"number":0,"data":{"number":0}}',
        "tags": ['"number":0', "{}", "null", "\\", '\\"'],
        "attributes": {"number": 0, "data": {"number": [0, {"number": 0}]}, "": '"', "payload": '{"number":0}'},
    },
    "SQL as text": {"title": ":title $1 %s '; DROP TABLE feedback; --", "attributes": {":id": "$1", "a''b": "\\'"}},
    "numbers": {"attributes": {"a": 1e300, "b": -0.0, "c": 2**63 - 1, "d": -(2**63), "e": 1e-300, "f": 0.1, "g": 1e22}},
    "many languages": {
        "title": "😀 é ا\u202e ﷽ \u2028 \u00a0",
        "tags": ["𝒳", "ẞ"],
        "area": "ﬁ",
        "body": "\\u0000 \t\n</script>",
    },
    "deep": {"attributes": json.loads('{"a":' * 30 + "[]" + "}" * 30)},
    "long": {"body": "字" * 50_000, "attributes": {"x": "\\" * 30_000}},
}


@pytest.mark.parametrize("keyed", [False, True], ids=["without a key", "with a key"])
@pytest.mark.parametrize("said", HOSTILE.values(), ids=HOSTILE.keys())
async def test_plain_and_quick_come_to_one_outcome(desk, said, keyed):
    """The same rows in all tables, the same event, the same answer, whatever is said."""
    given = {"body": "The export fails."} | said
    header = {"Idempotency-Key": "k"} if keyed else {}
    quick = await desk.client.post("/v1/feedback", json=given, headers=desk.agent | header)
    assert quick.status_code == 201, quick.text
    found, answer = (await rows_of(desk))[0], quick.json()
    async with desk.api.db.transaction(Context(workspace="other", actor=found["actor"])) as session:
        slow, created = await service.submit(session, as_submission(found["row"], kind=said.get("kind")))
    plain = (await rows_of(desk, workspace="other"))[0]

    assert created
    for name in found["feedback"].keys() - {"id", "workspace", "number"}:
        assert found["feedback"][name] == plain["feedback"][name], name
    assert found["event"] == plain["event"]
    assert found["stream"] == plain["stream"] == 1
    assert (found["feedback"]["number"], found["number"]) == (answer["number"], answer["number"])
    assert (plain["feedback"]["number"], plain["number"]) == (slow.number, slow.number)
    assert answer == await desk.get(f"/v1/feedback/{answer['id']}")
    if keyed:
        again = await desk.client.post("/v1/feedback", json=given, headers=desk.agent | header)
        assert (again.status_code, again.content) == (201, quick.content)
        assert again.headers["Idempotency-Replayed"] == "true"


def as_submission(row, kind):
    names = Submission.__dataclass_fields__.keys() - {"kind"}
    return Submission(**{name: getattr(row, name) for name in names}, kind=kind)


async def rows_of(desk, workspace="acme"):
    """Return what every table holds of the posts of a workspace, the parts that are each one's own taken out."""
    found = []
    async with desk.api.db.transaction(Context(workspace=workspace)) as session:
        for row in await session.scalars(text("SELECT id FROM feedback ORDER BY number")):
            columns = await session.scalar(text("SELECT to_jsonb(f) FROM feedback AS f WHERE id = :id"), {"id": row})
            outbox = (
                await session.execute(
                    text(
                        "SELECT o.*, s.last_seq FROM outbox AS o JOIN outbox_stream AS s USING (stream) "
                        "WHERE stream = 'feedback/' || CAST(:id AS text)"
                    ),
                    {"id": str(row)},
                )
            ).one()
            document = Event.from_bytes(outbox.payload).document()
            own = {name: document.pop(name) for name in ("id", "subject", "partitionkey", "workspace", "correlationid")}
            document.pop("traceparent", None)
            assert own["id"] == str(outbox.event_id)
            assert own["subject"] == own["partitionkey"] == outbox.stream == f"feedback/{row}"
            assert (document["type"], document["sequence"]) == (outbox.type, outbox.seq)
            assert document["data"].pop("feedback_id") == str(row)
            found.append(
                {
                    "row": await session.get(Feedback, row),
                    "feedback": columns,
                    "number": document["data"].pop("number"),
                    "actor": document["actor"],
                    "event": document,
                    "stream": outbox.last_seq,
                }
            )
    return found


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
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND application_name = 'opsloop-feedback'"
            )
        )
    await engine.dispose()

    statuses = []
    async with asyncio.timeout(20):
        while 201 not in statuses:
            answer = await desk.client.post("/v1/feedback", json={"body": "b"}, headers=desk.agent)
            statuses.append(answer.status_code)

    assert set(statuses) <= {201, 503}
    assert len(statuses) < 15
