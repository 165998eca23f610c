"""The HTTP shell through its door: who, how much, of what kind, in which order; and what an error looks like."""

import asyncio
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
from opsloop_common.contracts.catalogue import PUBLIC
from opsloop_common.contracts.fields import fields_of
from opsloop_common.db import Database
from opsloop_common.http.app import create_app
from opsloop_common.http.routing import ApiRouter, allow, public
from opsloop_common.runner.server import listen, serving
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


@pytest.mark.parametrize("query", ["text=a%00b", "x&" * 300])
async def test_a_malformed_query_is_told_after_what_is_wrong_with_the_body(sample, query):
    key = await sample.key("sample:write")

    async def post(kind, content):
        return await sample.client.post(f"/v1/notes?{query}", content=content, headers=key | {"Content-Type": kind})

    assert_problem(await post("application/json", b"x" * 2_000_000), 413)
    assert_problem(await post("text/plain", b"{}"), 415)
    assert_problem(await post("application/json", b"{"), 400)
    assert_problem(await post("application/json", b'{"text": "x"}'), 422)


async def test_unknown_paths_and_methods_are_problems_too(sample):
    assert_problem(await sample.client.get("/v1/nothing"), 404)
    wrong = await sample.client.put("/v1/notes-count")
    assert_problem(wrong, 405)
    assert "GET" in wrong.headers["allow"]


async def test_if_match_guards_against_lost_updates(sample):
    key = await sample.key("sample:write", "sample:read")
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
    policies = '"default";q=3;w=3, "workspace";q=6;w=3, "process";q=15;w=3'
    assert answers[0].headers["ratelimit-policy"] == policies
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

    refused = await closed.client.options("/v1/notes:batch", headers=asks)
    preflight = await opened.client.options("/v1/notes:batch", headers=asks)
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


async def test_a_refused_method_says_which_are_taken(sample):
    answer = await sample.client.request("TRACE", f"/v1/notes/{uuid4()}", headers=await sample.key("sample:write"))

    assert_problem(answer, 405)
    assert answer.headers["allow"] == "DELETE, GET, PATCH"


@pytest.mark.parametrize(
    "head", [b"GET /\x01 HTTP/1.1\r\n", b"NO HTTP\r\n", b"GET / HTTP/1.1\r\nContent-Length: x\r\n"]
)
async def test_what_is_not_http_is_a_problem_too(sample, head):
    with listen("127.0.0.1", 0) as listener:
        async with serving(sample.app, listener):
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            writer.write(head + b"\r\n")
            answer = (await reader.read()).decode()
            writer.close()

    headers, _, body = answer.partition("\r\n\r\n")
    assert headers.startswith("HTTP/1.1 400 Bad Request\r\n")
    assert "\r\nx-request-id: " in headers
    assert "\r\ncontent-type: application/problem+json" in headers
    assert json.loads(body)["status"] == 400


async def test_what_the_first_requests_would_wait_for_is_made_when_it_begins_to_serve(sample):
    fields_of.cache_clear()

    with listen("127.0.0.1", 0) as listener:
        async with serving(sample.app, listener), asyncio.timeout(30):
            while fields_of.cache_info().currsize < len(PUBLIC):  # noqa: ASYNC110 nothing tells of it
                await asyncio.sleep(0.01)


async def test_probes_are_not_logged(sample):
    with capture_logs() as logs:
        app = create_app(replace(sample.runtime, registry=CollectorRegistry()))  # its logger is made with it
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            for path in ("/healthz", "/readyz", "/metrics", "/v1/notes"):
                await client.get(path)

    assert [entry["path"] for entry in logs if entry["event"] == "request"] == ["/v1/notes"]
