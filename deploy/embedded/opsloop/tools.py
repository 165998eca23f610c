"""What commands that write do: keys, secrets of end users, parked events, migrations."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from importlib import import_module
from typing import Any
from uuid import UUID

import typer

from opsloop.access import opened, secret_of
from opsloop.events import chosen
from opsloop.outlines import OUTLINES
from opsloop.printing import show_document
from opsloop.settings import EmbeddedSettings
from opsloop_common.access.keys import Token
from opsloop_common.access.user_secrets import UserSecret
from opsloop_common.errors import DomainError
from opsloop_common.runner import commands
from opsloop_common.secretbox import SecretBox


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


def redrive(settings: EmbeddedSettings, service: str, id: UUID | None, fingerprint: str | None) -> None:
    """Play parked events again and print what came of it."""
    _on_parked(settings, service, commands.redrive_events, id, fingerprint)


def discard(settings: EmbeddedSettings, service: str, id: UUID | None, fingerprint: str | None) -> None:
    """Give parked events up and print how many."""
    if (id is None) == (fingerprint is None):
        raise typer.BadParameter("name one event by its id, or all of one reason with --fingerprint")
    _on_parked(settings, service, commands.discard_events, id, fingerprint)


def _on_parked(
    settings: EmbeddedSettings,
    service: str,
    do: Callable[..., Awaitable[Mapping[str, int]]],
    id: UUID | None,
    fingerprint: str | None,
) -> None:
    (name,) = chosen(service)

    async def work() -> None:
        async with _whole().opened(settings) as runtimes:  # what is parked is handled here
            (runtime,) = [each for each in runtimes if each.service.name == name]
            async with runtime.opened():
                counts = await do(runtime, id=id, fingerprint=fingerprint)
            typer.echo(", ".join(f"{number} {what}" for what, number in counts.items()))

    _run_refusable(work())


def _whole() -> Any:
    return import_module("opsloop.whole")
