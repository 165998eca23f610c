"""Idempotency-Key: one effect, one answer, however often and however many at once."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from opsloop_common.access import idempotency
from opsloop_common.secretbox import SecretBox
from opsloop_common.testing.http import TEST_SECRET
from opsloop_common.testing.sample.service import SAMPLE


@pytest.fixture
async def sample(api):
    return await api(SAMPLE)


async def post(sample, key, name, body, path="/v1/notes"):
    return await sample.client.post(path, json=body, headers=key | {"Idempotency-Key": name})


async def count_notes(sample, key):
    return len((await sample.client.get("/v1/notes?limit=200", headers=key)).json()["items"])


async def test_a_retry_gets_the_stored_answer(sample):
    key = await sample.key("sample:write")

    first = await post(sample, key, "k1", {"text": "once", "priority": 1})
    again = await post(sample, key, "k1", {"priority": 1, "text": "once"})

    assert first.status_code == again.status_code == 201
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.content == first.content
    for name in ("location", "etag", "content-type"):
        assert again.headers[name] == first.headers[name]
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert await count_notes(sample, key) == 1
    assert len(await sample.events()) == 1


async def test_the_same_key_with_another_body_is_422(sample):
    key = await sample.key("sample:write")
    await post(sample, key, "k1", {"text": "once"})

    answer = await post(sample, key, "k1", {"text": "twice"})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/header/Idempotency-Key"
    assert await count_notes(sample, key) == 1


async def test_a_key_belongs_to_its_credential_and_path(sample):
    key, other = await sample.key("sample:write"), await sample.key("sample:write")
    note = (await post(sample, key, "k1", {"text": "a"})).json()

    assert (await post(sample, other, "k1", {"text": "b"})).status_code == 201
    assert (await post(sample, key, "k1", [{"text": "c"}], "/v1/notes:batch")).json() == {"created": 1}
    assert (await post(sample, key, "k1", None, f"/v1/notes/{note['id']}/shout")).status_code == 204
    assert await count_notes(sample, key) == 3


async def test_a_malformed_key_is_422(sample):
    key = await sample.key("sample:write")

    for name in ("", " ", "a b", "x" * 256, "\x7f"):
        answer = await post(sample, key, name, {"text": "x"})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/header/Idempotency-Key"


async def test_only_success_is_stored(sample):
    key = await sample.key("sample:write")
    note = (await post(sample, key, "make", {"text": "LOUD"})).json()
    path = f"/v1/notes/{note['id']}/shout"

    refused = await post(sample, key, "shout", None, path)
    malformed = await post(sample, key, "k", {"text": 1})
    await sample.client.patch(f"/v1/notes/{note['id']}", json={"text": "quiet"}, headers=key)

    assert (refused.status_code, malformed.status_code) == (409, 422)
    assert (await post(sample, key, "shout", None, path)).status_code == 204
    assert (await post(sample, key, "k", {"text": "x"})).status_code == 201


async def test_fifty_at_once_have_one_effect(sample):
    key = await sample.key("sample:write")

    answers = await asyncio.gather(*(post(sample, key, "k1", {"text": "once"}) for _ in range(50)))

    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in answers if answer.status_code == 201) == 1
    assert all(answer.headers["retry-after"] == "1" for answer in answers if answer.status_code == 409)
    assert await count_notes(sample, key) == 1
    assert len(await sample.events()) == 1


async def test_a_request_still_running_is_409(sample):
    key = await sample.key("sample:write")
    path = "/v1/notes"
    async with sample.db.transaction() as elsewhere:
        # the same lock that the shell takes, held by another process
        principal = await sample.app.state.shell.authenticator.read(key["Authorization"].removeprefix("Bearer "))
        keyed = idempotency.keyed_request(
            "k1",
            credential=principal.credential,
            method="POST",
            path=path,
            body={"text": "once"},
            secrets=sample.runtime.secrets,
        )
        await elsewhere.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": keyed.lock})
        busy = await post(sample, key, "k1", {"text": "once"})

    assert (busy.status_code, busy.headers["retry-after"]) == (409, "1")
    assert (await post(sample, key, "k1", {"text": "once"})).status_code == 201


async def test_answers_are_kept_sealed_for_a_day(sample):
    key = await sample.key("sample:write")
    await post(sample, key, "k1", {"text": "confidential"})

    async with sample.db.transaction() as session:
        row = (await session.execute(text("SELECT answer FROM idempotency"))).one()
        assert "confidential" not in row.answer
        assert await idempotency.prune(session) == 0
    sample.clock.advance(timedelta(hours=23))
    assert (await post(sample, key, "k1", {"text": "confidential"})).headers["idempotency-replayed"] == "true"
    sample.clock.advance(timedelta(hours=1))
    assert "idempotency-replayed" not in (await post(sample, key, "k1", {"text": "another"})).headers
    sample.clock.advance(timedelta(hours=24))
    async with sample.db.transaction() as session:
        assert await idempotency.prune(session) == 1


async def test_a_route_of_one_statement_does_it_by_itself(sample):
    key = await sample.key("sample:write")

    answers = await asyncio.gather(*(post(sample, key, "k1", {"text": "quick"}, "/v1/quick-notes") for _ in range(20)))
    other = await post(sample, key, "k1", {"text": "slow"}, "/v1/quick-notes")

    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    again = await post(sample, key, "k1", {"text": "quick"}, "/v1/quick-notes")
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json()["version"] == 1
    assert other.status_code == 422
    assert await count_notes(sample, key) == 1


async def test_a_quick_route_works_without_a_key(sample):
    key = await sample.key("sample:write")

    answer = await sample.client.post("/v1/quick-notes", json={"text": "a"}, headers=key)

    assert answer.status_code == 201
    async with sample.db.transaction() as session:
        assert (await session.execute(text("SELECT count(*) FROM idempotency"))).scalar() == 0


def test_bodies_are_compared_as_canonical_json():
    same = [{"a": 1, "b": [1.0, "x"]}, {"b": [1, "x"], "a": 1.0}]

    assert len({idempotency.hash_of(body) for body in same}) == 1
    assert idempotency.hash_of({"a": "1"}) != idempotency.hash_of({"a": 1})
    assert idempotency.hash_of({"a": True}) != idempotency.hash_of({"a": 1})


async def test_an_answer_is_repeated_as_long_as_its_key_is_named(sample):
    key = await sample.key("sample:write")
    first = await post(sample, key, "k1", {"text": "once"})
    new = "the new key of tests, 32 characters"

    sample.runtime.secrets = SecretBox(new, previous=[TEST_SECRET])
    again = await post(sample, key, "k1", {"text": "once"})
    sample.runtime.secrets = SecretBox(new)
    unread = await post(sample, key, "k1", {"text": "once"})

    assert (again.status_code, again.content) == (201, first.content)
    assert (unread.status_code, "can no longer be read" in unread.json()["detail"]) == (409, True)
    assert await count_notes(sample, key) == 1
