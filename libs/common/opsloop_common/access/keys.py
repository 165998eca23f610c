"""API keys: `opl_<id>_<secret>`, shown once, kept as a hash, valid at the service that made them."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.access import audit
from opsloop_common.access.tables import api_key
from opsloop_common.db import clock_of, context_of
from opsloop_common.errors import Invalid, NotFound
from opsloop_common.ids import uuid7

PREFIX = "opl_"
_NOT_IN_SLUGS = re.compile(r"[^a-z0-9]+")
_FORM = re.compile(r"opl_([0-9a-f]{32})_([0-9a-f]{64})")


@dataclass(frozen=True)
class Token:
    """A key as its owner holds it."""

    id: UUID
    secret: str

    def __str__(self) -> str:
        return f"{PREFIX}{self.id.hex}_{self.secret}"

    @property
    def secret_hash(self) -> bytes:
        """Return what the database keeps. The secret has 256 random bits, so a plain SHA-256 cannot be searched."""
        return hashlib.sha256(self.secret.encode()).digest()

    @classmethod
    def new(cls) -> Token:
        """Make a fresh key."""
        return cls(uuid7(), secrets.token_hex(32))

    @classmethod
    def parse(cls, text: str) -> Token | None:
        """Read a key, None when `text` does not have its form."""
        match = _FORM.fullmatch(text)
        return cls(UUID(match[1]), match[2]) if match else None

    def matches(self, secret_hash: bytes) -> bool:
        """Compare with a stored hash in constant time."""
        return hmac.compare_digest(self.secret_hash, secret_hash)


def source_from(name: str, key_id: UUID) -> str:
    """Return the slug that a name makes; of a name without Latin letters and digits, one that the key's id makes."""
    slug = _NOT_IN_SLUGS.sub("-", name.lower()).strip("-")[:63].strip("-")
    return slug or f"key-{str(key_id)[-8:]}"


def require_known_scopes(scopes: Sequence[str], known: Collection[str]) -> None:
    """Refuse scopes that this service does not have; raises Invalid (422) naming the first."""
    for index, scope in enumerate(scopes):
        if scope not in known:
            raise Invalid(f"/scopes/{index}", f"not a scope of this service; known are {', '.join(sorted(known))}")


async def create(
    session: AsyncSession,
    *,
    name: str,
    scopes: Sequence[str],
    workspace: str,
    expires_at: datetime | None = None,
    token: Token | None = None,
    source: str | None = None,
    parent_id: UUID | None = None,
) -> Token:
    """Make a key in `workspace` and return it; only its hash stays. `token` lets several services keep the same key.

    `source` says who speaks with it, and is made from the name when none is given; `parent_id` is the key that makes it.
    """
    token = token or Token.new()
    row = {
        "id": token.id,
        "workspace": workspace,
        "name": name,
        "scopes": sorted(set(scopes)),
        "created_by": context_of(session).actor,
        "created_at": clock_of(session).now(),
        "expires_at": expires_at,
        "source": source or source_from(name, token.id),
        "parent_id": parent_id,
    }
    await session.execute(insert(api_key).values(secret_hash=token.secret_hash, **row))
    audit.record(
        session,
        "api_key.created",
        f"api_key/{token.id}",
        after={"name": name, "scopes": row["scopes"], "workspace": workspace, "expires_at": expires_at},
        workspace=workspace,
    )
    return token


async def get(session: AsyncSession, key_id: UUID, *, workspace: str | None) -> Row[*tuple[object, ...]]:
    """Return a key that is not revoked, of `workspace` unless that is None (all of them); raises NotFound."""
    query = select(api_key).where(api_key.c.id == key_id, api_key.c.revoked_at.is_(None))
    if workspace is not None:
        query = query.where(api_key.c.workspace == workspace)
    row = (await session.execute(query)).one_or_none()
    if row is None:
        raise NotFound("There is no such key.")
    return row


async def revoke(session: AsyncSession, key_id: UUID, *, workspace: str | None) -> None:
    """End a key for good. It holds at once in this process after the commit, within seconds elsewhere."""
    change = (
        update(api_key)
        .where(api_key.c.id == key_id, api_key.c.revoked_at.is_(None))
        .values(revoked_at=clock_of(session).now())
        .returning(api_key.c.workspace, api_key.c.name)
    )
    if workspace is not None:
        change = change.where(api_key.c.workspace == workspace)
    row = (await session.execute(change)).one_or_none()
    if row is None:
        raise NotFound("There is no such key.")
    audit.record(session, "api_key.revoked", f"api_key/{key_id}", before={"name": row.name}, workspace=row.workspace)
