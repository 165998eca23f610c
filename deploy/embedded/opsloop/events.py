"""`opsloop events tail|parked`: what was sent, and what is parked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import orjson
import typer

from opsloop.outlines import OUTLINES
from opsloop.printing import json_line, show_document, show_table
from opsloop.reading import connected, within_reach
from opsloop.settings import EmbeddedSettings
from opsloop_common.inbox.groups import GROUPS_SQL
from opsloop_common.invisible import visible

TAIL_SECONDS = 0.5

_LAST = "SELECT id, payload FROM outbox WHERE id > $1 ORDER BY id DESC LIMIT $2"
_GROUPS = GROUPS_SQL.format(workspace="$1", internal="''")


def parked(settings: EmbeddedSettings, service: str | None, *, as_json: bool) -> None:
    """Print parked events in groups of one reason."""
    groups = asyncio.run(_groups(settings, chosen(service)))
    if as_json:
        show_document(groups)
    elif not groups:
        typer.echo("Nothing is parked.")
    else:
        columns = ("service", "consumer", "fingerprint", "failed", "held", "since", "reason")
        shown = [group | {"since": f"{group['first_at']:%Y-%m-%d %H:%M:%S}"} for group in groups]
        show_table(columns, [[group[column] for column in columns] for group in shown])


async def _groups(settings: EmbeddedSettings, services: Sequence[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    async with within_reach(settings) as server:
        for service in services:
            async with connected(server, service) as connection:
                found += [{"service": service} | dict(row) for row in await connection.fetch(_GROUPS, None)]
    return found


def tail(settings: EmbeddedSettings, service: str | None, lines: int, *, follow: bool, as_json: bool) -> None:
    """Print the last events of the outboxes in the order of their times, and go on when told to follow."""
    asyncio.run(_tail(settings, chosen(service), lines, follow=follow, as_json=as_json))


async def _tail(
    settings: EmbeddedSettings, services: Sequence[str], lines: int, *, follow: bool, as_json: bool
) -> None:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(within_reach(settings))
        open_ones = {name: await stack.enter_async_context(connected(server, name)) for name in services}
        after = dict.fromkeys(services, 0)
        limit = lines
        while True:
            documents = [event for name, each in open_ones.items() for event in await _newer(each, name, after, limit)]
            documents.sort(key=lambda event: str(event["time"]))
            for event in documents[-limit:] if limit else []:
                typer.echo(json_line(event) if as_json else _line(event))
            if not follow:
                return
            limit = 1_000
            await asyncio.sleep(TAIL_SECONDS)


async def _newer(
    connection: asyncpg.Connection, service: str, after: dict[str, int], limit: int
) -> list[dict[str, Any]]:
    rows = await connection.fetch(_LAST, after[service], max(limit, 1))
    after[service] = max([after[service], *[row["id"] for row in rows]])
    return [orjson.loads(row["payload"]) for row in reversed(rows)]


def _line(event: dict[str, Any]) -> str:
    facts = json_line(event["data"])
    return f"{event['time']}  {event['workspace']}  {event['type']}  {visible(event['subject'])}#{event['sequence']}  {facts}"


def chosen(service: str | None) -> list[str]:
    """Return the services that are meant; a usage error for one that there is not."""
    if service is not None and service not in OUTLINES:
        raise typer.BadParameter(f"there is no service {service}; there are {', '.join(OUTLINES)}")
    return [name for name in OUTLINES if service in (None, name)]
