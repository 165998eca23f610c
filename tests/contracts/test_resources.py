"""Every resource of every service goes by one pattern; a new route is covered by itself, or must say why not."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from tests.contracts.route_tables import OF_MANY
from tests.contracts.test_every_route import Door, door, operations, problem, quiet, takes_json
from tests.contracts.worlds import BODIES, CHANGES, NO_CHANGES, QUERIES, WITHOUT_WORDS, WORDED, WORDS

__all__ = ["door", "quiet"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

GONE = re.compile(r"There is no [A-Za-z ]+ with this (id|key|user_id)\.")
NEVER_PRESENT = ('"0"', '"0", "999999"', "garbled", '"', "", ",", '"1', "1")
TOGETHER = 20


def shown_at(path: str) -> str:
    """Return where what a change is about is read."""
    return re.sub("/(status|approval)$", "", path)


def changes(door: Door, *methods: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Return the operations of some methods on single resources."""
    found = operations(door)
    return [(method, path, operation) for method, path, operation in found if method in methods and path not in OF_MANY]


async def as_it_is(door: Door, method: str, path: str, operation: dict[str, Any]) -> dict[str, Any]:
    """Return a body that says of each field what is so already."""
    if method == "PUT":
        return NO_CHANGES[f"{method} {path}"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    name = schema["$ref"].rpartition("/")[2]
    fields = door.api.app.openapi()["components"]["schemas"][name]["properties"]
    shown = (await door.request("GET", path.format_map(door.ids))).json()
    assert fields.keys() <= shown.keys(), (path, fields.keys() - shown.keys())
    return {field: shown[field] for field in fields}


async def written(door: Door) -> dict[str, int]:
    """Count what changes leave behind."""
    async with door.api.db.work() as session:
        found = await session.execute(
            text(
                "SELECT (SELECT count(*) FROM audit) AS audit, (SELECT count(*) FROM outbox) AS events, "
                "(SELECT count(*) FROM due) AS due"
            )
        )
        return dict(found.one()._mapping)


async def etag(door: Door, path: str) -> str:
    """Return the tag of what a path shows now."""
    return (await door.request("GET", shown_at(path.format_map(door.ids)))).headers["etag"]


async def test_what_is_so_already_writes_nothing(door: Door):
    for method, path, operation in changes(door, "PATCH", "PUT"):
        body = await as_it_is(door, method, path, operation)
        before, tag = await written(door), await etag(door, path)
        concrete = path.format_map(door.ids)
        shown = await door.request("GET", shown_at(concrete))
        for given in (body, {}) if method == "PATCH" else (body,):
            answer = await door.request(method, concrete, json=given)
            assert (answer.status_code, answer.headers["etag"]) == (200, tag), (method, path, answer.text)
            assert answer.json() == shown.json(), (method, path)
        assert await written(door) == before, (method, path)


async def test_a_change_is_held_to_the_version_that_was_seen(door: Door):
    for method, path, operation in changes(door, "PATCH", "PUT", "DELETE"):
        concrete, tag, before = path.format_map(door.ids), await etag(door, path), await written(door)
        given = BODIES.get(f"{method} {path}", {"locale": "zh-CN"}) if "requestBody" in operation else None
        for header in (*NEVER_PRESENT, f"W/{tag}", tag.strip('"')):
            answer = await door.request(method, concrete, json=given, headers=door.ours | {"If-Match": header})
            assert answer.status_code == 412, (method, path, header, answer.text)
            assert problem(answer)["type"].endswith("stale_version")
        assert (await etag(door, path), await written(door)) == (tag, before), (method, path)
        if method != "DELETE":
            body = await as_it_is(door, method, path, operation)
            for header in (tag, f'"0", {tag}', "*", f'"0",{tag},*'):
                answer = await door.request(method, concrete, json=body, headers=door.ours | {"If-Match": header})
                assert (answer.status_code, answer.headers["etag"]) == (200, tag), (method, path, header, answer.text)


NAMED_BY_OTHERS = {("PUT", "/v1/recipients/{user_id}"), ("POST", "/v1/recipients/{user_id}/contacts")}
"""What adds something of a person, who is there because others say so."""


async def test_what_is_not_there_is_said_in_one_sentence(door: Door):
    nothing = dict.fromkeys(door.ids, str(uuid4())) | {"key": "no_such_key", "user_id": "nobody", "number": "2"}
    for method, path, operation in operations(door):
        if "{" not in path or (method, path) in NAMED_BY_OTHERS:
            continue
        body = BODIES[f"{method} {path}"] if "requestBody" in operation else None
        for ids, headers in ((nothing, door.ours), (door.ids, door.theirs), (nothing, door.ours | {"If-Match": '"7"'})):
            given = QUERIES.get(f"{method} {path}")
            answer = await door.request(method, path.format_map(ids), json=body, params=given, headers=headers)
            assert answer.status_code == 404, (method, path, answer.text)
            assert GONE.fullmatch(problem(answer)["detail"]), (method, path, answer.json()["detail"])


async def test_the_audit_log_holds_nothing_that_somebody_wrote(door: Door):
    said: list[str] = []
    taken_back = {path for _, path, _ in changes(door, "DELETE")}
    for method, path, operation in changes(door, "POST", "PUT", "PATCH"):
        name = f"{method} {path}"
        if not takes_json(operation) or name in WITHOUT_WORDS:
            continue
        assert name in WORDED, (
            f"tests/contracts/worlds has no body with words for {name}, and WITHOUT_WORDS does not list it"
        )
        scopes = {"scopes": [f"{door.api.runtime.service.name}:read"]} if path == "/v1/api-keys" else {}
        if method == "POST" and path in taken_back:  # what is there was said by another, and is not said over
            assert (await door.request("DELETE", path.format_map(door.ids))).status_code == 204, name
        answer = await door.request(method, path.format_map(door.ids), json=WORDED[name] | scopes)
        assert answer.status_code in (200, 201), (name, answer.text)
        secrets = [answer.json().get(field) for field in ("secret", "key") if path in SECRET_IN]
        said += [secret for secret in secrets if secret]
    entries = await all_entries(door)
    assert entries, "nothing was audited"
    log = str(entries).lower()
    for words in (*WORDS, *said):
        assert words.lower() not in log, [entry for entry in entries if words.lower() in str(entry).lower()]


SECRET_IN = ("/v1/api-keys", "/v1/user-secrets", "/v1/webhooks", "/v1/webhooks/{webhook_id}/rotate-secret")


async def all_entries(door: Door) -> list[dict[str, Any]]:
    """Return all of the workspace's audit log."""
    entries: list[dict[str, Any]] = []
    query = {"limit": "200"}
    while True:
        page = (await door.request("GET", "/v1/audit", params=query)).json()
        entries += page["items"]
        if page["next_cursor"] is None:
            return entries
        query["cursor"] = page["next_cursor"]


async def test_of_many_who_saw_one_version_exactly_one_changes_it(door: Door):
    for method, path, _ in changes(door, "PATCH", "PUT"):
        concrete, tag = path.format_map(door.ids), await etag(door, path)
        before = len(await all_entries(door))
        headers = door.ours | {"If-Match": tag}

        async def change(
            method: str = method, path: str = path, concrete: str = concrete, headers: dict[str, str] = headers
        ) -> httpx.Response:
            return await door.request(method, concrete, json=CHANGES[f"{method} {path}"], headers=headers)

        answers = await asyncio.gather(*(change() for _ in range(TOGETHER)))

        assert Counter(answer.status_code for answer in answers) == {200: 1, 412: TOGETHER - 1}, (method, path)
        assert len(await all_entries(door)) == before + 1, (method, path)
        [won] = [answer for answer in answers if answer.status_code == 200]
        assert won.headers["etag"] == await etag(door, path) != tag


ERASED = {"/v1/users/{user_id}"}
"""What is gone at once, and of which a job takes the rest: 202 instead of 204."""


async def test_what_is_deleted_is_gone_and_audited(door: Door):
    for method, path, _ in sorted(changes(door, "DELETE"), key=lambda change: -change[1].count("/")):
        if path == "/v1/campaigns/{campaign_id}":  # past a draft by now, which the rules keep
            continue
        concrete, before = path.format_map(door.ids), len(await all_entries(door))

        answers = [await door.request(method, concrete, headers=door.ours | {"If-Match": "*"}) for _ in range(2)]

        done = 202 if path in ERASED else 204
        assert [answer.status_code for answer in answers] == [done, 404], (path, answers[0].text)
        assert len(await all_entries(door)) == before + 1, path
