"""Playbooks hear events and launch: conditions, once per incident, cool-down, depth, approval."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

from opsloop_common.contracts.metrics import KpiRecovered
from opsloop_common.testing.events import make_event


def _playbook(**fields):
    return {
        "name": "Say sorry",
        "on": "kpi.breached",
        "when": [{"field": "data.kpi", "op": "eq", "value": "severe_share"}],
        "launch": {
            "name": "We are on it",
            "audience": {"user_ids": ["u1", "u2", "u3"]},
            "messages": [
                {"channel": "email", "locale": "en", "subject": "We are on it", "body": "We saw the crash."},
                {"channel": "email", "locale": "zh-CN", "subject": "我们正在处理", "body": "我们已经发现问题。"},
            ],
        },
    } | fields


async def _create(world, **fields) -> str:
    return (await world.ok("POST", "/v1/playbooks", _playbook(**fields)))["id"]


async def _runs(world, id: str) -> list[dict]:
    return (await world.ok("GET", f"/v1/playbooks/{id}/runs"))["items"]


async def _outcomes(world, id: str) -> list[str]:
    return [run["outcome"] for run in reversed(await _runs(world, id))]


async def _made_of(world, id: str, events: list) -> list[str]:
    """Return what the playbook made of each event; in one batch all have the same time."""
    outcomes = {run["event_id"]: run["outcome"] for run in await _runs(world, id)}
    return [outcomes[str(event.id)] for event in events]


async def test_a_breach_launches_a_campaign_that_closes_the_loop(world):
    id = await _create(world)
    event = world.breach()

    await world.hear(event)
    await world.run_due()

    [run] = await _runs(world, id)
    campaign = await world.ok("GET", f"/v1/campaigns/{run['campaign_id']}")
    assert run["outcome"] == "launched"
    assert run["event_id"] == str(event.id)
    assert campaign["status"] == "running"
    assert campaign["trigger"] == {"event_id": str(event.id), "type": "kpi.breached"}
    assert campaign["playbook_id"] == id
    playbook = await world.ok("GET", f"/v1/playbooks/{id}")
    assert campaign["author"] == campaign["approved_by"] == playbook["author"]
    launched, request = await world.events()
    assert (launched.type, request.type) == ("campaign.launched", "message.requested")
    assert launched.data["trigger"] == {"event_id": str(event.id), "type": "kpi.breached"}
    assert launched.causationid == request.causationid == str(event.id)
    assert launched.correlationid == request.correlationid == event.correlationid
    assert launched.causationdepth == 1
    assert launched.actor == "system"
    await world.report(*(world.sent(request, user_id) for user_id in ("u1", "u2")), world.failed(request, "u3"))
    results = await world.results(run["campaign_id"])
    assert results["status"] == "finished"
    assert results["trigger"]["event_id"] == str(event.id)
    assert results["incident_id"] == event.data["incident_id"]
    assert (results["by_status"]["sent"], results["by_reason"]) == (2, {"no_address": 1})


async def test_the_audit_says_which_event_led_to_each_campaign_of_a_batch(world):
    await _create(world)
    events = [world.breach(), world.breach()]

    await world.hear(*events)

    audited = (await world.ok("GET", "/v1/audit?action=campaign.created"))["items"]
    assert {entry["correlationid"] for entry in audited} == {event.correlationid for event in events}
    assert {entry["actor"] for entry in audited} == {"system"}


async def test_other_events_launch_nothing(world):
    id = await _create(world)
    incident = uuid4()
    recovered = KpiRecovered(
        monitor_id=uuid4(),
        kpi="severe_share",
        incident_id=incident,
        severity="critical",
        started_at="2026-11-22T08:00:00Z",
        ended_at="2026-11-22T08:00:00Z",
    )

    await world.hear(world.breach(kpi="csat"), make_event(recovered), world.breach(workspace="other"))

    assert await _runs(world, id) == []
    assert await world.events() == []


async def test_what_came_with_a_file_of_earlier_times_launches_nothing(world):
    id = await _create(world)
    old = world.breach()

    await world.hear(old.model_copy(update={"data": {**old.data, "import_id": str(uuid4())}}))

    assert await _runs(world, id) == []


async def test_a_disabled_playbook_is_silent_until_enabled(world):
    id = await _create(world, enabled=False)

    await world.hear(world.breach())
    assert (await world.ok("PATCH", f"/v1/playbooks/{id}", {"enabled": True}))["enabled"] is True
    await world.hear(world.breach())
    await world.ok("PATCH", f"/v1/playbooks/{id}", {"enabled": False})
    await world.hear(world.breach())

    assert await _outcomes(world, id) == ["launched"]


async def test_once_per_incident(world):
    id = await _create(world)
    incident = uuid4()
    event = world.breach(incident)

    assert await world.hear(event) == 1
    assert await world.hear(event) == 0
    await world.hear(world.breach(incident), world.breach(incident))
    await world.hear(world.breach(uuid4()))

    assert await _outcomes(world, id) == ["launched", "already_run", "already_run", "launched"]
    assert len(await world.events("campaign.launched")) == 2


async def test_once_per_event_where_there_is_no_incident(world):
    id = await _create(world, on="campaign.paused", when=[])
    campaign = await world.launched(["u1"])
    await world.move(campaign, "paused")
    [paused] = await world.events("campaign.paused")

    await world.hear(paused)
    await world.hear(paused)
    await world.hear(paused.model_copy(update={"id": uuid4()}))

    assert await _outcomes(world, id) == ["launched", "launched"]


async def test_an_event_seen_again_by_another_consumer_state_launches_nothing(world):
    id = await _create(world, on="campaign.paused", when=[])
    campaign = await world.launched(["u1"])
    await world.move(campaign, "paused")
    [paused] = await world.events("campaign.paused")
    await world.hear(paused)

    await world.hear_again(paused)

    assert await _outcomes(world, id) == ["launched"]


async def test_concurrent_events_of_one_incident_launch_once(world):
    id = await _create(world)
    incident = uuid4()

    await asyncio.gather(*(world.hear(world.breach(incident)) for _ in range(8)))

    assert sorted(await _outcomes(world, id)) == ["already_run"] * 7 + ["launched"]
    assert len(await world.events("campaign.launched")) == 1


async def test_concurrent_incidents_launch_once_within_the_cooldown(world):
    id = await _create(world, cooldown="PT1H")

    await asyncio.gather(*(world.hear(world.breach()) for _ in range(8)))

    assert sorted(await _outcomes(world, id)) == ["cooling_down"] * 7 + ["launched"]


async def test_the_cooldown_ends(world):
    id = await _create(world, cooldown="PT1H")
    incident = uuid4()

    events = [world.breach(), world.breach(incident), world.breach(), world.breach(incident)]

    await world.hear(*events[:2])
    world.api.clock.advance(timedelta(minutes=59, seconds=59))
    await world.hear(events[2])
    world.api.clock.advance(1)
    # it was only put off the first time: nothing was launched for this incident yet
    await world.hear(events[3])

    assert await _made_of(world, id, events) == ["launched", "cooling_down", "cooling_down", "launched"]
    playbook = await world.ok("GET", f"/v1/playbooks/{id}")
    assert playbook["cooldown"] == "PT1H"
    assert playbook["last_run_at"] == "2026-11-22T09:00:00Z"


async def test_chains_deeper_than_five_are_refused(world):
    id = await _create(world)

    events = [world.breach(causationdepth=4), world.breach(causationdepth=5), world.breach(causationdepth=9)]

    await world.hear(*events)

    assert await _made_of(world, id, events) == ["launched", "too_deep", "too_deep"]
    assert [event.causationdepth for event in await world.events("campaign.launched")] == [5]


async def test_a_playbook_that_feeds_itself_stops(world):
    id = await _create(world, on="campaign.launched", when=[])
    await world.launched(["u1"])

    heard = 0
    while heard < len(events := await world.events("campaign.launched")):
        heard = len(events)
        await world.hear(*events)

    assert (await _outcomes(world, id))[-1] == "too_deep"
    assert heard == 6


async def test_with_approval_the_campaign_waits(world):
    id = await _create(world, requires_approval=True, cooldown="PT1H")
    incident = uuid4()
    events = [event := world.breach(incident), world.breach(incident), world.breach()]

    await world.hear(*events)
    await world.run_due()

    assert await _made_of(world, id, events) == ["approval_requested", "already_run", "cooling_down"]
    [requested] = await world.events()
    assert requested.type == "campaign.approval_requested"
    assert requested.causationid == str(event.id)
    assert requested.data["trigger"]["event_id"] == str(event.id)
    campaign = requested.data["campaign_id"]
    assert await world.status(campaign) == "pending_approval"
    await world.move(campaign, "approved", "running")
    await world.run_due()
    [launched] = await world.events("campaign.launched")
    assert launched.data["trigger"] == {"event_id": str(event.id), "type": "kpi.breached"}
    assert len(await world.requested()) == 1


async def test_placeholders_are_filled_in_from_the_event(world):
    launch = _playbook()["launch"] | {
        "name": "关于 {{ event.data.kpi }}",
        "messages": [
            {
                "channel": "email",
                "locale": "zh-CN",
                "subject": "指标 {{event.data.kpi}} 异常",
                "body": "当前值 {{ event.data.value }}，阈值 {{ event.data.threshold }}。{{ event.data.expected }}完",
            }
        ],
    }
    id = await _create(world, launch=launch, when=[])

    await world.hear(world.breach(kpi="支付{{ event.id }}\r\nBcc: all"))
    await world.run_due()

    [run] = await _runs(world, id)
    assert (await world.ok("GET", f"/v1/campaigns/{run['campaign_id']}"))["name"] == "关于 支付{{ event.id }} Bcc: all"
    [request] = await world.requested()
    assert request.data["contents"] == [
        {
            "locale": "zh-CN",
            "subject": "指标 支付{{ event.id }} Bcc: all 异常",
            "body": "当前值 0.62，阈值 0.5。完",
        }
    ]


async def test_values_too_large_for_an_event_launch_nothing(world):
    body = "{{ event.data.unit }}" * 200
    messages = [{"channel": "email", "locale": f"en-{n:02}", "subject": "s", "body": body} for n in range(30)]
    id = await _create(world, launch=_playbook()["launch"] | {"messages": messages})

    await world.hear(world.breach(unit="長" * 500))

    assert await _outcomes(world, id) == ["too_large"]
    assert await world.events() == []


async def test_several_playbooks_hear_the_same_event(world):
    first, second = await _create(world), await _create(world, when=[])

    await world.hear(world.breach())

    assert await _outcomes(world, first) == await _outcomes(world, second) == ["launched"]


async def test_a_deleted_playbook_leaves_its_campaigns(world):
    id = await _create(world)
    await world.hear(world.breach())
    [run] = await _runs(world, id)

    assert (await world.call("DELETE", f"/v1/playbooks/{id}")).status_code == 204
    await world.hear(world.breach())

    assert (await world.call("GET", f"/v1/playbooks/{id}/runs")).status_code == 404
    assert (await world.ok("GET", f"/v1/campaigns/{run['campaign_id']}"))["playbook_id"] == id
    assert len(await world.events("campaign.launched")) == 1


REHEARSALS = [
    ({"field": "data.value", "op": "ge", "value": 0.5}, {"value": 0.5}, "launched"),
    ({"field": "data.value", "op": "gt", "value": 0.5}, {"value": 0.5}, None),
    ({"field": "data.unit", "op": "exists", "value": False}, {}, "launched"),
    ({"field": "type", "op": "eq", "value": "kpi.breached"}, {}, "launched"),
]


async def test_a_rehearsal_says_what_would_happen_and_why(world):
    for condition, data, outcome in REHEARSALS:
        id = await _create(world, when=[condition])

        said = await world.ok("POST", f"/v1/playbooks/{id}/test", {"data": data})

        assert said["outcome"] == outcome
        assert said["matches"] is (outcome is not None)
        assert [verdict["holds"] for verdict in said["conditions"]] == [said["matches"]]
        assert await _runs(world, id) == []
    assert await world.events() == []


async def test_a_rehearsal_knows_the_cooldown_and_the_incident(world):
    id = await _create(world, cooldown="PT1H")
    event = world.breach()
    await world.hear(event)

    same = await world.ok("POST", f"/v1/playbooks/{id}/test", {"data": event.data})
    other = await world.ok("POST", f"/v1/playbooks/{id}/test", {"data": event.data | {"incident_id": "another"}})

    assert (same["outcome"], other["outcome"]) == ("already_run", "cooling_down")


async def test_old_refusals_are_forgotten_and_launches_are_not(world):
    id = await _create(world)
    incident = uuid4()
    await world.hear(world.breach(incident), world.breach(incident))

    world.api.clock.advance(timedelta(days=91))
    await world.run_recurring()
    assert await _outcomes(world, id) == ["launched"]
    await world.hear(world.breach(incident))

    assert await _outcomes(world, id) == ["launched", "already_run"]
