"""Hold what people get as digests until their windows end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import delete, text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import due
from opsloop_common.db import clock_of, context_of
from opsloop_common.ids import uuid7
from opsloop_notifications.consent.rules import Gather, zone_of
from opsloop_notifications.digests import queries
from opsloop_notifications.digests.models import Digest as Digest
from opsloop_notifications.digests.queries import NEWEST_FIRST as NEWEST_FIRST
from opsloop_notifications.digests.queries import digests_of as digests_of
from opsloop_notifications.digests.queries import get_digest as get_digest
from opsloop_notifications.digests.rules import window_end

SEND = "notifications.send_digests"
# one that went out is no row here: what comes late is of the next window. The lock holds whoever sends it until we are done
_HOLD = text(
    "INSERT INTO digest (id, workspace, user_id, channel, topic, key, ends_at, created_at) "
    "SELECT r.id, :workspace, r.user_id, :channel, :topic, :key, r.ends_at, :now "
    "FROM unnest(CAST(:ids AS uuid[]), CAST(:users AS text[]), CAST(:ends AS timestamptz[])) AS r(id, user_id, ends_at) "
    "ORDER BY r.user_id ON CONFLICT (workspace, user_id, channel, topic, key, ends_at) "
    "DO UPDATE SET ends_at = excluded.ends_at WHERE digest.sent_at IS NULL RETURNING id, user_id, ends_at"
)
_FORGET = text(
    "DELETE FROM digest WHERE id IN (SELECT id FROM digest WHERE workspace = :workspace AND sent_at < :before "
    "LIMIT :limit FOR UPDATE SKIP LOCKED) RETURNING id"
)


class Held(NamedTuple):
    """The digest that something is held for, and when it goes out."""

    id: UUID
    ends_at: datetime


async def gather(
    session: AsyncSession, people: Mapping[str, Gather], *, channel: str, topic: str, key: str
) -> dict[str, Held]:
    """Return of each person the digest that takes what is told now; a window whose digest went out already is over."""
    now, held = clock_of(session).now(), dict[str, Held]()
    ends = {user_id: window_end(each.digest, zone_of(each.zone), now) for user_id, each in people.items()}
    while ends:
        held |= await _hold(session, ends, channel=channel, topic=topic, key=key)
        ends = {
            user_id: window_end(people[user_id].digest, zone_of(people[user_id].zone), over)
            for user_id, over in ends.items()
            if user_id not in held
        }
    for ends_at in {each.ends_at for each in held.values()}:
        await due.schedule(session, SEND, ends_at.isoformat(), ends_at)
    return held


async def _hold(
    session: AsyncSession, ends: Mapping[str, datetime], *, channel: str, topic: str, key: str
) -> dict[str, Held]:
    given = {
        "workspace": context_of(session).workspace,
        "channel": channel,
        "topic": topic,
        "key": key,
        "now": clock_of(session).now(),
        "ids": [uuid7() for _ in ends],
        "users": list(ends),
        "ends": list(ends.values()),
    }
    return {row.user_id: Held(row.id, row.ends_at) for row in await session.execute(_HOLD, given)}


async def close_ended(session: AsyncSession, by: datetime, *, limit: int) -> Sequence[Digest]:
    """Close digests whose window is over by a time, and return them; they take nothing more. Each is returned once."""
    found = await queries.lock_ended(session, by, limit=limit)
    for digest in found:
        digest.sent_at = clock_of(session).now()
    return found


async def erase_digests(session: AsyncSession, user_ids: Sequence[str]) -> None:
    """Forget what was held for people who were erased."""
    own = Digest.workspace == context_of(session).workspace
    await session.execute(delete(Digest).where(own, Digest.user_id.in_(user_ids)))


async def forget_sent(session: AsyncSession, before: datetime, *, limit: int) -> int:
    """Delete up to `limit` digests that went out before a time; returns how many."""
    given = {"workspace": context_of(session).workspace, "before": before, "limit": limit}
    return len((await session.scalars(_FORGET, given)).all())
