"""Keys that may only subscribe: a partner hears of its own posts' states, and knows of nobody else's endpoints."""

import json
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.contracts.feedback import (
    Author,
    FeedbackAssigned,
    FeedbackMerged,
    FeedbackReceived,
    FeedbackReplied,
    FeedbackResolved,
)
from opsloop_common.testing.due import run_due
from opsloop_common.testing.events import make_event
from opsloop_notifications.bindings.rules import SCOPE, STATES
from opsloop_notifications.recoveries.timers import RECOVER

SINCE = datetime(2026, 11, 22, 7, tzinfo=UTC)
RECEIVED = {"feedback_id", "number", "channel", "source"}
NEVER = ("s1", "u-secret", "tag-secret", "colleague", "causation", "actor", "dataschema", "affected_users", "into_id")


def received(source, **fields):
    given = {
        "feedback_id": uuid4(), "number": 7, "kind": "bug", "severity": "s1", "sentiment": -1.0, "channel": "api",
        "source": source, "tags": ["tag-secret"], "author": Author(user_id="u-secret"), "occurred_at": SINCE,
    }  # fmt: skip
    return make_event(FeedbackReceived(**given | fields), actor="user:colleague", causationid="causation")


def states(source):
    post, author = {"feedback_id": uuid4(), "number": 8}, Author(user_id="u-secret")
    own = {"source": source, "author": author}
    return [
        received(source),
        make_event(FeedbackReplied(message_id=uuid4(), is_first=True, reply_seconds=9.0, **post, **own)),
        make_event(FeedbackResolved(resolution_seconds=9.0, **post, **own)),
        make_event(
            FeedbackMerged(into_id=uuid4(), into_number=1, is_automatic=True, affected_users=3, **post, **own),
        ),
    ]


def others():
    """Return what is nobody's business but the desk's."""
    return [
        make_event(FeedbackAssigned(feedback_id=uuid4(), number=8, assignee="colleague")),
        make_event(CampaignPaused(campaign_id=uuid4(), name="x")),
        received(None),
    ]


class Partner:
    def __init__(self, service, key, url):
        self.service, self.key, self.url = service, key, url

    async def call(self, method, path, expected=200, **body):
        answer = await self.service.client.request(method, path, json=body or None, headers=self.key)
        assert answer.status_code == expected, answer.text
        return answer.json() if answer.content else None

    async def subscribe(self, status=201, **fields):
        return await self.call("POST", "/v1/webhooks", status, **{"url": self.url} | fields)

    async def delivered(self, webhook):
        found = await self.call("GET", f"/v1/webhooks/{webhook['id']}/deliveries")
        return [await self.call("GET", f"/v1/deliveries/{item['id']}") for item in found["items"]]


@pytest.fixture
async def partners(service, hook):
    keys = [await service.key(SCOPE, source=source) for source in ("partner-a", "partner-b")]
    return [Partner(service, key, hook.url) for key in keys]


async def test_a_partner_hears_its_own_posts_states_and_of_them_no_more_than_it_may(acme, partners, hook, work, until):
    ours, theirs = [await partner.subscribe() for partner in partners]
    assert [ours["source"], theirs["source"], acme.hook["source"]] == ["partner-a", "partner-b", None]

    async with work(acme.service):
        # both ways: what is claimed as it is planned, and what is claimed from the queue
        await acme.happen(*states("partner-a"), *others())
        await until(lambda: len(hook.calls) == 4 + 7, "four states for the partner, everything for the operator")
    found = await partners[0].delivered(ours)
    calls = [json.loads(body) for _, body in hook.calls]

    assert [item["event_type"] for item in found[::-1]] == [each.type for each in states("partner-a")]
    assert await partners[1].delivered(theirs) == []
    cut = [call for call in calls if "actor" not in call]
    assert sorted(call["type"] for call in cut) == sorted(item["event_type"] for item in found)
    by_type = {call["type"]: call for call in cut}
    assert set(by_type["feedback.received"]["data"]) == RECEIVED
    assert set(by_type["feedback.replied"]["data"]) == {"feedback_id", "number", "source", "message_id"}
    for shown in [json.dumps(call) for call in cut] + [item["payload"] for item in found]:
        assert not [word for word in NEVER if word in shown]
    assert {item["payload"] for item in found} == {json.dumps(call, separators=(",", ":")) for call in cut}


async def test_what_is_recovered_resent_and_previewed_is_cut_too(acme, partners, hook, work, until):
    ours = await partners[0].subscribe()
    await partners[0].call("PATCH", f"/v1/webhooks/{ours['id']}", status="disabled")
    await acme.happen(received("partner-a"), received("partner-b"), *others())
    await partners[0].call("PATCH", f"/v1/webhooks/{ours['id']}", status="enabled")
    assert await partners[0].delivered(ours) == []
    await acme.change(acme.hook, status="disabled")

    async with work(acme.service):
        job = await acme.post(f"/v1/webhooks/{ours['id']}/recover", since=SINCE.isoformat())
        while (await acme.get(f"/v1/jobs/{job['job_id']}"))["finished_at"] is None:
            await run_due(acme.service.db, [RECOVER])
            acme.advance(1)
        await until(lambda: len(hook.calls) == 1, "its own post")
        (sent,) = await until(lambda: partners[0].delivered(ours), "the delivery")
        await until(lambda: _ended(partners[0], ours), "the end of the first")
        await acme.post(f"/v1/deliveries/{sent['id']}/resend")
        await until(lambda: len(hook.calls) == 2, "again")
    shown = await acme.post(f"/v1/webhooks/{ours['id']}/preview", 200)

    assert hook.calls[0][1] == hook.calls[1][1]
    for body in (hook.calls[1][1].decode(), sent["payload"], shown["body"]):
        assert not [word for word in NEVER if word in body]
        assert set(json.loads(body)["data"]) <= RECEIVED | {"message_id"}
    assert shown["event_type"] == STATES[0]
    assert shown["is_heard"]
    assert json.loads(shown["body"])["data"]["source"] == "partner-a"


async def _ended(partner, webhook):
    (item,) = await partner.delivered(webhook)
    return item["status"] == "succeeded"


async def test_a_partner_keeps_its_endpoints_and_knows_of_no_others(acme, partners):
    us, them = partners
    ours, theirs = await us.subscribe(), await them.subscribe()
    (test,) = [await us.call("POST", f"/v1/webhooks/{ours['id']}/test", 202)]

    assert [each["id"] for each in (await us.call("GET", "/v1/webhooks"))["items"]] == [ours["id"]]
    assert (await us.call("GET", "/v1/webhooks?source=partner-b"))["items"] == []
    assert (await us.call("GET", f"/v1/deliveries/{test['id']}"))["event_type"] == "webhook.test"
    rotated = await us.call("POST", f"/v1/webhooks/{ours['id']}/rotate-secret")
    assert rotated["secret"] not in (None, ours["secret"])
    assert (await us.call("PATCH", f"/v1/webhooks/{ours['id']}", description="ours"))["source"] == "partner-a"
    for id in (theirs["id"], acme.hook["id"]):
        for method, path, body in (
            ("GET", "", {}), ("PATCH", "", {"description": "x"}), ("DELETE", "", {}), ("POST", "/test", {}),
            ("POST", "/rotate-secret", {}), ("GET", "/deliveries", {}),
        ):  # fmt: skip
            await us.call(method, f"/v1/webhooks/{id}{path}", 404, **body)
    foreign = await acme.post(f"/v1/webhooks/{theirs['id']}/test")
    await us.call("GET", f"/v1/deliveries/{foreign['id']}", 404)
    seen = await acme.get("/v1/webhooks?source=partner-b")
    assert [each["id"] for each in seen["items"]] == [theirs["id"]]
    assert len((await acme.get("/v1/webhooks"))["items"]) == 3
    await us.call("DELETE", f"/v1/webhooks/{ours['id']}", 204)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/events"),
        ("GET", "/v1/deliveries"),
        ("GET", "/v1/recipients"),
        ("POST", "/v1/webhooks/{id}/portal-link"),
        ("DELETE", "/v1/webhooks/{id}/portal-links"),
        ("POST", "/v1/webhooks/{id}/preview"),
        ("POST", "/v1/webhooks/{id}/recover"),
        ("GET", "/v1/webhooks/{id}/lines"),
        ("POST", "/v1/deliveries/{id}/resend"),
    ],
)
async def test_the_rest_is_not_for_partners(partners, method, path):
    ours = await partners[0].subscribe()

    await partners[0].call(method, path.format(id=ours["id"]), 403)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"event_types": ["feedback.received", "feedback.assigned"]}, "/event_types/1"),
        ({"event_types": ["kpi.*"]}, "/event_types/0"),
        ({"filter": [{"field": "data.severity", "op": "eq", "value": "s1"}]}, "/filter/0/field"),
        (
            {"filter": [{"any": [{"field": "actor", "op": "regex", "value": "^user:a"}]}]},
            "/filter/0/any/0/field",
        ),
        ({"format": "slack"}, "/format"),
        ({"format": "alertmanager"}, "/about"),
    ],
)
async def test_what_would_tell_more_is_refused_when_made_and_when_changed_by_whomever(acme, partners, fields, pointer):
    ours = await partners[0].subscribe(event_types=["feedback.received"])
    path = f"/v1/webhooks/{ours['id']}"

    refused = [
        await partners[0].subscribe(422, **fields),
        await partners[0].call("PATCH", path, 422, **fields),
        (await acme.service.client.patch(path, json=fields, headers=acme.key)).json(),
    ]

    assert [[error["pointer"] for error in each["errors"]] for each in refused] == [[pointer]] * 3
    assert (await partners[0].call("GET", path))["event_types"] == ["feedback.received"]
    await partners[0].call("PATCH", path, filter=[{"field": "data.channel", "op": "eq", "value": "api"}])


async def test_a_filter_and_a_template_see_what_the_partner_sees(acme, partners, hook, work, until):
    filter = [{"field": "data.number", "op": "gt", "value": 100}]
    template = '{"n": {{ event.data.number }}, "s": {{ event.data.severity | default: "none" }}}'
    await partners[0].subscribe(filter=filter, payload_template=template)
    await acme.change(acme.hook, status="disabled")

    async with work(acme.service):
        await acme.happen(received("partner-a", number=100), received("partner-a", number=101))
        await until(lambda: hook.calls, "the second")

    assert [json.loads(body) for _, body in hook.calls] == [{"n": 101, "s": "none"}]


async def test_a_source_has_so_many_endpoints_and_no_more(partners):
    for _ in range(10):
        await partners[0].subscribe()

    assert (await partners[0].subscribe(409))["type"].endswith("too_many")
    await partners[1].subscribe()


async def test_whoever_may_write_speaks_for_all_and_is_told_no_more_than_before(acme, partners):
    theirs = await partners[1].subscribe()
    writer = Partner(acme.service, await acme.service.key(SCOPE, "notifications:write", source="partner-a"), "")

    await writer.call("PATCH", f"/v1/webhooks/{theirs['id']}", 204, description="x")
    await writer.call("GET", f"/v1/webhooks/{theirs['id']}", 404)
    await writer.call("POST", f"/v1/webhooks/{theirs['id']}/rotate-secret", 403)
