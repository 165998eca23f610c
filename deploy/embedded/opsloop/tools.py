"""What the commands besides `up` do: keys, secrets of end users, events, migrations."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any
from uuid import UUID

import orjson
import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from opsloop.access import opened
from opsloop.settings import EmbeddedSettings
from opsloop_common.access.keys import Token
from opsloop_common.access.user_secrets import UserSecret
from opsloop_common.errors import DomainError
from opsloop_common.runner import commands
from opsloop_common.service import Runtime

TAIL_SECONDS = 0.5

_LAST = text("SELECT id, payload FROM outbox WHERE id > :after ORDER BY id DESC LIMIT :limit")


def migrate(settings: EmbeddedSettings) -> None:
    """Bring the four databases to the newest schema."""

    async def work() -> None:
        async with opened(settings, may_create=True) as runtimes:
            typer.echo(f"At the newest schema: {', '.join(runtime.service.name for runtime in runtimes)}.")

    asyncio.run(work())


def create_key(settings: EmbeddedSettings, name: str, scopes: str, workspace: str, source: str | None) -> None:
    """Make one key in every service whose scopes are named, of one source in all of them, and print it."""
    wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()]

    async def work() -> None:
        async with opened(settings) as runtimes:
            known = {scope for runtime in runtimes for scope in runtime.service.scopes}
            if unknown := sorted(set(wanted) - known):
                raise typer.BadParameter(f"no service has {', '.join(unknown)}; known are {', '.join(sorted(known))}")
            token = Token.new()
            chosen = [runtime for runtime in runtimes if not set(wanted).isdisjoint(runtime.service.scopes)]
            speaks_as = source or await commands.source_for(chosen, token, name=name, workspace=workspace)
            for runtime in chosen:
                mine = [scope for scope in wanted if scope in runtime.service.scopes]
                await commands.create_key(
                    runtime, name=name, workspace=workspace, scopes=mine, token=token, source=speaks_as
                )
            typer.echo(str(token))
            services = ", ".join(runtime.service.name for runtime in chosen)
            typer.echo(
                f"Valid in {services}, workspace {workspace}, source {speaks_as}. It is not shown again.", err=True
            )

    _run_refusable(work())


def _run_refusable(work: Coroutine[Any, Any, None]) -> None:
    try:
        asyncio.run(work)
    except DomainError as refusal:
        raise typer.BadParameter("; ".join(error.detail for error in refusal.errors) or refusal.detail) from refusal


def create_user_secret(settings: EmbeddedSettings, name: str, workspace: str) -> None:
    """Make one secret for tokens of end users in every service, and print its id and itself."""

    async def work() -> None:
        async with opened(settings) as runtimes:
            secret = UserSecret.new()
            for runtime in runtimes:
                await commands.create_user_secret(runtime, name=name, workspace=workspace, secret=secret)
            typer.echo(f"{secret.id} {secret.text}")
            typer.echo(f"The kid and the secret of HS256, workspace {workspace}. It is not shown again.", err=True)

    _run_refusable(work())


def parked(settings: EmbeddedSettings, service: str | None) -> None:
    """Print parked events in groups of one reason."""

    async def work() -> None:
        async with opened(settings) as runtimes:
            table = Table("service", "consumer", "fingerprint", "failed", "held", "since", "reason", box=None)
            for runtime in _chosen(runtimes, service):
                for group in await commands.parked_events(runtime, groups=True):
                    since = f"{group['first_at']:%Y-%m-%d %H:%M:%S}"
                    counts = (str(group["failed"]), str(group["held"]))
                    table.add_row(
                        runtime.service.name, group["consumer"], group["fingerprint"], *counts, since, group["reason"]
                    )
            Console().print(table if table.row_count else "Nothing is parked.")

    asyncio.run(work())


def redrive(settings: EmbeddedSettings, service: str, id: str | None, fingerprint: str | None) -> None:
    """Play parked events again and print what came of it."""
    _on_parked(settings, service, commands.redrive_events, id, fingerprint)


def discard(settings: EmbeddedSettings, service: str, id: str | None, fingerprint: str | None) -> None:
    """Give parked events up and print how many."""
    if (id is None) == (fingerprint is None):
        raise typer.BadParameter("name one event by its id, or all of one reason with --fingerprint")
    _on_parked(settings, service, commands.discard_events, id, fingerprint)


def _on_parked(settings: EmbeddedSettings, service: str, do: Any, id: str | None, fingerprint: str | None) -> None:
    async def work() -> None:
        async with opened(settings) as runtimes:
            (runtime,) = _chosen(runtimes, service)
            counts = await do(runtime, id=UUID(id) if id else None, fingerprint=fingerprint)
            typer.echo(", ".join(f"{number} {what}" for what, number in counts.items()))

    try:
        asyncio.run(work())
    except DomainError as refusal:
        raise typer.BadParameter(refusal.detail) from refusal


def tail(settings: EmbeddedSettings, service: str | None, lines: int, *, follow: bool) -> None:
    """Print the last events of the outboxes in the order of their times, and go on when told to follow."""

    async def work() -> None:
        async with opened(settings) as runtimes:
            chosen = _chosen(runtimes, service)
            after = dict.fromkeys([runtime.service.name for runtime in chosen], 0)
            limit = lines
            while True:
                documents = [event for runtime in chosen for event in await _newer(runtime, after, limit)]
                documents.sort(key=lambda event: str(event["time"]))
                for event in documents[-limit:] if limit else []:
                    typer.echo(_line(event))
                if not follow:
                    return
                limit = 1_000
                await asyncio.sleep(TAIL_SECONDS)

    asyncio.run(work())


async def _newer(runtime: Runtime, after: dict[str, int], limit: int) -> list[dict[str, Any]]:
    name = runtime.service.name
    async with runtime.db.transaction() as session:
        rows = (await session.execute(_LAST, {"after": after[name], "limit": max(limit, 1)})).all()
    after[name] = max([after[name], *[row.id for row in rows]])
    return [orjson.loads(row.payload) for row in reversed(rows)]


def _line(event: dict[str, Any]) -> str:
    facts = orjson.dumps(event["data"]).decode()
    return f"{event['time']}  {event['workspace']}  {event['type']}  {event['subject']}#{event['sequence']}  {facts}"


def _chosen(runtimes: Sequence[Runtime], service: str | None) -> list[Runtime]:
    chosen = [runtime for runtime in runtimes if service in (None, runtime.service.name)]
    if not chosen:
        names = ", ".join(runtime.service.name for runtime in runtimes)
        raise typer.BadParameter(f"there is no service {service}; there are {names}")
    return chosen
