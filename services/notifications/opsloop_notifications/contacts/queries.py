"""What is read of contacts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import ARRAY, Select, Text, bindparam, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.db import context_of
from opsloop_common.versions import Precondition
from opsloop_notifications.contacts.models import Contact
from opsloop_notifications.contacts.rules import ContactKind

NEWEST_FIRST = (Contact.id.desc(),)


def contacts_of(workspace: str, user_id: str) -> Select[Contact]:
    """Return the statement for one person's contacts, to be paged by `NEWEST_FIRST`."""
    return select(Contact).where(Contact.workspace == workspace, Contact.user_id == user_id)


async def get_contact(session: AsyncSession, user_id: str, contact_id: UUID) -> Contact:
    """Return one contact of a person; raises NotFound."""
    return await resources.get(session, Contact, Contact.user_id == user_id, Contact.id == contact_id)


async def lock_contact(session: AsyncSession, user_id: str, contact_id: UUID, expected: Precondition) -> Contact:
    """Lock and return one contact of a person in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(
        session, Contact, Contact.user_id == user_id, Contact.id == contact_id, expected=expected
    )


async def find_one(session: AsyncSession, user_id: str, kind: ContactKind) -> Contact | None:
    """Return the one contact of a kind that a person has, or None."""
    return await resources.find_for_change(session, Contact, Contact.user_id == user_id, Contact.kind == kind)


async def find_device(session: AsyncSession, address: str) -> Contact | None:
    """Return the contact that a browser is, whoever has it, or None."""
    is_it = (Contact.kind == ContactKind.PUSH, func.md5(Contact.address) == func.md5(address))
    return await resources.find_for_change(session, Contact, *is_it)


async def devices_of(session: AsyncSession, user_id: str) -> Sequence[Contact]:
    """Return a person's browsers, the one that was told of last first."""
    own = contacts_of(context_of(session).workspace, user_id).where(Contact.kind == ContactKind.PUSH)
    return (await session.scalars(own.order_by(Contact.updated_at.desc(), Contact.id.desc()))).all()


async def contacts_by_person(
    session: AsyncSession, people: Collection[tuple[str, str]], kind: ContactKind | None = None
) -> dict[tuple[str, str], list[Contact]]:
    """Return contacts by (workspace, user id), of one kind or all; also for a session that entered as a worker."""
    workspaces, user_ids = [workspace for workspace, _ in people], [user_id for _, user_id in people]
    asked = func.unnest(
        bindparam("workspaces", workspaces, type_=ARRAY(Text)), bindparam("user_ids", user_ids, type_=ARRAY(Text))
    )
    pairs = asked.table_valued("workspace", "user_id").render_derived()
    own = tuple_(Contact.workspace, Contact.user_id).in_(select(pairs.c.workspace, pairs.c.user_id))
    statement = select(Contact).where(own).order_by(Contact.id)
    found = defaultdict[tuple[str, str], list[Contact]](list)
    for row in await session.scalars(statement if kind is None else statement.where(Contact.kind == kind)):
        found[row.workspace, row.user_id].append(row)
    return found
