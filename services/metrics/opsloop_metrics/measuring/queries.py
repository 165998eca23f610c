"""How long measuring may ask."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_GIVE_UP_AFTER = text("SELECT set_config('statement_timeout', :milliseconds, true)")


async def give_up_after(session: AsyncSession, seconds: float) -> None:
    """Have each statement of the transaction end after so long."""
    await session.execute(_GIVE_UP_AFTER, {"milliseconds": str(round(seconds * 1000))})
