"""The doors of silences and inhibition rules: what they refuse, versions, bounds, other workspaces, and the audit log."""

from uuid import uuid4

import pytest

from services.notifications.tests.watching import Watch, lasting, later

SIDE = [{"name": "severity", "op": "=", "value": "critical"}]
OTHER_SIDE = [{"name": "severity", "op": "=", "value": "warning"}]
KINDS = ("silences", "inhibition-rules")


@pytest.fixture
async def watch(service):
    return Watch(service, await service.key(), None)


def body_of(kind, watch):
    if kind == "silences":
        return {"matchers": SIDE, "ends_at": later(watch, hours=1), "comment": "a release"}
    return {"name": "worse first", "source": SIDE, "target": OTHER_SIDE, "equal": ["kpi"]}


CHANGES = {"silences": {"comment": "another release"}, "inhibition-rules": {"name": "better last"}}


async def made(watch, kind):
    return await watch.call("POST", f"/v1/{kind}", 201, **body_of(kind, watch))


def doors_of(kind, id):
    """Return every door of one of a kind, with what it takes."""
    found = [
        ("GET", f"/v1/{kind}/{id}", None),
        ("PATCH", f"/v1/{kind}/{id}", CHANGES[kind]),
        ("DELETE", f"/v1/{kind}/{id}", None),
    ]
    return [*found, ("POST", f"/v1/silences/{id}/expire", None)] if kind == "silences" else found


async def answers(watch, doors, headers):
    found = []
    for method, path, body in doors:
        answer = await watch.service.client.request(method, path, json=body, headers=headers)
        found.append(answer.status_code)
    return found


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_not_there_or_of_another_workspace(watch, kind):
    one = await made(watch, kind)
    other = await watch.service.key(workspace="other")

    assert set(await answers(watch, doors_of(kind, one["id"]), other)) == {404}
    assert set(await answers(watch, doors_of(kind, uuid4()), watch.key)) == {404}
    assert set(await answers(watch, doors_of(kind, "1"), watch.key)) == {404}
    assert (await watch.service.client.get(f"/v1/{kind}", headers=other)).json()["items"] == []
    assert await watch.call("GET", f"/v1/{kind}/{one['id']}") == one


@pytest.mark.parametrize("kind", KINDS)
async def test_who_may_only_read_changes_nothing(watch, kind):
    one = await made(watch, kind)
    reader = await watch.service.key("notifications:read")
    doors = [("POST", f"/v1/{kind}", body_of(kind, watch)), *doors_of(kind, one["id"])]

    assert await answers(watch, doors, reader) == [200 if method == "GET" else 403 for method, _, _ in doors]
    assert set(await answers(watch, doors, {})) == {401}
    assert await watch.call("GET", f"/v1/{kind}/{one['id']}") == one


@pytest.mark.parametrize("kind", KINDS)
async def test_only_the_version_that_was_seen_is_changed(watch, kind):
    one = await made(watch, kind)
    stale = watch.key | {"If-Match": '"1"'}
    await watch.call("PATCH", f"/v1/{kind}/{one['id']}", **CHANGES[kind])

    doors = [door for door in doors_of(kind, one["id"]) if door[0] != "GET"]
    assert set(await answers(watch, doors, stale)) == {412}
    assert await answers(watch, doors[:1], watch.key | {"If-Match": '"2"'}) == [200]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_change_that_changes_nothing_makes_no_version(watch, kind):
    one = await made(watch, kind)
    same = {name: one[name] for name in CHANGES[kind]}
    answer = await watch.service.client.patch(f"/v1/{kind}/{one['id']}", json=same, headers=watch.key)
    empty = await watch.service.client.patch(f"/v1/{kind}/{one['id']}", json={}, headers=watch.key)

    assert (answer.status_code, answer.headers["etag"], answer.json()) == (200, '"1"', one)
    assert (empty.status_code, empty.json()) == (200, one)


BAD_MATCHERS = [
    ([], ""),
    ([{"name": "a", "op": "!=", "value": "x"}], ""),  # holds for what has no labels
    ([{"name": "a", "value": ""}], ""),
    ([{"name": "a", "op": "!~", "value": "x+"}], ""),
    ([{"name": "a", "value": "x"}] * 21, ""),
    ([{"name": "1a", "value": "x"}], "/0/name"),
    ([{"name": "a" * 101, "value": "x"}], "/0/name"),
    ([{"name": "a", "value": "x" * 1_001}], "/0/value"),
    ([{"name": "a", "value": "a\x00"}], "/0/value"),
    ([{"name": "a", "op": "~", "value": "x"}], "/0/op"),
    ([{"name": "a", "op": "=~", "value": "(a{50}){50}"}], "/0"),
    ([{"name": "a", "value": "x"}, {"name": "b", "op": "=~", "value": "x" * 201}], "/1"),
    ([{"name": "a", "value": "x", "is_regex": True}], "/0/is_regex"),
]


@pytest.mark.parametrize(("matchers", "place"), BAD_MATCHERS)
@pytest.mark.parametrize(
    ("kind", "field"), [("silences", "matchers"), ("inhibition-rules", "source"), ("inhibition-rules", "target")]
)
async def test_matchers_that_are_none(watch, kind, field, matchers, place):
    one = await made(watch, kind)
    whole = await watch.service.client.post(
        f"/v1/{kind}", json=body_of(kind, watch) | {field: matchers}, headers=watch.key
    )
    part = await watch.service.client.patch(f"/v1/{kind}/{one['id']}", json={field: matchers}, headers=watch.key)

    for answer in (whole, part):
        found = [error["pointer"] for error in answer.json()["errors"]]
        assert (answer.status_code, found) == (422, [f"/{field}{place}"]), answer.text


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"ends_at": -1}, "/ends_at"),
        ({"ends_at": 0}, "/ends_at"),  # now: it would never hold
        ({"starts_at": 60, "ends_at": 60}, "/ends_at"),
        ({"starts_at": 0, "ends_at": 366 * 24 * 3600 + 1}, "/ends_at"),
        ({"comment": ""}, "/comment"),
        ({"comment": "x" * 2_001}, "/comment"),
        ({"created_by": "somebody else"}, "/created_by"),
    ],
)
async def test_a_silence_that_is_none(watch, body, pointer):
    times = {name: later(watch, seconds=value) for name, value in body.items() if name.endswith("_at")}
    answer = await watch.service.client.post(
        "/v1/silences", json=body_of("silences", watch) | body | times, headers=watch.key
    )
    assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (422, [pointer]), (
        answer.text
    )


async def test_the_longest_silence_is_a_leap_year(watch):
    span = {"starts_at": later(watch, seconds=0), "ends_at": later(watch, days=366)}
    await watch.call("POST", "/v1/silences", 201, **(body_of("silences", watch) | span))


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"equal": ["a-b"]}, "/equal/0"),
        ({"equal": [f"l{number}" for number in range(21)]}, "/equal"),
        ({"equals": []}, "/equals"),
    ],
)
async def test_an_inhibition_rule_that_is_none(watch, body, pointer):
    answer = await watch.service.client.post(
        "/v1/inhibition-rules", json=body_of("inhibition-rules", watch) | body, headers=watch.key
    )
    assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (422, [pointer]), (
        answer.text
    )


async def test_a_pending_silence_that_is_ended_never_held(watch):
    pending = body_of("silences", watch) | {"starts_at": later(watch, minutes=10)}
    one = await watch.call("POST", "/v1/silences", 201, **pending)
    ended = await watch.call("POST", f"/v1/silences/{one['id']}/expire")

    assert (one["state"], ended["state"], ended["starts_at"] == ended["ends_at"]) == ("pending", "expired", True)


async def test_silences_that_are_over_take_no_place(watch, monkeypatch):
    monkeypatch.setattr("opsloop_common.limits.SILENCES_PER_WORKSPACE", 1)
    first = await made(watch, "silences")
    assert await answers(watch, [("POST", "/v1/silences", body_of("silences", watch))], watch.key) == [409]
    await watch.call("POST", f"/v1/silences/{first['id']}/expire")
    await made(watch, "silences")


async def test_a_preview_shows_a_hundred_and_counts_all(watch):
    await watch.post(*(lasting(watch, f"a{number}", severity="critical") for number in range(130)))
    found = await watch.call("POST", "/v1/silences/preview", matchers=SIDE)

    assert (found["count"], len(found["alerts"])) == (130, 100)
    other = await watch.service.key(workspace="other")
    theirs = await watch.service.client.post("/v1/silences/preview", json={"matchers": SIDE}, headers=other)
    assert theirs.json() == {"count": 0, "alerts": []}


@pytest.mark.parametrize("kind", KINDS)
async def test_all_are_listed_in_pages_newest_first(watch, kind):
    ids = [(await made(watch, kind))["id"] for _ in range(5)]
    seen, cursor = [], None
    while cursor is not None or not seen:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await watch.service.client.get(f"/v1/{kind}", params=query, headers=watch.key)).json()
        seen += [one["id"] for one in page["items"]]
        cursor = page["next_cursor"]

    assert seen == list(reversed(ids))


async def test_the_audit_log_says_who_kept_quiet_and_not_what(watch):
    body = body_of("silences", watch) | {"comment": "secret words", "matchers": [{"name": "user", "value": "a.person"}]}
    one = await watch.call("POST", "/v1/silences", 201, **body)
    await watch.call("PATCH", f"/v1/silences/{one['id']}", comment="more secret words")
    await watch.call("POST", f"/v1/silences/{one['id']}/expire")
    await watch.call("DELETE", f"/v1/silences/{one['id']}", 204)
    admin = await watch.service.key("notifications:admin")
    log = (await watch.service.client.get("/v1/audit", headers=admin)).text

    assert [word for word in ("created", "updated", "expired", "deleted") if f"silence.{word}" not in log] == []
    assert [word for word in ("secret", "a.person") if word in log] == []
