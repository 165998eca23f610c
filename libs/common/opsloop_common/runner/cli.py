"""The command line of one service: serve, migrate, openapi, keys, secrets of end users, events.

What a command does not need it does not load: the service itself takes 0.6 s and more, `--help` and a list need none of it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from importlib import import_module, metadata
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import orjson
import typer

from opsloop_common.errors import DomainError
from opsloop_common.settings import BadSettings, Misconfigured, Settings, Unusable

if TYPE_CHECKING:
    from opsloop_common.service import Service

ParkedId = Annotated[UUID | None, typer.Option("--id", help="One parked event, by its id in `parked`.")]
Fingerprint = Annotated[str | None, typer.Option("--fingerprint", help="All that failed the same way.")]


class RoleName(StrEnum):
    """What a process does."""

    API = "api"
    WORKER = "worker"
    ALL = "all"


def main(name: str, arguments: Sequence[str] | None = None, *, declared: str | None = None) -> None:
    """Be the command line of `python -m opsloop_<name>`; `declared` is where the service is, `opsloop_<name>.app:SERVICE`."""
    commander = make_commands(_Line(name, declared or f"opsloop_{name}.app:SERVICE"))
    try:
        commander(args=list(arguments) if arguments is not None else None)
    except (BadSettings, Misconfigured, DomainError) as error:
        sys.stderr.write(f"{name}: {_plain(error)}\n")
        raise SystemExit(2) from None
    except Unusable as error:
        sys.stderr.write(f"{name}: {error}\n")
        raise SystemExit(1) from None


def _plain(error: Exception) -> str:
    if isinstance(error, DomainError) and error.errors:
        return "; ".join(f"{each.pointer}: {each.detail}" for each in error.errors)
    return str(error)


@dataclass(frozen=True)
class _Line:
    """The service that a command line is of, loaded as far as a command asks for it."""

    name: str
    declared: str

    @property
    def service(self) -> Service:
        module, _, attribute = self.declared.partition(":")
        found: Service = getattr(import_module(module), attribute)
        return found

    @property
    def tools(self) -> Any:
        return import_module("opsloop_common.runner.tools")

    @property
    def whole(self) -> Any:
        return import_module("opsloop_common.runner.whole")


def make_commands(line: _Line) -> typer.Typer:
    """Return the typer application of one service."""
    app = typer.Typer(
        name=f"opsloop_{line.name}",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        epilog="Exit status: 0 done; 1 it failed; 2 the command line or a setting is wrong, or what is named is not there.",
    )

    @app.callback()
    def top(
        version: Annotated[
            bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
        ] = False,
    ) -> None:
        pass

    @app.command()
    def serve(
        role: Annotated[RoleName, typer.Option(help="What this process does.")] = RoleName.ALL,
        host: Annotated[str | None, typer.Option(help="Default: OPSLOOP_HOST.")] = None,
        port: Annotated[int | None, typer.Option(help="Default: OPSLOOP_PORT. 0 takes a free one.")] = None,
    ) -> None:
        """Serve until SIGTERM; then drain and end."""
        line.whole.run(line.service, role.value, host=host, port=port)

    @app.command()
    def migrate() -> None:
        """Bring the database to this release's schema; with Kafka, create the topics that are missing."""
        line.whole.migrate(line.service)

    @app.command()
    def openapi() -> None:
        """Print the OpenAPI contract as JSON."""
        _print(line.whole.openapi(line.service))

    @app.command()
    def reseal() -> None:
        """Seal with OPSLOOP_SECRET_KEY what keys of OPSLOOP_SECRET_KEY_PREVIOUS sealed, which may be dropped then."""
        _print(line.whole.reseal(line.service))

    app.add_typer(_keys(line), name="keys")
    app.add_typer(_user_secrets(line), name="user-secrets")
    app.add_typer(_events(line), name="events")
    return app


def _show_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"opsloop {metadata.version('opsloop-common')}\n")
        raise typer.Exit


def _keys(line: _Line) -> typer.Typer:
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
        line.tools.create_key(
            line.name,
            line.service.settings(),
            line.service.scopes,
            name=name,
            workspace=workspace,
            scopes=scope,
            expires_at=expires_at,
            source=source,
        )

    @app.callback()
    def keys() -> None:
        """API keys of this service."""

    return app


def _user_secrets(line: _Line) -> typer.Typer:
    app = typer.Typer(no_args_is_help=True, help="Secrets that tokens of end users are signed with.")

    @app.command()
    def create(
        name: Annotated[str, typer.Option(help="Whose server signs with it.")],
        workspace: Annotated[str, typer.Option()] = "default",
    ) -> None:
        """Make a secret at this service and print its id (the tokens' kid) and itself; it is not shown again."""
        line.tools.create_user_secret(line.name, Settings(), name=name, workspace=workspace)

    @app.callback()
    def user_secrets() -> None:
        """Secrets that tokens of end users are signed with."""

    return app


def _events(line: _Line) -> typer.Typer:
    app = typer.Typer(no_args_is_help=True, help="Parked events.")

    @app.command()
    def parked(
        limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
        groups: Annotated[bool, typer.Option("--groups", help="Count by consumer and fingerprint instead.")] = False,
    ) -> None:
        """Print parked events, one JSON object a line."""
        line.tools.show_parked(line.name, Settings(), limit=limit, groups=groups)

    @app.command()
    def redrive(
        id: ParkedId = None,
        fingerprint: Fingerprint = None,
    ) -> None:
        """Apply parked events again, in order; without options all of them."""
        _print(line.whole.redrive(line.service, id=id, fingerprint=fingerprint))

    @app.command()
    def discard(
        id: ParkedId = None,
        fingerprint: Fingerprint = None,
    ) -> None:
        """Give parked events up for good; those held behind them are applied."""
        if (id is None) == (fingerprint is None):
            raise typer.BadParameter("give --id or --fingerprint")
        _print(line.whole.discard(line.service, id=id, fingerprint=fingerprint))

    return app


def _print(document: object) -> None:
    sys.stdout.write(orjson.dumps(document, default=str).decode() + "\n")
