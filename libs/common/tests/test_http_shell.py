"""The HTTP shell through its door: who, how much, of what kind, in which order; and what an error looks like."""

import json
from dataclasses import replace
from urllib.parse import urljoin
from uuid import uuid4

import httpx
import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from structlog.testing import capture_logs

from opsloop_common.access.keys import Token
from opsloop_common.db import Database
from opsloop_common.http.app import create_app
from opsloop_common.http.routing import ApiRouter, allow, public
from opsloop_common.service import Check
from opsloop_common.testing.http import open_api, settings_for_tests
from opsloop_common.testing.sample.service import SAMPLE

MIB = 1024 * 1024
JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def sample(api):
    return await api(SAMPLE)


async def as_owner(sample, *statements):
    owner = create_async_engine(sample.db.url)
    async with owner.begin() as connection:
        for statement in statements:
            await connection.execute(text(statement))
    await owner.dispose()


def assert_problem(answer, status):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"]
    document = answer.json()
    assert {"type", "title", "status", "detail", "instance"} <= document.keys()
    assert document["status"] == status
    assert document["type"].startswith("urn:opsloop:problem:")
    return document


async def test_a_note_goes_in_and_comes_out(sample):
    key = await sample.key("sample:write")

    made = await sample.client.post("/v1/notes", json={"text": "hello"}, headers=key)
    shown = await sample.client.get(urljoin(str(made.url), made.headers["location"]), headers=key)

    assert made.status_code == 201, made.text
    assert made.headers["etag"] == '"1"'
    assert not made.headers["location"].startswith("/")
    assert shown.json() == made.json()
    [event] = await sample.events()
    assert event.workspace == "acme"
    assert event.actor.startswith("key:")
    assert event.correlationid == made.headers["x-request-id"]


async def test_location_holds_below_a_prefix(sample):
    key = await sample.key("sample:write")
    transport = httpx.ASGITransport(sample.app, root_path="/api/sample")
    async with httpx.AsyncClient(transport=transport, base_url="http://all.test") as client:
        made = await client.post("/api/sample/v1/notes", json={"text": "hello"}, headers=key)

        shown = await client.get(urljoin(str(made.url), made.headers["location"]), headers=key)

    assert shown.status_code == 200
    assert shown.url.path == f"/api/sample/v1/notes/{made.json()['id']}"


async def test_a_credential_is_asked_for_before_the_body_is_looked_at(sample):
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic b3Bs"}):
        answer = await sample.client.post("/v1/notes", content=b"{" + b"x" * MIB * 2, headers=headers)

        assert_problem(answer, 401)
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_checks_come_in_the_promised_order(sample):
    reader, writer = await sample.key("sample:read"), await sample.key("sample:write")
    too_much = b'{"text": "' + b"x" * MIB + b'"}'

    async def post(key, content, kind="application/json"):
        return await sample.client.post("/v1/notes", content=content, headers=key | {"Content-Type": kind})

    assert_problem(await post(reader, too_much, "text/plain"), 403)
    assert_problem(await post(writer, too_much, "text/plain"), 413)
    assert_problem(await post(writer, b"{", "text/plain"), 415)
    assert_problem(await post(writer, b"", "text/plain"), 415)
    assert_problem(await post(writer, b'{"text": '), 400)
    assert_problem(await post(writer, b'{"text": 1}'), 422)


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


async def test_an_id_that_names_nothing_is_404(sample):
    key = await sample.key("sample:write")

    for note_id in ("1", "not-a-uuid", "%00", "0198-%F0%9F%98%80", str(uuid4())):
        assert_problem(await sample.client.get(f"/v1/notes/{note_id}", headers=key), 404)
        assert_problem(await sample.client.patch(f"/v1/notes/{note_id}", json={"text": "x"}, headers=key), 404)


async def test_a_foreign_workspaces_note_is_404(sample):
    ours, theirs = await sample.key("sample:write"), await sample.key("sample:write", workspace="other")
    note = (await sample.client.post("/v1/notes", json={"text": "ours"}, headers=ours)).json()

    for method, body in (("GET", None), ("PATCH", {"text": "theirs"}), ("DELETE", None)):
        answer = await sample.client.request(method, f"/v1/notes/{note['id']}", json=body, headers=theirs)
        assert_problem(answer, 404)
    assert (await sample.client.get("/v1/notes", headers=theirs)).json() == {"items": [], "next_cursor": None}


async def test_nul_in_the_query_is_422(sample):
    answer = await sample.client.get("/v1/notes?text=a%00b", headers=await sample.key())

    assert assert_problem(answer, 422)["errors"][0]["pointer"] == "/query/text"


async def test_unknown_paths_and_methods_are_problems_too(sample):
    assert_problem(await sample.client.get("/v1/nothing"), 404)
    wrong = await sample.client.put("/v1/notes-count")
    assert_problem(wrong, 405)
    assert "GET" in wrong.headers["allow"]


async def test_if_match_guards_against_lost_updates(sample):
    key = await sample.key("sample:write")
    note = (await sample.client.post("/v1/notes", json={"text": "one"}, headers=key)).json()
    path = f"/v1/notes/{note['id']}"

    async def patch(text, tag):
        return await sample.client.patch(path, json={"text": text}, headers=key | {"If-Match": tag})

    first = await patch("two", '"1"')
    assert (first.status_code, first.headers["etag"]) == (200, '"2"')
    assert_problem(await patch("three", '"1"'), 412)
    assert_problem(await patch("three", 'W/"2"'), 412)
    assert (await patch("three", '"9", "2"')).status_code == 200
    assert (await patch("four", "*")).status_code == 200
    assert (await sample.client.delete(path, headers=key)).status_code == 204
    assert_problem(await patch("five", "*"), 404)


async def test_an_illegal_transition_says_what_is_possible(sample):
    key = await sample.key("sample:write")
    note = (await sample.client.post("/v1/notes", json={"text": "LOUD"}, headers=key)).json()

    answer = await sample.client.post(f"/v1/notes/{note['id']}/shout", headers=key)

    assert assert_problem(answer, 409)["allowed"] == ["plain"]


async def test_a_fault_of_ours_is_a_plain_500(sample):
    key = await sample.key()

    with capture_logs() as logs:
        answer = await sample.client.get("/v1/faults/bug", headers=key)

    assert "secret" not in json.dumps(assert_problem(answer, 500))
    [logged] = [entry for entry in logs if entry["log_level"] == "error"]
    assert logged["request_id"] == answer.headers["x-request-id"]


async def test_a_connection_that_is_cut_is_503_and_the_next_request_works(sample):
    key = await sample.key()
    await sample.client.get("/v1/notes", headers=key)

    cut = await sample.client.get("/v1/faults/cut", headers=key)

    assert_problem(cut, 503)
    assert cut.headers["retry-after"]
    assert (await sample.client.get("/v1/notes", headers=key)).status_code == 200


async def test_a_database_that_is_down_is_503(clock, tmp_path):
    database = Database(f"postgresql://postgres@/none?host={tmp_path}", service="sample", clock=clock)
    async with open_api(SAMPLE, database, settings_for_tests()) as sample:
        answer = await sample.client.get("/v1/notes", headers=sample.operator)
        unknown = await sample.client.get("/v1/notes", headers={"Authorization": f"Bearer {Token.new()}"})
        ready = await sample.client.get("/readyz")

    assert_problem(answer, 503)
    assert_problem(unknown, 503)
    assert ready.status_code == 503
    assert ready.json()["status"] == "unavailable"
    await database.close()


async def test_request_ids_and_traces_go_through(sample):
    key = await sample.key("sample:write")
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    sane = {"X-Request-Id": "partner-7", "traceparent": trace}

    kept = await sample.client.post("/v1/notes", json={"text": "a"}, headers=key | sane)
    fresh = await sample.client.post(
        "/v1/notes", json={"text": "b"}, headers=key | {"X-Request-Id": "a b" * 90, "traceparent": "00-0-0"}
    )

    assert kept.headers["x-request-id"] == "partner-7"
    assert fresh.headers["x-request-id"] != "a b" * 90
    first, second = await sample.events()
    assert (first.correlationid, first.traceparent) == ("partner-7", trace)
    assert second.correlationid == fresh.headers["x-request-id"]
    assert second.traceparent.startswith("00-")
    assert len(second.traceparent) == 55


async def test_a_key_that_asks_too_fast_is_told_when_to_come_back(api):
    sample = await api(SAMPLE, settings_for_tests(rate_limit_per_second=1, rate_limit_burst=3))
    key, other = await sample.key("sample:read"), await sample.key("sample:read")

    answers = [await sample.client.get("/v1/notes", headers=key) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[0].headers["ratelimit"] == '"default";r=2;t=1'
    assert answers[0].headers["ratelimit-policy"] == '"default";q=3;w=3'
    assert_problem(answers[3], 429)
    assert answers[3].headers["retry-after"] == "1"
    assert (await sample.client.get("/v1/notes", headers=other)).status_code == 200


async def test_a_public_route_asks_for_nothing(sample):
    assert (await sample.client.get("/v1/notes-count")).json() == {"count": None}


async def test_browsers_of_other_origins_are_let_in_only_when_named(api):
    closed = await api(SAMPLE)
    opened = await api(SAMPLE, settings_for_tests(cors_origins="https://app.example, https://b.example"))
    asks = {
        "Origin": "https://app.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }

    refused = await closed.client.options("/v1/notes", headers=asks)
    preflight = await opened.client.options("/v1/notes", headers=asks)
    answer = await opened.client.get("/v1/notes", headers={"Origin": "https://app.example"})

    assert "access-control-allow-origin" not in refused.headers
    assert preflight.headers["access-control-allow-origin"] == "https://app.example"
    assert preflight.headers["x-request-id"]
    assert_problem(answer, 401)
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    assert "X-Request-Id" in answer.headers["access-control-expose-headers"]


def test_a_route_that_does_not_say_who_may_use_it_is_refused():
    router = ApiRouter()

    with pytest.raises(TypeError, match="exactly one"):

        @router.get("/v1/open")
        async def forgotten() -> None: ...

    with pytest.raises(TypeError, match="exactly one"):

        @router.get("/v1/open", dependencies=[allow("a:read"), public()])
        async def undecided() -> None: ...


async def test_a_transaction_that_cannot_commit_answers_no_success(sample):
    key = await sample.key("sample:write")
    # a deferred trigger fails only at COMMIT, after the endpoint has returned its 201
    await as_owner(
        sample,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$",
        "CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON note DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION refuse()",
    )

    with capture_logs():
        answer = await sample.client.post("/v1/notes", json={"text": "x"}, headers=key | {"Idempotency-Key": "k"})

    assert_problem(answer, 500)
    assert await sample.events() == []
    async with sample.db.transaction() as session:
        assert (await session.execute(text("SELECT count(*) FROM idempotency"))).scalar() == 0


async def test_probes_and_metrics(sample):
    key = await sample.key("sample:write")
    await sample.client.post("/v1/notes", json={"text": "x"}, headers=key)
    await sample.client.get("/v1/nothing/here")

    assert (await sample.client.get("/healthz")).json() == {"status": "alive"}
    assert (await sample.client.get("/readyz")).json()["status"] == "ready"
    metrics = (await sample.client.get("/metrics")).text
    assert 'opsloop_http_requests_total{method="POST",route="/v1/notes",status="201"} 1.0' in metrics
    assert 'route="unmatched",status="404"' in metrics


async def test_the_all_in_one_answers_metrics_elsewhere(sample):
    quiet = create_app(replace(sample.runtime, registry=CollectorRegistry()), with_metrics=False)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(quiet), base_url="http://quiet.test") as client:
        assert_problem(await client.get("/metrics"), 404)


async def test_readiness_tells_what_a_role_can_do_without(sample):
    async def spare():
        return Check("spare", False, "gone", essential=False)

    async def needed():
        raise OSError

    sample.runtime.readiness.append(spare)
    degraded = await sample.client.get("/readyz")
    sample.runtime.readiness.append(needed)
    unavailable = await sample.client.get("/readyz")

    assert (degraded.status_code, degraded.json()["status"]) == (200, "degraded")
    assert degraded.json()["checks"] == {"database": "ok", "spare": "gone"}
    assert (unavailable.status_code, unavailable.json()["checks"]["needed"]) == (503, "OSError")
