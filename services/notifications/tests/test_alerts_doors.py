"""The doors of alerts: what they refuse, versions, bounds, pages, and what others may read of it."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from opsloop_common.db import Context
from opsloop_common.testing.due import run_recurring
from opsloop_notifications.alert_rules import service as alert_rules
from opsloop_notifications.alert_rules.rules import Posted
from opsloop_notifications.retention.timers import FORGET_OLD
from services.notifications.tests.watching import Watch, lasting, over

VERBS = ("acknowledge", "unacknowledge", "resolve", "assign", "notes")


@pytest.fixture
async def watch(service):
    return Watch(service, await service.key(), None)


@pytest.fixture
async def path(watch):
    await watch.post(lasting(watch, "a"))
    [alert] = await watch.listed()
    return f"/v1/alerts/{alert['id']}"


def body_of(verb):
    return {"assignee": "growth"} if verb == "assign" else {"note": "a word"}


async def sent(watch, method, path, body=None, **headers):
    answer = await watch.service.client.request(method, path, json=body, headers=watch.key | headers)
    return answer.status_code


@pytest.mark.parametrize("verb", VERBS)
async def test_who_may_only_read_changes_nothing(watch, path, verb):
    """A key that may only read, and nobody at all."""
    reader = await watch.service.key("notifications:read")
    answer = await watch.service.client.post(f"{path}/{verb}", json=body_of(verb), headers=reader)
    nobody = await watch.service.client.post(f"{path}/{verb}", json=body_of(verb))

    assert (answer.status_code, nobody.status_code) == (403, 401)
    shown = await watch.service.client.get(path, headers=reader)
    assert [entry["kind"] for entry in shown.json()["log"]] == ["fired"]


@pytest.mark.parametrize("verb", VERBS)
async def test_what_is_not_there(watch, verb):
    assert await sent(watch, "POST", f"/v1/alerts/{uuid4()}/{verb}", body_of(verb)) == 404
    assert await sent(watch, "POST", f"/v1/alerts/1/{verb}", body_of(verb)) == 404
    assert await sent(watch, "GET", f"/v1/alerts/{UUID(int=0)}") == 404


@pytest.mark.parametrize("verb", ["acknowledge", "resolve", "assign"])
async def test_only_the_version_that_was_seen_is_changed(watch, path, verb):
    shown = await watch.service.client.get(path, headers=watch.key)
    seen = shown.headers["etag"]
    await watch.call("POST", f"{path}/assign", assignee="somebody else")

    assert await sent(watch, "POST", f"{path}/{verb}", body_of(verb), **{"If-Match": seen}) == 412
    now = (await watch.service.client.get(path, headers=watch.key)).headers["etag"]
    assert await sent(watch, "POST", f"{path}/{verb}", body_of(verb), **{"If-Match": now}) == 200


@pytest.mark.parametrize(
    ("verb", "body", "pointer"),
    [
        ("notes", {}, "/note"),
        ("notes", {"note": None}, "/note"),
        ("notes", {"note": ""}, "/note"),
        ("notes", {"note": "  \n"}, "/note"),
        ("notes", {"note": "​"}, "/note"),
        ("notes", {"note": "x" * 2_001}, "/note"),
        ("notes", {"note": "a\x00b"}, "/note"),
        ("acknowledge", {"note": 5}, "/note"),
        ("acknowledge", {"word": "x"}, "/word"),
        ("resolve", {"note": ["x"]}, "/note"),
        ("assign", {}, "/assignee"),
        ("assign", {"assignee": ""}, "/assignee"),
        ("assign", {"assignee": "x" * 2_000}, "/assignee"),
        ("assign", {"assignee": 7}, "/assignee"),
    ],
)
async def test_bodies_that_are_none(watch, path, verb, body, pointer):
    answer = await watch.service.client.post(f"{path}/{verb}", json=body, headers=watch.key)

    assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (422, [pointer]), (
        answer.text
    )
    assert len((await watch.call("GET", path))["log"]) == 1


@pytest.mark.parametrize(
    "query",
    [
        {"status": "pending"},
        {"acknowledged": "perhaps"},
        {"severity": ["x"] * 21},
        {"label": ["a=b"] * 21},
        {"label": "=b"},
        {"label": "a b=c"},
        {"label": "a=" + "x" * 1_200},
        {"name": ""},
        {"assignee": ""},
        {"cursor": "nowhere"},
        {"limit": 0},
        {"limit": 100_000},
    ],
)
async def test_questions_that_are_none(watch, query):
    answer = await watch.service.client.get("/v1/alerts", params=query, headers=watch.key)
    assert answer.status_code in (400, 422), answer.text


async def test_what_changes_nothing_has_the_same_version(watch, path):
    first = await watch.call("POST", f"{path}/acknowledge", note="once")
    await watch.call("POST", f"{path}/assign", assignee="growth")
    tag = (await watch.service.client.get(path, headers=watch.key)).headers["etag"]
    watch.service.clock.advance(60)
    again = await watch.call("POST", f"{path}/acknowledge", note="twice")
    await watch.call("POST", f"{path}/assign", assignee="growth")

    assert again["acknowledged_at"] == first["acknowledged_at"]
    shown = await watch.service.client.get(path, headers=watch.key)
    assert (shown.headers["etag"], len(shown.json()["log"])) == (tag, 3)


async def test_an_alert_goes_from_hand_to_hand_also_when_it_has_ended(watch, path):
    for assignee in ("growth", "支付组", None):
        assert (await watch.call("POST", f"{path}/assign", assignee=assignee))["assignee"] == assignee
    await watch.post(over(watch, "a"))
    await watch.call("POST", f"{path}/assign", assignee="who looks into it")
    await watch.call("POST", f"{path}/notes", 201, note="it was the release")

    log = (await watch.call("GET", path))["log"]
    assert [(entry["kind"], entry["detail"].get("assignee")) for entry in reversed(log)] == [
        ("fired", None), ("assigned", "growth"), ("assigned", "支付组"), ("assigned", None), ("resolved", None),
        ("assigned", "who looks into it"), ("noted", None),
    ]  # fmt: skip


async def test_the_newest_steps_of_a_long_log_are_shown(watch, path):
    alert = path.rpartition("/")[2]
    async with watch.service.db.transaction(Context(workspace="acme")) as session:
        await session.execute(
            text(
                "INSERT INTO alert_entry (id, workspace, alert_id, kind, at, actor, note, detail) "
                "SELECT gen_random_uuid(), 'acme', :alert, 'noted', now(), 'key:test', n::text, '{}' FROM generate_series(1, 250) n"
            ),
            {"alert": alert},
        )
    shown = (await watch.call("GET", path))["log"]

    assert len(shown) == 200
    assert [entry["id"] for entry in shown] == sorted((entry["id"] for entry in shown), reverse=True)


async def test_who_did_it_is_in_the_audit_log_and_what_they_said_is_not(watch, path):
    await watch.call("POST", f"{path}/acknowledge", note="a secret word")
    await watch.call("POST", f"{path}/assign", assignee="a.person@example.com")
    await watch.call("POST", f"{path}/notes", 201, note="another secret word")
    await watch.call("POST", f"{path}/resolve", note="the last secret word")
    admin = await watch.service.key("notifications:admin")
    log = (await watch.service.client.get("/v1/audit", headers=admin)).text

    assert [
        word for word in ("alert.acknowledged", "alert.assigned", "alert.noted", "alert.resolved") if word not in log
    ] == []
    assert "secret" not in log
    assert "a.person" not in log


async def test_pages_stay_as_they_are_while_alerts_come(watch):
    names = [f"n{number:02}" for number in range(25)]
    for name in names:
        await watch.post(lasting(watch, name))
    seen, cursor = [], None
    while True:
        query = {"limit": 10} | ({"cursor": cursor} if cursor else {})
        page = (await watch.service.client.get("/v1/alerts", params=query, headers=watch.key)).json()
        seen += [alert["name"] for alert in page["items"]]
        await watch.post(lasting(watch, f"new{len(seen)}"))
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert seen == list(reversed(names))


async def test_a_cursor_is_of_its_own_workspace_and_question(watch):
    await watch.post(*(lasting(watch, name) for name in "abc"))
    first = (await watch.service.client.get("/v1/alerts", params={"limit": 1}, headers=watch.key)).json()
    other = await watch.service.key(workspace="other")
    foreign = await watch.service.client.get(
        "/v1/alerts", params={"limit": 1, "cursor": first["next_cursor"]}, headers=other
    )

    assert foreign.json().get("items", []) == []


async def test_steps_are_forgotten_by_their_age_and_alerts_that_fire_never(watch, path):
    for _ in range(13):
        watch.service.clock.advance(timedelta(days=30).total_seconds())
        await watch.post(lasting(watch, "a"))
    await run_recurring(watch.service.db, [FORGET_OLD])
    shown = await watch.call("GET", path)

    assert (shown["status"], shown["log"]) == ("firing", [])


async def test_a_thousand_at_once_are_taken(watch):
    posted = [Posted({"alertname": f"a{number}"}, {}, None, None, "") for number in range(1_000)]
    async with watch.service.db.transaction(
        Context(workspace="acme")
    ) as session:  # no caller's deadline, which the machine decides
        assert await alert_rules.hear_posted(session, posted) == alert_rules.NotTaken([], too_many=False)
    async with watch.service.db.transaction(Context(workspace="acme")) as session:
        counts = [await session.scalar(text(f"SELECT count(*) FROM {table}")) for table in ("alert", "alert_member")]

    assert counts == [1_000, 1_000]


async def test_a_condition_on_a_label_is_of_all_of_it(watch):
    await watch.post(
        lasting(watch, "a", area="pay_1"), lasting(watch, "a", area="payX1"), lasting(watch, "a", area="%")
    )

    for asked, expected in (("area=pay_1", 1), ("area=pay", 0), ("area=%", 1), ("area=", 0), ("Area=%", 0)):
        assert len(await watch.listed(label=asked)) == expected, asked


@pytest.mark.parametrize("verb", VERBS)
async def test_a_body_may_be_left_out_where_nothing_in_it_must_be_said(watch, path, verb):
    answer = await watch.service.client.post(f"{path}/{verb}", headers=watch.key)

    must_say = verb in ("assign", "notes")
    assert answer.status_code == (400 if must_say else 200)
    assert not must_say or answer.headers["content-type"].startswith("application/problem+json")


async def test_each_who_acts_is_named_in_the_log(watch, path):
    keys = [await watch.service.key(name=f"person {number}") for number in range(2)]
    for key, verb in zip(keys, ("acknowledge", "unacknowledge"), strict=True):
        await watch.service.client.post(f"{path}/{verb}", json={}, headers=key)

    actors = [entry["actor"] for entry in (await watch.call("GET", path))["log"]]
    assert len(set(actors[:2])) == 2
    assert all(actor.startswith("key:") for actor in actors)


async def test_a_read_says_which_version_it_shows(watch, path):
    first = await watch.service.client.get(path, headers=watch.key)
    await watch.post(lasting(watch, "a"))  # said again: nothing that a person changes
    second = await watch.service.client.get(path, headers=watch.key)
    await watch.post(over(watch, "a"))
    third = await watch.service.client.get(path, headers=watch.key)

    tags = [answer.headers["etag"] for answer in (first, second, third)]
    assert (tags[0] == tags[1], tags[1] == tags[2]) == (True, False)
    unchanged = watch.key | {"If-None-Match": tags[2]}
    assert (await watch.service.client.get(path, headers=unchanged)).status_code in (200, 304)
