"""The HTTP door of playbooks."""

from __future__ import annotations

MESSAGE = {"channel": "email", "locale": "en", "subject": "We are on it", "body": "We saw the crash."}
LAUNCH = {"name": "We are on it", "audience": {"user_ids": ["u1", "u2", "u1"]}, "messages": [MESSAGE]}
BODY = {
    "name": "道歉",
    "on": "kpi.breached",
    "when": [
        {"field": "data.kpi", "op": "eq", "value": "severe_share"},
        {"field": "data.severity", "op": "in", "value": ["critical", "warning"]},
        {"field": "data.unit", "op": "exists", "value": False},
    ],
    "cooldown": "PT1H30M",
    "requires_approval": True,
    "launch": LAUNCH,
}


async def test_a_playbook_is_written_and_read_back(world):
    answer = await world.call("POST", "/v1/playbooks", BODY)

    created = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"playbooks/{created['id']}"
    assert created["enabled"] is True
    assert created["when"] == BODY["when"]
    assert created["cooldown"] == "PT1H30M"
    assert created["launch"] == LAUNCH | {"audience": {"user_ids": ["u1", "u2"]}}
    read = await world.call("GET", f"/v1/playbooks/{created['id']}")
    assert read.json() == created
    assert read.headers["etag"] == '"1"'


async def test_the_least_that_makes_a_playbook(world):
    created = await world.ok("POST", "/v1/playbooks", {"name": "p", "on": "feedback.received", "launch": LAUNCH})

    assert (created["when"], created["cooldown"], created["requires_approval"]) == ([], None, False)


MALFORMED = [
    ({"name": ""}, "/name"),
    ({"name": None}, "/name"),
    ({"enabled": None}, "/enabled"),
    ({"enabled": "yes"}, "/enabled"),
    ({"on": "kpi.exploded"}, "/on"),
    ({"on": "*"}, "/on"),
    ({"on": "kpi.*"}, "/on"),
    ({"when": [{"field": "data.severty", "op": "exists"}]}, "/when/0/field"),
    ({"when": [{"field": "data.severity", "op": "eq", "value": "critcal"}]}, "/when/0/value"),
    ({"when": [{"field": "link", "op": "exists"}, {"field": "data.kpi", "op": "gt", "value": 1}]}, "/when/1/value"),
    ({"when": [{"field": "type", "op": "exists"}, {"field": "data.rating", "op": "exists"}]}, "/when/1/field"),
    ({"launch": LAUNCH | {"name": "{{ event.data.kpy }}"}}, "/launch/name"),
    (
        {"launch": LAUNCH | {"messages": [MESSAGE | {"subject": "{{event.data.author.user_id}}"}]}},
        "/launch/messages/0/subject",
    ),
    (
        {"launch": LAUNCH | {"messages": [MESSAGE, MESSAGE | {"locale": "fr", "body": "{{ event.data.body }}"}]}},
        "/launch/messages/1/body",
    ),
    ({"launch": LAUNCH | {"audience": {"user_ids": ["{{ event.data.author.user_id }}"]}}}, "/launch/audience/user_ids"),
    ({"when": [{"field": "kpi", "op": "eq", "value": "x"}]}, "/when/0/field"),
    ({"when": [{"field": "data", "op": "exists"}]}, "/when/0/field"),
    ({"when": [{"field": "data.kpi", "op": "like", "value": "x"}]}, "/when/0/op"),
    (
        {"when": [{"field": "data.kpi", "op": "exists"}, {"field": "data.kpi", "op": "in", "value": 1}]},
        "/when/1/value",
    ),
    ({"when": [{"field": "data.value", "op": "gt", "value": True}]}, "/when/0/value"),
    ({"when": [{"field": "data.kpi", "op": "exists"}] * 21}, "/when"),
    ({"cooldown": "1h"}, "/cooldown"),
    ({"cooldown": "P400D"}, "/cooldown"),
    ({"cooldown": -5}, "/cooldown"),
    ({"launch": None}, "/launch"),
    ({"launch": LAUNCH | {"audience": {"user_ids": []}}}, "/launch/audience"),
    ({"launch": LAUNCH | {"audience": {"user_ids": [f"u{n}" for n in range(10_001)]}}}, "/launch/audience"),
    ({"launch": LAUNCH | {"messages": []}}, "/launch/messages"),
    ({"launch": LAUNCH | {"messages": [MESSAGE | {"body": "{{ event.data.kpi | safe }}"}]}}, "/launch/messages/0/body"),
    ({"launch": LAUNCH | {"messages": [MESSAGE | {"subject": "{{ user.name }}"}]}}, "/launch/messages/0/subject"),
    (
        {"launch": LAUNCH | {"messages": [MESSAGE, MESSAGE | {"locale": "de", "body": "{% if x %}"}]}},
        "/launch/messages/1/body",
    ),
    ({"launch": LAUNCH | {"messages": [MESSAGE | {"body": "{{{ event.data.kpi }}}"}]}}, "/launch/messages/0/body"),
    ({"launch": LAUNCH | {"name": "{% now %}"}}, "/launch/name"),
    ({"launch": LAUNCH | {"name": "{{ event.data.kpi"}}, "/launch/name"),
    ({"launch": LAUNCH | {"schedule_at": "2026-11-23T09:00:00Z"}}, "/launch/schedule_at"),
]


async def test_malformed_playbooks_are_refused(world):
    id = (await world.ok("POST", "/v1/playbooks", BODY))["id"]
    for change, pointer in MALFORMED:
        created = await world.call("POST", "/v1/playbooks", BODY | change)
        patched = await world.call("PATCH", f"/v1/playbooks/{id}", change)

        assert (created.status_code, patched.status_code) == (422, 422), pointer
        assert created.json()["errors"][0]["pointer"] == pointer
        assert patched.json()["errors"][0]["pointer"] == pointer


async def test_what_is_not_known_is_refused_with_the_nearest_that_is(world):
    refused = await world.call(
        "POST",
        "/v1/playbooks",
        BODY | {"launch": LAUNCH | {"messages": [MESSAGE | {"body": "{{ event.data.tresholds }}"}]}},
    )
    listed = await world.call("GET", "/v1/playbooks?on=kpi.breeched")

    assert refused.json()["errors"][0]["detail"] == (
        "data.tresholds is no field of kpi.breached; did you mean data.threshold?"
    )
    assert listed.json()["errors"] == [
        {"pointer": "/query/on", "detail": "kpi.breeched is no event type; did you mean kpi.breached?"}
    ]


async def test_another_event_must_have_what_the_playbook_speaks_of(world):
    id = (await world.ok("POST", "/v1/playbooks", BODY))["id"]

    moved = await world.call("PATCH", f"/v1/playbooks/{id}", {"on": "campaign.finished"})
    renamed = await world.call("PATCH", f"/v1/playbooks/{id}", {"name": "another"})

    assert (moved.status_code, moved.json()["errors"][0]["pointer"]) == (422, "/when/0/field")
    assert renamed.status_code == 200
    assert (await world.ok("GET", f"/v1/playbooks/{id}"))["on"] == "kpi.breached"


async def test_a_playbook_is_changed_and_audited(world):
    id = (await world.ok("POST", "/v1/playbooks", BODY))["id"]

    changed = await world.call(
        "PATCH", f"/v1/playbooks/{id}", {"on": "kpi.recovered", "cooldown": None, "when": []}, If_Match='"1"'
    )
    stale = await world.call("PATCH", f"/v1/playbooks/{id}", {"name": "late"}, If_Match='"1"')
    same = await world.call("PATCH", f"/v1/playbooks/{id}", {"cooldown": None})

    assert changed.status_code == 200
    assert (changed.json()["on"], changed.json()["cooldown"], changed.json()["when"]) == ("kpi.recovered", None, [])
    assert changed.json()["launch"] == LAUNCH | {"audience": {"user_ids": ["u1", "u2"]}}
    assert changed.headers["etag"] == same.headers["etag"] == '"2"'
    assert stale.status_code == 412
    assert (await world.call("DELETE", f"/v1/playbooks/{id}", If_Match='"1"')).status_code == 412
    rows = (await world.ok("GET", "/v1/audit"))["items"]
    assert [row["action"] for row in rows if row["subject"] == f"playbook/{id}"] == [
        "playbook.updated",
        "playbook.created",
    ]
    assert rows[0]["before"]["on"] == "kpi.breached"
    assert rows[0]["after"] == {"on": "kpi.recovered", "when": "(text)", "cooldown": None}


async def test_lists_are_narrowed(world):
    first = (await world.ok("POST", "/v1/playbooks", BODY))["id"]
    second = (await world.ok("POST", "/v1/playbooks", BODY | {"enabled": False, "on": "kpi.recovered", "when": []}))[
        "id"
    ]

    async def listed(query: str) -> list[str]:
        return [item["id"] for item in (await world.ok("GET", f"/v1/playbooks?{query}"))["items"]]

    assert await listed("") == [second, first]
    assert await listed("enabled=false") == [second]
    assert await listed("on=kpi.breached") == [first]
    assert (await world.call("GET", "/v1/playbooks?enabled=maybe")).status_code == 422


async def test_a_malformed_rehearsal_is_refused(world):
    id = (await world.ok("POST", "/v1/playbooks", BODY))["id"]

    for body in ({}, {"data": []}, {"data": {}, "type": "kpi.breached"}):
        assert (await world.call("POST", f"/v1/playbooks/{id}/test", body)).status_code == 422


async def test_runs_are_narrowed_by_outcome(world):
    id = (await world.ok("POST", "/v1/playbooks", BODY))["id"]
    await world.hear(world.breach(), world.breach())

    page = await world.ok("GET", f"/v1/playbooks/{id}/runs?outcome=cooling_down")

    assert [run["outcome"] for run in page["items"]] == ["cooling_down"]
    assert page["items"][0]["campaign_id"] is None
    assert page["items"][0]["reason"]
