"""Keys and secrets of end users that several services hold as one: made, listed and revoked in all of them.

Each service has a row of its own with the same id. Nothing spans their databases: what fails halfway is done again, and a credential
stands in the list until the last service that holds it has ended it.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import typer
from sqlalchemy import Select

from opsloop.access import opened, secret_of
from opsloop.outlines import OUTLINES
from opsloop.printing import show_document, show_table
from opsloop.refusals import as_usage, refusable
from opsloop.settings import EmbeddedSettings
from opsloop_common.access import keys, user_secrets
from opsloop_common.access.keys import Token
from opsloop_common.access.user_secrets import UserSecret
from opsloop_common.clock import SystemClock
from opsloop_common.db import Database
from opsloop_common.errors import NotFound
from opsloop_common.http.credentials import ApiKeyIn, UserSecretIn
from opsloop_common.http.refusals import shaped
from opsloop_common.http.schemas import InModel, Slug
from opsloop_common.invisible import comparable
from opsloop_common.runner import commands
from opsloop_common.secretbox import SecretBox

PREFIX_CHARACTERS = 8
"""Of an id, at least: so many hexadecimal digits are no slip of the hand."""
CANDIDATES_TOLD = 10
_BEGINNING = re.compile(r"(?:opl_(?:pub_)?)?([0-9a-f-]+)(?:_[0-9a-f]*)?")


@dataclass(frozen=True)
class Kind:
    """One kind of credential: how its rows are found and ended at a service, and which columns may be told."""

    noun: str
    listed: Callable[..., Select[Any]]
    revoke: Callable[..., Awaitable[list[UUID]]]
    told: tuple[str, ...]


_MADE = ("created_by", "created_at", "expires_at")
_OF_KEYS = ("id", "name", "workspace", "scopes", "source", "publishable", "parent_id", *_MADE, "last_used_at")
KEYS = Kind("key", keys.listed, commands.revoke_key, _OF_KEYS)
USER_SECRETS = Kind(
    "secret", user_secrets.listed, commands.revoke_user_secret, ("id", "name", "workspace", *_MADE)
)  # never `secret`, the sealed one


def create_key(
    settings: EmbeddedSettings, name: str, scopes: str, workspace: str, source: str | None, *, as_json: bool
) -> None:
    """Make one key in every service whose scopes are named, of one source in all of them, and print it."""
    named = [scope.strip() for scope in scopes.split(",") if scope.strip()]
    with as_usage():
        wanted = shaped(ApiKeyIn, name=name, scopes=named, workspace=workspace, source=source)
        wanted.require_possible([scope for known in OUTLINES.values() for scope in known], now=SystemClock().now())
    split = {service: [scope for scope in named if scope in known] for service, known in OUTLINES.items()}
    mine = {service: scopes for service, scopes in split.items() if scopes}

    async def work() -> None:
        async with opened(settings) as databases:
            token = Token.new()
            several = [databases[service] for service in mine]
            speaks_as = source or await commands.source_for(several, token, name=name, workspace=workspace)
            for service, scopes in mine.items():
                part = wanted.model_copy(update={"scopes": scopes, "source": speaks_as})
                await commands.create_key(databases[service], OUTLINES[service], part, token=token)
        if as_json:
            whose = {"services": list(mine), "scopes": named, "workspace": workspace, "source": speaks_as}
            show_document({"key": str(token)} | whose)
            return
        typer.echo(str(token))
        where = f"Valid in {', '.join(mine)}, workspace {workspace}, source {speaks_as}."
        typer.echo(f"{where} It is not shown again.", err=True)

    refusable(work())


def create_user_secret(settings: EmbeddedSettings, name: str, workspace: str, *, as_json: bool) -> None:
    """Make one secret for tokens of end users in every service, and print its id and itself."""
    with as_usage():
        wanted = shaped(UserSecretIn, name=name, workspace=workspace)

    async def work() -> None:
        async with opened(settings) as databases:
            secret, box = UserSecret.new(), SecretBox(secret_of(settings))
            for database in databases.values():
                await commands.create_user_secret(database, box, wanted, secret=secret)
        if as_json:
            show_document({"kid": str(secret.id), "secret": secret.text, "workspace": workspace})
            return
        typer.echo(f"{secret.id} {secret.text}")
        typer.echo(f"The kid and the secret of HS256, workspace {workspace}. It is not shown again.", err=True)

    refusable(work())


def show(settings: EmbeddedSettings, kind: Kind, workspace: str | None, *, as_json: bool) -> None:
    """Print each credential that is not revoked once, newest first, with the services that hold it."""
    require_name(workspace)

    async def work() -> None:
        async with opened(settings) as databases:
            found = await held(databases, kind, workspace)
        if as_json:
            show_document(found)
        elif not found:
            typer.echo(f"There are no {kind.noun}s{f' in workspace {workspace}' if workspace else ''}.")
        else:
            columns = ("id", "name", "workspace", "scopes", "services", "created_at", "expires_at", "last_used_at")
            shown = [column for column in columns if column in found[0]]
            show_table([column.removesuffix("_at").replace("_", " ") for column in shown], _cells(found, shown))

    refusable(work())


def _cells(found: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> list[list[object]]:
    return [[_cell(one[column]) for column in columns] for one in found]


def _cell(value: object) -> object:
    match value:
        case None:
            return "-"
        case list():
            return ",".join(value)
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%SZ}"
    return value


def revoke(settings: EmbeddedSettings, kind: Kind, which: str, workspace: str | None, *, as_json: bool) -> None:
    """End one credential in every service that holds it, with what it made there, and say in which."""
    require_name(workspace)

    async def work() -> None:
        async with opened(settings) as databases:
            one = the_one(await held(databases, kind, workspace), which, kind)
            ended = await end(databases, kind, one)
        made = sorted({str(id) for ids in ended.values() for id in ids} - {str(one["id"])})
        whose = {"id": one["id"], "name": one["name"], "workspace": one["workspace"]}
        if as_json:
            show_document(whose | {"services": list(ended), "also_ended": made})
            return
        more = f", with {len(made)} that it made" if made else ""
        typer.echo(f"Revoked in {', '.join(ended)}: {_named(one)}{more}.")

    refusable(work())


class _One(InModel):
    workspace: Slug | None


def require_name(workspace: str | None) -> None:
    """Go on with a name that a workspace can have, or with none; a usage error for another, of which there is never anything."""
    with as_usage():
        shaped(_One, workspace=workspace)


async def held(databases: Mapping[str, Database], kind: Kind, workspace: str | None) -> list[dict[str, Any]]:
    """Return each credential that is not revoked once, newest first: what a service tells of it, joined, and its `services`."""
    found: dict[UUID, dict[str, Any]] = {}
    for service, database in databases.items():
        async with database.transaction() as session:
            rows = (await session.execute(kind.listed(workspace=workspace))).mappings().all()
        for row in rows:
            told = {column: row[column] for column in kind.told} | {"services": [service]}
            found[row["id"]] = _joined(found[row["id"]], told) if row["id"] in found else told
    return [found[id] for id in sorted(found, reverse=True)]


def _joined(one: dict[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    joined = one | {"services": one["services"] + other["services"]}
    if "scopes" in one:
        used = [at for at in (one["last_used_at"], other["last_used_at"]) if at is not None]
        joined |= {"scopes": one["scopes"] + other["scopes"], "last_used_at": max(used, default=None)}
    return joined


def the_one(found: Sequence[dict[str, Any]], which: str, kind: Kind) -> dict[str, Any]:
    """Return the credential that an id, the beginning of one (or of the key itself) or a name means.

    Raises NotFound; a usage error that tells the candidates when several are meant, since the wrong one is not brought back.
    """
    match = _BEGINNING.fullmatch(which.lower())
    start = match[1].replace("-", "") if match else ""
    meant = [one for one in found if one["id"].hex == start]
    if not meant:
        long_enough = len(start) >= PREFIX_CHARACTERS
        meant = [
            one
            for one in found
            if comparable(one["name"]) == comparable(which) or (long_enough and one["id"].hex.startswith(start))
        ]
    if not meant:
        raise NotFound(
            f"There is no {kind.noun} with this id, beginning of an id ({PREFIX_CHARACTERS} or more) or name."
        )
    if len(meant) > 1:
        told = "; ".join(map(_named, meant[:CANDIDATES_TOLD])) + ("; …" if len(meant) > CANDIDATES_TOLD else "")
        raise typer.BadParameter(f"{len(meant)} {kind.noun}s are meant, give the id of one: {told}")
    return meant[0]


def _named(one: Mapping[str, Any]) -> str:
    return f"{one['name']!r} ({one['id']}, workspace {one['workspace']}, in {', '.join(one['services'])})"


async def end(databases: Mapping[str, Database], kind: Kind, one: Mapping[str, Any]) -> dict[str, list[UUID]]:
    """End a credential in the services that hold it; returns which have, each with the ids that ended there."""
    ended: dict[str, list[UUID]] = {}
    for service in one["services"]:
        try:
            ended[service] = await kind.revoke(databases[service], one["id"], workspace=one["workspace"])
        except NotFound:
            continue  # somebody was faster
    if not ended:
        raise NotFound.of(kind.noun)
    return ended
