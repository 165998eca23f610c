"""Secrets that a customer's server signs the tokens of its end users with; shown once, sealed at rest, revocable at once."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.access import audit, lineage
from opsloop_common.access.tables import user_secret
from opsloop_common.db import clock_of, context_of
from opsloop_common.errors import NotFound
from opsloop_common.ids import uuid7
from opsloop_common.secretbox import SecretBox
from opsloop_common.versions import Precondition

PURPOSE = "user_secret"
PREFIX = "opl_usr_"
NEWEST_FIRST = (user_secret.c.id.desc(),)


@dataclass(frozen=True)
class UserSecret:
    """A secret as the customer's server holds it: its text is the HMAC key, its id the `kid` of the tokens."""

    id: UUID
    text: str = field(repr=False)

    @classmethod
    def new(cls) -> UserSecret:
        """Make a fresh secret of 256 random bits."""
        return cls(uuid7(), PREFIX + secrets.token_hex(32))


async def create(
    session: AsyncSession,
    box: SecretBox,
    *,
    name: str,
    workspace: str,
    secret: UserSecret | None = None,
    maker_id: UUID | None = None,
) -> UserSecret:
    """Make a secret in `workspace` and return it; `secret` lets several services keep the same.

    `maker_id` is the key that makes it, which it ends with. Raises Unauthorized (401) when that has just ended.
    """
    secret = secret or UserSecret.new()
    await lineage.one_at_a_time(session, workspace)
    expires_at = None if maker_id is None else await lineage.end_of_maker(session, maker_id)
    await session.execute(
        insert(user_secret).values(
            id=secret.id,
            workspace=workspace,
            name=name,
            secret=box.seal(secret.text.encode(), purpose=PURPOSE),
            created_by=context_of(session).actor,
            created_at=clock_of(session).now(),
            expires_at=expires_at,
        )
    )
    subject = f"user_secret/{secret.id}"
    audit.record(session, "user_secret.created", subject, after={"name": name}, workspace=workspace)
    return secret


def listed(*, workspace: str | None) -> Select[Any]:
    """Return the query of secrets that are not revoked, of `workspace` unless that is None (all of them)."""
    query = select(*user_secret.c).where(user_secret.c.revoked_at.is_(None))
    return query if workspace is None else query.where(user_secret.c.workspace == workspace)


async def get(session: AsyncSession, secret_id: UUID, *, workspace: str | None) -> Row[Any]:
    """Return a secret's row that is not revoked, of `workspace` unless that is None (all of them); raises NotFound."""
    row: Row[Any] | None = (
        await session.execute(listed(workspace=workspace).where(user_secret.c.id == secret_id))
    ).one_or_none()
    if row is None:
        raise NotFound.of("secret")
    return row


async def revoke(session: AsyncSession, secret_id: UUID, *, workspace: str | None, expected: Precondition) -> None:
    """End a secret and with it every token that was signed with it; raises NotFound (404), then StaleVersion (412)."""
    await lineage.lock_for_change(session, partial(get, session, secret_id, workspace=workspace), expected=expected)
    await _revoke(session, update(user_secret).where(user_secret.c.id == secret_id))


async def revoke_of_makers(session: AsyncSession, makers: Sequence[str], *, workspace: str) -> list[UUID]:
    """End the secrets that some actors made, since those have just lost their right to; returns their ids."""
    change = update(user_secret).where(user_secret.c.workspace == workspace, user_secret.c.created_by.in_(makers))
    return await _revoke(session, change)


async def _revoke(session: AsyncSession, change: Any) -> list[UUID]:
    ended = (
        await session.execute(
            change.where(user_secret.c.revoked_at.is_(None))
            .values(revoked_at=clock_of(session).now())
            .returning(user_secret.c.id, user_secret.c.name, user_secret.c.workspace)
        )
    ).all()
    for row in ended:
        subject = f"user_secret/{row.id}"
        audit.record(session, "user_secret.revoked", subject, before={"name": row.name}, workspace=row.workspace)
    return [row.id for row in ended]
