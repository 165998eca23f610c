"""Links that open a page with rights: handed out in a mail or by an operator, exchanged once for a cookie of that one thing.

Whoever scans mails opens links, so a link by itself shows nothing and changes nothing: a person presses a button, and that POST
exchanges it. Link and cookie are random and kept as hashes; both end when they are revoked, the cookie within the hour.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.access.tables import page_link
from opsloop_common.db import clock_of, context_of
from opsloop_common.errors import NotFound
from opsloop_common.ids import uuid7
from opsloop_common.limits import LINK_DAYS, PAGE_SESSION_SECONDS

KEPT_AFTER_END = timedelta(days=1)

_FORM = re.compile(r"([0-9a-f]{32})\.([0-9a-f]{64})")
_ENDED = "This link was used before, has expired, or was taken back. Ask for a new one."


@dataclass(frozen=True)
class Secret:
    """What a link or a cookie carries: which row, and the proof."""

    id: UUID
    proof: str

    def __str__(self) -> str:
        return f"{self.id.hex}.{self.proof}"

    @property
    def hash(self) -> bytes:
        """Return what the database keeps; 256 random bits need no slow hash."""
        return hashlib.sha256(self.proof.encode()).digest()

    @classmethod
    def new(cls, id: UUID | None = None) -> Secret:
        """Make a fresh one."""
        return cls(id or uuid7(), secrets.token_hex(32))

    @classmethod
    def parse(cls, text: str) -> Secret | None:
        """Read one, None when `text` does not have its form."""
        match = _FORM.fullmatch(text)
        return cls(UUID(match[1]), match[2]) if match else None


@dataclass(frozen=True)
class Opened:
    """What an exchanged link opens, and until when."""

    workspace: str
    purpose: str
    subject: str
    expires_at: datetime
    link_id: UUID


async def issue(session: AsyncSession, *, purpose: str, subject: str, lives: timedelta) -> Secret:
    """Make a link in the session's workspace that opens `subject` (`webhook/<id>`) for a `purpose`, for `lives` at the longest."""
    if not timedelta() < lives <= timedelta(days=LINK_DAYS):
        raise ValueError(f"a link lives up to {LINK_DAYS} days")
    now, context, link = clock_of(session).now(), context_of(session), Secret.new()
    await session.execute(
        insert(page_link).values(
            id=link.id,
            workspace=context.workspace,
            purpose=purpose,
            subject=subject,
            secret_hash=link.hash,
            created_by=context.actor,
            created_at=now,
            expires_at=now + lives,
        )
    )
    return link


async def exchange(session: AsyncSession, link: Secret, *, purpose: str) -> tuple[Secret, Opened]:
    """Take a link for the cookie of its thing, once; raises NotFound for every other use of it."""
    now, cookie = clock_of(session).now(), Secret.new(link.id)
    until = now + timedelta(seconds=PAGE_SESSION_SECONDS)
    row = (
        await session.execute(
            update(page_link)
            .where(
                page_link.c.id == link.id,
                page_link.c.workspace == context_of(session).workspace,
                page_link.c.purpose == purpose,
                page_link.c.secret_hash == link.hash,
                page_link.c.expires_at > now,
                page_link.c.exchanged_at.is_(None),
                page_link.c.revoked_at.is_(None),
            )
            .values(exchanged_at=now, session_hash=cookie.hash, session_expires_at=until)
            .returning(page_link.c.subject)
        )
    ).one_or_none()
    if row is None:
        raise NotFound(_ENDED)
    return cookie, Opened(context_of(session).workspace, purpose, row.subject, until, link.id)


async def get_opened(session: AsyncSession, cookie: Secret | None, *, purpose: str, subject: str) -> Opened:
    """Return what a cookie opens, when that is `subject` of the session's workspace; raises NotFound otherwise."""
    if cookie is None:
        raise NotFound(_ENDED)
    row = (
        await session.execute(
            select(page_link.c.session_expires_at).where(
                page_link.c.id == cookie.id,
                page_link.c.workspace == context_of(session).workspace,
                page_link.c.purpose == purpose,
                page_link.c.subject == subject,
                page_link.c.session_hash == cookie.hash,
                page_link.c.session_expires_at > clock_of(session).now(),
                page_link.c.revoked_at.is_(None),
            )
        )
    ).one_or_none()
    if row is None:
        raise NotFound(_ENDED)
    return Opened(context_of(session).workspace, purpose, subject, row.session_expires_at, cookie.id)


async def revoke(session: AsyncSession, *, purpose: str, subject: str) -> int:
    """End all links to a thing, and all cookies that were given for them; returns how many ended."""
    now = clock_of(session).now()
    ended = await session.execute(
        update(page_link)
        .where(
            page_link.c.workspace == context_of(session).workspace,
            page_link.c.purpose == purpose,
            page_link.c.subject == subject,
            page_link.c.revoked_at.is_(None),
            or_(page_link.c.session_expires_at > now, page_link.c.exchanged_at.is_(None)),
        )
        .values(revoked_at=now)
        .returning(page_link.c.id)
    )
    return len(ended.all())


async def prune(session: AsyncSession, *, limit: int = 5_000) -> int:
    """Delete up to `limit` links that ended a day ago; returns how many."""
    before = clock_of(session).now() - KEPT_AFTER_END
    old = select(page_link.c.id).where(page_link.c.expires_at < before).limit(limit).with_for_update(skip_locked=True)
    gone = await session.execute(delete(page_link).where(page_link.c.id.in_(old)).returning(page_link.c.id))
    return len(gone.all())
