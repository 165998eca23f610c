"""The door of routes, and groups under strain: what is refused, other workspaces, many at once, and workers that come late."""

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import text

from opsloop_common.db import Context
from opsloop_common.testing.due import run_due
from services.notifications.tests.watching import DUE, Watch, lasting, over

ROUTE = {"name": "payments", "matchers": [{"name": "area", "op": "=~", "value": "pay.*"}]}


@pytest.fixture
async def watch(service, hook):
    made = Watch(service, await service.key(), None)
    made.receiver = await made.call("POST", "/v1/webhooks", 201, url=hook.url, format="alertmanager")
    return made


async def answers(watch, id, headers, change=None):
    found = []
    for method, body in (("GET", None), ("PATCH", change or {"position": 7}), ("DELETE", None)):
        answer = await watch.service.client.request(method, f"/v1/alert-routes/{id}", json=body, headers=headers)
        found.append(answer.status_code)
    return found


async def test_a_route_is_kept_with_what_goes_without_saying(watch):
    made = await watch.call("POST", "/v1/alert-routes", 201, **ROUTE)

    given = {name: made[name] for name in made.keys() - {"id", "created_at", "updated_at"}}
    assert given == ROUTE | {
        "position": 100, "group_by": ["alertname", "kpi"], "group_wait": "PT30S", "group_interval": "PT5M", "repeat_interval": "PT4H",
        "receiver": None, "continue": False, "send_resolved": True, "mute_times": [],
    }  # fmt: skip
    hours = {"days": ["sunday"], "start": "00:00", "end": "12:00", "time_zone": "Asia/Shanghai"}
    changes = {"position": 1, "group_by": ["..."], "group_wait": "PT0S", "repeat_interval": "P5D", "receiver": watch.receiver["id"],
               "continue": True, "send_resolved": False, "mute_times": [hours]}  # fmt: skip
    changed = await watch.call("PATCH", f"/v1/alert-routes/{made['id']}", **changes)
    assert {name: changed[name] for name in changes} == changes
    assert await watch.call("GET", f"/v1/alert-routes/{made['id']}") == changed
    freed = await watch.call("PATCH", f"/v1/alert-routes/{made['id']}", receiver=None)
    assert (freed["receiver"], freed["position"]) == (None, 1)


async def test_what_is_not_there_or_of_another_workspace(watch):
    made = await watch.call("POST", "/v1/alert-routes", 201, **ROUTE)
    other = await watch.service.key(workspace="other")
    reader = await watch.service.key("notifications:read")

    assert await answers(watch, made["id"], other) == [404] * 3
    assert await answers(watch, uuid4(), watch.key) == [404] * 3
    assert await answers(watch, "1", watch.key) == [404] * 3
    assert await answers(watch, made["id"], {}) == [401] * 3
    assert await answers(watch, made["id"], reader) == [200, 403, 403]
    await watch.call("PATCH", f"/v1/alert-routes/{made['id']}", position=3)
    assert await answers(watch, made["id"], watch.key | {"If-Match": '"1"'}) == [200, 412, 412]


async def test_a_receiver_of_another_workspace_is_none(watch, hook):
    other = Watch(watch.service, await watch.service.key(workspace="other"), None)
    theirs = await other.call("POST", "/v1/webhooks", 201, url=hook.url, format="alertmanager")
    mine = await watch.call("POST", "/v1/alert-routes", 201, **ROUTE)
    sent = {"receiver": theirs["id"]}

    for method, path, body in (
        ("POST", "/v1/alert-routes", ROUTE | sent),
        ("PATCH", f"/v1/alert-routes/{mine['id']}", sent),
    ):
        answer = await watch.service.client.request(method, path, json=body, headers=watch.key)
        assert answer.json()["errors"] == [{"pointer": "/receiver", "detail": "is no webhook of this workspace"}]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"position": -1}, "/position"),
        ({"position": 10_001}, "/position"),
        ({"group_by": [f"l{number}" for number in range(21)]}, "/group_by"),
        ({"group_by": [".."]}, "/group_by/0"),
        ({"group_wait": "PT1H1S"}, "/group_wait"),
        ({"group_wait": "-PT1S"}, "/group_wait"),
        ({"group_interval": "P1DT1S"}, "/group_interval"),
        ({"repeat_interval": "P6D"}, "/repeat_interval"),
        ({"repeat_interval": "PT0S"}, "/repeat_interval"),
        ({"matchers": [{"name": "a", "value": "x"}] * 21}, "/matchers"),
        ({"mute_times": [{"start": "00:00"}]}, "/mute_times/0/end"),
        ({"mute_times": [{"start": "0:00", "end": "01:00"}]}, "/mute_times/0/start"),
        ({"mute_times": [{"start": "00:00", "end": "24:00"}]}, "/mute_times/0/end"),
        ({"mute_times": [{"start": "00:00", "end": "01:00", "days": ["Sun"]}]}, "/mute_times/0/days/0"),
        ({"mute_times": [{"start": "00:00", "end": "01:00"}] * 21}, "/mute_times"),
        ({"continue": "yes"}, "/continue"),
        ({"receiver": "ops"}, "/receiver"),
    ],
)
async def test_a_route_that_is_none(watch, body, pointer):
    made = await watch.call("POST", "/v1/alert-routes", 201, **ROUTE)
    for method, path, sent in (
        ("POST", "/v1/alert-routes", ROUTE | body),
        ("PATCH", f"/v1/alert-routes/{made['id']}", body),
    ):
        answer = await watch.service.client.request(method, path, json=sent, headers=watch.key)
        found = [error["pointer"] for error in answer.json()["errors"]]
        assert (answer.status_code, found) == (422, [pointer]), answer.text


async def test_routes_are_listed_as_they_are_asked(watch):
    places = (5, 1, 3, 1)
    ids = [
        (place, (await watch.call("POST", "/v1/alert-routes", 201, **ROUTE, position=place))["id"]) for place in places
    ]
    seen, cursor = [], None
    while cursor is not None or not seen:
        query = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = (await watch.service.client.get("/v1/alert-routes", params=query, headers=watch.key)).json()
        seen += [(one["position"], one["id"]) for one in page["items"]]
        cursor = page["next_cursor"]

    assert seen == sorted(ids)


async def groups(watch):
    async with watch.service.db.transaction(Context(workspace="acme")) as session:
        rows = await session.execute(
            text("SELECT labels, (SELECT count(*) FROM alert_member m WHERE m.group_id = g.id) n FROM alert_group g")
        )
        return sorted((sorted(row.labels.items()), row.n) for row in rows)


async def test_posts_at_once_find_one_group(watch):
    await watch.call("POST", "/v1/alert-routes", 201, name="all", group_by=["area"])
    await run_due(watch.service.db, DUE)
    await asyncio.gather(*(watch.post(lasting(watch, f"a{number}", area="pay")) for number in range(6)))
    assert await groups(watch) == [([("area", "pay")], 6)]
    await watch.pass_by(30)

    assert [(reason, len(names)) for reason, names in await watch.said()] == [("first notification", 6)]


async def test_a_group_of_its_own_for_each(watch):
    await watch.call("POST", "/v1/alert-routes", 201, name="each", group_by=["..."])
    await run_due(watch.service.db, DUE)
    await watch.post(*(lasting(watch, "a", part=str(number)) for number in range(3)))
    await watch.pass_by(30)

    assert await watch.said() == [("first notification", ["+a"])] * 3


async def test_workers_at_once_tell_each_group_once(watch):
    await watch.post(*(lasting(watch, f"a{number}") for number in range(8)))
    watch.service.clock.advance(30)
    await asyncio.gather(*(run_due(watch.service.db, DUE) for _ in range(3)))

    assert sorted(names for _, names in await watch.said()) == [[f"+a{number}"] for number in range(8)]


async def test_a_look_and_a_post_at_once_lose_no_alert(watch):
    """The last of a group ends as another comes: the group goes, or stays with the newcomer, which is told either way."""
    for turn in range(5):
        await watch.post(lasting(watch, "a", part=f"{turn} old"))
        await watch.pass_by(30)
        await watch.post(over(watch, "a", part=f"{turn} old"))
        watch.service.clock.advance(300)
        await asyncio.gather(watch.post(lasting(watch, "a", part=f"{turn} new")), run_due(watch.service.db, DUE))
        await watch.pass_by(600, step=30)
        told = {one["labels"]["part"] for document, _ in await watch.told() for one in document["alerts"]}
        assert f"{turn} new" in told
        await watch.post(over(watch, "a", part=f"{turn} new"))
        await watch.pass_by(600, step=300)


async def test_late_workers_keep_to_the_grid(watch):
    """Looks at 30, 330, 630 …; nobody was there from 31 to 800: one look at 800, the next at 930 and not at 1100."""
    await watch.post(lasting(watch, "a", part="1"))
    await watch.pass_by(30)
    watch.service.clock.advance(10)
    await watch.post(lasting(watch, "a", part="2"))
    watch.service.clock.advance(760)
    await watch.pass_by(1)
    assert [len(names) for _, names in await watch.said()] == [1, 2]
    await watch.post(lasting(watch, "a", part="3"))
    await watch.pass_by(128)
    assert len(await watch.said()) == 2
    await watch.pass_by(1)

    assert [len(names) for _, names in await watch.said()] == [1, 2, 3]


async def test_without_a_receiver_nothing_is_told_and_nothing_is_lost(watch, hook):
    await watch.call("DELETE", f"/v1/webhooks/{watch.receiver['id']}", 204)
    await watch.post(lasting(watch, "a"))
    await watch.pass_by(30)
    later = await watch.call("POST", "/v1/webhooks", 201, url=hook.url, format="alertmanager")
    await watch.pass_by(300)

    assert await watch.said(later) == [("first notification", ["+a"])]
