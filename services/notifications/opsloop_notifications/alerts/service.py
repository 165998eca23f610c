"""Use cases of alerts: they fire, end, and somebody sees to them. Every step is written into their log."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any
from uuid import UUID

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import due, limits, outbox, resources
from opsloop_common.access import links
from opsloop_common.contracts.notifications import AlertAcknowledged, AlertEscalated, AlertResolved, AlertTriggered
from opsloop_common.db import acting_for, clock_of, context_of
from opsloop_common.errors import Conflict
from opsloop_common.ids import uuid7
from opsloop_common.resources import changing, touch
from opsloop_common.turns import breathing
from opsloop_common.versions import ANY_VERSION, Precondition
from opsloop_common.work import work_of
from opsloop_notifications.alerts import queries, rules
from opsloop_notifications.alerts.models import Alert as Alert
from opsloop_notifications.alerts.models import AlertEntry
from opsloop_notifications.alerts.rules import AlertStatus, EndReason, EntryKind, Signal
from opsloop_notifications.labels.rules import ALERTNAME

EXPIRE = "notifications.expire_alert"
AT_ONCE = 20
"""Alerts of which the rows are made in one go: others wait for that."""
LINK_PURPOSE = "alert"
LINK_LIVES = timedelta(days=7)
_FORGET = text(
    "WITH old AS MATERIALIZED (SELECT id FROM alert WHERE workspace = :workspace AND status = 'resolved' "
    "AND updated_at < :before ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED), "
    "gone AS (DELETE FROM alert USING old WHERE alert.id = old.id RETURNING alert.id) SELECT id FROM gone"
)
_FORGET_ENTRIES = text(
    "WITH old AS MATERIALIZED (SELECT id FROM alert_entry WHERE workspace = :workspace AND at < :before "
    "ORDER BY at LIMIT :limit) DELETE FROM alert_entry USING old WHERE alert_entry.id = old.id"
)


@dataclass(frozen=True)
class Heard:
    """Alerts that were said to fire, those of them that did not before, and what was not taken since too many fire."""

    fired: list[Alert]
    began: list[Alert]
    left_out: list[Signal]


async def hear(session: AsyncSession, signals: Sequence[Signal]) -> Heard:
    """Take what is said of sets of labels, in order.

    The end of an incident is that of the alert which it led to, also where its labels are others meanwhile. Where more alerts would
    fire than a workspace may have, all that begin to are left out; those that fire go on, and ends are heard.
    """
    await breathing(attrgetter("fingerprint"), signals)  # each keeps its own
    known, too_many = await _lock_known(session, signals)
    heard: dict[str, Alert] = {}
    left_out: list[Signal] = []
    before = {alert.id for alert in known.named.values() if alert.status == AlertStatus.FIRING}
    for number, signal in enumerate(signals, start=1):
        if number % AT_ONCE == 0:
            await session.flush()
            await asyncio.sleep(0)  # what changed nothing asked the database for nothing
        with acting_for(session, signal.cause) if signal.cause is not None else nullcontext():
            if signal.fires and signal.fingerprint in too_many:
                left_out.append(signal)
            elif signal.fires:
                alert = await _fire(session, known.named.get(signal.fingerprint), signal)
                known.add(alert)
                heard[alert.fingerprint] = alert
            elif (ended := known.ended_by(signal)) is not None:
                await _hear_end(session, ended, signal)
    fired = [alert for alert in heard.values() if alert.status == AlertStatus.FIRING]
    return Heard(fired, [alert for alert in fired if alert.id not in before], left_out)


class _Known:
    """Alerts of a transaction, by fingerprint and by what led to them."""

    def __init__(self, found: Iterable[Alert]) -> None:
        self.named: dict[str, Alert] = {}
        self._led_to: dict[tuple[str, str], Alert] = {}
        for alert in found:
            self.add(alert)

    def add(self, alert: Alert) -> None:
        self.named[alert.fingerprint] = alert
        if alert.incident is not None and alert.status == AlertStatus.FIRING:
            self._led_to[alert.name, alert.incident] = alert

    def fires(self, fingerprint: str) -> bool:
        alert = self.named.get(fingerprint)
        return alert is not None and alert.status == AlertStatus.FIRING

    def ended_by(self, signal: Signal) -> Alert | None:
        led_to = self._led_to.get((signal.labels.get(ALERTNAME, ""), signal.incident or ""))
        return led_to or self.named.get(signal.fingerprint)


async def _lock_known(session: AsyncSession, signals: Sequence[Signal]) -> tuple[_Known, set[str]]:
    """Return what is known of that which is said, and the fingerprints of what may not begin to fire, because too many would."""
    names = {signal.fingerprint for signal in signals}
    ended = {signal.incident for signal in signals if signal.incident is not None and not signal.fires}
    known = _Known(await queries.lock_named(session, names, ended))
    said = {signal.fingerprint for signal in signals if signal.fires}
    if not any(not known.fires(one) for one in said):
        return known, set()
    # one after the other: two transactions that bring the same new alert, and the counting of those that fire
    await _take_turns(session)
    if unknown := said - known.named.keys():
        for alert in await queries.lock_named(session, unknown):
            known.add(alert)
    begin = {one for one in said if not known.fires(one)}
    has_room = await queries.count_firing(session) + len(begin) <= limits.ALERTS_FIRING
    return known, set() if has_room else begin


async def _take_turns(session: AsyncSession) -> None:
    key = f"alerts {context_of(session).workspace}"
    await session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": key})


async def _fire(session: AsyncSession, alert: Alert | None, signal: Signal) -> Alert:
    now = clock_of(session).now()
    if alert is None:
        alert = _new(session, signal)
        began = True
    else:
        began = alert.status == AlertStatus.RESOLVED
        alert.annotations, alert.generator_url = dict(signal.annotations), signal.generator_url
        alert.incident, alert.event_type = signal.incident, signal.event_type
    if began or alert.held_at is not None:
        alert.fired_at = [*alert.fired_at, now][-rules.FLAPPING_FIRINGS :]
        alert.firings += 1
    if began:
        alert.status, alert.starts_at = AlertStatus.FIRING, signal.starts_at or now
        alert.flapping = False
        alert.resolved_at = alert.acknowledged_at = alert.acknowledged_by = None
        touch(session, alert)
        _write(session, alert, EntryKind.FIRED)
        outbox.append(session, AlertTriggered(**_told(alert), incident_id=alert.incident))
    elif signal.starts_at is not None:
        alert.starts_at = min(alert.starts_at, signal.starts_at)
    alert.held_at, alert.ends_at = None, signal.ends_at
    if alert.ends_at is not None:
        await due.schedule(session, EXPIRE, str(alert.id), alert.ends_at, replace=True)
    return alert


def _new(session: AsyncSession, signal: Signal) -> Alert:
    now = clock_of(session).now()
    alert = Alert(
        id=uuid7(),
        workspace=context_of(session).workspace,
        version=0,
        created_at=now,
        updated_at=now,
        fingerprint=signal.fingerprint,
        name=signal.labels.get(ALERTNAME, ""),
        severity=signal.labels.get("severity"),
        labels=dict(signal.labels),
        annotations=dict(signal.annotations),
        generator_url=signal.generator_url,
        event_type=signal.event_type,
        incident=signal.incident,
        status=AlertStatus.FIRING,
        starts_at=signal.starts_at or now,
        firings=0,
        flapping=False,
        fired_at=[],
    )
    session.add(alert)
    return alert


async def _hear_end(session: AsyncSession, alert: Alert, signal: Signal) -> None:
    now = clock_of(session).now()
    if alert.status != AlertStatus.FIRING or not rules.ends_what_fires(signal, alert.incident):
        return
    if not rules.is_flapping(alert.fired_at, now):
        _end(session, alert, EndReason.RECOVERED, rules.ended_at(signal, alert.starts_at, now))
    elif alert.held_at is None:
        alert.held_at, alert.ends_at = now, now + rules.FLAPPING_QUIET
        await due.schedule(session, EXPIRE, str(alert.id), alert.ends_at, replace=True)
        if not alert.flapping:
            alert.flapping = True
            _write(session, alert, EntryKind.FLAPPING, firings=alert.firings)


def _end(session: AsyncSession, alert: Alert, reason: EndReason, ended_at: datetime) -> None:
    alert.status, alert.resolved_at, alert.ends_at = AlertStatus.RESOLVED, ended_at, ended_at
    alert.held_at = None
    touch(session, alert)
    _write(session, alert, EntryKind.RESOLVED, reason=reason)
    outbox.append(session, AlertResolved(**_told(alert), ended_at=ended_at, reason=reason.value))


async def find_and_lock(session: AsyncSession, alert_id: UUID) -> Alert | None:
    """Lock and return an alert, None when it is gone."""
    return await queries.find_and_lock(session, alert_id)


async def page_of(session: AsyncSession, alert: Alert, message_id: UUID) -> str | None:
    """Return the address of a page that shows an alert to whom a message tells of it, and lets them acknowledge it; None without a
    public one.

    It opens once, within a week.
    """
    page = work_of(session).grounds.page(f"/p/{alert.workspace}/alerts/open")
    if page is None:
        return None
    secret = await links.issue(
        session, purpose=LINK_PURPOSE, subject=f"alert/{alert.id}/{message_id}", lives=LINK_LIVES
    )
    return f"{page}?link={secret}"


def note_escalated(session: AsyncSession, alert: Alert, *, policy: UUID, step: int, told: Sequence[str]) -> None:
    """Say that a locked alert was taken to the next step of a policy, and to whom."""
    _write(session, alert, EntryKind.ESCALATED, policy_id=str(policy), step=step, told=list(told))
    outbox.append(session, AlertEscalated(**_told(alert), policy_id=policy, step=step))


def reopen(session: AsyncSession, alert: Alert) -> None:
    """Take the acknowledgement of a locked alert back, because nobody ended it in time."""
    alert.acknowledged_at = alert.acknowledged_by = None
    touch(session, alert)
    _write(session, alert, EntryKind.UNACKNOWLEDGED, reason=rules.UNATTENDED)


async def expire(session: AsyncSession, alert_id: UUID) -> None:
    """End an alert of which nobody said in time that it still fires, or that flapped and is quiet; one that fires on is left alone."""
    alert = await queries.find_and_lock(session, alert_id)
    now = clock_of(session).now()
    if alert is None or alert.status != AlertStatus.FIRING or alert.ends_at is None or alert.ends_at > now:
        return
    reason = EndReason.EXPIRED if alert.held_at is None else EndReason.RECOVERED
    _end(session, alert, reason, alert.ends_at)


async def acknowledge(session: AsyncSession, alert_id: UUID, *, note: str | None, expected: Precondition) -> Alert:
    """Say that somebody sees to an alert; raises Conflict (409) when it no longer fires. Said twice it changes nothing."""
    alert = await _lock_firing(session, alert_id, expected)
    now, who = clock_of(session).now(), context_of(session).actor
    changes = {} if alert.acknowledged_at else {"acknowledged_at": now, "acknowledged_by": who}
    with changing(session, alert, changes, action="acknowledged") as before:
        if before:
            _write(session, alert, EntryKind.ACKNOWLEDGED, note=note)
            outbox.append(session, AlertAcknowledged(**_told(alert), acknowledged_at=now))
    return alert


async def unacknowledge(session: AsyncSession, alert_id: UUID, *, note: str | None, expected: Precondition) -> Alert:
    """Say that nobody sees to an alert any more; raises Conflict (409) when it no longer fires."""
    alert = await _lock_firing(session, alert_id, expected)
    nobody = {"acknowledged_at": None, "acknowledged_by": None}
    with changing(session, alert, nobody, action="unacknowledged") as before:
        if before:
            _write(session, alert, EntryKind.UNACKNOWLEDGED, note=note)
    return alert


async def resolve(session: AsyncSession, alert_id: UUID, *, note: str | None, expected: Precondition) -> Alert:
    """End an alert by hand; it fires again when its source says so again. Raises Conflict (409) when it has ended."""
    alert = await _lock_firing(session, alert_id, expected)
    now = clock_of(session).now()
    with changing(session, alert, action="resolved"):
        alert.status, alert.resolved_at, alert.ends_at, alert.held_at = AlertStatus.RESOLVED, now, now, None
        _write(session, alert, EntryKind.RESOLVED, note=note, reason=EndReason.BY_HAND)
        outbox.append(session, AlertResolved(**_told(alert), ended_at=now, reason=EndReason.BY_HAND.value))
    return alert


async def assign(session: AsyncSession, alert_id: UUID, assignee: str | None, *, expected: Precondition) -> Alert:
    """Give an alert to somebody, or to nobody."""
    alert = await queries.lock_alert(session, alert_id, expected)
    with changing(session, alert, {"assignee": assignee}, action="assigned") as before:
        if before:
            _write(session, alert, EntryKind.ASSIGNED, assignee=assignee)
    return alert


async def note(session: AsyncSession, alert_id: UUID, words: str) -> AlertEntry:
    """Write something into an alert's log."""
    alert = await queries.lock_alert(session, alert_id, ANY_VERSION)
    resources.tell(session, alert, "noted")
    entry = AlertEntry(**_entry(session, alert.id, EntryKind.NOTED, words, {}))
    session.add(entry)
    return entry


async def _lock_firing(session: AsyncSession, alert_id: UUID, expected: Precondition) -> Alert:
    alert = await queries.lock_alert(session, alert_id, expected)
    if alert.status != AlertStatus.FIRING:
        raise Conflict("The alert has ended.")
    return alert


def _told(alert: Alert) -> dict[str, Any]:
    return {
        "alert_id": alert.id,
        "fingerprint": alert.fingerprint,
        "alertname": alert.name,
        "severity": alert.severity,
        "labels": alert.labels,
        "starts_at": alert.starts_at,
    }


def _write(session: AsyncSession, alert: Alert, kind: EntryKind, *, note: str | None = None, **detail: Any) -> None:
    session.add(AlertEntry(**_entry(session, alert.id, kind, note, detail)))


def _entry(
    session: AsyncSession, alert_id: UUID, kind: EntryKind, note: str | None, detail: Mapping[str, Any]
) -> dict[str, Any]:
    context = context_of(session)
    return {
        "id": uuid7(),
        "workspace": context.workspace,
        "alert_id": alert_id,
        "kind": kind,
        "at": clock_of(session).now(),
        "actor": context.actor,
        "note": note,
        "detail": dict(detail),
    }


async def note_told(session: AsyncSession, ids: Iterable[UUID], *, receiver: UUID, delivery: UUID, reason: str) -> None:
    """Write into the logs of alerts that a receiver was told of them."""
    detail = {"webhook_id": str(receiver), "delivery_id": str(delivery), "reason": reason}
    await session.execute(insert(AlertEntry), [_entry(session, id, EntryKind.NOTIFIED, None, detail) for id in ids])


async def get_alert(session: AsyncSession, alert_id: UUID) -> Alert:
    """Return an alert; raises NotFound."""
    return await queries.get_alert(session, alert_id)


async def firing(session: AsyncSession) -> Sequence[Alert]:
    """Return all alerts of the session's workspace that fire."""
    return await queries.firing(session)


async def firing_labels(session: AsyncSession) -> dict[str, dict[str, str]]:
    """Return the labels of all alerts of the session's workspace that fire, by fingerprint."""
    return await queries.firing_labels(session, clock_of(session).now())


async def alerts_by_id(session: AsyncSession, ids: Collection[UUID]) -> Sequence[Alert]:
    """Return alerts of the session's workspace, as they are now."""
    return await queries.alerts_by_id(session, ids)


async def forget_resolved(session: AsyncSession, before: datetime, *, limit: int) -> int:
    """Delete alerts that ended before a time, up to `limit` of them; returns how many."""
    given = {"workspace": context_of(session).workspace, "before": before, "limit": limit}
    gone = (await session.scalars(_FORGET, given)).all()
    outbox.end_streams(session, "alert", gone)
    return len(gone)


async def forget_entries(session: AsyncSession, before: datetime, *, limit: int) -> int:
    """Delete steps of alerts' logs from before a time, up to `limit` of them; returns how many."""
    given = {"workspace": context_of(session).workspace, "before": before, "limit": limit}
    result: Any = await session.execute(_FORGET_ENTRIES, given)
    return int(result.rowcount)
