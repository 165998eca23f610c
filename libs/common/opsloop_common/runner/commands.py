"""What the command lines do, of one service or of all at once; they only print it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any
from uuid import UUID

from opsloop_common.access import keys, user_secrets
from opsloop_common.access.keys import Token
from opsloop_common.access.principal import OPERATOR_WORKSPACE
from opsloop_common.access.user_secrets import UserSecret
from opsloop_common.db import Context, Database, clock_of
from opsloop_common.http.credentials import ApiKeyIn, UserSecretIn
from opsloop_common.inbox import parking
from opsloop_common.resealing import reseal
from opsloop_common.secretbox import SecretBox
from opsloop_common.service import Runtime
from opsloop_common.versions import ANY_VERSION

COMMAND_LINE = "system"  # the actor of what an operator does at the command line
_OPERATOR = partial(Context, OPERATOR_WORKSPACE, actor=COMMAND_LINE)


async def create_key(
    database: Database, known: Collection[str], wanted: ApiKeyIn, *, token: Token | None = None
) -> Token:
    """Make an API key at one service, whose scopes are `known`; `token` lets several services keep the same.

    Raises Invalid for what the API refuses.
    """
    workspace = wanted.workspace or OPERATOR_WORKSPACE
    async with database.transaction(Context(workspace, actor=COMMAND_LINE)) as session:
        wanted.require_possible(known, now=clock_of(session).now())
        return await keys.create(
            session,
            name=wanted.name,
            scopes=wanted.scopes,
            workspace=workspace,
            expires_at=wanted.expires_at,
            token=token,
            source=wanted.source,
        )


async def revoke_key(database: Database, key_id: UUID, *, workspace: str) -> list[UUID]:
    """End a key at one service with all that it made; returns their ids, its own first. Raises NotFound."""
    async with database.transaction(Context(workspace, actor=COMMAND_LINE)) as session:
        return await keys.revoke(session, key_id, workspace=workspace, expected=ANY_VERSION)


async def source_for(databases: Sequence[Database], token: Token, *, name: str, workspace: str) -> str:
    """Return the source that a name makes for a key of several services: one that no other key has in any of them."""
    taken: set[str] = set()
    for database in databases:
        async with database.transaction(Context(workspace, actor=COMMAND_LINE)) as session:
            taken |= await keys.taken_sources(session, name=name, workspace=workspace, key_id=token.id)
    return keys.free_source(name, token.id, taken)


async def create_user_secret(
    database: Database, box: SecretBox, wanted: UserSecretIn, *, secret: UserSecret | None = None
) -> UserSecret:
    """Make a secret for tokens of end users at one service; `secret` lets several services keep the same."""
    workspace = wanted.workspace or OPERATOR_WORKSPACE
    async with database.transaction(Context(workspace, actor=COMMAND_LINE)) as session:
        return await user_secrets.create(session, box, name=wanted.name, workspace=workspace, secret=secret)


async def revoke_user_secret(database: Database, secret_id: UUID, *, workspace: str) -> list[UUID]:
    """End a secret of end users at one service; returns its id. Raises NotFound."""
    async with database.transaction(Context(workspace, actor=COMMAND_LINE)) as session:
        await user_secrets.revoke(session, secret_id, workspace=workspace, expected=ANY_VERSION)
    return [secret_id]


async def parked_events(database: Database, *, limit: int = 50, groups: bool = False) -> list[dict[str, Any]]:
    """Return the service's parked events, oldest first, or how many there are of each kind."""
    if groups:
        return [asdict(group) for group in await parking.list_groups(database)]
    return [dict(row._mapping) for row in await parking.list_parked(database, limit=limit)]


async def redrive_events(runtime: Runtime, *, id: UUID | None = None, fingerprint: str | None = None) -> dict[str, int]:
    """Apply parked events again, in order; returns how many were applied, failed again, and remain. Raises NotFound."""
    return asdict(await parking.redrive(runtime.db, runtime.service, by=_OPERATOR(), id=id, fingerprint=fingerprint))


async def discard_events(runtime: Runtime, *, id: UUID | None = None, fingerprint: str | None = None) -> dict[str, int]:
    """Give parked events up; returns how many. Raises NotFound."""
    gone = await parking.discard(runtime.db, runtime.service, by=_OPERATOR(), id=id, fingerprint=fingerprint)
    return {"discarded": gone}


async def reseal_secrets(runtime: Runtime) -> dict[str, int]:
    """Seal with the present key all that a service keeps sealed; returns how much was, was already, and cannot be read."""
    return asdict(await reseal(runtime.db, runtime.secrets, runtime.service.sealed))


def unreadable(counts: Mapping[str, int]) -> str:
    """Return what to say where some of it could not be opened."""
    return (
        f"{counts['resealed']} sealed anew, {counts['unchanged']} were already; {counts['unreadable']} cannot be opened: "
        "name the key that sealed them in OPSLOOP_SECRET_KEY_PREVIOUS, or give their owners new ones"
    )
