"""The `opsloop` command."""

from __future__ import annotations

import os
import sys
from importlib import import_module, metadata
from typing import Annotated, Any
from uuid import UUID

import typer

from opsloop import data, up
from opsloop.settings import EmbeddedSettings, read_settings
from opsloop_common.embedded_postgres import PostgresFailed
from opsloop_common.setting_names import unknown_settings
from opsloop_common.settings import BadSettings

cli = typer.Typer(
    name="opsloop",
    help="OpsLoop in one process. Settings come from the environment, OPSLOOP_DATA_DIR first of all.",
    epilog="Exit status: 0 done; 1 it could not be done, and stderr says why; 2 the command line is wrong; "
    "of `status` 3 when not all services are ready, 4 when OpsLoop does not run.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
keys = typer.Typer(help="API keys.", no_args_is_help=True)
user_secrets = typer.Typer(help="Secrets for tokens of end users.", no_args_is_help=True)
events = typer.Typer(help="Domain events: what was sent, what is parked.", no_args_is_help=True)
cli.add_typer(keys, name="keys")
cli.add_typer(user_secrets, name="user-secrets")
cli.add_typer(events, name="events")

Workspace = Annotated[str, typer.Option(help="The workspace it belongs to.")]
OneWorkspace = Annotated[str | None, typer.Option("--workspace", help="Only of this workspace.")]
Which = Annotated[str, typer.Argument(metavar="ID", help="The id, its first 8 digits or more, or the name.")]
ServiceOption = Annotated[str | None, typer.Option("--service", help="Only this service.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def main() -> None:
    """Run the command line; what the user can mend is one line on stderr and exit status 1."""
    try:
        cli()
    except (BadSettings, data.DataDirBusy, data.NothingHere, up.PortTaken, PostgresFailed) as refusal:
        typer.echo(f"opsloop: {refusal}", err=True)
        sys.exit(1)


def _later(module: str) -> Any:
    """Import what a command needs only when that command runs; `up` starts PostgreSQL before the heavy imports."""
    return import_module(f"opsloop.{module}")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"opsloop {metadata.version('opsloop')}")
        raise typer.Exit


@cli.callback()
def _cli(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    for line in unknown_settings(os.environ, EmbeddedSettings, services=()):
        typer.echo(f"opsloop: {line}", err=True)


@cli.command("up")
def up_() -> None:
    """Run the four services, PostgreSQL and the bus in this process until Ctrl-C."""
    up.run(read_settings(), lambda line: typer.echo(line, err=False))


@cli.command()
def status(*, as_json: AsJson = False) -> None:
    """Show how each service is: ready, events pending, lag, parked, work due."""
    raise typer.Exit(_later("status").show(read_settings(), as_json=as_json))


@cli.command()
def migrate() -> None:
    """Bring the four databases to the newest schema without serving."""
    _later("tools").migrate(read_settings())


@cli.command()
def reseal() -> None:
    """Seal with the present secret key what keys of OPSLOOP_SECRET_KEY_PREVIOUS sealed, which may be dropped then."""
    _later("tools").reseal(read_settings())


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Option(help="What the key is for.")],
    scopes: Annotated[str, typer.Option(help="Comma-separated, of any services: feedback:submit,metrics:read")],
    workspace: Workspace = "default",
    source: Annotated[str | None, typer.Option(help="Who speaks with it. Without it made from the name.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Make one key in every service whose scopes it names, and print it once."""
    _later("credentials").create_key(read_settings(), name, scopes, workspace, source, as_json=as_json)


@user_secrets.command("create")
def create_user_secret(
    name: Annotated[str, typer.Option(help="Whose server signs with it.")],
    workspace: Workspace = "default",
    *,
    as_json: AsJson = False,
) -> None:
    """Make one secret for tokens of end users in every service, and print it once with its id, the tokens' kid."""
    _later("credentials").create_user_secret(read_settings(), name, workspace, as_json=as_json)


@keys.command("list")
def list_keys(workspace: OneWorkspace = None, *, as_json: AsJson = False) -> None:
    """List the keys that are not revoked, newest first: each once, with the services that hold it."""
    _list("KEYS", workspace, as_json=as_json)


@keys.command("revoke")
def revoke_key(which: Which, workspace: OneWorkspace = None, *, as_json: AsJson = False) -> None:
    """End one key in every service that holds it, with what it made; within 5 seconds it opens nothing."""
    _revoke("KEYS", which, workspace, as_json=as_json)


@user_secrets.command("list")
def list_user_secrets(workspace: OneWorkspace = None, *, as_json: AsJson = False) -> None:
    """List the secrets that are not revoked, newest first, without themselves."""
    _list("USER_SECRETS", workspace, as_json=as_json)


@user_secrets.command("revoke")
def revoke_user_secret(which: Which, workspace: OneWorkspace = None, *, as_json: AsJson = False) -> None:
    """End one secret in every service, and every token signed with it."""
    _revoke("USER_SECRETS", which, workspace, as_json=as_json)


def _list(kind: str, workspace: str | None, *, as_json: bool) -> None:
    credentials = _later("credentials")
    credentials.show(read_settings(), getattr(credentials, kind), workspace, as_json=as_json)


def _revoke(kind: str, which: str, workspace: str | None, *, as_json: bool) -> None:
    credentials = _later("credentials")
    credentials.revoke(read_settings(), getattr(credentials, kind), which, workspace, as_json=as_json)


@events.command("tail")
def tail_events(
    service: ServiceOption = None,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as new ones come.")] = False,
    lines: Annotated[int, typer.Option("-n", help="How many of the last ones.", min=0)] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print each as its JSON document, one a line.")] = False,
) -> None:
    """Show the last events of the services' outboxes."""
    _later("events").tail(read_settings(), service, lines, follow=follow, as_json=as_json)


@events.command("parked")
def parked_events(service: ServiceOption = None, *, as_json: AsJson = False) -> None:
    """List parked events grouped by their reason."""
    _later("events").parked(read_settings(), service, as_json=as_json)


Service = Annotated[str, typer.Option("--service", help="The consuming service.")]
Id = Annotated[UUID | None, typer.Argument(help="Id of one parked event.")]
Fingerprint = Annotated[str | None, typer.Option("--fingerprint", help="All that were parked for this reason.")]


@events.command("redrive")
def redrive_events(service: Service, id: Id = None, fingerprint: Fingerprint = None) -> None:
    """Try parked events again, and what waits behind them in order."""
    _later("tools").redrive(read_settings(), service, id, fingerprint)


@events.command("discard")
def discard_events(service: Service, id: Id = None, fingerprint: Fingerprint = None) -> None:
    """Give parked events up; what waits behind them goes on."""
    _later("tools").discard(read_settings(), service, id, fingerprint)


@cli.command()
def demo(
    url: Annotated[str | None, typer.Option(help="Of a running OpsLoop; without it one of its own is started.")] = None,
    *,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave what it started running, or with --url what it made.")
    ] = False,
) -> None:
    """Play a week of a small app through the public APIs and print the story.

    The operator's key of a running one is read from OPSLOOP_BOOTSTRAP_KEY, else from the data directory: a command line is for
    all to see.
    """
    try:
        demo = _later("demo")
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] != "segment":
            raise
        typer.echo("The demo's app speaks through Segment's client: pip install 'opsloop[demo]'", err=True)
        raise typer.Exit(1) from missing
    raise typer.Exit(demo.play(url, keep=keep))
