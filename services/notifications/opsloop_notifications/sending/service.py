"""From the bus to the endpoint: plan deliveries for who wants an event, send again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.contracts.envelope import Event
from opsloop_common.db import Database, clock_of, context_of, fire_after_commit, ports_of
from opsloop_common.due.port import Taker
from opsloop_common.entry import ENTERED_SQL
from opsloop_common.filters import all_hold, read_filter
from opsloop_common.inbox.statement import claim_parameters, claim_sql
from opsloop_common.lanes import Statement
from opsloop_common.turns import breathing
from opsloop_notifications.bindings.rules import cut, text_for
from opsloop_notifications.deliveries import service as deliveries
from opsloop_notifications.deliveries.rules import TEST_TYPE, stream_of
from opsloop_notifications.deliveries.service import Delivery, DeliveryAttempt
from opsloop_notifications.endpoints import service as endpoints
from opsloop_notifications.endpoints.rules import Listener, is_wanted
from opsloop_notifications.eventlog.service import LOG_SQL, find_document, log_parameters, wakeup
from opsloop_notifications.handshakes.rules import calls_a_second
from opsloop_notifications.ports import NotificationsPorts
from opsloop_notifications.pulses.rules import CLAIMED_AT_FIRST, least_of
from opsloop_notifications.sending.calls import Call, call_from

_CLAIM_SQL = claim_sql(only_if="(SELECT is_unchanged FROM listening)")


def _hear(plan_sql: str) -> TextClause:
    return text(
        f"WITH claimed AS (SELECT unnest(CAST(:logged_ids AS uuid[])) AS event_id), {LOG_SQL}, {plan_sql} SELECT 1"
    )


def _hear_quickly(plan_sql: str) -> Statement:
    return Statement(
        f"WITH {ENTERED_SQL}, {endpoints.UNCHANGED_SQL}, {_CLAIM_SQL}, {LOG_SQL}, {plan_sql} "  # noqa: S608 our own parts
        "SELECT (SELECT is_unchanged FROM listening) AS is_unchanged, "
        "(SELECT array_agg(event_id) FROM claimed) AS claimed, (SELECT array_agg(id) FROM queued) AS queued"
    )


_HEAR, _HEAR_IN_LINES = _hear(deliveries.PLAN_SQL), _hear(deliveries.PLAN_IN_LINES_SQL)
_HEAR_QUICKLY, _HEAR_IN_LINES_QUICKLY = _hear_quickly(deliveries.PLAN_SQL), _hear_quickly(deliveries.PLAN_IN_LINES_SQL)


async def hear_events(session: AsyncSession, events: Sequence[Event]) -> None:
    """Plan a delivery for each endpoint that wants one of the events, and keep the events in the log."""
    wanted = await _wanted(await endpoints.enabled_webhooks(session), events)
    plans = [_plan(listener, event) for listener, event in wanted]
    workspace = context_of(session).workspace
    given = {"workspace": workspace, "now": clock_of(session).now()}
    statement = _HEAR_IN_LINES if deliveries.is_any_in_order(plans) else _HEAR
    await session.execute(statement, given | log_parameters(events) | deliveries.plan_parameters(plans))
    fire_after_commit(session, wakeup(workspace))
    if plans:
        fire_after_commit(session, deliveries.QUEUE_TABLE)


async def hear_quickly(database: Database, events: Sequence[Event], *, consumer: str) -> set[UUID]:
    """Do what `hear_events` does, and claim the events, in one statement; returns the ids of those that were claimed.

    Each event waits for this on its way to its webhook; through a session it took five times as long. Where this process's
    engine has room, the deliveries are claimed for it as they are made, and handed over.
    """
    known, workspace = ports_of(database, NotificationsPorts).listeners, events[0].workspace
    while True:
        listeners = await known.of(database.lanes, workspace)
        claimed = await _hear_once(database, events, listeners, consumer=consumer)
        if claimed is not None:
            return claimed
        known.forget(workspace)


async def _hear_once(
    database: Database, events: Sequence[Event], listeners: Sequence[Listener], *, consumer: str
) -> set[UUID] | None:
    """Return the ids of the claimed events, None when nothing was done since the listeners are no longer these."""
    now, taker = database.clock.now(), database.wakeups.takers.get(deliveries.QUEUE_TABLE)
    workspace, wanted = events[0].workspace, await _wanted(listeners, events)
    plans = _with_owners(wanted, workspace, taker)
    log = log_parameters(events)
    given = claim_parameters(consumer, events) | log | deliveries.plan_parameters(plans)
    given |= {"now": now, "listener_states": [listener.state for listener in listeners]}
    handed = {plan.id: (workspace, str(plan.webhook_id)) for plan in plans if plan.owner is not None}
    with taker.handing_over(handed) if taker is not None else nullcontext():
        statement = _HEAR_IN_LINES_QUICKLY if deliveries.is_any_in_order(plans) else _HEAR_QUICKLY
        (row,) = await database.lanes.fetch(statement, given)
        if not row["is_unchanged"]:
            return None
        queued = set(row["queued"] or ())
        if taker is not None:
            # one copy of an event for all its endpoints
            bodies = {id: text.encode() for id, text in zip(log["logged_ids"], log["logged_documents"], strict=True)}
            taker.take(
                [
                    _call(plan, event, bodies[event.id], listener, now)
                    for plan, (listener, event) in zip(plans, wanted, strict=True)
                    if plan.owner is not None and plan.id in queued
                ]
            )
    if row["claimed"]:
        database.wakeups.fire(wakeup(workspace))
    if any(plan.owner is None for plan in plans):
        database.wakeups.fire(deliveries.QUEUE_TABLE)
    return set(row["claimed"] or ())


async def _wanted(listeners: Iterable[Listener], events: Sequence[Event]) -> list[tuple[Listener, Event]]:
    pairs = [(each, event) for event in events for each in listeners if is_wanted(each, event.type, event.data)]
    filtered = {listener.id: listener.filter for listener, _ in pairs if listener.filter}
    if not filtered:
        return pairs
    # some hundred endpoints with 20 conditions each on a batch of events would keep everybody waiting
    filters = dict(zip(filtered, await breathing(read_filter, filtered.values()), strict=True))
    documents = {event.id: event.document() for event in events}

    def holds(pair: tuple[Listener, Event]) -> bool:
        listener, event = pair
        if listener.id not in filters:
            return True
        told = documents[event.id]
        return all_hold(filters[listener.id], told if listener.source is None else cut(told))

    return [pair for pair, does in zip(pairs, await breathing(holds, pairs), strict=True) if does]


def _with_owners(
    wanted: Iterable[tuple[Listener, Event]], workspace: str, taker: Taker | None
) -> list[deliveries.Plan]:
    room: dict[UUID, int] = {}
    plans, spare = [], taker.spare(workspace) if taker is not None else 0
    for listener, event in wanted:
        if listener.is_in_order:  # only the database knows which of a stream is the first
            plans.append(_plan(listener, event))
            continue
        if listener.id not in room:
            room[listener.id] = taker.room(workspace, str(listener.id)) if taker is not None else 0
            # of one with a rate no more is taken than it gets soon
            room[listener.id] -= CLAIMED_AT_FIRST - least_of(_rate_of(listener.address))
        owner = taker.owner if taker is not None and min(room[listener.id], spare) > 0 else None
        room[listener.id] -= 1
        spare -= owner is not None
        plans.append(deliveries.Plan(listener.id, event.id, event.type, owner=owner))
    return plans


def _plan(listener: Listener, event: Event) -> deliveries.Plan:
    if not listener.is_in_order:
        return deliveries.Plan(listener.id, event.id, event.type)
    stream, sequence = stream_of(event.service, event.partitionkey), event.sequence
    return deliveries.Plan(listener.id, event.id, event.type, stream=stream, sequence=sequence)


def _rate_of(address: Mapping[str, Any]) -> float | None:
    return calls_a_second(address["format"], address["rate_limit"], address["allowed_rate"]) if address else None


def _call(plan: deliveries.Plan, event: Event, body: bytes, listener: Listener, now: datetime) -> Call:
    new = {
        "id": plan.id,
        "group_key": str(plan.webhook_id),
        "created_at": now,
        "webhook_id": plan.webhook_id,
        "event_id": plan.event_id,
        "event_type": plan.event_type,
        "tries": 0,
        "attempt_count": 0,
        "line_id": None,
    }
    row = {**listener.address, **new, "workspace": event.workspace}
    told = body if listener.source is None else text_for(listener.source, body.decode()).encode()
    return call_from(row, now, body=told, happened_at=event.time, traceparent=event.traceparent)


async def payload_of(session: AsyncSession, delivery: Delivery, attempts: Sequence[DeliveryAttempt]) -> str | None:
    """Return the body of a delivery's calls to the byte, of several the newest; None when its event is past its retention."""
    if attempts and attempts[0].payload is not None:
        return attempts[0].payload
    document = delivery.document or await find_document(session, delivery.event_id)
    return document and text_for(await endpoints.source_of(session, delivery.webhook_id), document)


async def resend(session: AsyncSession, delivery_id: UUID) -> Delivery:
    """Try a delivery again from the start, with the same `webhook-id`.

    Raises Conflict (409) when its endpoint takes nothing, Gone (410) when its event is no longer kept.
    """
    delivery = await deliveries.get_delivery(session, delivery_id)
    # a test goes out also to one that is disabled
    find = endpoints.get_webhook if delivery.event_type == TEST_TYPE else endpoints.get_enabled
    webhook = await find(session, delivery.webhook_id)
    reopened = await deliveries.reopen_delivery(session, delivery_id)
    resources.tell(session, webhook, "delivery_resent", after={"delivery_id": delivery_id})
    return reopened
