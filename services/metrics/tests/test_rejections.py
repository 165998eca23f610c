"""The reject log through the door: what was refused, why, and how it came; bounded, and nothing of who was erased."""

import asyncio
import json
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from opsloop_common.contracts.metrics import UserErased
from opsloop_common.db import Context
from opsloop_common.limits import REJECTION_DAYS, REJECTION_RAW_BYTES, REJECTIONS_PER_MINUTE
from opsloop_common.testing.events import deliver, make_event
from opsloop_metrics.rejections import service
from opsloop_metrics.rejections.consumers import ERASURES
from opsloop_metrics.rejections.service import Problem, Reason

PATH = "/v1/rejected-messages"


class Log:
    def __init__(self, world):
        self.world = world
        self.key = world.headers["Authorization"].removeprefix("Bearer ")

    async def send(self, *messages, expect=200):
        answer = await self.world.send("POST", "/v1/batch", json={"batch": list(messages), "writeKey": self.key})
        assert answer.status_code == expect, answer.text

    async def items(self, **params):
        return (await self.world.get(PATH, **params))["items"]

    async def summary(self, **params):
        return await self.world.get(f"{PATH}/summary", **params)

    async def refuse(self, *problems, workspace="acme", source="shop", vendor="segment"):
        async with self.world.api.db.transaction(Context(workspace)) as session:
            await service.record(session, problems, source=source, vendor=vendor)

    async def sql(self, statement):
        async with self.world.api.db.transaction(Context("acme")) as session:
            return (await session.execute(text(statement))).all()


@pytest.fixture
def log(world_with_store):
    return Log(world_with_store)


@pytest.fixture
def plain(world):
    return Log(world)


def track(**fields):
    return {"type": "track", "event": "Paid", "messageId": str(uuid4()), "userId": "u1"} | fields


def problem(index=0, reason=Reason.MISSING_ID, detail="it has to say who", raw=None, message_id=None):
    return Problem(index, reason, detail, raw or {"event": "Paid"}, message_id)


async def test_what_a_client_sent_is_kept_as_it_came(log):
    bad = track(event="", messageId="m1", properties={"名": "值"})
    await log.send(track(), bad, track(userId=None))

    newest, oldest = await log.items()
    assert oldest | {"id": None, "detail": ""} == {
        "id": None,
        "received_at": "2026-11-22T08:00:00Z",
        "source": oldest["source"],
        "vendor": "segment",
        "reason": "missing_event",
        "detail": "",
        "message_id": "m1",
        "raw": oldest["raw"],
        "import_id": None,
        "row": None,
    }
    assert json.loads(oldest["raw"]) == bad
    assert "event" in oldest["detail"]
    assert newest["reason"] == "missing_id"


async def test_what_is_taken_leaves_nothing(log):
    await log.send(track(), track())
    assert await log.items() == []
    assert await log.sql("SELECT * FROM rejection_minute") == []


async def test_a_time_too_far_ahead_is_kept_too(log):
    """It is refused after it was read, when its time is known."""
    ahead = (log.world.now + timedelta(days=2)).isoformat()
    await log.send(track(timestamp=ahead), expect=400)
    [found] = await log.items()
    assert (found["reason"], json.loads(found["raw"])["event"]) == ("bad_time", "Paid")


async def test_filters(plain):
    await plain.refuse(problem(message_id="m1"), problem(1, Reason.BAD_TIME))
    plain.world.api.clock.advance(60)
    await plain.refuse(problem(2), vendor="posthog", source="app")
    for params, expected in [
        ({}, 3),
        ({"reason": "missing_id"}, 2),
        ({"reason": "bad_time"}, 1),
        ({"source": "app"}, 1),
        ({"vendor": "segment"}, 2),
        ({"message_id": "m1"}, 1),
        ({"from": plain.world.now.isoformat().replace("+00:00", "Z")}, 1),
        ({"to": plain.world.now.isoformat().replace("+00:00", "Z")}, 2),
        ({"reason": "missing_id", "vendor": "segment", "source": "shop"}, 1),
        ({"reason": "erased"}, 0),
    ]:
        assert len(await plain.items(**params)) == expected, params


async def test_a_reason_that_there_is_not_is_told_the_nearest(plain):
    answer = await plain.world.send("GET", PATH, params={"reason": "bad_tme"})

    [error] = answer.json()["errors"]
    assert (answer.status_code, error["pointer"]) == (422, "/query/reason")
    assert error["detail"].startswith("must be one of not_an_object, unknown_type, ")
    assert error["detail"].endswith("; did you mean bad_time?")


async def test_pages(plain):
    for place in range(5):
        await plain.refuse(problem(place, detail=str(place)))
        plain.world.api.clock.advance(1)
    seen, cursor = [], None
    while True:
        page = await plain.world.get(PATH, limit=2, **({"cursor": cursor} if cursor else {}))
        seen += [each["detail"] for each in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert seen == ["4", "3", "2", "1", "0"]


async def test_another_workspace_and_another_scope_see_nothing(plain):
    await plain.refuse(problem())
    for scope, workspace, status in [
        ("metrics:read", "other", 200),
        ("metrics:write", "acme", 403),
        ("metrics:capture", "acme", 403),
    ]:
        headers = await plain.world.api.key(scope, workspace=workspace)
        for path in (PATH, f"{PATH}/summary"):
            answer = await plain.world.send("GET", path, headers=headers)
            assert answer.status_code == status
            if status == 200:
                assert answer.json() in ({"items": [], "next_cursor": None}, {"counts": [], "left_out": 0})
    assert (await plain.world.send("GET", PATH, headers={})).status_code == 401


@pytest.mark.parametrize("params", [{"from": "yesterday"}, {"reason": ""}, {"reason": "x" * 201}, {"resaon": "x"}])
async def test_malformed(plain, params):
    assert (await plain.world.send("GET", PATH, params=params)).status_code == 422


async def test_of_a_flood_some_are_kept_and_the_rest_is_counted(plain):
    many = [problem(place) for place in range(REJECTIONS_PER_MINUTE - 10)]
    await plain.refuse(*many)
    await asyncio.gather(*(plain.refuse(*[problem(place) for place in range(10)]) for _ in range(5)))
    await plain.refuse(problem())

    summary = await plain.summary()
    assert sum(each["count"] for each in summary["counts"]) == REJECTIONS_PER_MINUTE
    assert summary["left_out"] == 41
    plain.world.api.clock.advance(60)
    await plain.refuse(problem())
    assert sum(each["count"] for each in (await plain.summary())["counts"]) == REJECTIONS_PER_MINUTE + 1


async def test_one_workspaces_flood_costs_another_nothing(plain):
    await plain.refuse(*[problem(place) for place in range(REJECTIONS_PER_MINUTE + 5)], workspace="other")
    await plain.refuse(problem())
    assert len(await plain.items()) == 1
    assert (await plain.summary())["left_out"] == 0


async def test_the_summary_counts_by_reason(plain):
    await plain.refuse(problem(), problem(1), problem(2, Reason.BAD_TIME))
    plain.world.api.clock.advance(10)
    await plain.refuse(problem(), vendor="posthog")

    counts = (await plain.summary())["counts"]

    assert [(each["reason"], each["vendor"], each["count"]) for each in counts] == [
        ("missing_id", "segment", 2),
        ("bad_time", "segment", 1),
        ("missing_id", "posthog", 1),
    ]
    assert counts[2]["last_at"] == "2026-11-22T08:00:10Z"
    assert (await plain.summary(to="2026-11-22T07:00:00Z"))["counts"] == []


async def test_a_large_message_is_cut(plain):
    await plain.refuse(problem(raw={"p": "付" * 50_000}))
    [found] = await plain.items()
    assert len(found["raw"].encode()) <= REJECTION_RAW_BYTES
    assert found["raw"].endswith("…")


async def test_nothing_is_kept_of_who_was_erased(log):
    await log.send(track(userId="gone"), track(userId="stays"))
    answer = await log.world.send("DELETE", "/v1/users/gone")
    assert answer.status_code == 202, answer.text

    await log.send(track(userId="gone", event=""), track(userId="stays", event=""), track(userId="gone"), expect=400)

    found = {(each["reason"], each["raw"] is None) for each in await log.items()}
    assert found == {("missing_event", True), ("missing_event", False), ("erased", True)}
    assert "gone" not in json.dumps(await log.items())


async def test_what_was_kept_before_is_forgotten_with_the_person(plain):
    for id in ("gone", "goner", 'q"uote', "付"):
        await plain.refuse(problem(raw={"userId": id, "event": ""}))
    await plain.refuse(problem(raw={"userId": "gone"}), workspace="other")
    event = make_event(UserErased(erasure_id=uuid4(), user_id="gone", user_ids=["gone", 'q"uote', "付"]))

    for _ in range(2):
        await deliver(plain.world.api.db, ERASURES, event)

    kept = [each["raw"] for each in await plain.items()]
    assert kept.count(None) == 3
    assert [json.loads(raw)["userId"] for raw in kept if raw] == ["goner"]
    theirs = await plain.world.send("GET", PATH, headers=await plain.world.api.key(workspace="other"))
    assert theirs.json()["items"][0]["raw"] == '{"userId":"gone"}'


async def test_it_ends_after_thirty_days(plain, monkeypatch):
    monkeypatch.setattr(service, "BATCH", 2)
    for place in range(5):
        await plain.refuse(problem(place))
    plain.world.api.clock.advance(timedelta(days=REJECTION_DAYS))
    await plain.world.recur()
    assert len(await plain.items()) == 5
    await plain.refuse(problem(9, detail="new"))
    plain.world.api.clock.advance(1)

    await plain.world.recur()

    assert [each["detail"] for each in await plain.items()] == ["new"]
    assert len(await plain.sql("SELECT * FROM rejection_minute")) == 1


async def test_no_more_than_so_many_are_kept(plain, monkeypatch):
    monkeypatch.setattr(service, "REJECTIONS_KEPT", 3)
    assert await plain.items() == []  # the workspace is known now
    for place in range(5):
        await plain.refuse(problem(place, detail=str(place)))
        plain.world.api.clock.advance(1)

    await plain.world.recur()

    assert [each["detail"] for each in await plain.items()] == ["4", "3", "2"]


async def test_texts_that_no_database_takes(plain):
    await plain.refuse(problem(detail="a\x00b", message_id="m\x00", raw={"a": "\x00\ud800"}))
    [found] = await plain.items()
    assert (found["detail"], found["message_id"]) == ("a\ufffdb", "m\ufffd")


ERASED = ["u1", "12345", "777", "u5", "q, u"]
SHAPES = [
    "o2,u1,5,CNY,2026-03-01\n",
    "o2;u1;5",
    'o2\t"q, u"\t5',
    '{"userId": 12345, "event"',
    {"userId": 12345},
    {"properties": {"$distinct_id": 777}},
    {"userId": " u5 "},
    {"buyer": " u5"},
    ["u5"],
]
OTHERS = ["o2,u11,5,CNY,2026-03-01\n", {"userId": 123456}, {"userId": "u 5"}]


async def test_however_an_id_was_written_it_is_forgotten(plain):
    await plain.refuse(*(problem(place, raw=raw) for place, raw in enumerate([*SHAPES, *OTHERS])))
    assert None not in [each["raw"] for each in await plain.items()]

    await deliver(
        plain.world.api.db, ERASURES, make_event(UserErased(erasure_id=uuid4(), user_id="u1", user_ids=ERASED))
    )

    kept = [json.loads(each["raw"]) for each in await plain.items() if each["raw"]]
    assert sorted(map(str, kept)) == sorted(map(str, OTHERS))
    assert len(await plain.sql("SELECT id FROM rejection WHERE ids IS NOT NULL")) == len(OTHERS)


async def test_however_an_erased_id_is_written_nothing_is_kept_of_it(log):
    for id in ERASED:
        await log.send(track(userId=id))
        answer = await log.world.send("DELETE", f"/v1/users/{id}")
        assert answer.status_code == 202, answer.text

    await log.refuse(*(problem(place, raw=raw) for place, raw in enumerate([*SHAPES, *OTHERS])))

    kept = [json.loads(each["raw"]) for each in await log.items() if each["raw"]]
    assert sorted(map(str, kept)) == sorted(map(str, OTHERS))


async def test_what_names_too_many_is_not_kept(plain):
    await plain.refuse(problem(raw={"ids": list(range(2_000))}))
    [found] = await plain.items()
    assert (found["reason"], found["raw"]) == ("missing_id", None)


async def test_what_is_from_before_ids_were_told_is_searched(plain):
    await plain.refuse(problem(raw={"userId": "u1"}))
    await plain.sql("UPDATE rejection SET ids = NULL RETURNING id")

    await deliver(
        plain.world.api.db, ERASURES, make_event(UserErased(erasure_id=uuid4(), user_id="u1", user_ids=["u1"]))
    )

    assert [each["raw"] for each in await plain.items()] == [None]
