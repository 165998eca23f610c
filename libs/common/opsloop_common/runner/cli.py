"""The command line of one service: serve, migrate, openapi, keys, secrets of end users, events."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import orjson
import structlog
import typer
import uvloop

from opsloop_common import migrations
from opsloop_common.bus.kafka import create_topics
from opsloop_common.errors import DomainError
from opsloop_common.http.app import create_app
from opsloop_common.logs import configure_logging
from opsloop_common.runner import commands
from opsloop_common.runner.build import Misconfigured, build_runtime, database_urls, instance_of, require_consistent
from opsloop_common.runner.serve import serve
from opsloop_common.service import Runtime, Service
from opsloop_common.settings import BadSettings, Settings

ParkedId = Annotated[UUID | None, typer.Option("--id", help="One parked event, by its id in `parked`.")]
Fingerprint = Annotated[str | None, typer.Option("--fingerprint", help="All that failed the same way.")]

log = structlog.get_logger(__name__)


class RoleName(StrEnum):
    """What a process does."""

    API = "api"
    WORKER = "worker"
    ALL = "all"


def main(service: Service, arguments: Sequence[str] | None = None) -> None:
    """Be the command line of `python -m opsloop_<service>`."""
    commander = make_commands(service)
    try:
        commander(args=list(arguments) if arguments is not None else None)
    except (BadSettings, Misconfigured, DomainError) as error:
        sys.stderr.write(f"{service.name}: {_plain(error)}\n")
        raise SystemExit(2) from None


def _plain(error: Exception) -> str:
    if isinstance(error, DomainError) and error.errors:
        return "; ".join(f"{each.pointer}: {each.detail}" for each in error.errors)
    return str(error)


def make_commands(service: Service) -> typer.Typer:
    """Return the typer application of one service."""
    app = typer.Typer(name=f"opsloop_{service.name}", no_args_is_help=True, pretty_exceptions_enable=False)

    def runtime_of() -> Runtime:
        settings = service.settings()
        urls = database_urls(service)
        return build_runtime(service, settings, database_url=urls.url, direct_url=urls.direct_url)

    def once(work: Callable[[Runtime], Coroutine[Any, Any, None]]) -> None:
        configure_logging(service=service.name, level="warning")
        asyncio.run(_closing(runtime_of(), work))

    @app.command("serve")
    def serve_command(
        role: Annotated[RoleName, typer.Option(help="What this process does.")] = RoleName.ALL,
        host: Annotated[str | None, typer.Option(help="Default: OPSLOOP_HOST.")] = None,
        port: Annotated[int | None, typer.Option(help="Default: OPSLOOP_PORT. 0 takes a free one.")] = None,
    ) -> None:
        """Serve until SIGTERM; then drain and end."""
        settings = service.settings()
        require_consistent(settings, role.value)
        runtime = runtime_of()
        configure_logging(
            format=settings.log_format,
            level=settings.log_level,
            service=service.name,
            instance=instance_of(runtime),
        )
        work = serve(runtime, role.value, host=host or settings.host, port=settings.port if port is None else port)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(work)

    @app.command()
    def migrate() -> None:
        """Bring the database to this release's schema; with Kafka, create the topics that are missing."""
        settings = service.settings()
        configure_logging(format=settings.log_format, level=settings.log_level, service=service.name)
        asyncio.run(_migrate(service, settings))

    @app.command()
    def openapi() -> None:
        """Print the OpenAPI contract as JSON."""
        settings = service.settings()
        unconnected = build_runtime(
            service, settings, database_url=f"postgresql:///{service.name}", secret_key="-" * 32
        )
        _print(create_app(unconnected).openapi())

    app.add_typer(_keys(service, once), name="keys")
    app.add_typer(_user_secrets(once), name="user-secrets")
    app.add_typer(_events(service, once), name="events")
    return app


Once = Callable[[Callable[[Runtime], Coroutine[Any, Any, None]]], None]


def _keys(service: Service, once: Once) -> typer.Typer:
    app = typer.Typer(no_args_is_help=True, help="API keys.")

    @app.command()
    def create(
        name: Annotated[str, typer.Option(help="Whose key it is.")],
        workspace: Annotated[str, typer.Option()] = "default",
        scope: Annotated[list[str] | None, typer.Option(help="May be repeated. Default: all of the service.")] = None,
        expires_at: Annotated[datetime | None, typer.Option(help="In UTC unless it says otherwise.")] = None,
        source: Annotated[str | None, typer.Option(help="Who speaks with it. Default: made from the name.")] = None,
    ) -> None:
        """Make a key at this service and print it; it is not shown again."""

        async def work(runtime: Runtime) -> None:
            token = await commands.create_key(
                runtime,
                name=name,
                workspace=workspace,
                scopes=scope or service.scopes,
                expires_at=expires_at,
                source=source,
            )
            sys.stdout.write(f"{token}\n")

        once(work)

    @app.callback()
    def keys() -> None:
        """API keys of this service."""

    return app


def _user_secrets(once: Once) -> typer.Typer:
    app = typer.Typer(no_args_is_help=True, help="Secrets that tokens of end users are signed with.")

    @app.command()
    def create(
        name: Annotated[str, typer.Option(help="Whose server signs with it.")],
        workspace: Annotated[str, typer.Option()] = "default",
    ) -> None:
        """Make a secret at this service and print its id (the tokens' kid) and itself; it is not shown again."""

        async def work(runtime: Runtime) -> None:
            secret = await commands.create_user_secret(runtime, name=name, workspace=workspace)
            sys.stdout.write(f"{secret.id} {secret.text}\n")

        once(work)

    @app.callback()
    def user_secrets() -> None:
        """Secrets that tokens of end users are signed with."""

    return app


def _events(service: Service, once: Once) -> typer.Typer:
    app = typer.Typer(no_args_is_help=True, help="Parked events.")

    @app.command()
    def parked(
        limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
        groups: Annotated[bool, typer.Option("--groups", help="Count by consumer and fingerprint instead.")] = False,
    ) -> None:
        """Print parked events, one JSON object a line."""

        async def work(runtime: Runtime) -> None:
            for row in await commands.parked_events(runtime, limit=limit, groups=groups):
                _print(row)

        once(work)

    @app.command()
    def redrive(
        id: ParkedId = None,
        fingerprint: Fingerprint = None,
    ) -> None:
        """Apply parked events again, in order; without options all of them."""

        async def work(runtime: Runtime) -> None:
            _print(await commands.redrive_events(runtime, id=id, fingerprint=fingerprint))

        once(work)

    @app.command()
    def discard(
        id: ParkedId = None,
        fingerprint: Fingerprint = None,
    ) -> None:
        """Give parked events up for good; those held behind them are applied."""
        if (id is None) == (fingerprint is None):
            raise typer.BadParameter("give --id or --fingerprint")

        async def work(runtime: Runtime) -> None:
            _print(await commands.discard_events(runtime, id=id, fingerprint=fingerprint))

        once(work)

    return app


def _print(document: object) -> None:
    sys.stdout.write(orjson.dumps(document, default=str).decode() + "\n")


async def _closing(runtime: Runtime, work: Callable[[Runtime], Coroutine[Any, Any, None]]) -> None:
    try:
        async with runtime.opened():
            await work(runtime)
    finally:
        await runtime.db.close()


async def _migrate(service: Service, settings: Settings) -> None:
    await migrations.upgrade(service, database_urls(service).direct_url)
    log.info("migrated", service=service.name)
    if settings.bus == "kafka":
        await create_topics(settings)
        log.info("topics are there", service=service.name)
