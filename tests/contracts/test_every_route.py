"""Every route of every service × {no key, a key without the scope, another workspace's key}; a new route is covered by itself."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest
import pytest_asyncio
import structlog

from opsloop.services import MEMBERS
from opsloop_common.db import Database, app_role
from opsloop_common.testing.clock import FakeClock
from opsloop_common.testing.databases import TestDatabases
from opsloop_common.testing.http import Api, open_api, settings_for_tests
from opsloop_common.testing.sample.reminders import slice as reminders
from opsloop_common.testing.sample.service import SAMPLE
from tests.contracts.route_tables import (
    ADMIN_PATHS,
    BAD_BODIES,
    BESIDES_BAD,
    BESIDES_READ,
    COMPUTED,
    CREATED_BY_NAME,
    FOR_BROWSERS,
    LONG_PAGES,
    OF_MANY,
    ONE_PAGE,
    ROOMY,
    SCOPES,
    TAKES_ANY_FILE,
    lacks,
    reads,
    takes_json,
)
from tests.contracts.worlds import BODIES, NO_CHANGES, QUERIES, fill, fill_own

pytestmark = pytest.mark.asyncio(loop_scope="module")
MODEL = replace(SAMPLE, slices=(reminders.SLICE,))
SERVICES = {service.name: service for service in (*MEMBERS, MODEL)}
JSON = {"Content-Type": "application/json"}


def is_vendors(operation: dict[str, Any]) -> bool:
    """Say whether a route speaks another vendor's protocol, and so refuses in that vendor's words."""
    return operation["tags"][0].startswith("capture: ")


def has_words_of_its_own(operation: dict[str, Any]) -> bool:
    """Say whether a route refuses in words that others gave it."""
    return is_vendors(operation) or operation["tags"] == ["Alertmanager"]


def refusal(answer, operation: dict[str, Any]) -> None:
    """Check that an error answer is what the route's clients read."""
    if has_words_of_its_own(operation):
        assert answer.headers["content-type"] == "application/json"
        assert isinstance(answer.json(), dict)
        assert answer.headers["x-request-id"]
    else:
        problem(answer)


def problem(answer) -> dict[str, Any]:
    """Return an error answer's document, checking that it is one."""
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert {"type", "title", "status", "detail", "instance"} <= set(document)
    assert document["status"] == answer.status_code
    assert answer.headers["x-request-id"]
    return document


@dataclass
class Door:
    """A service with one resource of every kind in workspace `acme`; no test here may change any of it."""

    api: Api
    ids: dict[str, str]
    ours: dict[str, str]
    theirs: dict[str, str]
    created: list[tuple[str, str]]

    async def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Ask with our key, unless headers are given."""
        return await self.api.client.request(method, path, **({"headers": self.ours} | options))


def operations(door: Door) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield method, path template and description of every documented operation."""
    for path, item in door.api.app.openapi()["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def listed(answer: httpx.Response) -> list[Any] | None:
    """Return what an answer lists, as a page or as a stream; None for what is no list."""
    if answer.headers["content-type"].startswith("text/event-stream"):
        return [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
    found: list[Any] | None = answer.json().get("items")
    return found


def nameless(path: str) -> str:
    """Return a path whose parameters name nothing."""
    return path.replace("{", "").replace("}", "")


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Iterator[None]:
    """Keep the access log from printing a line for each of some thousand requests."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    yield
    structlog.configure(**before)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=sorted(SERVICES))
async def door(
    request: pytest.FixtureRequest, databases: TestDatabases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Door]:
    """Each service, one after the other, on one database for all that is asked of it."""
    service = SERVICES[request.param]
    settings = settings_for_tests(service.settings, attachments_path=tmp_path_factory.mktemp("attachments"), **ROOMY)
    url = await databases.create(service)
    database = Database(url, service=service.name, clock=FakeClock(), role=app_role(service.name))
    try:
        async with open_api(service, database, settings) as api:
            created: list[tuple[str, str]] = []

            async def note(answer: httpx.Response) -> None:
                if answer.status_code == 201 and answer.request.method == "POST":
                    created.append((answer.request.url.path, answer.headers.get("location", "/none")))

            api.client.event_hooks["response"].append(note)
            ids = await fill(api)
            api.client.event_hooks["response"].clear()
            yield Door(api, ids, await fill_own(api, ids, await api.key()), await api.key(workspace="other"), created)
    finally:
        await database.close()
        await databases.drop(url)


async def test_without_a_key(door: Door):
    for method, path, operation in operations(door):
        if operation["security"] == []:
            continue
        for headers in ({}, {"Authorization": "Bearer opl_nobody_knows"}, {"Authorization": "Basic eDp5"}):
            # the body is not even JSON: who asks comes first
            answer = await door.request(method, nameless(path), content=b"{", headers=headers)
            assert answer.status_code == 401, (method, path)
            assert answer.headers["www-authenticate"].startswith("Bearer")
            refusal(answer, operation)


async def test_each_route_asks_for_the_scope_of_what_it_does(door: Door):
    name = door.api.runtime.service.name
    for method, path, operation in operations(door):
        if operation["security"] == []:
            continue
        expected = {"capture" if is_vendors(operation) else "read" if reads(method, path) else "write"}
        if path.startswith(ADMIN_PATHS) or (method, path) == ("PATCH", "/v1/workspace"):
            expected = {"admin"}
        expected = SCOPES.get(f"{method} {path}", expected)
        assert set(operation["x-scopes"]) == {f"{name}:{level}" for level in expected}, (method, path)
        besides = [f"{name}:read"] if f"{method} {path}" in BESIDES_READ else []
        assert operation.get("x-scopes-besides", []) == besides, (method, path)


async def test_without_the_scope(door: Door):
    scopes = door.api.runtime.service.scopes
    for scope in scopes:
        headers = await door.api.key(scope)
        may = set(scopes) if scope.endswith(":admin") else {scope}
        for method, path, operation in operations(door):
            if operation["security"] == []:
                continue
            # not JSON and no such resource, so that whoever is let in changes nothing
            answer = await door.request(method, nameless(path), content=b"{", headers=headers)
            assert (answer.status_code == 403) == lacks(operation, may), (method, path, scope)
            if answer.status_code == 403:
                refusal(answer, operation)


@pytest.mark.parametrize("workspace", ["acme", "other"])
async def test_what_strangers_hold_opens_only_what_says_so(door: Door, workspace: str):
    # the key carries every scope, which no door gives: the declaration counts, not the scope
    holders = {
        "publishable": await door.api.publishable(workspace=workspace),
        "user": await door.api.user(workspace=workspace),
    }
    for method, path, operation in operations(door):
        if operation["security"] == []:
            continue
        for kind, headers in holders.items():
            is_open = f"{method} {path}" in FOR_BROWSERS[kind] or (is_vendors(operation) and kind == "publishable")
            assert ({kind: []} in operation["security"]) == is_open, (method, path, kind)
            answer = await door.request(method, path.format_map(door.ids), content=b"{", headers=headers | JSON)
            # where nothing is sent nothing is malformed; what vendors' clients send is no part of the contract
            malformed = 201 if f"{method} {path}" in TAKES_ANY_FILE else 400
            opened = {malformed} if "requestBody" in operation or is_vendors(operation) else {200, 404}
            assert answer.status_code in (opened if is_open else {403}), (method, path, kind, answer.text)
            if answer.status_code >= 400:
                refusal(answer, operation)


async def test_a_change_that_changes_nothing_is_not_a_read(door: Door):
    name = door.api.runtime.service.name
    writer = await fill_own(door.api, door.ids, await door.api.key(f"{name}:write"))
    for method, path, operation in operations(door):
        if method not in ("PATCH", "PUT") or f"{name}:write" not in operation["x-scopes"] or path in OF_MANY:
            continue
        body = {} if method == "PATCH" else NO_CHANGES[f"{method} {path}"]
        concrete = path.format_map(door.ids)
        shown = re.sub("/(status|approval)$", "", concrete)
        before = await door.request("GET", shown)
        answer = await door.request(method, concrete, json=body, headers=writer)
        assert (answer.status_code, answer.content) == (204, b""), (method, path, answer.text)
        assert re.fullmatch(r'"[!-~]+"', answer.headers["etag"]), (method, path)
        assert (await door.request("GET", shown)).json() == before.json(), (method, path)
        assert (await door.request(method, concrete, json=body)).status_code == 200, "who may read is shown it"


async def test_another_workspace_sees_nothing(door: Door):
    for method, path, operation in operations(door):
        if operation["security"] == []:
            continue
        concrete, query = path.format_map(door.ids), QUERIES.get(f"{method} {path}")
        if method == "GET" and "{" not in path:
            mine = listed(await door.request("GET", concrete, params=query))
            answer = await door.request("GET", concrete, params=query, headers=door.theirs)
            assert answer.status_code == 200, (path, answer.text)
            if mine is not None and path not in ONE_PAGE:  # those are the same for everybody
                assert mine, f"{path} lists nothing: make the world richer"
                shared = [item for item in listed(answer) or () if item in mine]
                assert shared == [], f"{path} shows another workspace's items"
        elif "{" in path and f"{method} {path}" not in CREATED_BY_NAME:
            body = None
            if "requestBody" in operation:
                assert f"{method} {path}" in BODIES, f"tests/contracts/worlds has no body for {method} {path}"
                body = BODIES[f"{method} {path}"]
            answer = await door.request(method, concrete, json=body, params=query, headers=door.theirs)
            assert answer.status_code == 404, (method, path, answer.status_code, answer.text)
            problem(answer)
            if method == "GET":
                assert (await door.request("GET", concrete, params=query)).status_code == 200, path


async def test_a_malformed_id_names_nothing(door: Door):
    for method, path, _ in operations(door):
        if "{" in path and "{user_id}" not in path:
            for malformed in ("not%20an%20id%00", "..%2F..", "%F0%9F%92%A9", "1" * 3000):
                concrete = re.sub(r"\{\w+\}", malformed, path)
                operation = f"{method} {path}"
                answer = await door.request(method, concrete, json=BODIES.get(operation), params=QUERIES.get(operation))
                assert answer.status_code == 404, (method, concrete, answer.status_code, answer.text)
                problem(answer)


@pytest.mark.parametrize("what", sorted(BAD_BODIES))
async def test_bad_bodies(door: Door, what: str):
    body, status = BAD_BODIES[what]
    headers = door.ours | {"Content-Type": "application/json"}
    for method, path, operation in operations(door):
        if not takes_json(operation):
            continue
        if not operation["requestBody"].get("required") and what == "empty":
            continue
        answer = await door.request(method, path.format_map(door.ids), content=body, headers=headers)
        expected = BESIDES_BAD.get((f"{method} {path}", what), status)
        assert answer.status_code == expected, (method, path, answer.status_code, answer.text)
        refusal(answer, operation)
        if expected == 422 and not has_words_of_its_own(operation):
            document = problem(answer)
            assert document["errors"], (method, path, document)
            assert all(error["pointer"].startswith("/") or error["pointer"] == "" for error in document["errors"])


async def test_too_large_and_wrong_type(door: Door):
    huge = b'{"body": "' + b"a" * (8 * 1024 * 1024) + b'"}'
    for method, path, operation in operations(door):
        if not takes_json(operation):
            continue
        concrete = path.format_map(door.ids)
        typed = {"Content-Type": "application/x-www-form-urlencoded"}
        limit = 1024 * 1024 * (8 if path.endswith(":batch") else 1)
        assert operation["x-body-limit"] == limit, (method, path)
        # a wrong type as well: the size comes first
        large = await door.request(method, concrete, content=huge[: limit + 1], headers=door.ours | typed)
        assert large.status_code == 413, (method, path)
        refusal(large, operation)
        wrong = await door.request(method, concrete, content=b"a=1", headers=door.ours | typed)
        assert wrong.status_code == 415, (method, path)
        refusal(wrong, operation)
        within = await door.request(method, concrete, content=b" " * limit, headers=door.ours | JSON)
        assert within.status_code == 400, (method, path)


async def test_bad_paging(door: Door):
    for method, path, operation in operations(door):
        names = {parameter["name"] for parameter in operation.get("parameters", ())}
        if method == "GET" and "limit" in names:
            concrete = path.format_map(door.ids)
            beyond = str(LONG_PAGES.get(path, 200) + 1)
            for query in ({"limit": "0"}, {"limit": beyond}, {"limit": "x"}, {"cursor": "made-up"}, {"cursor": ""}):
                answer = await door.request("GET", concrete, params=query)
                assert answer.status_code == 422, (path, query)
                problem(answer)
        elif method == "GET" and path not in ONE_PAGE:
            answer = await door.request("GET", path.format_map(door.ids), params=QUERIES.get(f"GET {path}"))
            is_json = answer.headers["content-type"] == "application/json"  # a picture is no list
            assert not is_json or "next_cursor" not in answer.json(), f"{path} is a list without limit and cursor"


async def test_a_parameter_that_is_not_known_is_refused_with_the_nearest_that_is(door: Door):
    for method, path, operation in operations(door):
        if operation["security"] == [] or has_words_of_its_own(operation):  # whose clients add what they like
            continue
        known = [one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"]
        body = "{}" if "requestBody" in operation else None
        for name in known or ["severty"]:
            wrong = f"{name}s" if known else name
            sent = {"params": {wrong: "1"}, "content": body, "headers": door.ours | JSON}
            answer = await door.request(method, path.format_map(door.ids), **sent)
            assert answer.status_code == 422, (method, path, wrong, answer.text)
            meant = f"This parameter is not known here; did you mean {name}?" if known else "is not known here"
            [error] = problem(answer)["errors"]
            assert (error["pointer"], meant in error["detail"]) == (f"/query/{wrong}", True), (method, path, error)


@pytest.mark.parametrize("query", ["=1", "limit=1&LIMIT=2", "%00%ff=1&%E9%87%8D=", "a" * 3_000, "a/b~c=1"])
async def test_names_of_parameters_may_be_anything(door: Door, query: str):
    answer = await door.request("GET", f"/v1/audit?{query}")
    assert answer.status_code == 422, answer.text
    assert problem(answer)["errors"][0]["pointer"].startswith("/query/")


async def test_a_field_that_is_not_known_is_refused_with_the_nearest_that_is(door: Door):
    for method, path, _ in operations(door):
        if not (body := BODIES.get(f"{method} {path}")):
            continue
        wrong = f"{min(body)}s"
        answer = await door.request(method, path.format_map(door.ids), json=body | {wrong: 1})
        [error] = problem(answer)["errors"]
        assert (answer.status_code, error["pointer"]) == (422, f"/{wrong}"), (method, path)
        assert error["detail"].startswith("This field is not known here; did you mean "), (method, path, error)


async def test_a_stale_version_changes_nothing(door: Door):
    for method, path, operation in operations(door):
        if method not in ("PATCH", "PUT", "DELETE") or path in OF_MANY:
            continue
        assert "If-Match" in {parameter["name"] for parameter in operation["parameters"]}, (method, path)
        body = BODIES.get(f"{method} {path}") if "requestBody" in operation else None
        if path == "/v1/workspace":
            body = {"locale": "zh-CN"}
        stale = door.ours | {"If-Match": '"0", W/"1"'}
        answer = await door.request(method, path.format_map(door.ids), json=body, headers=stale)
        assert answer.status_code == 412, (method, path, answer.text)
        problem(answer)


async def test_single_resources_carry_a_strong_etag(door: Door):
    for method, path, operation in operations(door):
        names = {parameter["name"] for parameter in operation.get("parameters", ())}
        if method == "GET" and "limit" not in names and path not in ONE_PAGE and path not in COMPUTED:
            answer = await door.request("GET", path.format_map(door.ids), params=QUERIES.get(f"GET {path}"))
            assert re.fullmatch(r'"[!-~]+"', answer.headers.get("etag", "")), (path, answer.headers)


async def test_where_a_new_resource_is(door: Door):
    assert door.created, "the world made nothing"
    for path, location in door.created:
        assert not location.startswith(("/", "http")), (path, location)
        shown = await door.request("GET", urljoin(f"http://service.test{path}", location))
        assert shown.status_code == 200, (path, location)


async def test_every_answer_names_its_request(door: Door):
    for method, path, _ in operations(door):
        answer = await door.request(method, nameless(path), content=b"{", headers=door.ours | {"X-Request-Id": "r-1"})
        assert answer.headers.get_list("x-request-id") == ["r-1"], (method, path)
        assert answer.headers["ratelimit"], (method, path)
        assert answer.headers["ratelimit-policy"], (method, path)
    for method, path in (
        ("GET", "/no/such/path"),
        ("TRACE", "/v1/workspace"),
        ("GET", "//"),
        ("POST", "/openapi.json"),
    ):
        answer = await door.request(method, path)
        assert answer.status_code in (404, 405)
        problem(answer)
