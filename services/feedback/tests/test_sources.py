"""Who posts is told of what it posted itself, and no two of them collide."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import UUID

import pytest

from opsloop_common.access.idempotency import Answer
from opsloop_common.access.principal import Kind, Principal
from opsloop_common.db import Context
from opsloop_common.errors import Invalid
from opsloop_common.ids import uuid7
from opsloop_feedback.intake import quick, rules, service
from opsloop_feedback.intake.schemas import FeedbackIn
from opsloop_feedback.submissions import rules as submissions

RECEIPT = {"id", "number", "status", "external_id", "channel", "source", "created_at"}
PRIVATE = {
    "body": "Zoe's card was charged twice",
    "title": "Zoe's title",
    "author": {"user_id": "zoe-1", "email": "zoe@example.com", "name": "Zoe"},
    "tags": ["zoes-tag"],
    "area": "zoes-area",
    "attributes": {"zoe": "zoes-attribute"},
}
ACME = Context(workspace="acme", actor="key:x")
KEY = Principal("acme", "key:1", frozenset({"feedback:submit"}), "key:1", "partner-a")
BROWSER = replace(KEY, kind=Kind.PUBLISHABLE)
VISITOR = replace(KEY, actor="visitor", source="visitors", kind=Kind.VISITOR)
USER = replace(KEY, actor="user:u1", source="users", kind=Kind.USER, user_id="u1")
PERSON = replace(KEY, actor="user:desk", source="people", kind=Kind.PERSON)


async def partner(desk, source: str, *scopes: str) -> dict[str, str]:
    return await desk.api.key(*(scopes or ("feedback:submit",)), name=source, source=source)


async def post(desk, headers: dict[str, str], **fields: object):
    return await desk.client.post("/v1/feedback", json={"body": "b"} | fields, headers=headers)


@pytest.mark.parametrize("keyed", [False, True])
async def test_two_sources_may_use_one_external_id(desk, keyed: bool):
    a, b = await partner(desk, "partner-a"), await partner(desk, "partner-b")
    extra = {"Idempotency-Key": "k1"} if keyed else {}

    first = await post(desk, a | extra, external_id="1001", **PRIVATE)
    second = await post(desk, b | extra, external_id="1001")
    again = await post(desk, b, external_id="1001")
    replayed = await post(desk, b | extra, external_id="1001")

    assert (first.status_code, second.status_code, again.status_code) == (201, 201, 200)
    assert first.json()["id"] != second.json()["id"]
    assert again.json() == second.json() == replayed.json()
    assert set(second.json()) == RECEIPT
    assert (second.json()["source"], second.json()["external_id"], second.json()["channel"]) == (
        "partner-b",
        "1001",
        "api",
    )
    assert not any("zoe" in answer.text.lower() for answer in (first, second, again, replayed))
    stored = (await desk.get("/v1/feedback", external_id="1001"))["items"]
    assert [(item["source"], item["author"]["user_id"]) for item in stored] == [
        ("partner-b", None),
        ("partner-a", "zoe-1"),
    ]
    assert [event.data["source"] for event in await desk.public()] == ["partner-a", "partner-b"]


async def test_batches_of_two_sources_do_not_meet(desk):
    a, b = await partner(desk, "partner-a"), await partner(desk, "partner-b")
    items = [{"body": "b", "external_id": str(n)} for n in range(3)]

    answers = [
        (await desk.client.post("/v1/feedback:batch", json={"items": items}, headers=headers)).json()["items"]
        for headers in (a, b, b)
    ]

    assert [[row["status"] for row in rows] for rows in answers] == [["created"] * 3, ["created"] * 3, ["existing"] * 3]
    ids = [[row["id"] for row in rows] for rows in answers]
    assert ids[1] == ids[2]
    assert not set(ids[0]) & set(ids[1])


async def test_a_single_post_and_a_batch_share_the_natural_key(desk):
    a = await partner(desk, "partner-a")
    single = (await post(desk, a, external_id="1")).json()

    batch = await desk.client.post("/v1/feedback:batch", json={"items": [{"body": "b", "external_id": "1"}]}, headers=a)
    async with desk.api.db.transaction(ACME) as session:
        plain, created = await service.submit(
            session, submissions.Submission(body="b", source="partner-a", external_id="1")
        )
        other, other_created = await service.submit(
            session, submissions.Submission(body="b", source="partner-b", external_id="1")
        )

    assert batch.json()["items"][0]["id"] == single["id"] == str(plain.id) != str(other.id)
    assert (created, other_created) == (False, True)


async def test_all_ways_at_once_make_one_row_a_source(desk):
    keys = {source: await partner(desk, source) for source in ("partner-a", "partner-b")}
    seen: dict[str, set[str]] = {source: set() for source in keys}

    async def single(source: str, extra: dict[str, str]):
        answer = await post(desk, keys[source] | extra, external_id="1001", author={"user_id": source})
        assert answer.status_code in (200, 201), answer.text
        seen[source].add(answer.json()["id"])

    async def batch(source: str):
        items = [{"body": "b", "external_id": "1001", "author": {"user_id": source}}]
        answer = await desk.client.post("/v1/feedback:batch", json={"items": items}, headers=keys[source])
        seen[source].add(answer.json()["items"][0]["id"])

    await asyncio.gather(
        *(
            work
            for n in range(8)
            for source in keys
            for work in (single(source, {}), single(source, {"Idempotency-Key": f"k{n}"}), batch(source))
        )
    )

    assert [len(ids) for ids in seen.values()] == [1, 1]
    stored = (await desk.get("/v1/feedback"))["items"]
    assert sorted((item["source"], item["author"]["user_id"]) for item in stored) == [
        ("partner-a", "partner-a"),
        ("partner-b", "partner-b"),
    ]
    assert len(await desk.api.events()) == 2


async def test_a_rotated_key_still_knows_what_its_source_posted(desk):
    old, new = await partner(desk, "partner-a"), await partner(desk, "partner-a")

    first = await post(desk, old, external_id="1")
    again = await post(desk, new, external_id="1")

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()


@pytest.mark.parametrize(
    ("scopes", "is_shown"),
    [
        (("feedback:submit",), False),
        (("feedback:write",), False),
        (("feedback:submit", "feedback:write"), False),
        (("feedback:submit", "feedback:read"), True),
        (("feedback:write", "feedback:read"), True),
        (("feedback:admin",), True),
    ],
)
async def test_only_who_may_read_is_shown_all(desk, scopes, is_shown: bool):
    key = await partner(desk, "partner-a", *scopes)

    answers = [await post(desk, key, external_id="1", **PRIVATE) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 200]
    assert [set(answer.json()) == RECEIPT for answer in answers] == [not is_shown] * 2
    assert [answer.json().get("title") for answer in answers] == ["Zoe's title" if is_shown else None] * 2
    assert answers[0].headers["etag"] == answers[1].headers["etag"] == '"1"'
    assert answers[0].headers["location"] == answers[1].headers["location"]


async def test_an_error_tells_nothing_of_another_source(desk):
    a, b = await partner(desk, "partner-a"), await partner(desk, "partner-b")
    await post(desk, a | {"Idempotency-Key": "k1"}, external_id="1001", **PRIVATE)

    answers = [
        await post(desk, b | {"Idempotency-Key": "k1"}, external_id="1001", body=""),
        await post(desk, b, external_id="1001", occurred_at="2027-01-01T00:00:00Z"),
        await desk.client.get("/v1/feedback", params={"source": "partner-a"}, headers=b),
    ]

    assert [answer.status_code for answer in answers] == [422, 422, 403]
    assert not any("zoe" in answer.text.lower() or "partner-a" in answer.text for answer in answers)


@pytest.mark.parametrize("who", [KEY, PERSON])
def test_who_holds_a_secret_is_believed(who: Principal):
    said = FeedbackIn(body="b", external_id="1", author={"user_id": "u2"}).submission(who)

    submissions.require_claims(said, who)

    assert (said.source, said.author_user_id, said.author_verified) == (who.source, "u2", True)


@pytest.mark.parametrize("who", [BROWSER, VISITOR])
def test_what_anybody_may_have_only_claims_an_author(who: Principal):
    said = FeedbackIn(body="b", author={"user_id": "u2"}).submission(who)

    submissions.require_claims(said, who)

    assert not submissions.may_read(replace(who, scopes=frozenset({"feedback:read"})))
    assert (said.author_user_id, said.author_verified) == ("u2", False)


@pytest.mark.parametrize("author", [None, {"user_id": "u1"}, {"name": "U"}])
def test_a_user_token_speaks_for_its_user(author):
    said = FeedbackIn(body="b", author=author).submission(USER)

    submissions.require_claims(said, USER)

    assert (said.author_user_id, said.author_verified) == ("u1", True)


@pytest.mark.parametrize(
    ("who", "fields", "pointer"),
    [
        (BROWSER, {"external_id": "1"}, "/external_id"),
        (VISITOR, {"external_id": "1"}, "/external_id"),
        (USER, {"external_id": "1"}, "/external_id"),
        (USER, {"author": {"user_id": "u2"}}, "/author/user_id"),
    ],
)
def test_strangers_may_not_name_items_or_others(who: Principal, fields, pointer: str):
    said = FeedbackIn(body="b", **fields).submission(who)

    with pytest.raises(Invalid) as refusal:
        submissions.require_claims(said, who)

    assert [error.pointer for error in refusal.value.errors] == [pointer]


async def test_browsers_are_told_a_receipt_and_their_claims_are_kept_apart(desk):
    browser, user = await desk.api.publishable(), await desk.api.user("u1")

    answers = [
        await post(desk, browser, author={"user_id": "u1", "email": "u1@example.com"}),
        await post(desk, user, author={"name": "U"}),
    ]
    refused = [
        await post(desk, browser, external_id="1"),
        await post(desk, user, external_id="1"),
        await post(desk, user, author={"user_id": "u2"}),
    ]

    assert [(answer.status_code, set(answer.json()) == RECEIPT) for answer in answers] == [(201, True)] * 2
    assert [(answer.status_code, answer.json()["errors"][0]["pointer"]) for answer in refused] == [
        (422, "/external_id"),
        (422, "/external_id"),
        (422, "/author/user_id"),
    ]
    stored = [await desk.get(f"/v1/feedback/{answer.json()['id']}") for answer in answers]
    assert [(item["source"], item["author"]["user_id"], item["author"]["verified"]) for item in stored] == [
        ("shop", "u1", False),
        ("users", "u1", True),
    ]
    assert [event.data["author"]["verified"] for event in await desk.public()] == [False, True]


async def _plainly(desk, said: submissions.Submission) -> UUID:
    async with desk.api.db.transaction(ACME) as session:
        item, _ = await service.submit(session, said)
    return item.id


async def _quickly(desk, said: submissions.Submission) -> UUID:
    row = rules.new_row(said, id=uuid7(), workspace="acme", now=desk.api.clock.now())
    await quick.take_in(desk.api.db, ACME, row, keyed=None, answer=Answer(201, {}, b""))
    return row["id"]


@pytest.mark.parametrize("take_in", [_plainly, _quickly])
async def test_an_unverified_author_stays_so_in_all_that_is_told(desk, take_in):
    id = await take_in(desk, FeedbackIn(body="b", author={"user_id": "u2"}).submission(BROWSER))
    await desk.client.post(f"/v1/feedback/{id}/messages", json={"kind": "reply", "body": "r"}, headers=desk.agent)
    await desk.patch(str(id), status="resolved")
    await desk.patch(str(id), status="open")

    shown = await desk.get(f"/v1/feedback/{id}")

    claimed = {"user_id": "u2", "verified": False}
    assert shown["author"] == claimed | {"email": None, "name": None}
    assert [event.data["author"] for event in await desk.api.events()] == [claimed] * 4
