"""Open and end incidents; each does so with exactly one event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import outbox, resources
from opsloop_common.contracts.metrics import (
    BucketLength,
    KpiAnomalyDetected,
    KpiBreached,
    KpiNoData,
    KpiRecovered,
    Words,
)
from opsloop_common.db import clock_of, context_of
from opsloop_common.due.jobs import start_job
from opsloop_common.entry import enter_every_workspace
from opsloop_common.errors import Conflict
from opsloop_common.ids import uuid7
from opsloop_common.versions import Precondition
from opsloop_metrics.annotations import service as annotating
from opsloop_metrics.annotations.rules import Noted
from opsloop_metrics.breaches import queries, rules
from opsloop_metrics.breaches.models import Acknowledgement, Incident
from opsloop_metrics.breaches.rules import EXPLAIN_JOB, EndReason, Moment, Opened, Opening, Step
from opsloop_metrics.windows.rules import Span


async def open_incident(session: AsyncSession, opening: Opening) -> UUID:
    """Open a monitor's incident and say so; the caller holds the monitor's lock. Returns its id."""
    incident_id = uuid7()
    session.add(
        Incident(
            id=incident_id,
            workspace=context_of(session).workspace,
            monitor_id=opening.monitor_id,
            kpi_id=opening.kpi_id,
            kpi=opening.kpi,
            kpi_name=opening.kpi_name,
            type=opening.type,
            severity=opening.severity,
            operator=opening.operator,
            threshold=opening.threshold,
            unit=opening.unit,
            value=opening.value,
            expected=opening.expected,
            low=opening.low,
            high=opening.high,
            words=None if opening.words is None else dict(opening.words),
            last_seen_at=opening.last_seen_at,
            started_at=opening.started_at,
            opened_at=clock_of(session).now(),
            window=opening.window,
            over_from=opening.over and opening.over.start,
            over_to=opening.over and opening.over.end,
            beside_from=opening.beside and opening.beside.start,
            beside_to=opening.beside and opening.beside.end,
        )
    )
    if opening.is_divisible and opening.type != "no_data":
        await start_job(session, EXPLAIN_JOB, {"incident_id": str(incident_id)})
    told = _no_data(incident_id, opening) if opening.type == "no_data" else _breach(incident_id, opening)
    outbox.append(session, told)
    return incident_id


def _no_data(incident_id: UUID, opening: Opening) -> KpiNoData:
    return KpiNoData(
        monitor_id=opening.monitor_id,
        kpi=opening.kpi,
        kpi_name=opening.kpi_name,
        unit=opening.unit,
        incident_id=incident_id,
        severity=opening.severity,
        last_seen_at=opening.last_seen_at,
        started_at=opening.started_at,
    )


def _breach(incident_id: UUID, opening: Opening) -> KpiBreached:
    is_threshold = opening.type == "threshold"  # a value is not compared with a share of something else
    return KpiBreached(
        monitor_id=opening.monitor_id,
        kpi=opening.kpi,
        kpi_name=opening.kpi_name,
        incident_id=incident_id,
        value=cast(float, opening.value),  # no value is no evidence: without one there is no breach
        threshold=opening.threshold if is_threshold else None,
        operator=opening.operator if is_threshold else None,
        expected=opening.expected,
        condition=opening.type,
        words=_words(opening),
        unit=opening.unit,
        severity=opening.severity,
        started_at=opening.started_at,
    )


def _words(opening: Opening) -> Words | None:
    return None if opening.words is None else Words.model_validate(opening.words)


def tell_anomaly(
    session: AsyncSession, incident_id: UUID, opening: Opening, *, at: datetime, interval: BucketLength
) -> None:
    """Tell of an anomalous bucket of an open incident: it began `at`, and came to what would open one."""
    known = {name: getattr(opening, name) for name in KpiAnomalyDetected.model_fields if hasattr(opening, name)}
    own = {"incident_id": incident_id, "at": at, "interval": interval}
    outbox.append(session, KpiAnomalyDetected.model_validate(known | own))


async def acknowledge(session: AsyncSession, incident_id: UUID, note: str | None) -> Acknowledgement:
    """Say that one looks after an open incident; to say the same again changes nothing.

    Raises NotFound, Conflict for one that is over, or that another looks after, or with another note.
    """
    incident = await queries.lock_incident(session, incident_id)
    known = await queries.find_acknowledgement(session, incident_id)
    actor = context_of(session).actor
    if known is not None:
        rules.require_same((known.acknowledged_by, known.note), (actor, note))
        return known
    if incident.ended_at is not None:
        raise Conflict("this incident is over; nobody needs to look after it")
    now = clock_of(session).now()
    own = {"workspace": incident.workspace, "version": 1, "created_at": now, "updated_at": now}
    made = Acknowledgement(incident_id=incident_id, acknowledged_by=actor, note=note, **own)
    session.add(made)
    resources.tell(session, made, "created", after=made.audited())
    return made


async def withdraw_acknowledgement(session: AsyncSession, incident_id: UUID, *, expected: Precondition) -> None:
    """Take an acknowledgement back; raises NotFound, StaleVersion."""
    await queries.lock_incident(session, incident_id)
    await resources.delete(session, await queries.lock_acknowledgement(session, incident_id, expected))


def timeline(incident: Incident, known: Acknowledgement | None) -> list[Step]:
    """Return the moments of an incident, in the order of time."""
    acknowledged = ended = None
    if known is not None:
        acknowledged = Step(known.created_at, Moment.ACKNOWLEDGED, by=known.acknowledged_by, note=known.note)
    if incident.ended_at is not None:
        ended = Step(incident.ended_at, Moment.ENDED, value=incident.end_value, note=incident.end_reason)
    return rules.timeline(
        Step(incident.started_at, Moment.PENDING),
        Step(incident.opened_at, Moment.OPENED, value=incident.value),
        acknowledged,
        ended,
    )


async def around(session: AsyncSession, incident: Incident) -> Sequence[Noted]:
    """Return what was noted around an incident, by time: of many those nearest to its begin."""
    until = incident.ended_at or clock_of(session).now()
    start, end = rules.surroundings(incident.started_at, until, incident.window)
    return await annotating.around(session, incident.started_at, start, end, most=rules.MOST_AROUND)


async def find_opened(session: AsyncSession, incident_id: UUID) -> Opened | None:
    """Return what those who explain an incident need of it; None when it is gone, or from before that was kept."""
    incident = await session.get(Incident, incident_id)
    if incident is None or incident.over_to is None:
        return None
    beside = None if incident.beside_to is None else Span(incident.beside_from, incident.beside_to)
    return Opened(incident.kpi_id, Span(incident.over_from, incident.over_to), beside)


async def keep_explanation(session: AsyncSession, incident_id: UUID, explanation: Mapping[str, Any]) -> None:
    """Keep what explains an incident."""
    (await queries.lock_incident(session, incident_id)).explanation = dict(explanation)


async def open_by_severity(session: AsyncSession) -> dict[str, int]:
    """Count the open incidents of all workspaces."""
    await enter_every_workspace(session)
    return await queries.count_open(session)


async def end_of_monitor(
    session: AsyncSession, monitor_id: UUID, reason: EndReason, *, value: float | None = None
) -> None:
    """End the monitor's open incident, if there is one."""
    for incident in await queries.lock_open_incidents(session, monitor_id=monitor_id):
        _end(session, incident, reason, clock_of(session).now(), value)


async def end_of_kpi(session: AsyncSession, kpi_id: UUID, reason: EndReason) -> None:
    """End the open incidents of all monitors of a KPI."""
    for incident in await queries.lock_open_incidents(session, kpi_id=kpi_id):
        _end(session, incident, reason, clock_of(session).now(), None)


async def between(session: AsyncSession, kpi_id: UUID, start: datetime, end: datetime) -> Sequence[Incident]:
    """Return a KPI's latest incidents that were open at some time in `[start, end)`, as many as a picture has room for."""
    return await queries.between(session, kpi_id, start, end)


def _end(session: AsyncSession, incident: Incident, reason: EndReason, now: datetime, value: float | None) -> None:
    incident.ended_at, incident.end_reason, incident.end_value = now, reason.value, value
    outbox.append(
        session,
        KpiRecovered(
            monitor_id=incident.monitor_id,
            kpi=incident.kpi,
            kpi_name=incident.kpi_name,
            unit=incident.unit,
            incident_id=incident.id,
            value=value,
            severity=incident.severity,
            started_at=incident.started_at,
            ended_at=now,
            reason=reason.value,
        ),
    )
