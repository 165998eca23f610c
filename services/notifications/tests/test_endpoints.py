"""Endpoints through their HTTP doors."""

from datetime import timedelta
from uuid import uuid4

import pytest

from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.db import ports_of
from opsloop_common.testing.events import make_event
from opsloop_notifications.endpoints.service import KnownListeners
from opsloop_notifications.ports import NotificationsPorts

URL = "http://127.0.0.1:9/hook"


async def created(service, key, **fields):
    answer = await service.client.post(
        "/v1/webhooks", json={"url": URL, "event_types": ["kpi.*"]} | fields, headers=key
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_create_shows_the_secret_once(service):
    key = await service.key()

    made = await created(service, key, description="alerting", filter=[{"field": "data.kpi", "op": "eq", "value": "x"}])
    shown = await service.client.get(f"/v1/webhooks/{made['id']}", headers=key)
    listed = await service.client.get("/v1/webhooks", headers=key)

    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert made["event_types"] == ["kpi.*"]
    assert (made["url"], made["format"], made["status"]) == (URL, "cloudevents", "enabled")
    assert shown.json() == made
    assert listed.json() == {"items": [made], "next_cursor": None}
    assert shown.headers["etag"] == '"1"'
    async with service.db.transaction() as session:
        from sqlalchemy import text

        await session.execute(text("SELECT set_config('opsloop.workspace', 'acme', true)"))
        stored = (await session.execute(text("SELECT secret FROM webhook"))).scalar_one()
    assert secret not in stored


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"url": "ftp://example.com"}, "/url"),
        ({"url": "http://user:pw@127.0.0.1/"}, "/url"),
        ({"url": "http://169.254.169.254/latest"}, "/url"),
        ({"url": "http://10.0.0.1/"}, "/url"),
        ({"url": "http://2130706433/"}, "/url"),
        ({"url": "http://127.0.0.1/#x"}, "/url"),
        ({"url": 5}, "/url"),
        ({}, "/url"),
        ({"url": URL, "event_types": []}, "/event_types"),
        ({"url": URL, "event_types": ["KPI"]}, "/event_types/0"),
        ({"url": URL, "event_types": ["*.breached"]}, "/event_types/0"),
        ({"url": URL, "event_types": ["kpi.*", "feedback.recieved"]}, "/event_types/1"),
        ({"url": URL, "event_types": ["kpis.*"]}, "/event_types/0"),
        ({"url": URL, "filter": [{"field": "data.severty", "op": "exists"}]}, "/filter/0/field"),
        (
            {"url": URL, "event_types": ["kpi.*"], "filter": [{"field": "data.severity", "op": "eq", "value": "s1"}]},
            "/filter/0/value",
        ),
        (
            {"url": URL, "filter": [{"field": "link", "op": "exists"}, {"field": "link", "op": "eq", "value": 1}]},
            "/filter/1/value",
        ),
        (
            {"url": URL, "event_types": ["kpi.*"], "filter": [{"field": "data.rating", "op": "exists"}]},
            "/filter/0/field",
        ),
        ({"url": URL, "filter": [{"field": "data.x", "op": "like", "value": 1}]}, "/filter/0/op"),
        ({"url": URL, "filter": [{"field": "data.x", "op": "in", "value": 1}]}, "/filter/0/value"),
        ({"url": URL, "filter": [{"field": "severity", "op": "exists"}]}, "/filter/0/field"),
        ({"url": URL, "format": "mattermost"}, "/format"),
        ({"url": URL, "ordering": "subject"}, "/ordering"),
        ({"url": URL, "secret": "whsec_short"}, "/secret"),
        ({"url": URL, "surprise": 1}, "/surprise"),
    ],
)
async def test_create_refuses(service, body, pointer):
    answer = await service.client.post("/v1/webhooks", json=body, headers=await service.key())

    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert "169.254" not in answer.text


async def test_a_change_is_held_to_what_stays(service):
    key = await service.key()
    body = {"url": URL, "event_types": ["kpi.*"], "filter": [{"field": "data.kpi", "op": "exists"}]}
    hook = (await service.client.post("/v1/webhooks", json=body, headers=key)).json()["id"]

    async def changed(**changes):
        return await service.client.patch(f"/v1/webhooks/{hook}", json=changes, headers=key)

    for changes in ({"event_types": ["feedback.*"]}, {"filter": [{"field": "data.number", "op": "exists"}]}):
        answer = await changed(**changes)
        [error] = answer.json()["errors"]
        assert (answer.status_code, error["pointer"]) == (422, "/filter/0/field")
        assert "is no field of these events; did you mean data." in error["detail"]
    both = {"event_types": ["feedback.*"], "filter": [{"field": "data.number", "op": "exists"}]}
    assert (await changed(**both)).status_code == 200


async def test_who_may_do_what(service):
    key, reader, stranger = (
        await service.key(),
        await service.key("notifications:read"),
        await service.key(workspace="b"),
    )
    hook = await created(service, key)
    path = f"/v1/webhooks/{hook['id']}"
    writes = [
        ("PATCH", path, {"description": "x"}),
        ("DELETE", path, None),
        ("POST", f"{path}/test", None),
        ("POST", f"{path}/rotate-secret", {}),
        ("POST", f"{path}/recover", {"since": "2026-11-22T00:00:00Z"}),
    ]
    reads = [("GET", path, None), ("GET", f"{path}/deliveries", None)]

    for method, where, body in writes + reads:
        ask = service.client.build_request(method, where, json=body)
        for headers, status in ((None, 401), (stranger, 404)):
            ask.headers.pop("authorization", None)
            ask.headers.update(headers or {})
            assert (await service.client.send(ask)).status_code == status, (method, where)
    for method, where, body in writes:
        answer = await service.client.request(method, where, json=body, headers=reader)
        assert answer.status_code == 403, (method, where)
    assert (await service.client.get(f"/v1/webhooks/{uuid4()}", headers=key)).status_code == 404
    assert (await service.client.get("/v1/webhooks/nonsense", headers=key)).status_code == 404
    assert (await service.client.get("/v1/webhooks", headers=stranger)).json()["items"] == []
    assert (await service.client.get(path, headers=reader)).status_code == 200


async def test_change_and_delete(service):
    key = await service.key()
    hook = await created(service, key)
    path = f"/v1/webhooks/{hook['id']}"

    stale = await service.client.patch(path, json={"description": "x"}, headers=key | {"If-Match": '"7"'})
    changed = await service.client.patch(
        path, json={"event_types": ["*"], "status": "disabled"}, headers=key | {"If-Match": '"1"'}
    )
    filtered = await service.client.patch(path, json={"filter": [{"field": "data.kpi", "op": "exists"}]}, headers=key)
    refused = await service.client.patch(path, json={"url": "http://10.0.0.1/"}, headers=key)
    nulled = await service.client.patch(path, json={"url": None}, headers=key)
    conflict = await service.client.post(f"{path}/recover", json={"since": "2026-11-22T00:00:00Z"}, headers=key)
    enabled = await service.client.patch(path, json={"status": "enabled"}, headers=key)
    gone = await service.client.delete(path, headers=key)

    assert stale.status_code == 412
    assert changed.status_code == 200
    assert changed.headers["etag"] == '"2"'
    assert filtered.json()["filter"] == [{"field": "data.kpi", "op": "exists", "value": True}]
    body = changed.json()
    assert (body["event_types"], body["status"], body["disabled_reason"]) == (["*"], "disabled", "manual")
    assert (refused.status_code, nulled.status_code, conflict.status_code) == (422, 422, 409)
    assert (enabled.json()["status"], enabled.json()["disabled_reason"]) == ("enabled", None)
    assert (gone.status_code, gone.content) == (204, b"")
    assert (await service.client.get(path, headers=key)).status_code == 404
    assert (await service.client.get("/v1/webhooks", headers=key)).json()["items"] == []


async def test_rotation_keeps_the_old_secret_for_a_while(service):
    key = await service.key()
    hook = await created(service, key)

    rotated = await service.client.post(f"/v1/webhooks/{hook['id']}/rotate-secret", headers=key)
    short = await service.client.post(f"/v1/webhooks/{hook['id']}/rotate-secret", json={"grace": "PT1M"}, headers=key)
    long = await service.client.post(f"/v1/webhooks/{hook['id']}/rotate-secret", json={"grace": "P8D"}, headers=key)

    assert rotated.status_code == 200, rotated.text
    assert rotated.json()["secret"] not in ("", hook["secret"])
    now = service.clock.now()
    assert rotated.json()["previous_expires_at"] == (now + timedelta(days=1)).isoformat().replace("+00:00", "Z")
    assert short.json()["previous_expires_at"] == (now + timedelta(minutes=1)).isoformat().replace("+00:00", "Z")
    assert long.status_code == 422


async def test_a_workspace_has_so_many_webhooks_and_no_more(service, monkeypatch):
    monkeypatch.setattr("opsloop_common.limits.WEBHOOKS_PER_WORKSPACE", 1)
    key = await service.key()
    await created(service, key)

    refused = await service.client.post("/v1/webhooks", json={"url": URL, "event_types": ["*"]}, headers=key)

    assert (refused.status_code, refused.json()["title"]) == (409, "Too many")
    elsewhere = await service.key(workspace="other")
    await created(service, elsewhere)


async def test_what_was_deleted_takes_no_place(service, monkeypatch):
    monkeypatch.setattr("opsloop_common.limits.WEBHOOKS_PER_WORKSPACE", 1)
    key = await service.key()
    for _ in range(3):
        hook = await created(service, key)
        gone = await service.client.delete(f"/v1/webhooks/{hook['id']}", headers=key)

        assert gone.status_code == 204


def pause(name="Pause"):
    return make_event(CampaignPaused(campaign_id=uuid4(), name=name))


@pytest.fixture
def known(acme):
    return ports_of(acme.service.db, NotificationsPorts).listeners


async def test_what_is_changed_of_an_endpoint_holds_for_the_next_event(acme, hook, known):
    async def heard(event):
        before = {item["event_id"] for item in await acme.deliveries(limit=200)}
        await acme.happen(event)
        return str(event.id) in {item["event_id"] for item in await acme.deliveries(limit=200)} - before

    assert await heard(pause())
    await acme.change(acme.hook, event_types=["kpi.*"])
    assert not await heard(pause())
    await acme.change(acme.hook, event_types=["*"], filter=[{"field": "data.name", "op": "eq", "value": "春"}])
    assert (await heard(pause("春")), await heard(pause())) == (True, False)
    await acme.change(acme.hook, status="disabled")
    assert not await heard(pause("春"))
    await acme.change(acme.hook, status="enabled", filter=[])
    assert await heard(pause())

    other = await acme.post("/v1/webhooks", 201, url=hook.url, event_types=["*"])
    await acme.happen(pause())
    assert len(await acme.deliveries_of(other)) == 1
    await acme.service.client.delete(f"/v1/webhooks/{other['id']}", headers=acme.key)
    assert await heard(pause())
    assert len(await acme.deliveries_of(acme.hook, status="succeeded")) == 0


async def test_listeners_are_read_again_only_when_they_changed(acme, known, monkeypatch):
    reads = []
    fetch = acme.service.db.lanes.fetch

    async def counted(statement, given):
        reads.append("listener_states" not in given)
        return await fetch(statement, given)

    monkeypatch.setattr(acme.service.db.lanes, "fetch", counted)
    for name in ("a", "b", "c"):
        await acme.happen(pause(name))
    await acme.change(acme.hook, description="called for campaigns")
    for name in ("d", "e"):
        await acme.happen(pause(name))

    assert reads == [True, False, False, False, False, True, False, False]
    assert len(await acme.deliveries(limit=200)) == 5


async def test_listeners_of_workspaces_that_were_silent_for_longest_are_forgotten_first(service):
    known, asked = KnownListeners(kept=5), []

    class Counting:
        async def fetch(self, statement, given):
            asked.append(given["workspace"])
            return await service.db.lanes.fetch(statement, given)

    for workspace in ("a", "b", "a", "c", "d", "e", "f", "a", "b"):
        assert await known.of(Counting(), workspace) == []
    assert asked == ["a", "b", "c", "d", "e", "f", "b"]
