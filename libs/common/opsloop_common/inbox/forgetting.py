"""Take people who were erased out of events that were put aside, which nobody may look at for long."""

from __future__ import annotations

import json
from collections.abc import Collection

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.erasing import without
from opsloop_common.db import context_of

# a look through the bytes spares reading all that waits; what is found is read as an event all the same
_NAMING = text(
    "SELECT id, body FROM parked_event WHERE workspace = :workspace AND EXISTS (SELECT FROM "
    "unnest(CAST(:needles AS bytea[])) AS n(needle) WHERE position(n.needle IN body) > 0) ORDER BY id FOR UPDATE"
)
# the reason may quote what the event said: what kind of error it was stays
_REWRITE = text("UPDATE parked_event SET body = :body, reason = split_part(reason, ':', 1) WHERE id = :id")


async def forget(session: AsyncSession, user_ids: Collection[str]) -> None:
    """Take people out of the session's workspace's parked events; redriven, they say nothing of them.

    What could not be read as an event is of no workspace that is known: it stays until an operator discards it.
    """
    needles = [json.dumps(id, ensure_ascii=False).encode() for id in user_ids]
    given = {"workspace": context_of(session).workspace, "needles": needles}
    for id, body in (await session.execute(_NAMING, given)).all():
        if event := without(Event.from_bytes(body), user_ids):
            await session.execute(_REWRITE, {"id": id, "body": event.to_bytes()})
