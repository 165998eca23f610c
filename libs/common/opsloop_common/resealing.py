"""What is kept sealed, and how it is sealed anew with the present key, so that the one before it may be dropped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.access.user_secrets import PURPOSE as USER_SECRET
from opsloop_common.db import Database
from opsloop_common.entry import enter_every_workspace
from opsloop_common.secretbox import SecretBox, Unsealable

PAGE = 500


@dataclass(frozen=True)
class Sealed:
    """A column of sealed texts, in a table with an `id` that workers may change; NULL and the empty text are nothing."""

    table: str
    column: str
    purpose: str


IN_EVERY_SERVICE = (Sealed("user_secret", "secret", USER_SECRET),)
"""Answers that are kept for repeated requests are sealed too, and gone after a day."""


@dataclass
class Resealed:
    """How many texts were sealed anew, were already, and could be opened with no key."""

    resealed: int = 0
    unchanged: int = 0
    unreadable: int = 0


async def reseal(database: Database, box: SecretBox, columns: Sequence[Sealed], *, page: int = PAGE) -> Resealed:
    """Seal with the present key what earlier keys sealed, a page a transaction; stopped halfway it is done by doing it again.

    No version changes: what is sealed stays the same.
    """
    found = Resealed()
    for column in (*columns, *IN_EVERY_SERVICE):
        last: UUID | None = UUID(int=0)
        while last is not None:
            async with database.work() as session:
                await enter_every_workspace(session)
                last = await _reseal_page(session, box, column, after=last, page=page, found=found)
    return found


async def _reseal_page(
    session: AsyncSession, box: SecretBox, column: Sealed, *, after: UUID, page: int, found: Resealed
) -> UUID | None:
    """Return the id that the page ends with, None when it is the last."""
    rows = (
        await session.execute(
            text(
                f'SELECT id, "{column.column}" AS token FROM "{column.table}" WHERE id > :after '  # noqa: S608 our own names
                f"AND \"{column.column}\" <> '' ORDER BY id LIMIT :page FOR NO KEY UPDATE"
            ),
            {"after": after, "page": page},
        )
    ).all()
    anew = []
    for row in rows:
        try:
            token = box.resealed(row.token, purpose=column.purpose)
        except Unsealable:
            found.unreadable += 1
            continue
        if token is None:
            found.unchanged += 1
        else:
            anew.append({"id": row.id, "token": token})
    if anew:
        statement = f'UPDATE "{column.table}" SET "{column.column}" = :token WHERE id = :id'  # noqa: S608 our own names
        await session.execute(text(statement), anew)
        found.resealed += len(anew)
    return rows[-1].id if len(rows) == page else None
