"""Find what did not reach an endpoint, and queue it in the order of the events, no faster than the endpoint takes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.documents import read_document
from opsloop_common.due.jobs import cancel_job, get_job, has_unfinished, start_job
from opsloop_common.errors import Conflict, NotFound
from opsloop_common.filters import all_hold, read_filter
from opsloop_common.turns import breathing
from opsloop_notifications.bindings.rules import cut, is_told
from opsloop_notifications.deliveries import service as deliveries
from opsloop_notifications.deliveries.rules import stream_of
from opsloop_notifications.deliveries.service import Missed
from opsloop_notifications.endpoints import service as endpoints
from opsloop_notifications.endpoints.rules import Ordering, WebhookStatus, hears
from opsloop_notifications.endpoints.service import Webhook
from opsloop_notifications.eventlog import service as eventlog
from opsloop_notifications.handshakes.rules import calls_a_second
from opsloop_notifications.recoveries.rules import PER_SECOND

RECOVER_JOB = "notifications.recover"
LEAST_READ = 50
"""Events of a step: where few of them are wanted, one step comes after the other."""


@dataclass(frozen=True)
class Wanted:
    """What a job delivers again."""

    webhook_id: UUID
    since: datetime
    untried_only: bool

    @classmethod
    def read(cls, payload: Mapping[str, Any]) -> Wanted:
        """Return what a job's payload says; earlier releases said less."""
        since = datetime.fromisoformat(payload["since"])
        return cls(UUID(payload["webhook_id"]), since, payload.get("untried_only", False))


@dataclass(frozen=True)
class Place:
    """How far it is: past which delivery whose event left the log, None once those are done, then past which position."""

    delivery_id: UUID | None
    position: int = 0


@dataclass(frozen=True)
class Step:
    """What one step came to. `place` None: the end; `stopped` says why it is one too early."""

    queued: int
    place: Place | None
    is_failing: bool = False
    per_second: int = PER_SECOND
    stopped: str | None = None


START = Place(UUID(int=0))


async def start(session: AsyncSession, webhook_id: UUID, since: datetime, *, untried_only: bool) -> UUID:
    """Begin to deliver again what failed and what was missed since a time, or only what was never tried; returns the job's id."""
    webhook = await endpoints.get_enabled(session, webhook_id)
    if webhook.about == endpoints.About.ALERTS:
        raise Conflict("The endpoint is told of alerts, not of events: what still fires is told at the next look.")
    action = "replay_started" if untried_only else "recovery_started"
    resources.tell(session, webhook, action, after={"since": since})
    payload = {"webhook_id": str(webhook.id), "since": since.isoformat(), "untried_only": untried_only}
    return await start_job(session, RECOVER_JOB, payload)


async def is_under_way(session: AsyncSession, webhook_id: UUID) -> bool:
    """Say whether something is being delivered again to an endpoint."""
    return await has_unfinished(session, RECOVER_JOB, {"webhook_id": str(webhook_id)})


async def stop(session: AsyncSession, webhook_id: UUID, job_id: UUID) -> None:
    """End a job that delivers again to an endpoint; what it queued so far goes out. Raises NotFound, nothing when it is over."""
    job = await get_job(session, job_id)
    if job.kind != RECOVER_JOB or job.payload["webhook_id"] != str(webhook_id):
        raise NotFound.of("job")
    webhook = await endpoints.get_webhook(session, webhook_id)
    if await cancel_job(session, job_id):
        resources.tell(session, webhook, "recovery_stopped", after={"job_id": job_id})


async def step(session: AsyncSession, wanted: Wanted, place: Place, *, page: int) -> Step:
    """Queue up to `page` deliveries, one while the endpoint fails, none while the ones before have not been tried."""
    try:
        webhook = await endpoints.get_webhook(session, wanted.webhook_id)
    except NotFound:
        return Step(0, None, stopped="deleted")
    if webhook.status != WebhookStatus.ENABLED:
        return Step(0, None, stopped="disabled")
    if webhook.about == endpoints.About.ALERTS:
        return Step(0, None, stopped="told of alerts")
    is_failing = webhook.failing_since is not None
    if await deliveries.is_delivering_in_order(session, webhook.id):
        return Step(0, place, is_failing)
    room = 1 if is_failing else page
    if place.delivery_id is not None:
        found = await _outlasting(session, wanted, place, limit=room)
    else:
        found = await _from_the_log(session, wanted, webhook, place, limit=room)
    rate = calls_a_second(webhook.format, webhook.rate_limit, webhook.allowed_rate)
    return replace(found, is_failing=is_failing, per_second=PER_SECOND if rate is None else max(1, int(rate)))


async def _outlasting(session: AsyncSession, wanted: Wanted, place: Place, *, limit: int) -> Step:
    queued, last = await deliveries.deliver_outlasting(
        session,
        wanted.webhook_id,
        wanted.since,
        after=place.delivery_id,
        limit=limit,
        untried_only=wanted.untried_only,
    )
    return Step(queued, replace(place, delivery_id=last))


async def _from_the_log(session: AsyncSession, wanted: Wanted, webhook: Webhook, place: Place, *, limit: int) -> Step:
    rows = await eventlog.events_since(session, wanted.since, after=place.position, limit=max(2 * limit, LEAST_READ))
    if not rows:
        return Step(0, None)
    terms = read_filter(webhook.filter)

    is_in_order = webhook.ordering == Ordering.STREAM

    def read(row: Row[int, UUID, str, str]) -> Missed:
        is_covered = hears(webhook.event_types, row.type)
        if not is_covered or not (terms or is_in_order or webhook.source is not None):
            return Missed(row.event_id, row.type, is_covered)
        told = read_document(row.document)
        is_covered = is_told(webhook.source, row.type, told["data"])
        is_covered = is_covered and all_hold(terms, told if webhook.source is None else cut(told))
        if not is_in_order:
            return Missed(row.event_id, row.type, is_covered)
        stream = stream_of(told["source"].rpartition("/")[2], told["partitionkey"])
        return Missed(row.event_id, row.type, is_covered, stream, told["sequence"])

    events = await breathing(read, rows)
    queued, seen = await deliveries.deliver_in_order(
        session, webhook.id, events, limit=limit, untried_only=wanted.untried_only
    )
    return Step(queued, replace(place, position=rows[seen - 1].position))
