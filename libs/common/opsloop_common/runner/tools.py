"""What commands of one service do that need its database alone, and not the service."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime

import orjson

from opsloop_common.clock import SystemClock
from opsloop_common.db import Database, app_role
from opsloop_common.http.credentials import ApiKeyIn, UserSecretIn
from opsloop_common.http.refusals import shaped
from opsloop_common.logs import configure_logging
from opsloop_common.runner import commands
from opsloop_common.runner.addresses import box_of, database_urls
from opsloop_common.runner.databases import told_in_words
from opsloop_common.settings import Settings


def create_key(
    service: str,
    settings: Settings,
    known: Collection[str],
    *,
    name: str,
    workspace: str,
    scopes: list[str] | None,
    expires_at: datetime | None,
    source: str | None,
) -> None:
    """Make a key at this service and print it; raises Invalid for what the API refuses."""
    wanted = shaped(
        ApiKeyIn,
        name=name,
        workspace=workspace,
        scopes=scopes or list(known),
        expires_at=expires_at,
        source=source,
    )
    wanted.require_possible(known, now=SystemClock().now())

    async def work(database: Database) -> None:
        sys.stdout.write(f"{await commands.create_key(database, known, wanted)}\n")

    on(_database(service, settings), work)


def create_user_secret(service: str, settings: Settings, *, name: str, workspace: str) -> None:
    """Make a secret of end users at this service and print its id and itself; raises Invalid for what the API refuses."""
    wanted = shaped(UserSecretIn, name=name, workspace=workspace)
    box = box_of(settings)

    async def work(database: Database) -> None:
        secret = await commands.create_user_secret(database, box, wanted)
        sys.stdout.write(f"{secret.id} {secret.text}\n")

    on(_database(service, settings), work)


def show_parked(service: str, settings: Settings, *, limit: int, groups: bool) -> None:
    """Print parked events, one JSON object a line."""

    async def work(database: Database) -> None:
        for row in await commands.parked_events(database, limit=limit, groups=groups):
            sys.stdout.write(orjson.dumps(row, default=str).decode() + "\n")

    on(_database(service, settings), work)


def _database(service: str, settings: Settings) -> Database:
    return Database(
        database_urls(service).url,
        service=service,
        clock=SystemClock(),
        role=app_role(service),
        statement_seconds=settings.database_statement_seconds,
        work_seconds=settings.database_work_seconds,
    )


def on(database: Database, work: Callable[[Database], Awaitable[None]]) -> None:
    """Do something on a database, and close it."""

    async def closing() -> None:
        try:
            with told_in_words(database.service):
                await work(database)
        finally:
            await database.close()

    configure_logging(service=database.service, level="warning")
    asyncio.run(closing())
