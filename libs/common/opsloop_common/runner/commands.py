"""What the command lines do, of one service or of all at once; they only print it."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

from opsloop_common.access import keys, user_secrets
from opsloop_common.access.keys import Token
from opsloop_common.access.principal import OPERATOR_WORKSPACE, SLUG
from opsloop_common.access.user_secrets import UserSecret
from opsloop_common.db import Context, Database
from opsloop_common.errors import Invalid
from opsloop_common.inbox import parking
from opsloop_common.secretbox import SecretBox
from opsloop_common.service import Runtime

COMMAND_LINE = "system"  # the actor of what an operator does at the command line
_OPERATOR = partial(Context, OPERATOR_WORKSPACE, actor=COMMAND_LINE)


async def create_key(
    database: Database,
    known: Collection[str],
    *,
    name: str,
    workspace: str,
    scopes: Sequence[str],
    expires_at: datetime | None = None,
    token: Token | None = None,
    source: str | None = None,
) -> Token:
    """Make an API key at one service, whose scopes are `known`; `token` lets several services keep the same.

    Raises Invalid for a bad scope or source.
    """
    _require_workspace(workspace)
    keys.require_known_scopes(scopes, known)
    if source is not None:
        keys.require_usable_source(source)
    if expires_at is not None and expires_at.tzinfo is None:
        expires_at = expires_at.replace(tzinfo=UTC)
    async with database.transaction(Context(workspace, actor=COMMAND_LINE)) as session:
        return await keys.create(
            session,
            name=name,
            scopes=scopes,
            workspace=workspace,
            expires_at=expires_at,
            token=token,
            source=source,
        )


def _require_workspace(workspace: str) -> None:
    # what the API refuses: one capital letter would be a workspace that nobody looks at
    if not re.fullmatch(SLUG, workspace):
        raise Invalid("/workspace", "a workspace is lower-case letters, digits and hyphens, up to 63")


async def source_for(databases: Sequence[Database], token: Token, *, name: str, workspace: str) -> str:
    """Return the source that a name makes for a key of several services: one that no other key has in any of them."""
    taken: set[str] = set()
    for database in databases:
        async with database.transaction(Context(workspace, actor=COMMAND_LINE)) as session:
            taken |= await keys.taken_sources(session, name=name, workspace=workspace, key_id=token.id)
    return keys.free_source(name, token.id, taken)


async def create_user_secret(
    database: Database, box: SecretBox, *, name: str, workspace: str, secret: UserSecret | None = None
) -> UserSecret:
    """Make a secret for tokens of end users at one service; `secret` lets several services keep the same. Raises Invalid."""
    _require_workspace(workspace)
    async with database.transaction(Context(workspace, actor=COMMAND_LINE)) as session:
        return await user_secrets.create(session, box, name=name, workspace=workspace, secret=secret)


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
