"""What commands that load the services do: migrations, parked events."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from typing import Any
from uuid import UUID

import typer

from opsloop.events import chosen
from opsloop.refusals import refusable
from opsloop.settings import EmbeddedSettings
from opsloop_common.runner import commands


def migrate(settings: EmbeddedSettings) -> None:
    """Bring the four databases to the newest schema."""

    async def work() -> None:
        async with _whole().opened(settings, may_create=True) as runtimes:
            typer.echo(f"At the newest schema: {', '.join(runtime.service.name for runtime in runtimes)}.")

    asyncio.run(work())


def reseal(settings: EmbeddedSettings) -> None:
    """Seal with the present key what earlier ones sealed, in all four services, and print how much."""
    counts: Counter[str] = Counter()

    async def work() -> None:
        async with _whole().opened(settings) as runtimes:
            for runtime in runtimes:
                counts.update(await commands.reseal_secrets(runtime))

    asyncio.run(work())
    if counts["unreadable"]:
        typer.echo(f"opsloop: {commands.unreadable(counts)}", err=True)
        raise typer.Exit(1)
    typer.echo(f"{counts['resealed']} sealed anew, {counts['unchanged']} were already.")


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

    refusable(work())


def _whole() -> Any:
    return import_module("opsloop.whole")
