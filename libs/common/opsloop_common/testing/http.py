"""A service's HTTP door for tests: its app over ASGITransport, keys that are really made, events that were really appended."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx
from fastapi import FastAPI
from sqlalchemy import select

from opsloop_common.access import keys
from opsloop_common.contracts.envelope import Event
from opsloop_common.db import Context, Database
from opsloop_common.http.app import create_app
from opsloop_common.outbox.tables import outbox
from opsloop_common.secretbox import SecretBox
from opsloop_common.service import Runtime, Service
from opsloop_common.settings import Settings
from opsloop_common.testing.clock import FakeClock

TEST_SECRET = "a secret of tests, at least 32 characters"
OPERATOR_KEY = "operator-key-of-tests"


class Api:
    """One service, spoken to over HTTP."""

    def __init__(self, app: FastAPI, client: httpx.AsyncClient) -> None:
        self.app = app
        self.client = client
        self.runtime: Runtime = app.state.runtime

    @property
    def db(self) -> Database:
        """Return the service's database."""
        return self.runtime.db

    @property
    def clock(self) -> FakeClock:
        """Return the test's clock."""
        return cast(FakeClock, self.runtime.clock)

    @property
    def operator(self) -> dict[str, str]:
        """Return the headers of the operator's key (workspace `default`)."""
        return {"Authorization": f"Bearer {OPERATOR_KEY}"}

    async def key(
        self, *scopes: str, workspace: str = "acme", name: str = "test", source: str | None = None
    ) -> dict[str, str]:
        """Make an API key and return the headers that use it; without scopes it carries all of the service's."""
        wanted = scopes or self.runtime.service.scopes
        async with self.db.transaction(Context(workspace=workspace)) as session:
            token = await keys.create(session, name=name, scopes=wanted, workspace=workspace, source=source)
        return {"Authorization": f"Bearer {token}"}

    async def events(self) -> list[Event]:
        """Return all events that the service appended, in the order of its outbox."""
        async with self.db.transaction() as session:
            rows = await session.execute(select(outbox.c.payload).order_by(outbox.c.id))
        return [Event.from_bytes(payload) for (payload,) in rows]


MakeApi = Callable[..., Awaitable[Api]]


def settings_for_tests(kind: type[Settings] = Settings, **values: Any) -> Settings:
    """Return settings for tests: an operator's key, no outbound calls, nothing read from files."""
    given = {"bootstrap_key": OPERATOR_KEY, "secret_key": TEST_SECRET, "bus": "local", "outbound": "allowlist"} | values
    return kind(**given)


@asynccontextmanager
async def open_api(service: Service, database: Database, settings: Settings) -> AsyncIterator[Api]:
    """Run the app of `service` on `database`, its lifespan entered."""
    runtime = Runtime(
        service=service, settings=settings, db=database, clock=database.clock, secrets=SecretBox(TEST_SECRET)
    )
    app = create_app(runtime)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service.test") as client,
    ):
        yield Api(app, client)
