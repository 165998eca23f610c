"""What is read of what was told."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ARRAY, Text, any_, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import context_of
from opsloop_metrics.contacts.models import Contact
from opsloop_metrics.contacts.rules import Means, Said


async def told(session: AsyncSession, user_ids: Collection[str]) -> dict[tuple[str, Means], Said]:
    """Return what was told last of some users of the workspace."""
    own = (
        Contact.workspace == context_of(session).workspace,
        Contact.user_id == any_(literal(list(user_ids), ARRAY(Text))),
    )
    rows = await session.execute(select(Contact.user_id, Contact.means, Contact.value, Contact.said_at).where(*own))
    found = (Said(user_id, Means(means), value, at) for user_id, means, value, at in rows)
    return {said.key: said for said in found}
