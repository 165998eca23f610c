"""What is read of suppressions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import ARRAY, LargeBinary, Select, Text, bindparam, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.versions import Precondition
from opsloop_notifications.suppressions import rules
from opsloop_notifications.suppressions.models import Suppression

NEWEST_FIRST = (Suppression.id.desc(),)


def suppressions(workspace: str, *, address: str | None, reason: str | None) -> Select[Suppression]:
    """Return the statement for a workspace's suppressions, to be paged by `NEWEST_FIRST`."""
    statement = select(Suppression).where(Suppression.workspace == workspace)
    if address is not None:
        statement = statement.where(Suppression.fingerprint == rules.fingerprint(workspace, address))
    if reason is not None:
        statement = statement.where(Suppression.reason == reason)
    return statement


async def get_suppression(session: AsyncSession, suppression_id: UUID) -> Suppression:
    """Return one suppression; raises NotFound."""
    return await resources.get(session, Suppression, Suppression.id == suppression_id)


async def lock_suppression(session: AsyncSession, suppression_id: UUID, expected: Precondition) -> Suppression:
    """Lock and return one suppression in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(session, Suppression, Suppression.id == suppression_id, expected=expected)


async def lock_of(session: AsyncSession, fingerprints: Collection[bytes]) -> Sequence[Suppression]:
    """Lock and return the suppressions of some addresses."""
    return await resources.lock_all(session, Suppression, Suppression.fingerprint.in_(fingerprints))


async def reasons_by_fingerprint(
    session: AsyncSession, keys: Collection[tuple[str, bytes]]
) -> dict[tuple[str, bytes], str]:
    """Return why addresses get nothing, by (workspace, fingerprint), of those that do; also for a session that entered as a worker."""
    # arrays: one statement however many, so that its plan, by the unique index, is kept
    workspaces, prints = [workspace for workspace, _ in keys], [fingerprint for _, fingerprint in keys]
    asked = func.unnest(
        bindparam("workspaces", workspaces, type_=ARRAY(Text)), bindparam("prints", prints, type_=ARRAY(LargeBinary))
    )
    pairs = asked.table_valued("workspace", "fingerprint").render_derived()
    own = tuple_(Suppression.workspace, Suppression.fingerprint).in_(select(pairs.c.workspace, pairs.c.fingerprint))
    found = await session.execute(select(Suppression.workspace, Suppression.fingerprint, Suppression.reason).where(own))
    return {(row.workspace, row.fingerprint): row.reason for row in found}
