"""Personas through the door: what the people of a segment are like, each change a version."""

from __future__ import annotations

import asyncio
from collections import Counter
from urllib.parse import urljoin
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text

from opsloop_common import limits
from opsloop_common.db import Context
from opsloop_metrics.personas import rules

QUOTE = {"feedback_id": "0191f4b0-0000-7000-8000-000000000001", "text": "下单太慢了"}
PERSONA = {
    "title": "移动端优先的店主",
    "summary": "Runs the shop from a phone between two customers.",
    "needs": ["one-hand ordering", "离线可用"],
    "pains": ["slow pages"],
    "quotes": [QUOTE],
}
WRITTEN = set(PERSONA)


@pytest_asyncio.fixture
async def segment(world):
    return (await world.post("/v1/segments", {"name": "Owners", "kind": "static"}))["id"]


@pytest.fixture
def at(segment):
    return f"/v1/segments/{segment}/persona"


async def write(world, at, expect=200, headers=None, **fields):
    answer = await world.send("PUT", at, json=PERSONA | fields, headers=world.headers | (headers or {}))
    assert answer.status_code == expect, answer.text
    return answer


async def versions(world, at):
    return (await world.get(f"{at}/versions"))["items"]


async def test_a_persona_is_written_and_shown(world, at, segment):
    made = await write(world, at, 201)

    assert urljoin(at, made.headers["location"]) == at
    body = made.json()
    assert {name: body[name] for name in WRITTEN} == PERSONA
    assert (body["segment_id"], body["version"]) == (segment, 1)
    shown = await world.send("GET", at)
    assert (shown.json(), shown.headers["etag"]) == (body, made.headers["etag"])


async def test_each_change_is_a_version_and_the_same_again_is_none(world, at):
    await write(world, at, 201)
    world.api.clock.advance(60)
    second = await write(world, at, title="店主")
    again = await write(world, at, title="店主")
    third = await write(world, at, title="店主", needs=[], quotes=[])

    assert (second.json()["version"], again.json(), third.json()["version"]) == (2, second.json(), 3)
    found = await versions(world, at)
    assert [each["version"] for each in found] == [3, 2, 1]
    assert [each["title"] for each in found] == ["店主", "店主", PERSONA["title"]]
    assert [each["needs"] for each in found] == [[], PERSONA["needs"], PERSONA["needs"]]
    assert found[2]["quotes"] == [QUOTE]
    assert found[0]["actor"].startswith("key:")
    assert found[1]["written_at"] > found[2]["written_at"]


async def test_versions_are_paged(world, at):
    await write(world, at, 201)
    for number in range(4):
        await write(world, at, title=f"t{number}")

    page = await world.get(f"{at}/versions", limit=3)
    rest = await world.get(f"{at}/versions", limit=3, cursor=page["next_cursor"])

    assert [each["version"] for each in page["items"] + rest["items"]] == [5, 4, 3, 2, 1]
    assert rest["next_cursor"] is None


async def test_a_change_is_held_to_the_version_that_was_seen(world, at):
    made = await write(world, at, 201)
    tag = {"If-Match": made.headers["etag"]}

    await write(world, at, 200, tag, title="another")
    await write(world, at, 412, tag, title="a third")
    assert len(await versions(world, at)) == 2


async def test_if_match_names_nothing_where_there_is_no_persona(world, at):
    await write(world, at, 412, {"If-Match": "*"})
    assert (await world.send("GET", at)).status_code == 404


async def test_of_many_at_once_each_is_a_version_and_one_is_the_first(world, at):
    answers = await asyncio.gather(
        *(world.send("PUT", at, json=PERSONA | {"title": f"t{number}"}) for number in range(8))
    )

    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 7}
    assert sorted(answer.json()["version"] for answer in answers) == list(range(1, 9))
    assert [each["version"] for each in await versions(world, at)] == list(range(8, 0, -1))


SENSELESS = [
    ({"title": ""}, "/title"),
    ({"title": "\u200b"}, "/title"),
    ({"title": None}, "/title"),
    ({"title": "x" * 201}, "/title"),
    ({"summary": "x" * 4_001}, "/summary"),
    ({"needs": ["x"] * 51}, "/needs"),
    ({"needs": [""]}, "/needs/0"),
    ({"pains": [1]}, "/pains/0"),
    ({"pains": "slow"}, "/pains"),
    ({"quotes": [{"text": "x"}]}, "/quotes/0/feedback_id"),
    ({"quotes": [{"feedback_id": "x", "text": "x"}]}, "/quotes/0/feedback_id"),
    ({"quotes": [QUOTE | {"text": "x" * 501}]}, "/quotes/0/text"),
    ({"quotes": [QUOTE] * 51}, "/quotes"),
    ({"quote": []}, "/quote"),
]


async def test_what_cannot_be_written_is_named_and_nothing_is_kept(world, at, subtests):
    for fields, pointer in SENSELESS:
        with subtests.test(fields=fields):
            answer = await write(world, at, 422, **fields)

            assert answer.json()["errors"][0]["pointer"] == pointer
            assert (await world.send("GET", at)).status_code == 404


async def test_only_the_title_has_to_be_there(world, at):
    answer = await world.send("PUT", at, json={"title": "店主"})

    body = answer.json()
    assert answer.status_code == 201
    assert [body[name] for name in ("summary", "needs", "pains", "quotes")] == [None, [], [], []]


async def test_where_there_is_no_segment_or_no_persona(world, at):
    nothing = f"/v1/segments/{uuid4()}/persona"

    assert (await write(world, nothing, 404)).json()["detail"] == "There is no segment with this id."
    for path in (nothing, at):
        for below in ("", "/versions"):
            answer = await world.send("GET", f"{path}{below}")
            assert (answer.status_code, answer.json()["detail"]) == (404, "There is no persona with this id.")


async def test_another_workspace_sees_and_writes_none(world, at):
    await write(world, at, 201)
    theirs = await world.api.key("metrics:read", "metrics:write", workspace="other")

    for method, path, body in (("GET", at, None), ("GET", f"{at}/versions", None), ("PUT", at, PERSONA)):
        assert (await world.send(method, path, json=body, headers=theirs)).status_code == 404
    assert len(await versions(world, at)) == 1


async def test_who_may_only_read_writes_none(world, at):
    reader = await world.api.key("metrics:read")

    assert (await world.send("PUT", at, json=PERSONA, headers=reader)).status_code == 403
    assert (await world.send("GET", at, headers={})).status_code == 401


async def test_a_persona_goes_with_its_segment(world, at, segment):
    await write(world, at, 201)
    await write(world, at, title="another")

    assert (await world.send("DELETE", f"/v1/segments/{segment}")).status_code == 204

    assert (await world.send("GET", at)).status_code == 404
    async with world.api.db.transaction(Context("acme")) as session:
        for table in ("persona", "persona_version"):
            assert await session.scalar(text(f"SELECT count(*) FROM {table}")) == 0


async def test_a_persona_has_so_many_versions(world, at, monkeypatch):
    assert limits.PERSONA_VERSIONS == 1_000
    monkeypatch.setattr(limits, "PERSONA_VERSIONS", 2)
    await write(world, at, 201)
    await write(world, at, title="2")

    answer = await write(world, at, 409, title="3")
    assert answer.json()["detail"] == "A persona has at most 2 versions."
    await write(world, at, title="2")  # nothing new is no version


async def test_the_audit_log_knows_that_something_was_written_and_not_what(world, at):
    await write(world, at, 201)
    await write(world, at, title="another")

    log = (await world.send("GET", "/v1/audit", headers=await world.api.key())).json()["items"]

    entries = [each for each in log if each["action"].startswith("persona.")]
    assert [each["action"] for each in entries] == ["persona.updated", "persona.created"]
    assert PERSONA["title"] not in str(entries)
    assert "another" not in str(entries)


LONGEST = {
    "title": "店" * 200,
    "summary": "s" * 4_000,
    "needs": ["需" * 500] * 50,
    "pains": ["p" * 500] * 50,
    "quotes": [{"feedback_id": str(uuid4()), "text": "q" * 500}] * 50,
}


async def test_the_longest_that_is_taken_is_shown_as_it_is(world, at):
    await write(world, at, 201, **LONGEST)

    shown = await world.get(at)
    assert {name: shown[name] for name in WRITTEN} == LONGEST
    [version] = await versions(world, at)
    assert {name: version[name] for name in WRITTEN} == LONGEST


async def test_who_may_only_write_is_not_shown_what_stands_there(world, at):
    writer = await world.api.key("metrics:write")
    await write(world, at, 201)

    same = await world.send("PUT", at, json=PERSONA, headers=writer)

    assert (same.status_code, same.content) == (204, b"")
    assert (await world.send("GET", at, headers=writer)).status_code == 403


async def test_of_two_who_saw_one_version_one_is_told_that_it_is_stale(world, at):
    made = await write(world, at, 201)
    headers = world.headers | {"If-Match": made.headers["etag"]}

    answers = await asyncio.gather(
        *(world.send("PUT", at, json=PERSONA | {"title": f"t{number}"}, headers=headers) for number in range(6))
    )

    assert Counter(answer.status_code for answer in answers) == {200: 1, 412: 5}
    assert [each["version"] for each in await versions(world, at)] == [2, 1]


async def test_each_segment_has_its_own(world, at):
    other = (await world.post("/v1/segments", {"name": "Guests", "kind": "static"}))["id"]
    await write(world, at, 201)
    await write(world, f"/v1/segments/{other}/persona", 201, title="客人")

    assert (await world.get(at))["title"] == PERSONA["title"]
    assert (await world.get(f"/v1/segments/{other}/persona"))["title"] == "客人"


BEFORE = {"title": "a", "summary": None, "needs": ["x"], "pains": [], "quotes": []}


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (None, BEFORE, True),
        (BEFORE, BEFORE, False),
        (BEFORE, BEFORE | {"needs": ["x"]}, False),
        (BEFORE, BEFORE | {"needs": ["y"]}, True),
        (BEFORE, BEFORE | {"needs": []}, True),
        (BEFORE, BEFORE | {"title": "b"}, True),
        (BEFORE, BEFORE | {"summary": ""}, True),
        (BEFORE, BEFORE | {"pains": ["p"]}, True),
        (BEFORE, BEFORE | {"quotes": [QUOTE]}, True),
        (BEFORE | {"more": 1}, BEFORE | {"more": 2}, False),
    ],
)
def test_what_is_another_persona(before, now, expected):
    assert rules.differs(before, now) is expected


def test_what_a_persona_is_made_of_is_what_may_differ():
    assert set(rules.FIELDS) == WRITTEN
    assert len(rules.FIELDS) == len(WRITTEN) == len(BEFORE)
    assert all(rules.differs(BEFORE, BEFORE | {name: "another"}) for name in rules.FIELDS)
