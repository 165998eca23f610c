"""Open and end incidents; each does so with exactly one event."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import outbox
from opsloop_common.contracts.metrics import (
    BucketLength,
    KpiAnomalyDetected,
    KpiBreached,
    KpiNoData,
    KpiRecovered,
    Words,
)
from opsloop_common.db import clock_of, context_of
from opsloop_common.entry import enter_every_workspace
from opsloop_common.ids import uuid7
from opsloop_metrics.breaches import queries
from opsloop_metrics.breaches.models import Incident
from opsloop_metrics.breaches.rules import EndReason, Opening


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
        )
    )
    if opening.type == "no_data" or opening.value is None:
        outbox.append(session, _silence(incident_id, opening))
    else:
        outbox.append(session, _breach(incident_id, opening, opening.value))
    return incident_id


def _silence(incident_id: UUID, opening: Opening) -> KpiNoData:
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


def _breach(incident_id: UUID, opening: Opening, value: float) -> KpiBreached:
    is_threshold = opening.type == "threshold"  # a value is not compared with a share of something else
    return KpiBreached(
        monitor_id=opening.monitor_id,
        kpi=opening.kpi,
        kpi_name=opening.kpi_name,
        incident_id=incident_id,
        value=value,
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
