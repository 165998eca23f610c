"""A workspace of campaigns, spoken to through its doors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest_asyncio

from opsloop_campaigns.app import SERVICE
from opsloop_campaigns.playbooks.consumers import PLAYBOOKS
from opsloop_campaigns.sending.consumers import RESULTS
from opsloop_campaigns.sending.timers import chunk
from opsloop_campaigns.settings import CampaignsSettings
from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.metrics import KpiBreached
from opsloop_common.contracts.notifications import NotificationFailed, NotificationSent
from opsloop_common.db import Context
from opsloop_common.due import DueRow
from opsloop_common.testing.due import run_due, run_recurring
from opsloop_common.testing.events import deliver, make_event
from opsloop_common.testing.http import Api, settings_for_tests

EN = {"channel": "email", "locale": "en", "subject": "We are on it", "body": "We saw the crash."}
ZH = {"channel": "email", "locale": "zh-CN", "subject": "我们正在处理", "body": "我们已经发现问题。"}
ENVELOPE = ("workspace", "causationdepth", "causationroot", "id", "actor")


@dataclass
class World:
    """One workspace with an author and an approver."""

    EN = EN
    ZH = ZH

    api: Api
    author: dict[str, str]
    approver: dict[str, str]
    reader: dict[str, str]

    async def call(self, method: str, path: str, json: Any = None, *, by: dict[str, str] | None = None, **headers: str):
        """Send a request as the author or somebody else; `If_Match="…"` names a header."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.api.client.request(method, path, json=json, headers=(by or self.author) | sent)

    async def ok(self, method: str, path: str, json: Any = None, *, by: dict[str, str] | None = None) -> Any:
        """Send a request that must succeed and return its body."""
        answer = await self.call(method, path, json, by=by)
        assert answer.is_success, answer.text
        return answer.json()

    async def draft(self, user_ids: list[str] | None = None, **fields: Any) -> str:
        """Write a complete draft and return its id."""
        body = {"name": "Sorry", "audience": {"user_ids": user_ids or ["u1", "u2"]}, "messages": [EN, ZH]} | fields
        return (await self.ok("POST", "/v1/campaigns", body))["id"]

    async def put(self, id: str, status: str, *, by: dict[str, str] | None = None, **headers: str) -> httpx.Response:
        """Ask for a status."""
        return await self.call("PUT", f"/v1/campaigns/{id}/status", {"status": status}, by=by, **headers)

    async def move(self, id: str, *statuses: str) -> None:
        """Bring a campaign through some statuses; the approver approves."""
        for status in statuses:
            answer = await self.put(id, status, by=self.approver if status == "approved" else None)
            assert answer.status_code == 200, answer.text

    async def launched(self, user_ids: list[str] | None = None, **fields: Any) -> str:
        """Write, approve and launch a campaign; nobody is told before its due work runs."""
        id = await self.draft(user_ids, **fields)
        await self.move(id, "pending_approval", "approved", "running")
        return id

    async def status(self, id: str) -> str:
        """Return where a campaign is."""
        return (await self.ok("GET", f"/v1/campaigns/{id}"))["status"]

    async def results(self, id: str) -> dict[str, Any]:
        """Return a campaign's results; they always add up."""
        results = await self.ok("GET", f"/v1/campaigns/{id}/results")
        assert sum(results["by_status"].values()) == results["audience_size"]
        return results

    async def run_due(self) -> int:
        """Do everything that is due by the test's clock."""
        return await run_due(self.api.db, SERVICE.due)

    async def run_recurring(self) -> None:
        """Give all recurring work its turn now."""
        await run_recurring(self.api.db, SERVICE.due)

    async def run_chunk(self, id: str) -> None:
        """Run the handler of one chunk, as a worker would that got the row (again)."""
        row = DueRow(1, "acme", "campaigns.chunk", id, {}, 0, "", self.api.clock.now(), 1)
        async with self.api.db.transaction(Context(workspace="acme")) as session:
            await chunk(session, row)

    async def events(self, type: str = "") -> list[Event]:
        """Return what the service has said, of one type or all."""
        return [event for event in await self.api.events() if type in ("", event.type)]

    async def requested(self) -> list[Event]:
        """Return the requests for messages."""
        return await self.events("message.requested")

    async def hear(self, *events: Event) -> int:
        """Let playbooks hear events; returns how many were new."""
        return await deliver(self.api.db, PLAYBOOKS, *events)

    async def hear_again(self, *events: Event) -> None:
        """Let playbooks hear events that the inbox has forgotten."""
        async with self.api.db.transaction(Context(workspace="acme")) as session:
            assert PLAYBOOKS.batch_handler is not None
            await PLAYBOOKS.batch_handler(session, events)

    async def report(self, *events: Event) -> int:
        """Let campaigns hear what became of messages; returns how many reports were new."""
        return await deliver(self.api.db, RESULTS, *events)

    @staticmethod
    def sent(request: Event, user_id: str, **fields: Any) -> Event:
        """Return the report that a message of `request` went out."""
        data = NotificationSent(
            notification_id=uuid4(),
            message_id=UUID(str(request.data["message_id"])),
            campaign_id=UUID(str(request.data["campaign_id"])),
            user_id=user_id,
            channel="email",
        )
        return make_event(data, **fields)

    @staticmethod
    def failed(request: Event, user_id: str, reason: str = "no_address", **fields: Any) -> Event:
        """Return the report that a message of `request` could not go out."""
        data = NotificationFailed(
            notification_id=uuid4(),
            message_id=UUID(str(request.data["message_id"])),
            campaign_id=UUID(str(request.data["campaign_id"])),
            user_id=user_id,
            channel="email",
            reason=reason,
        )
        return make_event(data, **fields)

    async def actor(self, who: dict[str, str]) -> str:
        """Return the actor that a key acts as."""
        return (await self.ok("POST", "/v1/campaigns", {"name": "whose"}, by=who))["author"]

    @staticmethod
    def breach(incident_id: UUID | None = None, **fields: Any) -> Event:
        """Return a breach of `severe_share`; fields of the envelope may be given."""
        envelope = {name: fields.pop(name) for name in ENVELOPE if name in fields}
        data = {
            "monitor_id": uuid4(),
            "kpi": "severe_share",
            "incident_id": incident_id or uuid4(),
            "value": 0.62,
            "threshold": 0.5,
            "severity": "critical",
            "started_at": "2026-11-22T08:00:00Z",
        }
        return make_event(KpiBreached.model_validate(data | fields), **envelope)


@pytest_asyncio.fixture
async def world(api) -> World:
    """Return a fresh workspace."""
    door = await api(SERVICE)
    return World(
        door,
        author=await door.key("campaigns:read", "campaigns:write", "campaigns:admin", name="author"),
        approver=await door.key("campaigns:read", "campaigns:write", name="approver"),
        reader=await door.key("campaigns:read", name="reader"),
    )


@pytest_asyncio.fixture
async def narrow(api) -> World:
    """Return a fresh workspace of a service whose playbooks may launch little."""
    settings = settings_for_tests(
        CampaignsSettings,
        cause_messages_per_hour=50,
        playbook_launches_per_hour=3,
        workspace_launches_per_hour=5,
        workspace_messages_per_hour=100,
    )
    door = await api(SERVICE, settings)
    author = await door.key(name="author")
    return World(door, author=author, approver=await door.key(name="approver"), reader=author)
