"""What the commands besides `up` and `status` do: keys, secrets of end users, events, migrations."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from importlib import import_module
from typing import Any
from uuid import UUID

import orjson
import typer
from sqlalchemy import text

from opsloop.access import opened, secret_of
from opsloop.outlines import OUTLINES
from opsloop.printing import show_document, show_table
from opsloop.settings import EmbeddedSettings
from opsloop_common.access.keys import Token
from opsloop_common.access.user_secrets import UserSecret
from opsloop_common.db import Database
from opsloop_common.errors import DomainError
from opsloop_common.runner import commands
from opsloop_common.secretbox import SecretBox
from opsloop_common.service import Runtime

TAIL_SECONDS = 0.5

_LAST = text("SELECT id, payload FROM outbox WHERE id > :after ORDER BY id DESC LIMIT :limit")


def migrate(settings: EmbeddedSettings) -> None:
    """Bring the four databases to the newest schema."""

    async def work() -> None:
        async with _whole().opened(settings, may_create=True) as runtimes:
            typer.echo(f"At the newest schema: {', '.join(runtime.service.name for runtime in runtimes)}.")

    asyncio.run(work())


def create_key(
    settings: EmbeddedSettings, name: str, scopes: str, workspace: str, source: str | None, *, as_json: bool
) -> None:
    """Make one key in every service whose scopes are named, of one source in all of them, and print it."""
    wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()]
    known = {scope for of_one in OUTLINES.values() for scope in of_one}
    if unknown := sorted(set(wanted) - known):
        raise typer.BadParameter(f"no service has {', '.join(unknown)}; known are {', '.join(sorted(known))}")
    mine = {service: [scope for scope in wanted if scope in known] for service, known in OUTLINES.items()}
    chosen = [service for service, scopes in mine.items() if scopes]

    async def work() -> None:
        async with opened(settings) as databases:
            token = Token.new()
            several = [databases[service] for service in chosen]
            speaks_as = source or await commands.source_for(several, token, name=name, workspace=workspace)
            for service in chosen:
                await commands.create_key(
                    databases[service],
                    OUTLINES[service],
                    name=name,
                    workspace=workspace,
                    scopes=mine[service],
                    token=token,
                    source=speaks_as,
                )
        if as_json:
            show_document(
                {"key": str(token), "services": chosen, "scopes": wanted, "workspace": workspace, "source": speaks_as}
            )
            return
        typer.echo(str(token))
        where = f"Valid in {', '.join(chosen)}, workspace {workspace}, source {speaks_as}."
        typer.echo(f"{where} It is not shown again.", err=True)

    _run_refusable(work())


def _run_refusable(work: Coroutine[Any, Any, None]) -> None:
    try:
        asyncio.run(work)
    except DomainError as refusal:
        raise typer.BadParameter("; ".join(error.detail for error in refusal.errors) or refusal.detail) from refusal


def create_user_secret(settings: EmbeddedSettings, name: str, workspace: str, *, as_json: bool) -> None:
    """Make one secret for tokens of end users in every service, and print its id and itself."""

    async def work() -> None:
        async with opened(settings) as databases:
            secret, box = UserSecret.new(), SecretBox(secret_of(settings))
            for database in databases.values():
                await commands.create_user_secret(database, box, name=name, workspace=workspace, secret=secret)
        if as_json:
            show_document({"kid": str(secret.id), "secret": secret.text, "workspace": workspace})
            return
        typer.echo(f"{secret.id} {secret.text}")
        typer.echo(f"The kid and the secret of HS256, workspace {workspace}. It is not shown again.", err=True)

    _run_refusable(work())


def parked(settings: EmbeddedSettings, service: str | None, *, as_json: bool) -> None:
    """Print parked events in groups of one reason."""

    async def work() -> None:
        async with opened(settings) as databases:
            groups = [
                {"service": name} | group
                for name, database in _chosen(databases, service).items()
                for group in await commands.parked_events(database, groups=True)
            ]
        if as_json:
            show_document(groups)
        elif not groups:
            typer.echo("Nothing is parked.")
        else:
            columns = ("service", "consumer", "fingerprint", "failed", "held", "since", "reason")
            shown = [group | {"since": f"{group['first_at']:%Y-%m-%d %H:%M:%S}"} for group in groups]
            show_table(columns, [[group[column] for column in columns] for group in shown])

    asyncio.run(work())


def redrive(settings: EmbeddedSettings, service: str, id: str | None, fingerprint: str | None) -> None:
    """Play parked events again and print what came of it."""
    _on_parked(settings, service, commands.redrive_events, id, fingerprint)


def discard(settings: EmbeddedSettings, service: str, id: str | None, fingerprint: str | None) -> None:
    """Give parked events up and print how many."""
    if (id is None) == (fingerprint is None):
        raise typer.BadParameter("name one event by its id, or all of one reason with --fingerprint")
    _on_parked(settings, service, commands.discard_events, id, fingerprint)


def _on_parked(
    settings: EmbeddedSettings,
    service: str,
    do: Callable[..., Awaitable[Mapping[str, int]]],
    id: str | None,
    fingerprint: str | None,
) -> None:
    async def work() -> None:
        async with _whole().opened(settings) as runtimes:  # what is parked is handled here
            by_name: dict[str, Runtime] = {runtime.service.name: runtime for runtime in runtimes}
            counts = await do(_chosen(by_name, service)[service], id=UUID(id) if id else None, fingerprint=fingerprint)
            typer.echo(", ".join(f"{number} {what}" for what, number in counts.items()))

    try:
        asyncio.run(work())
    except DomainError as refusal:
        raise typer.BadParameter(refusal.detail) from refusal


def tail(settings: EmbeddedSettings, service: str | None, lines: int, *, follow: bool, as_json: bool) -> None:
    """Print the last events of the outboxes in the order of their times, and go on when told to follow."""

    async def work() -> None:
        async with opened(settings) as databases:
            chosen = _chosen(databases, service)
            after = dict.fromkeys(chosen, 0)
            limit = lines
            while True:
                documents = [event for each in chosen.values() for event in await _newer(each, after, limit)]
                documents.sort(key=lambda event: str(event["time"]))
                for event in documents[-limit:] if limit else []:
                    typer.echo(orjson.dumps(event) if as_json else _line(event))
                if not follow:
                    return
                limit = 1_000
                await asyncio.sleep(TAIL_SECONDS)

    asyncio.run(work())


async def _newer(database: Database, after: dict[str, int], limit: int) -> list[dict[str, Any]]:
    name = database.service
    async with database.transaction() as session:
        rows = (await session.execute(_LAST, {"after": after[name], "limit": max(limit, 1)})).all()
    after[name] = max([after[name], *[row.id for row in rows]])
    return [orjson.loads(row.payload) for row in reversed(rows)]


def _line(event: dict[str, Any]) -> str:
    facts = orjson.dumps(event["data"]).decode()
    return f"{event['time']}  {event['workspace']}  {event['type']}  {event['subject']}#{event['sequence']}  {facts}"


def _chosen(known: Mapping[str, Any], service: str | None) -> Mapping[str, Any]:
    chosen = {name: value for name, value in known.items() if service in (None, name)}
    if not chosen:
        raise typer.BadParameter(f"there is no service {service}; there are {', '.join(known)}")
    return chosen


def _whole() -> Any:
    return import_module("opsloop.whole")
