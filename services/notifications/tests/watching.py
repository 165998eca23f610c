"""A workspace whose alerts are watched: short ways to the doors, by a clock that the test turns."""

import json
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text

from opsloop_common.contracts.metrics import KpiBreached, KpiRecovered
from opsloop_common.db import Context
from opsloop_common.testing.due import run_due
from opsloop_common.testing.events import deliver, make_event
from opsloop_notifications.alert_rules.consumers import ALERTS
from opsloop_notifications.app import SERVICE

DUE = tuple(kind for kind in SERVICE.due if "alert" in kind.name)


class Watch:
    """A workspace whose alerts go to one receiver."""

    def __init__(self, service, key, receiver):
        self.service, self.key, self.receiver = service, key, receiver
        self.is_reached = True

    async def call(self, method, path, status=200, **body):
        answer = await self.service.client.request(method, path, headers=self.key, json=body or None)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def post(self, *alerts):
        answer = await self.service.client.post("/api/v2/alerts", json=list(alerts), headers=self.key)
        assert answer.status_code == 200, answer.text

    async def pass_by(self, seconds, *, step=None):
        """Let time go by and do what is due, second by second if so asked."""
        for _ in range(0, seconds, step or seconds):
            self.service.clock.advance(step or seconds)
            await run_due(self.service.db, DUE)
            if self.is_reached:
                await self._arrive()

    async def _arrive(self):
        """Have all that is on its way arrive, as the sender would."""
        async with self.service.db.transaction(Context(workspace="acme")) as session:
            await session.execute(text("DELETE FROM delivery_queue"))
            await session.execute(text("UPDATE delivery SET status = 'succeeded' WHERE status = 'pending'"))

    async def told(self, receiver=None):
        """Return what was put on the way to the receiver, oldest first."""
        async with self.service.db.transaction(Context(workspace="acme")) as session:
            rows = await session.execute(
                text("SELECT document, status FROM delivery WHERE webhook_id = :id ORDER BY id"),
                {"id": UUID((receiver or self.receiver)["id"])},
            )
            return [(json.loads(row.document), row.status) for row in rows]

    async def said(self, receiver=None):
        """Return the same in short: the reason, and of each alert its name and whether it fires."""
        return [
            (
                document["notification_reason"],
                [
                    f"{'+' if one['status'] == 'firing' else '-'}{one['labels']['alertname']}"
                    for one in document["alerts"]
                ],
            )
            for document, _ in await self.told(receiver)
        ]

    async def happen(self, *data):
        await deliver(self.service.db, ALERTS, *(make_event(one, workspace="acme") for one in data))

    async def listed(self, **query):
        answer = await self.service.client.get("/v1/alerts", params=query, headers=self.key)
        assert answer.status_code == 200, answer.text
        return answer.json()["items"]


def named(name, *, ends=None, **labels):
    return {"labels": {"alertname": name, **labels}} | ({"endsAt": ends} if ends else {})


def over(watch, name, **labels):
    return named(name, ends=watch.service.clock.now().isoformat().replace("+00:00", "Z"), **labels)


def lasting(watch, name, **labels):
    ends = watch.service.clock.now() + timedelta(days=1)
    return named(name, ends=ends.isoformat().replace("+00:00", "Z"), **labels)


def breach(incident, kpi="severe_share", severity="critical", monitor=None):
    return KpiBreached(
        monitor_id=monitor or UUID(int=1), kpi=kpi, incident_id=incident, value=0.7, threshold=0.5, severity=severity,
        started_at="2026-11-22T00:00:00Z",
    )  # fmt: skip


def recovery(incident, kpi="severe_share", severity="critical", monitor=None):
    return KpiRecovered(
        monitor_id=monitor or UUID(int=1), kpi=kpi, incident_id=incident, severity=severity,
        started_at="2026-11-22T00:00:00Z", ended_at="2026-11-22T01:00:00Z",
    )  # fmt: skip


def later(watch, **span):
    return (watch.service.clock.now() + timedelta(**span)).isoformat().replace("+00:00", "Z")
