"""Take people who were erased out of what was told already: rows of the outbox are kept for a while after it."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.erasing import without

# in the order in which the relay takes them; by stream, of which there is an index
_TOLD = text("SELECT id, payload FROM outbox WHERE stream = ANY(CAST(:streams AS text[])) ORDER BY id FOR UPDATE")
_REWRITE = text(
    "UPDATE outbox AS o SET payload = n.payload "
    "FROM unnest(CAST(:ids AS bigint[]), CAST(:payloads AS text[])) AS n(id, payload) WHERE o.id = n.id"
)


async def forget(session: AsyncSession, streams: Collection[str], user_ids: Collection[str]) -> None:
    """Take people out of the events of some streams. Who has not heard these yet hears them so, under the same numbers."""
    if not streams:
        return
    rows = (await session.execute(_TOLD, {"streams": sorted(streams)})).all()
    told = [(id, without(Event.from_bytes(payload.encode()), user_ids)) for id, payload in rows]
    left = {id: event.to_bytes().decode() for id, event in told if event is not None}
    if left:
        await session.execute(_REWRITE, {"ids": list(left), "payloads": list(left.values())})
