"""Routes through their door: who is told of which alerts, together with which."""

from uuid import uuid4

import pytest

from opsloop_common.testing.due import run_due
from services.notifications.tests.watching import DUE, Watch, lasting


@pytest.fixture
async def watch(service, hook):
    made = Watch(service, await service.key(), None)
    made.receiver = await made.call("POST", "/v1/webhooks", 201, url=hook.url, format="alertmanager", description="ops")
    return made


async def test_routes_say_who_is_told_and_of_what_together(watch, hook):
    second = await watch.call("POST", "/v1/webhooks", 201, url=f"{hook.url}/2", format="alertmanager")
    severe = {"name": "severity", "op": "=~", "value": "critical|page"}
    await watch.call(
        "POST", "/v1/alert-routes", 201, name="severe", position=1, matchers=[severe], receiver=second["id"],
        group_by=["team"], group_wait="PT0S", **{"continue": True},
    )  # fmt: skip
    await watch.call(
        "POST", "/v1/alert-routes", 201, name="all", position=2, receiver=watch.receiver["id"], group_by=[]
    )
    await run_due(watch.service.db, DUE)

    await watch.post(
        lasting(watch, "a", severity="critical", team="x"), lasting(watch, "b", severity="critical", team="x")
    )
    await watch.post(lasting(watch, "c", severity="info", team="x"))
    await run_due(watch.service.db, DUE)
    assert await watch.said(second) == [("first notification", ["+a", "+b"])]
    await watch.pass_by(30)

    assert await watch.said() == [("first notification", ["+a", "+b", "+c"])]
    [(document, _)] = await watch.told()
    assert (document["groupLabels"], document["groupKey"]) == ({}, "{}/{all}:{}")


async def test_a_change_of_routes_moves_what_fires_and_tells_nobody_twice(watch):
    await watch.post(lasting(watch, "a"), lasting(watch, "b"))
    await watch.pass_by(31)
    assert len(await watch.said()) == 2

    route = await watch.call("POST", "/v1/alert-routes", 201, name="one", group_by=[], group_interval="PT1M")
    await run_due(watch.service.db, DUE)
    assert (await watch.said())[2:] == [("first notification", ["+a", "+b"])]
    await watch.call("PATCH", f"/v1/alert-routes/{route['id']}", matchers=[{"name": "alertname", "value": "a"}])
    await run_due(watch.service.db, DUE)
    await watch.pass_by(300, step=60)
    await watch.call("DELETE", f"/v1/alert-routes/{route['id']}", 204)
    await watch.pass_by(300, step=60)

    assert len(await watch.said()) == 3


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"receiver": str(uuid4())}, "/receiver"),
        ({"group_by": ["a-b"]}, "/group_by/0"),
        ({"group_interval": "PT0S"}, "/group_interval"),
        ({"matchers": [{"name": "a", "op": "=~", "value": "("}]}, "/matchers/0"),
        ({"mute_times": [{"start": "25:00", "end": "08:00"}]}, "/mute_times/0/start"),
        ({"mute_times": [{"start": "22:00", "end": "08:00", "time_zone": "Mars/Base"}]}, "/mute_times/0/time_zone"),
    ],
)
async def test_a_route_that_is_none(watch, body, pointer):
    answer = await watch.service.client.post("/v1/alert-routes", json={"name": "r"} | body, headers=watch.key)

    assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (422, [pointer]), (
        answer.text
    )


async def test_a_route_tells_only_receivers_of_alerts(watch, hook):
    plain = await watch.call("POST", "/v1/webhooks", 201, url=hook.url)
    answer = await watch.service.client.post(
        "/v1/alert-routes", json={"name": "r", "receiver": plain["id"]}, headers=watch.key
    )
    assert answer.json()["errors"] == [{"pointer": "/receiver", "detail": "must be a webhook that is about alerts"}]
    filtered = {"url": hook.url, "format": "alertmanager", "filter": [{"field": "type", "op": "exists"}]}
    answer = await watch.service.client.post("/v1/webhooks", json=filtered, headers=watch.key)
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/filter"]
