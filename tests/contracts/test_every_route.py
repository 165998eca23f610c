"""Every route of every service × {no key, a key without the scope, another workspace's key}; a new route is covered by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from opsloop.services import MEMBERS
from opsloop_common.testing.http import Api, settings_for_tests
from tests.contracts.worlds import BODIES, QUERIES, WORLDS, common

SERVICES = {member.service.name: member for member in MEMBERS}
BAD_BODIES: dict[str, tuple[bytes, int]] = {
    "not JSON": (b"{", 400),
    "NaN": (b'{"attributes": {"a": NaN}}', 422),
    "infinity": (b'{"attributes": {"a": Infinity}}', 422),
    "NUL": (b'{"body": "a\\u0000b"}', 422),
    "lone surrogate": (b'{"body": "a\\ud800b"}', 422),
    "beyond 64 bits": (b'{"attributes": {"a": 18446744073709551616}}', 422),
    "too deep": (b'{"attributes": ' + b'{"a":' * 40 + b"1" + b"}" * 41, 422),
    "unknown field": (b'{"no_such_field_anywhere": 1}', 422),
    "not an object": (b"[1]", 422),
    "not UTF-8": (b'{"body": "\xff\xfe"}', 400),
    "empty": (b"", 400),
}


def operations(api: Api) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield method, path template and description of every documented operation."""
    for path, item in api.app.openapi()["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def problem(answer) -> dict[str, Any]:
    """Return an error answer's document, checking that it is one."""
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert {"type", "title", "status", "detail", "instance"} <= set(document)
    assert document["status"] == answer.status_code
    assert answer.headers["x-request-id"]
    return document


@pytest.fixture(params=sorted(SERVICES))
async def service_api(request, api) -> Api:
    """Each service's door, one after the other."""
    member = SERVICES[request.param]
    values = {"outbound_allow": "127.0.0.0/8"}
    return await api(member.service, settings_for_tests(member.settings, **values))


async def test_without_a_key(service_api: Api):
    for method, path, operation in operations(service_api):
        if operation["security"] == []:
            continue
        for headers in ({}, {"Authorization": "Bearer opl_nobody_knows"}, {"Authorization": "Basic eDp5"}):
            # the body is not even JSON: who asks comes first
            answer = await service_api.client.request(
                method, path.replace("{", "").replace("}", ""), content=b"{", headers=headers
            )
            assert answer.status_code == 401, (method, path)
            assert answer.headers["www-authenticate"].startswith("Bearer")
            problem(answer)


async def test_without_the_scope(service_api: Api):
    scopes = service_api.runtime.service.scopes
    for method, path, operation in operations(service_api):
        if operation["security"] == []:
            continue
        wanted = set(operation["x-scopes"])
        useless = [scope for scope in scopes if not _grants(scope, wanted)]
        if not useless:
            continue  # whatever this service's keys carry is enough, such as its own settings
        headers = await service_api.key(*useless)
        answer = await service_api.client.request(
            method, path.replace("{", "").replace("}", ""), content=b"{", headers=headers
        )
        assert answer.status_code == 403, (method, path, useless)
        problem(answer)


def _grants(scope: str, wanted: set[str]) -> bool:
    service, _, level = scope.partition(":")
    return scope in wanted or (level == "admin" and wanted & {f"{service}:read", f"{service}:write"} != set())


async def test_another_workspace_sees_nothing(service_api: Api):
    name = service_api.runtime.service.name
    ids = await WORLDS[name](service_api) | await common(service_api)
    ours, theirs = await service_api.key(), await service_api.key(workspace="other")
    for method, path, operation in operations(service_api):
        if operation["security"] == []:
            continue
        concrete = path.format_map(ids)
        body = None
        if "requestBody" in operation and "{" in path:
            assert f"{method} {path}" in BODIES, f"worlds.BODIES has no body for {method} {path}"
            body = BODIES[f"{method} {path}"]
        if method == "GET" and "{" not in path:
            mine = (await service_api.client.get(concrete, headers=ours)).json()
            answer = await service_api.client.get(concrete, headers=theirs)
            assert answer.status_code == 200, (path, answer.text)
            if "items" in mine and path != "/v1/event-types":
                assert mine["items"], f"{path} lists nothing: make the world richer"
                shared = [item for item in answer.json()["items"] if item in mine["items"]]
                assert shared == [], f"{path} shows another workspace's items"
        elif "{" in path and path != "/v1/recipients/{user_id}":
            query = QUERIES.get(f"{method} {path}")
            answer = await service_api.client.request(method, concrete, json=body, params=query, headers=theirs)
            assert answer.status_code == 404, (method, path, answer.status_code, answer.text)
            problem(answer)
            if method == "GET":
                assert (await service_api.client.get(concrete, params=query, headers=ours)).status_code == 200, path


async def test_a_malformed_id_names_nothing(service_api: Api):
    headers = await service_api.key()
    for method, path, _ in operations(service_api):
        if "{" in path and "{user_id}" not in path:
            concrete = path.format_map(_Malformed())
            operation = f"{method} {path}"
            answer = await service_api.client.request(
                method, concrete, json=BODIES.get(operation), params=QUERIES.get(operation), headers=headers
            )
            assert answer.status_code == 404, (method, path, answer.status_code, answer.text)
            problem(answer)


class _Malformed(dict):
    def __missing__(self, name: str) -> str:
        return "not%20an%20id%00"


@pytest.mark.parametrize("what", sorted(BAD_BODIES))
async def test_bad_bodies(service_api: Api, what: str):
    body, status = BAD_BODIES[what]
    ids = await WORLDS[service_api.runtime.service.name](service_api) | await common(service_api)
    headers = await service_api.key() | {"Content-Type": "application/json"}
    for method, path, operation in operations(service_api):
        if "requestBody" not in operation:
            continue
        if not operation["requestBody"].get("required") and what == "empty":
            continue
        answer = await service_api.client.request(method, path.format_map(ids), content=body, headers=headers)
        assert answer.status_code == status, (method, path, answer.status_code, answer.text)
        document = problem(answer)
        if status == 422:
            assert document["errors"], (method, path, document)
            assert all(error["pointer"].startswith("/") or error["pointer"] == "" for error in document["errors"])


async def test_too_large_and_wrong_type(service_api: Api):
    ids = await WORLDS[service_api.runtime.service.name](service_api) | await common(service_api)
    headers = await service_api.key()
    huge = b'{"body": "' + b"a" * (9 * 1024 * 1024) + b'"}'
    for method, path, operation in operations(service_api):
        if "requestBody" in operation:
            concrete = path.format_map(ids)
            large = await service_api.client.request(
                method, concrete, content=huge, headers=headers | {"Content-Type": "application/json"}
            )
            assert large.status_code == 413, (method, path)
            problem(large)
            typed = await service_api.client.request(
                method,
                concrete,
                content=b"a=1",
                headers=headers | {"Content-Type": "application/x-www-form-urlencoded"},
            )
            assert typed.status_code == 415, (method, path)
            problem(typed)


async def test_bad_paging(service_api: Api):
    headers = await service_api.key()
    ids = await WORLDS[service_api.runtime.service.name](service_api) | await common(service_api)
    for method, path, operation in operations(service_api):
        names = {parameter["name"] for parameter in operation.get("parameters", ())}
        if method == "GET" and "limit" in names:
            for query in ({"limit": "0"}, {"limit": "201"}, {"limit": "x"}, {"cursor": "made-up"}):
                answer = await service_api.client.get(path.format_map(ids), params=query, headers=headers)
                assert answer.status_code == 422, (path, query)
                problem(answer)
