"""API keys: `opl_<id>_<secret>`, for browsers `opl_pub_<id>_<secret>`, shown once, kept as a hash, valid at the service that made them."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from itertools import count
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.access import audit, lineage, user_secrets
from opsloop_common.access.principal import RESERVED_SOURCES, SLUG, Publishable
from opsloop_common.access.tables import api_key
from opsloop_common.db import clock_of, context_of
from opsloop_common.errors import Invalid, NotFound
from opsloop_common.ids import uuid7
from opsloop_common.known_names import unknown
from opsloop_common.versions import Precondition

_STEM = 55  # of a source's 63 characters, leaving room for a number
PREFIX = "opl_"
_NOT_IN_SLUGS = re.compile(r"[^a-z0-9]+")
_FORM = re.compile(r"opl_(pub_)?([0-9a-f]{32})_([0-9a-f]{64})")
_SLUG = re.compile(SLUG)

NEWEST_FIRST = (api_key.c.id.desc(),)


@dataclass(frozen=True)
class Token:
    """A key as its owner holds it; a publishable one says so, since it stands in pages that everybody reads."""

    id: UUID
    secret: str
    publishable: bool = False

    def __str__(self) -> str:
        return f"{PREFIX}{'pub_' if self.publishable else ''}{self.id.hex}_{self.secret}"

    @property
    def secret_hash(self) -> bytes:
        """Return what the database keeps. The secret has 256 random bits, so a plain SHA-256 cannot be searched."""
        return hashlib.sha256(self.secret.encode()).digest()

    @classmethod
    def new(cls, *, publishable: bool = False) -> Token:
        """Make a fresh key."""
        return cls(uuid7(), secrets.token_hex(32), publishable)

    @classmethod
    def parse(cls, text: str) -> Token | None:
        """Read a key, None when `text` does not have its form."""
        match = _FORM.fullmatch(text)
        return cls(UUID(match[2]), match[3], match[1] is not None) if match else None

    def matches(self, secret_hash: bytes) -> bool:
        """Compare with a stored hash in constant time."""
        return hmac.compare_digest(self.secret_hash, secret_hash)


def source_from(name: str, key_id: UUID) -> str:
    """Return the slug that a name makes; of a name without Latin letters and digits, one that the key's id makes."""
    slug = _NOT_IN_SLUGS.sub("-", name.lower()).strip("-")[:63].strip("-")
    return slug or f"key-{str(key_id)[-8:]}"


def require_known_scopes(scopes: Sequence[str], known: Collection[str]) -> None:
    """Refuse scopes that are not `known`; raises Invalid (422) naming the first."""
    for index, scope in enumerate(scopes):
        if scope not in known:
            raise Invalid(f"/scopes/{index}", unknown(scope, known, what="scope that can be given here"))


def require_usable_source(source: str) -> None:
    """Refuse a source that is no slug, or that names credentials that are no keys; raises Invalid (422)."""
    if not _SLUG.fullmatch(source):
        raise Invalid("/source", "must be lower-case letters, digits and hyphens, up to 63")
    if source in RESERVED_SOURCES:
        raise Invalid("/source", f"is reserved; so are {', '.join(sorted(RESERVED_SOURCES))}")


def require_only_adding(scopes: Sequence[str], adding: Collection[str]) -> None:
    """Refuse scopes that do more than add, for a publishable key; raises Invalid (422) naming the first."""
    for index, scope in enumerate(scopes):
        if scope not in adding:
            may = ", ".join(sorted(adding)) or "none at this service"
            raise Invalid(f"/scopes/{index}", f"a publishable key only adds; it may carry: {may}")


async def taken_sources(session: AsyncSession, *, name: str, workspace: str, key_id: UUID) -> set[str]:
    """Return the sources of living keys of `workspace` that look like the one that `name` makes."""
    stem = source_from(name, key_id)[:_STEM]
    living = or_(api_key.c.expires_at.is_(None), api_key.c.expires_at > clock_of(session).now())
    query = select(api_key.c.source).where(
        api_key.c.workspace == workspace,
        api_key.c.revoked_at.is_(None),
        living,
        api_key.c.source.startswith(stem, autoescape=True),
    )
    return set((await session.execute(query)).scalars())


def free_source(name: str, key_id: UUID, taken: Collection[str]) -> str:
    """Return the source that a name makes, with a number behind it when another key speaks as that: `partner-2`."""
    wanted = source_from(name, key_id)
    if wanted not in taken and wanted not in RESERVED_SOURCES:
        return wanted
    numbered = (f"{wanted[:_STEM].rstrip('-')}-{number}" for number in count(2))
    return next(source for source in numbered if source not in taken)


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
    publishable: Publishable | None = None,
) -> Token:
    """Make a key in `workspace` and return it; only its hash stays. `token` lets several services keep the same key.

    `source` says who speaks with it; without one it is made from the name, and is no other living key's. `parent_id` is the key
    that makes it: it ends with that one, and no later. Raises Invalid (422) for an end beyond the parent's, Unauthorized (401)
    when the parent has just ended.
    """
    token = token or Token.new(publishable=publishable is not None)
    await lineage.one_at_a_time(session, workspace)
    if parent_id is not None:
        expires_at = _within(await lineage.end_of_maker(session, parent_id), expires_at)
    if source is None:
        taken = await taken_sources(session, name=name, workspace=workspace, key_id=token.id)
        source = free_source(name, token.id, taken)
    row: dict[str, Any] = {
        "workspace": workspace,
        "name": name,
        "scopes": sorted(set(scopes)),
        "expires_at": expires_at,
        "source": source,
        "parent_id": parent_id,
    }
    if publishable is not None:
        row |= {"publishable": True, **asdict(publishable), "origins": list(publishable.origins)}
    await session.execute(
        insert(api_key).values(
            id=token.id,
            secret_hash=token.secret_hash,
            created_by=context_of(session).actor,
            created_at=clock_of(session).now(),
            **row,
        )
    )
    audit.record(session, "api_key.created", f"api_key/{token.id}", after=row, workspace=workspace)
    return token


def _within(end: datetime | None, wanted: datetime | None) -> datetime | None:
    if end is not None and wanted is not None and wanted > end:
        raise Invalid("/expires_at", "must not be later than the end of the key that makes it")
    return wanted or end


def listed(*, workspace: str | None, source: str | None = None) -> Select[Any]:
    """Return the query of keys that are not revoked, of `workspace` unless that is None (all of them)."""
    query = select(*api_key.c).where(api_key.c.revoked_at.is_(None))
    if workspace is not None:
        query = query.where(api_key.c.workspace == workspace)
    return query if source is None else query.where(api_key.c.source == source)


async def get(session: AsyncSession, key_id: UUID, *, workspace: str | None) -> Row[Any]:
    """Return a key that is not revoked, of `workspace` unless that is None (all of them); raises NotFound."""
    row: Row[Any] | None = (
        await session.execute(listed(workspace=workspace).where(api_key.c.id == key_id))
    ).one_or_none()
    if row is None:
        raise NotFound.of("key")
    return row


async def revoke(session: AsyncSession, key_id: UUID, *, workspace: str | None, expected: Precondition) -> list[UUID]:
    """End a key for good, with the keys and secrets of end users that it made; returns the ids of all that ended.

    Raises NotFound (404), then StaleVersion (412). It holds at once in this process when the authenticator forgets them after the
    commit, within seconds elsewhere.
    """
    find = partial(get, session, key_id, workspace=workspace)
    key = await lineage.lock_for_change(session, find, expected=expected)
    now = clock_of(session).now()
    family = select(api_key.c.id).where(api_key.c.id == key_id).cte("family", recursive=True)
    family = family.union(select(api_key.c.id).where(api_key.c.parent_id == family.c.id))
    ended = (
        await session.execute(
            update(api_key)
            .where(api_key.c.id.in_(select(family.c.id)), api_key.c.revoked_at.is_(None))
            .values(revoked_at=now)
            .returning(api_key.c.id, api_key.c.name, api_key.c.source, api_key.c.parent_id)
        )
    ).all()
    for row in ended:
        before = {"name": row.name, "source": row.source, "parent_id": row.parent_id}
        audit.record(session, "api_key.revoked", f"api_key/{row.id}", before=before, workspace=key.workspace)
    makers = [f"key:{row.id}" for row in ended]
    return [row.id for row in ended] + await user_secrets.revoke_of_makers(session, makers, workspace=key.workspace)
