"""A service's HTTP door for tests: its app over ASGITransport, keys that are really made, events that were really appended."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, cast

import httpx
import jwt
from fastapi import FastAPI
from sqlalchemy import select

from opsloop_common.access import keys, user_secrets
from opsloop_common.access.principal import Publishable
from opsloop_common.access.user_secrets import UserSecret
from opsloop_common.contracts.envelope import Event
from opsloop_common.db import Context, Database
from opsloop_common.http.app import create_app
from opsloop_common.ids import uuid7
from opsloop_common.outbox.tables import outbox
from opsloop_common.secretbox import SecretBox
from opsloop_common.service import Runtime, Service
from opsloop_common.settings import Settings
from opsloop_common.testing.clock import FakeClock

TEST_SECRET = "a secret of tests, at least 32 characters"
OPERATOR_KEY = "operator-key-of-tests"

AN_ANSWER = {"accept": "application/json"}
"""What a client of tests takes: an answer with an end, also of a stream."""


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
        """Make an API key and return the headers that use it; without scopes it carries all of the service's.

        Keys of one name are of one partner, unless a source is given.
        """
        wanted = scopes or self.runtime.service.scopes
        async with self.db.transaction(Context(workspace=workspace)) as session:
            token = await keys.create(
                session, name=name, scopes=wanted, workspace=workspace, source=source or keys.source_from(name, uuid7())
            )
        return {"Authorization": f"Bearer {token}"}

    async def publishable(
        self, *scopes: str, workspace: str = "acme", origin: str = "https://shop.example", rows: int = 1_000
    ) -> dict[str, str]:
        """Make a publishable key and return the headers that use it; without scopes it carries all, which no door gives."""
        wanted = scopes or self.runtime.service.scopes
        browsers = Publishable((origin,), rows, 1024 * 1024)
        async with self.db.transaction(Context(workspace=workspace)) as session:
            token = await keys.create(session, name="shop", scopes=wanted, workspace=workspace, publishable=browsers)
        return {"Authorization": f"Bearer {token}"}

    async def user(self, user_id: str = "u1", *, workspace: str = "acme") -> dict[str, str]:
        """Make a secret of end users and return the headers of a person whose token was signed with it."""
        async with self.db.transaction(Context(workspace=workspace)) as session:
            secret = await user_secrets.create(session, self.runtime.secrets, name="shop", workspace=workspace)
        return {"Authorization": f"Bearer {user_token(secret, self.clock.now(), sub=user_id)}"}

    async def events(self) -> list[Event]:
        """Return all events that the service appended, in the order of its outbox."""
        async with self.db.transaction() as session:
            rows = await session.execute(select(outbox.c.payload).order_by(outbox.c.id))
        return [Event.from_bytes(payload) for (payload,) in rows]


def user_token(secret: UserSecret, now: datetime, **claims: Any) -> str:
    """Sign a token of an end user, good for five minutes unless `exp` says otherwise; a claim of None is left out."""
    named = {"exp": now + timedelta(minutes=5)} | claims
    given = {name: value for name, value in named.items() if value is not None}
    return jwt.encode(given, secret.text, algorithm="HS256", headers={"kid": str(secret.id)})


MakeApi = Callable[..., Awaitable[Api]]


def settings_for_tests(kind: type[Settings] = Settings, **values: Any) -> Settings:
    """Return settings for tests: an operator's key, no outbound calls, nothing read from files."""
    given = {"bootstrap_key": OPERATOR_KEY, "secret_key": TEST_SECRET, "bus": "local", "outbound": "allowlist"} | values
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return _read(kind, tuple(given.items()), frozenset(environment.items())).model_copy()


@lru_cache(maxsize=64)  # to read them all takes longer than to make the app
def _read(
    kind: type[Settings], given: tuple[tuple[str, Any], ...], _environment: frozenset[tuple[str, str]]
) -> Settings:
    return kind(**dict(given))


@asynccontextmanager
async def open_api(
    service: Service, database: Database, settings: Settings | None = None, *, ports: object = None
) -> AsyncIterator[Api]:
    """Run the app of `service` on `database`, its lifespan entered; `ports` stand in for those that it would open."""
    runtime = Runtime(
        service=service,
        settings=settings or settings_for_tests(service.settings),
        db=database,
        clock=database.clock,
        secrets=SecretBox(TEST_SECRET),
        ports=ports,
    )
    app = create_app(runtime)
    async with (
        runtime.opened(),
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://service.test", headers=AN_ANSWER
        ) as client,
    ):
        yield Api(app, client)
