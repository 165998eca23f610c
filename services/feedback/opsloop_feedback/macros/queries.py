"""Everything that reads macros."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.versions import Precondition
from opsloop_feedback.macros.models import Macro

NEWEST_FIRST = (Macro.id.desc(),)
MACROS = select(Macro.id).subquery()


def macros(workspace: str) -> Select[Macro]:
    """Return the query of a workspace's macros, to be paged."""
    return select(Macro).where(Macro.workspace == workspace)


async def get_macro(session: AsyncSession, macro_id: UUID) -> Macro:
    """Return a macro; raises NotFound."""
    return await resources.get(session, Macro, Macro.id == macro_id)


async def lock_macro(session: AsyncSession, macro_id: UUID, expected: Precondition) -> Macro:
    """Lock and return a macro in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(session, Macro, Macro.id == macro_id, expected=expected)
