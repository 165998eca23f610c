"""What tests of persons say and look at."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from opsloop_common.db import Context, Database
from opsloop_metrics.capture.rules import Link, Message, MessageKind
from opsloop_metrics.people import service
from opsloop_metrics.people.rules import Absorbed, Heard

T0 = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
ACME = "acme"


def said(
    id: str,
    *links: str,
    user: bool = False,
    explicit: bool = False,
    trusted: bool = True,
    minute: float = 0,
    kind: MessageKind = MessageKind.TRACK,
    **fields,
) -> Heard:
    """Return what somebody said: links are to the ids named."""
    claims = tuple(Link(other, explicit) for other in links)
    message = Message(kind, "e", id, is_identified=user, links=claims, **fields)
    return Heard(message, T0 + timedelta(minutes=minute), trusted, "key:1")


def identify(user: str, *links: str, **fields) -> Heard:
    return said(user, *links, user=True, kind=MessageKind.IDENTIFY, **fields)


def alias(user: str, previous: str, **fields) -> Heard:
    return said(user, previous, user=True, explicit=True, kind=MessageKind.ALIAS, **fields)


TABLES = ("person", "person_alias", "person_merge", "group_profile", "person_group", "erased_person")


async def absorb(db: Database, *block: Heard, workspace: str = "acme") -> Absorbed:
    """Take in a block in a transaction of its own."""
    async with db.transaction(Context(workspace)) as session:
        return await service.absorb(session, block)


async def rows(db: Database, sql: str, workspace: str = "acme", **given: Any) -> Sequence[Any]:
    """Return what a statement finds in a workspace."""
    async with db.transaction(Context(workspace)) as session:
        return (await session.execute(text(sql), given)).all()


async def stored(db: Database, workspace: str = "acme") -> dict[str, list[Any]]:
    """Return all that is kept of persons, without when it was written."""
    found = {}
    for table in TABLES:
        query = f"SELECT to_jsonb(t) - 'created_at' - 'updated_at' - 'met_at' - 'erased_at' AS row FROM {table} AS t"
        found[table] = sorted((row for (row,) in await rows(db, query, workspace)), key=str)
    return found


async def partition(db: Database, workspace: str = "acme") -> list[set[str]]:
    """Return who is one, as sets of ids."""
    query = "SELECT array_agg(distinct_id) FROM person_alias GROUP BY person_id"
    return sorted((set(ids) for (ids,) in await rows(db, query, workspace)), key=sorted)
