"""Lines of deliveries that go one after the other: which of each is due, and where it stands.

Whoever ends what is in a line, or puts something back, settles it in the same transaction, so a crash leaves no line without a first.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import clock_of, context_of, fire_after_commit
from opsloop_common.errors import NotFound
from opsloop_notifications.deliveries.models import DeliveryLine, DeliveryQueue, Standing
from opsloop_notifications.deliveries.rules import MOST_COUNTED

# in the order in which those who plan take them
_LOCK = text("SELECT id FROM delivery_line WHERE id = ANY(CAST(:ids AS uuid[])) ORDER BY webhook_id, stream FOR UPDATE")
_LOCK_OF_ENDPOINT = text(
    "SELECT id FROM delivery_line WHERE webhook_id = :webhook_id AND workspace = :workspace ORDER BY stream FOR UPDATE"
)
_FIRSTS = (
    "l AS MATERIALIZED (SELECT l.id, l.parked_at, first.id AS first FROM delivery_line AS l "
    "LEFT JOIN LATERAL (SELECT q.id FROM delivery_queue AS q WHERE q.line_id = l.id ORDER BY q.place, q.id LIMIT 1) AS first ON true "
    "WHERE l.id = ANY(CAST(:ids AS uuid[])))"
)
_STEP_BACK = text(
    f"WITH {_FIRSTS}, back AS (UPDATE delivery_queue AS q SET due_at = NULL FROM l WHERE q.line_id = l.id AND q.due_at IS NOT NULL "  # noqa: S608 our own part
    "AND q.owner IS NULL AND (l.parked_at IS NOT NULL OR q.id <> l.first) RETURNING q.id) "
    "UPDATE delivery AS d SET next_attempt_at = NULL FROM back WHERE d.id = back.id"
)
_STEP_ON = text(
    f"WITH {_FIRSTS}, moved AS (UPDATE delivery_queue AS q SET due_at = :now FROM l WHERE q.id = l.first AND q.due_at IS NULL "  # noqa: S608 our own part
    "AND l.parked_at IS NULL AND NOT EXISTS (SELECT FROM delivery_queue AS h WHERE h.line_id = l.id AND h.due_at IS NOT NULL) "
    "RETURNING q.id) UPDATE delivery AS d SET next_attempt_at = :now FROM moved WHERE d.id = moved.id"
)
_END = text(
    "DELETE FROM delivery_line AS l WHERE l.id = ANY(CAST(:ids AS uuid[])) AND l.parked_at IS NULL "
    "AND NOT EXISTS (SELECT FROM delivery_queue AS q WHERE q.line_id = l.id)"
)
_STAND = text(
    "UPDATE delivery_line AS l SET parked_at = coalesce(l.parked_at, :now), reason = 'failed', delivery_id = f.delivery_id "
    "FROM (SELECT f.id, f.delivery_id FROM unnest(CAST(:ids AS uuid[]), CAST(:deliveries AS uuid[])) AS f(id, delivery_id) "
    "JOIN delivery AS d ON d.id = f.delivery_id WHERE d.status = 'failed') AS f WHERE l.id = f.id"
)
_GO_ON = "UPDATE delivery_line SET parked_at = NULL, reason = NULL, delivery_id = NULL WHERE "
_GO_ON_AT = text(f"{_GO_ON}delivery_id = ANY(CAST(:deliveries AS uuid[])) AND id = ANY(CAST(:ids AS uuid[]))")
_GO_ON_ALL = text(f"{_GO_ON}id = ANY(CAST(:ids AS uuid[])) AND parked_at IS NOT NULL")
_LOCK_ONE = text(
    "SELECT id FROM delivery_line WHERE id = :id AND webhook_id = :webhook_id AND workspace = :workspace FOR UPDATE"
)
_FIRST = text(
    "SELECT id, owner FROM delivery_queue WHERE line_id = :id AND workspace = :workspace ORDER BY place, id LIMIT 1"
)
_STANDING_SINCE = text(
    "SELECT id FROM delivery_line WHERE webhook_id = :webhook_id AND workspace = :workspace AND parked_at < :before "
    "ORDER BY stream FOR UPDATE"
)
_CANCEL = text(
    "WITH gone AS (DELETE FROM delivery_queue WHERE line_id = ANY(CAST(:ids AS uuid[])) AND workspace = :workspace AND owner IS NULL "
    "RETURNING id) UPDATE delivery AS d SET status = 'cancelled', next_attempt_at = NULL, finished_at = :now "
    "FROM gone WHERE d.id = gone.id"
)
_CANCEL_ONE = text(
    "WITH gone AS (DELETE FROM delivery_queue WHERE id = :id AND workspace = :workspace AND owner IS NULL RETURNING id) "
    "UPDATE delivery AS d SET status = 'cancelled', next_attempt_at = NULL, finished_at = :now FROM gone WHERE d.id = gone.id"
)
_SHOW = text(
    "SELECT l.id, d.id AS delivery_id, d.event_id, d.event_type, waiting.so_many FROM delivery_line AS l "
    "LEFT JOIN LATERAL (SELECT q.id FROM delivery_queue AS q WHERE q.line_id = l.id ORDER BY q.place, q.id LIMIT 1) AS first ON true "
    "CROSS JOIN LATERAL (SELECT count(*) AS so_many FROM (SELECT FROM delivery_queue AS q WHERE q.line_id = l.id LIMIT :most) AS q) "
    "AS waiting LEFT JOIN delivery AS d ON d.id = coalesce(l.delivery_id, first.id) "
    "WHERE l.id = ANY(CAST(:ids AS uuid[])) AND l.workspace = :workspace"
)


@dataclass(frozen=True)
class LineView:
    """At which delivery a line is, None when that is no longer kept, and how many have not ended."""

    delivery_id: UUID | None
    event_id: UUID | None
    event_type: str | None
    waiting: int


NOTHING_LEFT = LineView(None, None, None, 0)


async def settle_lines(session: AsyncSession, ids: Collection[UUID]) -> None:
    """Have the first of each line due, and nothing else of it; end lines in which nothing is left."""
    if not ids:
        return
    given = {"ids": sorted(ids)}
    now = {"now": clock_of(session).now()}
    # one after the other, as each has to see what others committed before it had the lock
    await session.execute(_LOCK, given)
    await session.execute(_STEP_BACK, given)
    await session.execute(_STEP_ON, given | now)
    await session.execute(_END, given)
    fire_after_commit(session, DeliveryQueue.__tablename__)


async def lines_moved(session: AsyncSession, ended: Mapping[UUID, UUID | None]) -> None:
    """Go on with lines of which one delivery ended; where that is named, its line stands: it was tried as often as any."""
    standing = {line: delivery for line, delivery in ended.items() if delivery is not None}
    if standing:
        await session.execute(_LOCK, {"ids": sorted(ended)})  # all of them: in parts their order would be another
        given = {"ids": list(standing), "deliveries": list(standing.values()), "now": clock_of(session).now()}
        await session.execute(_STAND, given)
    await settle_lines(session, ended.keys())


async def hold_lines(session: AsyncSession, workspace: str, webhook_id: UUID) -> Sequence[UUID]:
    """Lock all lines of an endpoint, before what waits in them is ended; returns their ids."""
    return (await session.scalars(_LOCK_OF_ENDPOINT, {"webhook_id": webhook_id, "workspace": workspace})).all()


async def end_lines(session: AsyncSession, ids: Collection[UUID]) -> None:
    """Let lines that stand go on, and end those in which nothing is left."""
    if ids:
        await session.execute(_GO_ON_ALL, {"ids": sorted(ids)})
        await settle_lines(session, ids)


async def go_on_at(session: AsyncSession, ids: Collection[UUID], deliveries: Sequence[UUID]) -> None:
    """Settle lines to which deliveries were put back; what stood at one of them stands no more."""
    if ids:
        await session.execute(_LOCK, {"ids": sorted(ids)})
        await session.execute(_GO_ON_AT, {"ids": sorted(ids), "deliveries": list(deliveries)})
        await settle_lines(session, ids)


async def lock_line(session: AsyncSession, webhook_id: UUID, line_id: UUID) -> DeliveryLine:
    """Lock and return one line of an endpoint of the session's workspace; raises NotFound."""
    given = {"id": line_id, "webhook_id": webhook_id, "workspace": context_of(session).workspace}
    if await session.scalar(_LOCK_ONE, given) is None:
        raise NotFound.of("line")
    return await session.get_one(DeliveryLine, line_id, populate_existing=True)


async def park_line(session: AsyncSession, line: DeliveryLine) -> None:
    """Have a locked line stand at what is first in it; what is in flight right now ends."""
    first = (await session.execute(_FIRST, {"id": line.id, "workspace": line.workspace})).first()
    line.parked_at, line.reason = clock_of(session).now(), Standing.MANUAL
    line.delivery_id = first.id if first else None
    await session.flush()  # the statements below read it
    await settle_lines(session, [line.id])


async def skip_first(session: AsyncSession, line: DeliveryLine) -> None:
    """Let a locked line that stands go on without the delivery at which it does."""
    if line.reason == Standing.MANUAL and line.delivery_id is not None:
        now = clock_of(session).now()
        await session.execute(_CANCEL_ONE, {"id": line.delivery_id, "workspace": line.workspace, "now": now})
    await end_lines(session, [line.id])


async def forget_standing(session: AsyncSession, webhook_id: UUID, before: datetime) -> None:
    """End the lines of an endpoint that have stood since before a time, with what waits in them."""
    given = {"webhook_id": webhook_id, "workspace": context_of(session).workspace}
    if ids := (await session.scalars(_STANDING_SINCE, given | {"before": before})).all():
        now = clock_of(session).now()
        await session.execute(_CANCEL, {"ids": list(ids), "workspace": given["workspace"], "now": now})
        await end_lines(session, ids)


async def show_lines(session: AsyncSession, ids: Sequence[UUID]) -> dict[UUID, LineView]:
    """Return where lines of the session's workspace are, by id; no more are counted than `MOST_COUNTED`."""
    given = {"ids": list(ids), "workspace": context_of(session).workspace, "most": MOST_COUNTED}
    rows = await session.execute(_SHOW, given)
    return {row.id: LineView(row.delivery_id, row.event_id, row.event_type, row.so_many) for row in rows}
