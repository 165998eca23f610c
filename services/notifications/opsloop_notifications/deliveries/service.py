"""Plan deliveries, hand them to a sender, and record what came of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Select, text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import clock_of, context_of, fire_after_commit
from opsloop_common.documents import write_document
from opsloop_common.due.claims import enter_queues
from opsloop_common.errors import Gone
from opsloop_common.ids import uuid7
from opsloop_common.lanes import Lanes, Statement
from opsloop_common.parameters import named, unnested
from opsloop_notifications.deliveries import queries
from opsloop_notifications.deliveries.lines import NOTHING_LEFT as NOTHING_LEFT
from opsloop_notifications.deliveries.lines import LineView as LineView
from opsloop_notifications.deliveries.lines import end_lines as end_lines
from opsloop_notifications.deliveries.lines import forget_standing as forget_standing
from opsloop_notifications.deliveries.lines import go_on_at, hold_lines, settle_lines
from opsloop_notifications.deliveries.lines import lines_moved as lines_moved
from opsloop_notifications.deliveries.lines import lock_line as lock_line
from opsloop_notifications.deliveries.lines import park_line as park_line
from opsloop_notifications.deliveries.lines import show_lines as show_lines
from opsloop_notifications.deliveries.lines import skip_first as skip_first
from opsloop_notifications.deliveries.models import Delivery as Delivery
from opsloop_notifications.deliveries.models import DeliveryAttempt as DeliveryAttempt
from opsloop_notifications.deliveries.models import DeliveryLine as DeliveryLine
from opsloop_notifications.deliveries.models import DeliveryQueue, DeliveryStatus
from opsloop_notifications.deliveries.models import Standing as Standing
from opsloop_notifications.deliveries.planning import PLAN_IN_LINES_SQL as PLAN_IN_LINES_SQL
from opsloop_notifications.deliveries.planning import PLAN_SQL as PLAN_SQL
from opsloop_notifications.deliveries.planning import Plan as Plan
from opsloop_notifications.deliveries.planning import is_any_in_order as is_any_in_order
from opsloop_notifications.deliveries.planning import plan_deliveries as plan_deliveries
from opsloop_notifications.deliveries.planning import plan_parameters as plan_parameters
from opsloop_notifications.deliveries.rules import AGAIN, IN_ORDER, lines_of

QUEUE_TABLE = DeliveryQueue.__tablename__
NEWEST_FIRST, LATEST_FIRST = queries.NEWEST_FIRST, queries.LATEST_FIRST
LINES_NEWEST_FIRST, lines_of_endpoint = queries.LINES_NEWEST_FIRST, queries.lines_of_endpoint
Filters = queries.Filters

_ATTEMPT = DeliveryAttempt.__table__.c
_WRITTEN = [column for column in _ATTEMPT if column.key != "workspace"]
_DOCUMENTS = frozenset(str(column.key) for column in _WRITTEN if isinstance(column.type, JSON))
_ATTEMPTS = unnested("r", {f"attempt_{column.key}": column for column in _WRITTEN})
# claims that no longer hold belong to another worker, and so does their record
_RECORD = (
    f"WITH r AS (SELECT * FROM {_ATTEMPTS}), "  # noqa: S608 our own names
    "gone AS (DELETE FROM delivery_queue AS q USING r "
    "WHERE q.id = r.delivery_id AND q.owner = :owner AND r.next_attempt_at IS NULL RETURNING q.id, q.workspace), "
    "later AS (UPDATE delivery_queue AS q SET due_at = r.next_attempt_at, tries = q.tries + 1, owner = NULL, claimed_at = NULL, "
    f"group_key = split_part(q.group_key, ' ', 1) || '{AGAIN}', "
    "last_error = r.failure FROM r WHERE q.id = r.delivery_id AND q.owner = :owner AND r.next_attempt_at IS NOT NULL "
    "RETURNING q.id, q.workspace), "
    "held AS (SELECT * FROM gone UNION ALL SELECT * FROM later), "
    f"noted AS (INSERT INTO delivery_attempt (workspace, {named(_WRITTEN)}) "
    "SELECT held.workspace, r.* FROM r JOIN held ON held.id = r.delivery_id) "
    "UPDATE delivery AS d SET attempt_count = r.number, failure = r.failure, next_attempt_at = r.next_attempt_at, "
    "status = CASE WHEN r.failure IS NULL THEN 'succeeded' WHEN r.next_attempt_at IS NULL THEN 'failed' ELSE 'pending' END, "
    "finished_at = CASE WHEN r.next_attempt_at IS NULL THEN CAST(:now AS timestamptz) END "
    "FROM r JOIN held ON held.id = r.delivery_id WHERE d.id = r.delivery_id"
)
_RECORD_AT_ONCE = Statement(_RECORD)
_CANCEL_CLAIMED = text(
    "WITH gone AS (DELETE FROM delivery_queue WHERE id = ANY(CAST(:ids AS uuid[])) AND owner = :owner RETURNING id, line_id) "
    "UPDATE delivery AS d SET status = 'cancelled', next_attempt_at = NULL, finished_at = :now "
    "FROM gone WHERE d.id = gone.id RETURNING gone.line_id"
)
_HOLD_BACK = text(
    "WITH held AS (UPDATE delivery_queue AS q SET owner = NULL, claimed_at = NULL, attempts = greatest(q.attempts - 1, 0), "
    "due_at = h.until FROM unnest(CAST(:ids AS uuid[]), CAST(:untils AS timestamptz[])) AS h(id, until) "
    "WHERE q.id = h.id AND q.owner = :owner RETURNING q.id, q.due_at) "
    "UPDATE delivery AS d SET next_attempt_at = held.due_at FROM held WHERE d.id = held.id"
)
_WITHDRAW = text(
    "WITH gone AS (DELETE FROM delivery_queue WHERE id = :id AND workspace = :workspace AND owner IS NULL RETURNING id) "
    "UPDATE delivery AS d SET status = 'cancelled', next_attempt_at = NULL, finished_at = :now "
    "FROM gone WHERE d.id = gone.id RETURNING d.id"
)
# what is in flight right now is left alone: it is cancelled when it comes up again
_CANCEL_WAITING = text(
    "WITH gone AS (DELETE FROM delivery_queue WHERE workspace = :workspace AND group_key = ANY(CAST(:lines AS text[])) AND owner IS NULL "
    "RETURNING id) "
    "UPDATE delivery AS d SET status = 'cancelled', next_attempt_at = NULL, finished_at = :now "
    "FROM gone WHERE d.id = gone.id"
)
# the events stay in the log until the commit; from then on the queue row says that they are needed
_HOLD_LOGGED = text(
    "SELECT d.id FROM delivery AS d JOIN event_log AS e ON e.workspace = d.workspace AND e.event_id = d.event_id "
    "WHERE d.id = ANY(CAST(:ids AS uuid[])) AND d.workspace = :workspace ORDER BY e.position FOR KEY SHARE OF e"
)
_REOPEN = text(
    "INSERT INTO delivery_queue AS q (id, workspace, group_key, due_at, tries) "
    "SELECT d.id, d.workspace, CAST(d.webhook_id AS text), :now, 0 FROM delivery AS d "
    "WHERE d.id = ANY(CAST(:ids AS uuid[])) AND d.workspace = :workspace "
    "AND (d.document IS NOT NULL OR d.id = ANY(CAST(:logged AS uuid[]))) AND d.stream IS NULL ORDER BY d.id FOR UPDATE OF d "
    "ON CONFLICT (id) DO UPDATE SET due_at = excluded.due_at, group_key = excluded.group_key, tries = 0 WHERE q.owner IS NULL RETURNING id"
)
# behind what is before them in their streams: they have no time until their lines are settled
_REOPEN_IN_LINES = text(
    "WITH d AS (SELECT id, webhook_id, stream, sequence FROM delivery WHERE id = ANY(CAST(:ids AS uuid[])) AND workspace = :workspace "
    "AND stream IS NOT NULL AND (document IS NOT NULL OR id = ANY(CAST(:logged AS uuid[]))) ORDER BY id FOR UPDATE), "
    "l AS (INSERT INTO delivery_line (id, workspace, webhook_id, stream, created_at) "
    "SELECT DISTINCT ON (webhook_id, stream) id, :workspace, webhook_id, stream, CAST(:now AS timestamptz) FROM d "
    "ORDER BY webhook_id, stream, sequence ON CONFLICT (webhook_id, stream) DO UPDATE SET workspace = excluded.workspace "
    "RETURNING id, webhook_id, stream) "
    "INSERT INTO delivery_queue AS q (id, workspace, group_key, due_at, tries, line_id, place) "
    "SELECT d.id, :workspace, CAST(d.webhook_id AS text), NULL, 0, l.id, d.sequence FROM d JOIN l USING (webhook_id, stream) "
    "ON CONFLICT (id) DO UPDATE SET due_at = NULL, group_key = excluded.group_key, tries = 0 WHERE q.owner IS NULL RETURNING id, line_id"
)
_PUT_IN_ORDER = text(
    "UPDATE delivery_queue AS q SET group_key = :line, due_at = CASE WHEN q.line_id IS NOT NULL THEN q.due_at ELSE "
    "CAST(:now AS timestamptz) - (cardinality(CAST(:ids AS uuid[])) - p.place) * interval '1 microsecond' END "
    "FROM unnest(CAST(:ids AS uuid[])) WITH ORDINALITY AS p(id, place) "
    "WHERE q.id = p.id AND q.workspace = :workspace AND q.owner IS NULL"
)
_MARK_REOPENED = text(
    "UPDATE delivery SET status = 'pending', failure = NULL, finished_at = NULL, "
    "next_attempt_at = CASE WHEN stream IS NULL THEN CAST(:now AS timestamptz) END "
    "WHERE id = ANY(CAST(:ids AS uuid[])) AND workspace = :workspace"
)
_KEEP_DOCUMENTS = text(
    "UPDATE delivery AS d SET document = e.document FROM delivery_queue AS q, event_log AS e "
    "WHERE q.workspace = :workspace AND d.id = q.id AND d.document IS NULL "
    "AND e.workspace = :workspace AND e.event_id = d.event_id AND e.position <= :through"
)
_FORGET = text(
    "WITH page AS MATERIALIZED (SELECT id, created_at FROM delivery "
    "WHERE webhook_id = :webhook_id AND id > :after ORDER BY id LIMIT :limit), "
    "old AS MATERIALIZED (SELECT d.id FROM delivery AS d JOIN page ON page.id = d.id "
    "WHERE d.status <> 'pending' AND d.finished_at < :before FOR UPDATE OF d SKIP LOCKED), "
    "attempts AS (DELETE FROM delivery_attempt AS a USING old WHERE a.delivery_id = old.id), "
    "gone AS (DELETE FROM delivery AS d USING old WHERE d.id = old.id) "
    "SELECT (SELECT id FROM page ORDER BY id DESC LIMIT 1) AS last, count(*) AS seen, "
    "count(*) FILTER (WHERE created_at < :before) AS old FROM page"
)


@dataclass(frozen=True)
class Attempt:
    """What came of one attempt, field by column; `failure` None is success, `next_attempt_at` None the end."""

    delivery_id: UUID
    number: int
    attempted_at: datetime
    duration_ms: int
    status_code: int | None
    failure: str | None
    detail: str | None
    request_headers: dict[str, str]
    response_body: str | None
    next_attempt_at: datetime | None
    payload: str | None = None
    id: UUID = field(default_factory=uuid7)


@dataclass(frozen=True)
class Missed:
    """An event that may not have reached an endpoint; `is_covered`: it would be sent there if it happened now.

    With a `stream`, and its place in there, where the endpoint gets events in order.
    """

    id: UUID
    type: str
    is_covered: bool
    stream: str | None = None
    sequence: int | None = None


async def reopen_deliveries(session: AsyncSession, ids: Sequence[UUID]) -> list[UUID]:
    """Have deliveries of the session's workspace tried again from the first attempt on; returns those that will be.

    They go out now, those of a line when it is their turn; a line that stood at one of them goes on.
    One that is in flight at this moment is left alone, and so is one whose event is past its retention.
    """
    given = {"ids": list(ids), "workspace": context_of(session).workspace, "now": clock_of(session).now()}
    logged = (await session.scalars(_HOLD_LOGGED, given)).all()
    given["logged"] = list(logged)
    reopened = list(await session.scalars(_REOPEN, given))
    in_lines = (await session.execute(_REOPEN_IN_LINES, given)).all()
    reopened += [row.id for row in in_lines]
    await session.execute(_MARK_REOPENED, given | {"ids": reopened})
    await go_on_at(session, {row.line_id for row in in_lines}, reopened)
    fire_after_commit(session, QUEUE_TABLE)
    return reopened


async def reopen_delivery(session: AsyncSession, delivery_id: UUID) -> Delivery:
    """Have one delivery tried again, now; raises NotFound, and Gone (410) when its event is past its retention."""
    delivery = await queries.get_delivery(session, delivery_id)
    reopened = await reopen_deliveries(session, [delivery.id])
    await session.refresh(delivery)
    if not reopened and delivery.status != DeliveryStatus.PENDING:
        raise Gone("The event is past its retention, so there is nothing to send any more.")
    return delivery


async def deliver_in_order(
    session: AsyncSession, webhook_id: UUID, events: Sequence[Missed], *, limit: int, untried_only: bool
) -> tuple[int, int]:
    """Queue, in this order and in a line of their own, up to `limit` of the events that did not reach an endpoint.

    Those that failed or were cancelled are tried again, with `untried_only` where no call was made; those that are covered and that it
    never had are planned. Returns how many were queued, and how many of the events were gone through.
    """
    known = await queries.deliveries_by_event(session, webhook_id, [event.id for event in events])
    lost = [
        (place, event)
        for place, event in enumerate(events, 1)
        if _is_lost(event, known.get(event.id), untried_only=untried_only)
    ]
    seen = lost[limit - 1][0] if len(lost) >= limit else len(events)
    picked = [event for _, event in lost[:limit]]
    plans = [
        Plan(webhook_id, event.id, event.type, stream=event.stream, sequence=event.sequence)
        for event in picked
        if event.id not in known
    ]
    planned = await plan_deliveries(session, plans)
    ids = {plan.event_id: plan.id for plan in plans} | {event_id: delivery.id for event_id, delivery in known.items()}
    return await _queue_in_order(session, webhook_id, [ids[event.id] for event in picked], planned), seen


def _is_lost(event: Missed, delivery: Delivery | None, *, untried_only: bool) -> bool:
    if delivery is None:
        return event.is_covered
    is_over = delivery.status in (DeliveryStatus.FAILED, DeliveryStatus.CANCELLED)
    return is_over and not (untried_only and delivery.attempt_count)


async def deliver_outlasting(
    session: AsyncSession, webhook_id: UUID, since: datetime, *, after: UUID | None, limit: int, untried_only: bool
) -> tuple[int, UUID | None]:
    """Queue deliveries created since a time that did not reach an endpoint and whose events have left the log, oldest first.

    Returns how many, and the id after which to go on, None when there are no more.
    """
    found = await queries.outlasting(
        session, webhook_id, since, after=after, limit=limit, most_attempts=0 if untried_only else None
    )
    count = await _queue_in_order(session, webhook_id, found)
    return count, found[-1] if len(found) == limit else None


async def _queue_in_order(
    session: AsyncSession, webhook_id: UUID, ids: Sequence[UUID], planned: Collection[UUID] = ()
) -> int:
    queued = {*planned, *await reopen_deliveries(session, [id for id in ids if id not in planned])}
    given = {
        "workspace": context_of(session).workspace,
        "now": clock_of(session).now(),
        "line": f"{webhook_id}{IN_ORDER}",
    }
    await session.execute(_PUT_IN_ORDER, given | {"ids": [id for id in ids if id in queued]})
    return len(queued)


async def is_delivering_in_order(session: AsyncSession, webhook_id: UUID) -> bool:
    """Say whether one of those that were queued in order for an endpoint has not been tried yet."""
    return await queries.is_queued(session, f"{webhook_id}{IN_ORDER}")


async def cancel_waiting(session: AsyncSession, workspace: str, webhook_id: UUID) -> None:
    """End what still waits for an endpoint."""
    in_order = await hold_lines(session, workspace, webhook_id)
    await session.execute(
        _CANCEL_WAITING, {"workspace": workspace, "lines": list(lines_of(webhook_id)), "now": clock_of(session).now()}
    )
    await end_lines(session, in_order)


async def withdraw(session: AsyncSession, delivery_id: UUID) -> bool:
    """End a delivery of the session's workspace that waits, since what it says is out of date; returns whether it did wait.

    One that is in flight right now goes on.
    """
    given = {"id": delivery_id, "workspace": context_of(session).workspace, "now": clock_of(session).now()}
    return (await session.execute(_WITHDRAW, given)).first() is not None


async def cancel_claimed(session: AsyncSession, ids: Iterable[UUID], *, owner: UUID) -> None:
    """End claimed deliveries whose endpoint no longer takes any."""
    await enter_queues(session)
    given = {"ids": list(ids), "owner": owner, "now": clock_of(session).now()}
    await settle_lines(session, {line for line in await session.scalars(_CANCEL_CLAIMED, given) if line is not None})


async def hold_back(session: AsyncSession, untils: Mapping[UUID, datetime], *, owner: UUID) -> None:
    """Put claimed deliveries off, each to its time: no attempt was made."""
    await enter_queues(session)
    given = {"ids": list(untils), "untils": list(untils.values()), "owner": owner}
    await session.execute(_HOLD_BACK, given)


async def record_attempts(session: AsyncSession, attempts: Sequence[Attempt], *, owner: UUID) -> None:
    """Write attempts down and settle their deliveries, in one statement; only those whose claim still holds."""
    await enter_queues(session)
    await session.execute(text(_RECORD), _columns(attempts, owner=owner, now=clock_of(session).now()))


async def record_attempts_at_once(lanes: Lanes, attempts: Sequence[Attempt], *, owner: UUID, now: datetime) -> None:
    """Do what `record_attempts` does, and commit, in one round trip: for when nothing else is to be written with it."""
    await lanes.fetch(_RECORD_AT_ONCE, _columns(attempts, owner=owner, now=now))


def _columns(attempts: Sequence[Attempt], *, owner: UUID, now: datetime) -> dict[str, Any]:
    given = {
        f"attempt_{column.key}": [getattr(attempt, str(column.key)) for attempt in attempts] for column in _WRITTEN
    }
    for name in _DOCUMENTS:
        given[f"attempt_{name}"] = [write_document(document) for document in given[f"attempt_{name}"]]
    return given | {"owner": owner, "now": now}


async def keep_documents(session: AsyncSession, through: int) -> None:
    """Give deliveries that are still to be tried the documents of the events that leave the log, up to a position of it."""
    await session.execute(_KEEP_DOCUMENTS, {"workspace": context_of(session).workspace, "through": through})


async def forget_ended(
    session: AsyncSession, webhook_id: UUID, before: datetime, *, after: UUID | None, limit: int
) -> UUID | None:
    """Delete the deliveries of one page, past id `after`, that ended before a time, with their attempts.

    Returns the id after which to go on, None when younger ones follow only.
    """
    given = {"webhook_id": webhook_id, "before": before, "after": after or UUID(int=0), "limit": limit}
    page = (await session.execute(_FORGET, given)).one()
    last: UUID | None = page.last
    return last if page.old and page.seen == limit else None


async def get_delivery(session: AsyncSession, delivery_id: UUID) -> Delivery:
    """Return one delivery of the session's workspace; raises NotFound."""
    return await queries.get_delivery(session, delivery_id)


async def attempts_of(session: AsyncSession, delivery_id: UUID) -> Sequence[DeliveryAttempt]:
    """Return the newest 200 attempts of a delivery, newest first; of the first 20 with what a template made for them."""
    return await queries.attempts_of(session, delivery_id)


async def newest(
    session: AsyncSession, webhook_id: UUID, *, status: str | None, before: UUID | None, limit: int
) -> Sequence[Delivery]:
    """Return up to `limit` of an endpoint's deliveries of a state, newest first, older than one of them."""
    return await queries.newest(session, webhook_id, status=status, before=before, limit=limit)


async def newest_by_status(session: AsyncSession, webhook_id: UUID, *, among: int = 200) -> dict[str, int]:
    """Return how many of an endpoint's newest deliveries are in which state."""
    return await queries.newest_by_status(session, webhook_id, among=among)


def deliveries_of(webhook_id: UUID, *, status: str | None = None, event_type: str | None = None) -> Select[Delivery]:
    """Return the statement for one endpoint's deliveries, to be paged by `NEWEST_FIRST`."""
    return queries.deliveries_of(webhook_id, status=status, event_type=event_type)


def deliveries(workspace: str, filters: Filters) -> Select[Delivery]:
    """Return the statement for a workspace's deliveries, to be paged by `LATEST_FIRST`."""
    return queries.deliveries(workspace, filters)


async def waiting(session: AsyncSession, now: datetime) -> tuple[int, int, float]:
    """Return how many are due, how many later, and for how many seconds the oldest has been due, over what the session sees."""
    due, later, oldest_seconds = (await session.execute(DeliveryQueue.waiting(now))).one()
    return due, later, float(oldest_seconds)
