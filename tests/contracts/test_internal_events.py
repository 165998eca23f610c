"""Internal events go from service to service, and to nobody else: every place where others name or get events is walked."""

from __future__ import annotations

import json
from operator import attrgetter
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import insert

from opsloop_campaigns.app import SERVICE as CAMPAIGNS
from opsloop_common.bus.topics import topics_from, topics_of
from opsloop_common.clock import SystemClock
from opsloop_common.contracts import catalogue, known
from opsloop_common.contracts.envelope import service_of
from opsloop_common.contracts.samples import sample
from opsloop_common.ids import uuid7
from opsloop_common.inbox.tables import parked_event
from opsloop_common.testing.events import deliver, make_event
from opsloop_feedback.app import SERVICE as FEEDBACK
from opsloop_metrics.app import SERVICE as METRICS
from opsloop_notifications.app import SERVICE as NOTIFICATIONS
from opsloop_notifications.sending.consumers import WEBHOOKS

CONTRACTS = Path(__file__).parents[2] / "libs/common/contracts"
SERVICES = (FEEDBACK, METRICS, CAMPAIGNS, NOTIFICATIONS)
INTERNAL = sorted(catalogue.INTERNAL)


def test_what_carries_texts_or_lists_of_people_is_internal():
    assert {"message.requested", "workspace.change_requested"} <= catalogue.INTERNAL
    public = {name for name, kind in catalogue.PUBLIC.items() if {"contents", "user_ids"} & kind.model_fields.keys()}

    # ids alone, of whom everybody has to forget: whoever kept something of them needs to hear it. Who came into a segment and left it,
    # by their ids too, is what those who work with segments elsewhere wait for; an erasure takes them out of what is kept of it
    assert public == {"user.erased", "segment.entered", "segment.left"}


@pytest.mark.parametrize("type", INTERNAL)
def test_it_is_marked_where_it_is_published(type):
    schema = json.loads((CONTRACTS / "events" / type / "1.json").read_text())

    assert schema["x-internal"] is True
    for service in catalogue.PRODUCERS_OF[type]:
        document = json.loads((CONTRACTS / "asyncapi" / f"{service}.json").read_text())
        homes = [channel["address"] for channel in document["channels"].values() if type in channel["messages"]]
        assert homes == [f"opsloop.{service}.internal"]


@pytest.mark.parametrize("type", INTERNAL)
def test_nobody_can_name_it_and_no_pattern_covers_it(type):
    family = f"{type.partition('.')[0]}.*"

    with pytest.raises(ValueError, match="event type"):
        known.known_type(type)
    with pytest.raises(ValueError, match="event type"):
        known.known_pattern(type)
    assert type not in known.types_of(["*", family, type])
    assert not any(known.covers(pattern, type) for pattern in ("*", family, type))


@pytest.mark.parametrize(
    "subscription", [s for service in SERVICES for s in service.subscriptions], ids=attrgetter("consumer")
)
def test_only_who_names_it_hears_it(subscription):
    heard = {type for type in INTERNAL if subscription.wants(type)}
    topics = set(topics_of(subscription.types))

    assert heard == catalogue.INTERNAL & subscription.types
    assert any(topic.endswith(".internal") for topic in topics) is bool(heard)


def test_every_topic_belongs_to_its_service_and_all_that_is_told_has_a_listener():
    for service in catalogue.BY_SERVICE:
        assert {service_of(topic) for topic in topics_from([service], prefix="bench-1.x")} == {service}
    listened = {topic for service in SERVICES for s in service.subscriptions for topic in topics_of(s.types)}
    assert listened == set(topics_from(catalogue.BY_SERVICE))


def test_it_leaves_no_gap_in_what_others_are_told():
    for type in INTERNAL:
        event = make_event(catalogue.BY_TYPE[type].model_validate(sample(catalogue.BY_TYPE[type]).data))
        assert event.partitionkey == f"{event.subject}/internal"


def secret_event(type):
    return make_event(catalogue.BY_TYPE[type].model_validate(sample(catalogue.BY_TYPE[type]).data))


async def test_the_log_webhooks_and_the_catalogue_do_not_have_it(api):
    service = await api(NOTIFICATIONS)
    key = await service.key()
    hook = {"url": "https://example.com/hook"}
    made = await service.client.post("/v1/webhooks", json=hook | {"event_types": ["*"]}, headers=key)
    for type in INTERNAL:
        assert await deliver(service.db, WEBHOOKS, secret_event(type)) == 0
        refused = await service.client.post("/v1/webhooks", json=hook | {"event_types": [type]}, headers=key)
        polled = await service.client.get("/v1/events", params={"types": type}, headers=key)
        assert (refused.status_code, polled.status_code) == (422, 422)
    page = (await service.client.get("/v1/events", headers=key)).json()
    types = (await service.client.get("/v1/event-types", headers=key)).json()["items"]
    deliveries = await service.client.get(f"/v1/webhooks/{made.json()['id']}/deliveries", headers=key)

    assert (page["items"], deliveries.json()["items"]) == ([], [])
    assert {item["type"] for item in types} == set(catalogue.PUBLIC)


@pytest.mark.parametrize("type", INTERNAL)
async def test_no_measure_counts_it_and_the_store_does_not_keep_it(api, type):
    service = await api(METRICS)
    key, side = await service.key(), {"type": "events", "event": type, "aggregate": "count"}
    ratio = {"type": "ratio", "numerator": side, "denominator": side | {"event": "feedback.received"}}
    for measure in (side, ratio):
        answer = await service.client.post("/v1/kpis", json={"key": "k", "name": "k", "measure": measure}, headers=key)
        assert answer.status_code == 422
        assert "is no event type" in answer.text
    (store,) = [s for s in METRICS.subscriptions if "*" in s.types]
    assert await deliver(service.db, store, secret_event(type)) == 0


@pytest.mark.parametrize("type", INTERNAL)
async def test_no_playbook_acts_on_it(api, type):
    service = await api(CAMPAIGNS)
    key = await service.key()
    message = {"channel": "email", "locale": "en", "subject": "s", "body": "b"}
    launch = {"name": "x", "audience": {"user_ids": ["u1"]}, "messages": [message]}
    answer = await service.client.post("/v1/playbooks", json={"name": "p", "on": type, "launch": launch}, headers=key)

    assert answer.status_code == 422
    assert "is no event type" in answer.text


async def test_parked_ones_are_the_operators_to_see(api):
    service = await api(NOTIFICATIONS)
    admin = await service.key("notifications:admin")
    async with service.db.transaction() as session:
        for type in (*INTERNAL, "kpi.breached"):
            event = secret_event(type) if type in INTERNAL else sample(catalogue.BY_TYPE[type])
            row = {"id": uuid7(), "consumer": f"c.{type}", "source": "campaigns", "stream": f"s/{uuid4()}", "seq": 1}
            row |= {"event_id": event.id, "type": type, "workspace": "acme", "status": "failed", "fingerprint": type}
            row |= {"reason": f"secret of {type}", "attempts": 4, "origin": "x", "body": b"{}"}
            await session.execute(insert(parked_event).values(row | {"parked_at": SystemClock().now()}))
    theirs = await service.client.get("/v1/parked-events", headers=admin)
    groups = await service.client.get("/v1/parked-events/groups", headers=admin)

    assert [item["type"] for item in theirs.json()["items"]] == ["kpi.breached"]
    assert [item["fingerprint"] for item in groups.json()["items"]] == ["kpi.breached"]
