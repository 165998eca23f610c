"""The product as the differential test asks it: the metrics service behind its door, with an event store of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from datetime import datetime
from typing import Any
from unittest.mock import patch

import httpx

from opsloop_common.db import Database, app_role
from opsloop_common.testing.clock import FakeClock
from opsloop_common.testing.databases import TestDatabases
from opsloop_common.testing.due import run_due
from opsloop_common.testing.http import Api, open_api, settings_for_tests
from opsloop_metrics.app import SERVICE
from opsloop_metrics.store.embedded import EmbeddedStore
from tests.insights.segment import Json, batches


class Product:
    """One metrics service; every world is a workspace of its own."""

    def __init__(self, api: Api, store: EmbeddedStore) -> None:
        self._api = api
        self.store = store
        self._keys: dict[str, dict[str, str]] = {}

    async def capture(self, workspace: str, messages: Sequence[Json], *, now: datetime) -> None:
        """Send messages as Segment's clients do; each has to be taken."""
        self._api.clock.set(now)
        for body in batches(messages):
            answer = await self._api.client.post("/v1/batch", json=body, headers=await self.key_of(workspace))
            assert (answer.status_code, answer.json()) == (200, {"success": True}), answer.text

    async def ask(self, workspace: str, insight: str, query: Json, *, now: datetime) -> Any:
        """Return the answer of an insight."""
        self._api.clock.set(now)
        answer = await self._api.client.post(
            f"/v1/insights/{insight}", json=query, headers=await self.key_of(workspace)
        )
        assert answer.status_code == 200, (query, answer.text)
        return answer.json()

    async def call(
        self, workspace: str, method: str, path: str, status: int = 200, *, now: datetime | None = None, **options: Any
    ) -> httpx.Response:
        """Send any request as who may do everything in a workspace; it has to be answered with `status`."""
        if now is not None:
            self._api.clock.set(now)
        headers = await self.key_of(workspace) | options.pop("headers", {})
        answer = await self.try_to(method, path, headers=headers, **options)
        assert answer.status_code == status, answer.text
        return answer

    async def try_to(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send any request and return its answer, whatever it is."""
        return await self._api.client.request(method, path, **options)

    async def work(self) -> None:
        """Do what is due, as the runner would."""
        await run_due(self._api.db, SERVICE.due)

    async def key_of(self, workspace: str) -> dict[str, str]:
        """Return the headers of a key that may do everything in a workspace."""
        if workspace not in self._keys:
            self._keys[workspace] = await self._api.key(workspace=workspace)
        return self._keys[workspace]


@asynccontextmanager
async def open_product(databases: TestDatabases, store: EmbeddedStore) -> AsyncIterator[Product]:
    """Open a metrics service on a database of its own; its workspaces are nobody else's in the event store."""
    url = await databases.create(SERVICE)
    database = Database(url, service=SERVICE.name, clock=FakeClock(), role=app_role(SERVICE.name))
    rates = {"rate_limit_per_second": 1_000_000, "rate_limit_burst": 1_000_000}
    try:
        with patch("opsloop_metrics.app.open_store", lambda settings: nullcontext(store)):
            async with open_api(SERVICE, database, settings_for_tests(SERVICE.settings, **rates)) as api:
                yield Product(api, store)
    finally:
        await database.close()
        await databases.drop(url)
