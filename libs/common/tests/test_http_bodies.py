"""Request bodies through the door: how much, of what kind, and what a strict reader makes of them."""

import gzip
import json

import pytest

from opsloop_common.testing.sample.service import SAMPLE

MIB = 1024 * 1024
JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def sample(api):
    return await api(SAMPLE)


def assert_problem(answer, status):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"]
    document = answer.json()
    assert {"type", "title", "status", "detail", "instance"} <= document.keys()
    assert document["status"] == status
    assert document["type"].startswith("urn:opsloop:problem:")
    return document


async def test_a_chunked_body_is_counted_as_it_comes(sample):
    key = await sample.key("sample:write")
    sent = 0

    async def endless():
        nonlocal sent
        for _ in range(100):
            sent += 1
            yield b"x" * 65536

    answer = await sample.client.post("/v1/notes", content=endless(), headers=key | JSON)

    assert_problem(answer, 413)
    assert sent < 20


async def test_a_batch_route_takes_eight_mebibytes(sample):
    key = await sample.key("sample:write")
    items = [{"text": "x" * 1000}] * 4000

    taken = await sample.client.post("/v1/notes:batch", json=items, headers=key)
    refused = await sample.client.post("/v1/notes:batch", content=b"[" + b" " * 8 * MIB + b"]", headers=key | JSON)

    assert taken.json() == {"created": 4000}
    assert_problem(refused, 413)


async def test_json_goes_by_several_names(sample):
    key = await sample.key("sample:write")

    for kind in ("application/json; charset=utf-8", "APPLICATION/JSON", "application/merge-patch+json"):
        answer = await sample.client.post("/v1/notes", content=b'{"text": "x"}', headers=key | {"Content-Type": kind})
        assert answer.status_code == 201, answer.text


async def test_a_compressed_body_is_415(sample):
    key = await sample.key("sample:write")
    packed = gzip.compress(b'{"text": "x"}')

    answer = await sample.client.post("/v1/notes", content=packed, headers=key | JSON | {"Content-Encoding": "gzip"})

    assert_problem(answer, 415)
    assert answer.headers["accept-encoding"] == "identity"


REFUSED = [
    (b'{"text": "x", "priority": NaN}', "/priority"),
    (b'{"text": "x", "priority": -Infinity}', "/priority"),
    (b'{"text": "x", "attributes": {"a/b": 1e999}}', "/attributes/a~1b"),
    (b'{"text": "x", "priority": 9223372036854775808}', "/priority"),
    (b'{"text": "x", "attributes": {"n": [' + b"1" * 5000 + b"]}}", "/attributes/n/0"),
    (b'{"text": "\\u0000"}', "/text"),
    (b'{"text": "x", "attributes": {"s": "\\ud800"}}', "/attributes/s"),
    (b'{"text": "x", "attributes": {"\\udfff": 1}}', "/attributes"),
    (b'{"text": "x", "text": "y"}', ""),
    (b'{"text": "x", "attributes": ' + b'{"a":' * 40 + b"1" + b"}" * 40 + b"}", "/attributes" + "/a" * 34),
    (b"[" * 100_000 + b"]" * 100_000, ""),
    (b'{"text": "x", "surprise": 1}', "/surprise"),
    (b'{"kind": "plain"}', "/text"),
    (b'{"text": "x", "priority": "5"}', "/priority"),
    (b'{"text": "x", "priority": true}', "/priority"),
    (b'{"text": "x", "kind": "shy"}', "/kind"),
    (b'{"text": "x", "remind_in": "an hour"}', "/remind_in"),
    (b'{"text": "x", "remind_in": 60}', "/remind_in"),
    (b'{"text": "x", "remind_at": "2026-11-22T08:00:00"}', "/remind_at"),
    (b'{"text": "x", "remind_at": 1700000000}', "/remind_at"),
    (b'{"text": "x", "remind_at": "2026-02-30T08:00:00Z"}', "/remind_at"),
    (b'"just text"', ""),
    (b"null", ""),
]
NOT_JSON = [
    b"",
    b" ",
    b"{",
    b"nope",
    b'{"text": "\x00"}',
    b'{"text": "\xed\xa0\x80"}',
    b"\xff\xfe",
    b'{"text": "x",}',
    b"{} {}",
]


async def test_bad_bodies_are_422_and_say_where(sample, subtests):
    headers = await sample.key("sample:write") | JSON
    for body, pointer in REFUSED:
        with subtests.test(body=body[:60]):
            answer = await sample.client.post("/v1/notes", content=body, headers=headers)

            problem = assert_problem(answer, 422)
            assert pointer in [error["pointer"] for error in problem["errors"]]


async def test_what_is_not_json_is_400(sample, subtests):
    headers = await sample.key("sample:write") | JSON
    for body in NOT_JSON:
        with subtests.test(body=body):
            assert_problem(await sample.client.post("/v1/notes", content=body, headers=headers), 400)


async def test_escaped_and_deep_json_within_the_limits_is_taken(sample):
    key = await sample.key("sample:write")
    deep: object = 1
    for _ in range(32):
        deep = [deep]
    body = {"text": "\u4f60\u597d \U0001f600", "priority": -(2**63), "attributes": {"deep": deep, "max": 2**63 - 1}}

    answer = await sample.client.post("/v1/notes", content=json.dumps(body), headers=key | JSON)

    assert answer.status_code == 201, answer.text
    assert answer.json()["text"] == body["text"]


async def test_no_answer_repeats_what_was_sent(sample):
    key = await sample.key("sample:write")
    for field in ("text", "kind", "priority", "remind_in", "remind_at", "attributes"):
        answer = await sample.client.post("/v1/notes", json={field: ["SECRET-VALUE"]}, headers=key)
        assert_problem(answer, 422)
        assert "SECRET" not in answer.text
    for path in ("/v1/notes?limit=SECRET", "/v1/notes?cursor=SECRET"):
        answer = await sample.client.get(path, headers=key)
        assert_problem(answer, 422)
        assert "SECRET" not in answer.text
