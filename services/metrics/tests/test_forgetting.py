"""Domain events go when they are older than anything measures; windows never reach further back than that."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from opsloop_common.contracts.users import UserErased
from opsloop_common.db import Context
from opsloop_common.testing.events import deliver, make_event
from opsloop_common.testing.http import settings_for_tests
from opsloop_metrics.forgetting import service as forgetting
from opsloop_metrics.forgetting.consumers import ERASURES
from opsloop_metrics.people import consumers as people
from opsloop_metrics.settings import MetricsSettings

COUNT = {"type": "events", "event": "feedback.received", "aggregate": "count"}
HIGH = {"type": "threshold", "operator": "ge", "value": 2}
DAY = timedelta(days=1)


async def stored(world, workspace="acme"):
    async with world.api.db.transaction(Context(workspace=workspace)) as session:
        return await session.scalar(text("SELECT count(*) FROM domain_event"))


async def test_old_events_go_in_batches_and_young_ones_stay(world, monkeypatch):
    monkeypatch.setattr(forgetting, "BATCH", 2)
    foreign = [world.received(workspace="other") for _ in range(3)]
    await world.hear_now(*(world.received() for _ in range(5)), world.replied(1), *foreign)
    world.api.clock.advance(399 * DAY)
    await world.hear_now(world.received())

    await world.recur()
    assert (await stored(world), await stored(world, "other")) == (7, 3)
    world.api.clock.advance(2 * DAY)
    await world.recur()

    assert (await stored(world), await stored(world, "other")) == (1, 0)


async def test_incidents_and_reported_values_stay(world):
    await world.kpi()
    await world.monitor(HIGH)
    await world.report(3)
    await world.tick(1)
    assert await world.state() == "breached"

    world.api.clock.advance(1000 * DAY)
    await world.recur()

    assert [item["state"] for item in (await world.get("/v1/breaches"))["items"]] == ["open"]
    assert [item["value"] for item in (await world.get("/v1/kpis/k/values"))["items"]] == [3]


@pytest.fixture
async def forgetful(make_world):
    """A world that keeps events for a week."""
    return await make_world(settings_for_tests(MetricsSettings, domain_event_retention_days=7))


async def test_a_window_over_more_than_is_kept_is_refused(forgetful):
    await forgetful.kpi(COUNT)
    await forgetful.kpi(key="reported")
    too_long = {"condition": HIGH, "window": "P8D"}

    refused = await forgetful.send("POST", "/v1/kpis/k/monitors", json=too_long)
    made = await forgetful.send("POST", "/v1/kpis/k/monitors", json=too_long | {"window": "P7D"})
    path = f"/v1/kpis/k/monitors/{made.json()['id']}"
    changed = await forgetful.send("PATCH", path, json={"window": "P8D"})

    for answer in (refused, changed):
        assert answer.status_code == 422
        assert [error["pointer"] for error in answer.json()["errors"]] == ["/window"]
    assert made.status_code == 201
    assert (await forgetful.send("PATCH", path, json={"severity": "info"})).status_code == 200
    # reported values are kept for ever
    assert (await forgetful.send("POST", "/v1/kpis/reported/monitors", json=too_long)).status_code == 201


async def test_a_monitor_from_before_keeps_what_it_measures(forgetful):
    """The setting was lowered afterwards: the longest window of the workspace counts, and only there."""
    await forgetful.kpi(COUNT)
    made = await forgetful.monitor(HIGH, window="P7D")
    async with forgetful.api.db.transaction(Context(workspace="acme")) as session:
        await session.execute(text("UPDATE monitor SET \"window\" = interval '30 days', reach = interval '30 days'"))
    await forgetful.hear_now(forgetful.received(), forgetful.received(), forgetful.received(workspace="other"))
    forgetful.api.clock.advance(20 * DAY)

    await forgetful.recur()

    assert (await stored(forgetful), await stored(forgetful, "other")) == (2, 0)
    renamed = await forgetful.send("PATCH", f"/v1/kpis/k/monitors/{made['id']}", json={"severity": "info"})
    assert renamed.status_code == 200
    forgetful.api.clock.advance(11 * DAY)
    await forgetful.recur()
    assert await stored(forgetful) == 0


async def test_a_kpi_and_a_monitor_that_are_deleted_end_their_streams(world):
    await world.kpi(target=1, direction="up")
    monitor = await world.monitor(HIGH)
    await world.report(3)
    await world.tick(1)
    assert (await world.send("DELETE", "/v1/kpis/k")).status_code == 204

    async with world.api.db.transaction() as session:
        rows = await session.execute(text("SELECT stream, last_seq, ended_at IS NOT NULL FROM outbox_stream"))
        counters = {stream: (last, ended) for stream, last, ended in rows}

    assert counters[f"monitor/{monitor['id']}"] == (2, True), "the breach, and its end with the KPI"
    assert [ended for _, ended in counters.values()] == [True, True]


def erased(*user_ids, **envelope):
    return make_event(UserErased(erasure_id=uuid4(), user_id=user_ids[0], user_ids=list(user_ids)), **envelope)


async def test_what_is_about_erased_people_goes_at_once_and_once(world, monkeypatch):
    monkeypatch.setattr(forgetting, "BATCH", 2)
    await world.hear_now(*(world.received(user="gone") for _ in range(5)), world.received(user="goner"))
    await world.hear_now(world.received(user="gone", workspace="other"))

    for _ in range(2):
        await deliver(world.api.db, ERASURES, erased("gone", "an id that nobody saw"))

    assert (await stored(world), await stored(world, "other")) == (1, 1)


async def test_what_comes_late_of_erased_people_is_not_kept_nor_who_they_were(world):
    event = erased("gone")
    await world.hear_now(event)  # in any order
    await deliver(world.api.db, people.ERASURES, event)
    await deliver(world.api.db, ERASURES, event)

    await world.hear_now(world.received(user="gone"), world.received(user="stays"), world.received(user=None))

    assert await stored(world) == 2
