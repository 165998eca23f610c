"""Large answers are sent small to who asks for it with a credential in the head, and as they are to everybody else."""

import gzip
import json

import pytest

from opsloop_common.db import Context
from opsloop_common.testing.sample.service import SAMPLE
from opsloop_common.testing.sample.tables import Note


@pytest.fixture
async def sample(api):
    door = await api(SAMPLE)
    async with door.db.transaction(Context("acme")) as session:
        session.add_all(
            Note(workspace="acme", text=f"说了 {number}: " + "the export fails " * 40) for number in range(60)
        )
    return door


async def raw(client, path, headers):
    """Return status, headers and bytes of an answer as they were sent."""
    async with client.stream("GET", path, headers=headers) as answer:
        return answer.status_code, answer.headers, b"".join([part async for part in answer.aiter_raw()])


async def test_a_page_is_sent_small_and_says_the_same(sample):
    key = await sample.key("sample:read")

    _, plain_headers, plain = await raw(sample.client, "/v1/notes", key | {"Accept-Encoding": "identity"})
    status, headers, small = await raw(sample.client, "/v1/notes", key | {"Accept-Encoding": "br, gzip;q=0.5"})

    assert status == 200
    assert headers["content-encoding"] == "gzip"
    assert int(headers["content-length"]) == len(small) < len(plain) / 5
    assert "accept-encoding" in headers["vary"].lower()
    assert "accept-encoding" in plain_headers["vary"].lower()
    assert "content-encoding" not in plain_headers
    assert json.loads(gzip.decompress(small))["items"] == json.loads(plain)["items"]


async def test_a_page_of_a_megabyte_is_whole(sample):
    key = await sample.key("sample:read")
    async with sample.db.transaction(Context("acme")) as session:
        session.add(Note(workspace="acme", text="x" * 1_000_000))

    _, headers, small = await raw(sample.client, "/v1/notes?limit=1", key | {"Accept-Encoding": "gzip"})

    assert headers["content-encoding"] == "gzip"
    assert len(json.loads(gzip.decompress(small))["items"][0]["text"]) == 1_000_000


@pytest.mark.parametrize("other", [{"Cookie": "a=b"}, {"Accept-Encoding": "identity"}, {"Accept-Encoding": "br"}])
async def test_what_a_browser_may_have_sent_by_itself_is_answered_as_it_is(sample, other):
    key = await sample.key("sample:read")

    _, headers, body = await raw(sample.client, "/v1/notes", key | {"Accept-Encoding": "gzip"} | other)

    assert "content-encoding" not in headers
    assert len(json.loads(body)["items"]) == 50


async def test_small_answers_and_refusals_are_sent_as_they_are(sample):
    key = await sample.key("sample:read")

    for path, status in (("/v1/notes?limit=1", 200), ("/v1/notes?limit=0", 422), ("/v1/nowhere", 404)):
        found, headers, body = await raw(sample.client, path, key | {"Accept-Encoding": "gzip"})
        assert (found, "content-encoding" in headers) == (status, False)
        assert json.loads(body)


async def test_nobody_without_a_credential_gets_anything_compressed(sample):
    _, headers, body = await raw(sample.client, "/openapi.json", {"Accept-Encoding": "gzip"})

    assert "content-encoding" not in headers
    assert json.loads(body)["openapi"].startswith("3.")


async def test_what_is_posted_is_answered_as_it_is(sample):
    key = await sample.key("sample:read", "sample:write")

    async with sample.client.stream(
        "POST", "/v1/notes", json={"text": "long " * 1_000}, headers=key | {"Accept-Encoding": "gzip"}
    ) as answer:
        body = b"".join([part async for part in answer.aiter_raw()])

    assert "content-encoding" not in answer.headers
    assert json.loads(body)
