"""Scenarios 10 and 11 whole, by the clock of a test: a storm of KPIs, and an alert that nobody sees to."""

from __future__ import annotations

from datetime import UTC, datetime
from time import perf_counter
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from opsloop_common.db import Context
from opsloop_common.testing.due import run_due
from opsloop_common.testing.http import settings_for_tests
from opsloop_notifications.app import SERVICE
from opsloop_notifications.settings import NotificationsSettings
from services.notifications.tests.test_alert_groups_storm import KPIS, storm
from services.notifications.tests.test_alerts_pages import links, opened, pressed
from services.notifications.tests.test_escalations import log_of, mailed, policy, schedule, step
from services.notifications.tests.watching import DUE, Watch, breach, lasting, later, recovery

MINUTE = 60
SILENCED = 5
# Alertmanager's webhook document, version 4
DOCUMENT = {
    *("version", "groupKey", "truncatedAlerts", "status", "receiver", "groupLabels", "commonLabels"),
    *("commonAnnotations", "externalURL", "alerts"),
}
FURTHER = {"notification_reason", "routeLabels"}
ALERT = {"status", "labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint"}


@pytest.fixture
async def watch(api, hook):
    settings = settings_for_tests(
        NotificationsSettings, outbound_allow="127.0.0.0/8", public_url="http://testserver", port=1
    )
    service = await api(SERVICE, settings)
    made = Watch(service, await service.key(), None)
    made.receiver = await made.call("POST", "/v1/webhooks", 201, url=hook.url, format="alertmanager")
    return made


def is_of_version_4(document) -> bool:
    """Say whether a receiver that knows the document's version alone would take it."""
    return (
        document["version"] == "4"
        and document.keys() - FURTHER == DOCUMENT
        and all(alert.keys() == ALERT for alert in document["alerts"])
        and all(type(value) is str for alert in document["alerts"] for value in alert["labels"].values())
    )


async def test_10_a_storm_is_told_in_groups_once_and_outlives_its_process(watch):
    worse = [[{"name": "severity", "value": value}] for value in ("critical", "warning")]
    rule = {"name": "worse", "source": worse[0], "target": worse[1], "equal": ["kpi"]}
    await watch.call("POST", "/v1/inhibition-rules", 201, **rule)
    known = [{"name": "kpi", "op": "=~", "value": f"kpi_0[0-{SILENCED - 1}]"}]
    await watch.call("POST", "/v1/silences", 201, matchers=known, ends_at=later(watch, hours=8), comment="known")
    children = {f"kpi_{number:02}": uuid4() for number in range(KPIS)}
    for number, (kpi, incident) in enumerate(children.items()):
        await watch.happen(breach(incident, kpi=kpi, severity="warning", monitor=UUID(int=500 + number)))

    last = await storm(watch)
    within_wait = len(await watch.told())
    again = Watch(watch.service, watch.key, watch.receiver)  # who comes after it has the rows alone
    await again.pass_by(30, step=10)
    first = await again.said()
    await again.pass_by(1_500, step=300)
    for number, (kpi, incident) in enumerate(children.items()):
        await again.happen(recovery(incident, kpi=kpi, severity="warning", monitor=UUID(int=500 + number)))
    await again.pass_by(1_500, step=300)
    ticks = len(await again.said()) - len(first)
    for number, (kpi, incident) in enumerate(sorted(last.items())):
        await again.happen(recovery(incident, kpi=kpi, monitor=UUID(int=number + 1)))
    again.service.clock.advance(1_800)  # nobody is there to look
    later_one = Watch(watch.service, watch.key, watch.receiver)
    await later_one.pass_by(3_000, step=300)
    over = (await later_one.said())[len(first) + ticks :]

    told = [document for document, _ in await later_one.told()]
    print(
        f"10 1,000 breaches of {KPIS} KPIs: before group_wait {within_wait}, after it {len(first)} "
        f"({SILENCED} silenced, {KPIS} children inhibited), while it lasts {ticks}, ended {len(over)}"
    )
    assert (within_wait, ticks) == (0, 0)
    assert first == [("first notification", ["+KpiBreached"])] * (KPIS - SILENCED)
    assert over == [("all alerts resolved", ["-KpiBreached"])] * (KPIS - SILENCED)
    assert {alert["labels"]["severity"] for document in told for alert in document["alerts"]} == {"critical"}
    assert all(is_of_version_4(document) for document in told)
    assert await later_one.listed(status="firing") == []


async def test_11_what_nobody_sees_to_goes_from_step_to_step_until_a_link_is_pressed(watch):
    """Handovers daily at 09:00 in Berlin, where clocks go forward in the night before: that of this day is at 07:00 UTC."""
    begins = datetime(2027, 3, 28, 6, 50, tzinfo=UTC)
    watch.service.clock.advance((begins - watch.service.clock.now()).total_seconds())
    for user in ("ann", "ben", "dan"):
        await watch.call("PUT", f"/v1/recipients/{user}", 201, email=f"{user}@example.test", locale="en")
    turns = await schedule(watch, "Europe/Berlin", "2027-03-27T09:00", "ann", "ben")
    stand_in = {"user_id": "dan", "starts_at": "2027-03-28T07:10:00Z", "ends_at": "2027-03-28T07:30:00Z"}
    await watch.call("POST", f"/v1/schedules/{turns['id']}/overrides", 201, **stand_in)
    target = ("s", turns["id"])
    await policy(watch, step(0, target), step(15, target), step(15, target), reopens_after="PT30M")
    await watch.post(lasting(watch, "Down", severity="critical"))
    await run_due(watch.service.db, DUE)
    await watch.pass_by(30 * MINUTE, step=MINUTE)
    reached = await mailed(watch)

    page = await opened(watch, (await links(watch))[-1])
    began = perf_counter()
    answer = await pressed(watch, page)
    took = perf_counter() - began
    [alert] = await watch.listed()
    await watch.pass_by(29 * MINUTE, step=MINUTE)
    while_seen_to = (await mailed(watch))[len(reached) :]
    await watch.pass_by(2 * MINUTE, step=MINUTE)
    reopened = (await mailed(watch))[len(reached) :]

    log = [entry["kind"] for entry in await log_of(watch) if entry["kind"] != "notified"]
    print(
        f"11 on call at 06:50, 07:05, 07:20 UTC: {reached}; acknowledged in {took:.2f} s; reopened: {reopened}; {log}"
    )
    assert reached == ["ann", "ben", "dan"]
    assert answer.status_code in (200, 303)
    assert alert["acknowledged_at"] is not None
    assert took < 1
    assert while_seen_to == []
    assert reopened == ["ben"]
    assert log == ["fired", *["escalated"] * 3, "acknowledged", "unacknowledged", "escalated"]
    with pytest.raises(Exception, match="not changed"):
        async with watch.service.db.transaction(Context(workspace="acme")) as session:
            await session.execute(text("UPDATE alert_entry SET note = 'never happened'"))
