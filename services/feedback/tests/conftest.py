"""The feedback service's door, and keys of two workspaces."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest_asyncio

from opsloop_common.contracts.envelope import INTERNAL_STREAM, Event
from opsloop_common.testing.http import Api, MakeApi, settings_for_tests
from opsloop_feedback.app import SERVICE
from opsloop_feedback.settings import FeedbackSettings
from services.feedback.tests.csat_authors import PUBLIC, Asking
from services.feedback.tests.desks import Clockwork


@dataclass
class Desk:
    """The service as an agent of workspace acme uses it."""

    api: Api
    agent: dict[str, str]

    @property
    def client(self) -> httpx.AsyncClient:
        return self.api.client

    async def post(self, expect: int = 201, headers: dict[str, str] | None = None, **fields: object) -> dict:
        """Submit a feedback; `body` has a default."""
        json = {"body": "The export fails."} | fields
        answer = await self.client.post("/v1/feedback", json=json, headers=self.agent | (headers or {}))
        assert answer.status_code == expect, answer.text
        return answer.json()

    async def get(self, path: str, expect: int = 200, **params: object) -> dict:
        answer = await self.client.get(path, params=params, headers=self.agent)
        assert answer.status_code == expect, answer.text
        return answer.json()

    async def patch(self, id: str, expect: int = 200, headers: dict[str, str] | None = None, **fields: object) -> dict:
        answer = await self.client.patch(f"/v1/feedback/{id}", json=fields, headers=self.agent | (headers or {}))
        assert answer.status_code == expect, answer.text
        return answer.json()

    async def public(self) -> list[Event]:
        """Return the events that others hear too."""
        return [event for event in await self.api.events() if not event.partitionkey.endswith(INTERNAL_STREAM)]

    async def types(self) -> list[str]:
        return [event.type for event in await self.api.events()]


@pytest_asyncio.fixture
async def desk(api: MakeApi) -> AsyncIterator[Desk]:
    door = await api(SERVICE)
    yield Desk(door, await door.key("feedback:read", "feedback:write"))


@pytest_asyncio.fixture
async def clockwork(desk: Desk) -> Clockwork:
    return Clockwork(desk)


@pytest_asyncio.fixture
async def china(clockwork: Clockwork) -> Clockwork:
    """A first reply within an hour and a resolution within a day of work, on the Chinese calendar."""
    clockwork.at("2026-11-20T09:00")
    clockwork.policy_made = await clockwork.policy(
        calendar_id=await clockwork.calendar(), first_reply="PT1H", next_reply="PT2H", resolution="PT7H30M"
    )
    return clockwork


@pytest_asyncio.fixture
async def asking(api: MakeApi) -> Asking:
    """A workspace with a public address that asks how satisfied authors are."""
    door = await api(SERVICE, settings_for_tests(FeedbackSettings, public_url=PUBLIC))
    found = Asking(Desk(door, await door.key("feedback:read", "feedback:write", "feedback:admin")))
    await found.say(enabled=True)
    return found
