"""Use cases of endpoints: create, change, rotate, test, hear of events, resend, and stop calling what is gone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import limits, outbox, resources
from opsloop_common.access.places import take_place
from opsloop_common.conditions import all_hold, read_conditions
from opsloop_common.contracts.envelope import Event, EventData
from opsloop_common.contracts.notifications import WebhookDisabled
from opsloop_common.db import Context, Database, acting_for, clock_of, context_of, fire_after_commit
from opsloop_common.documents import read_document
from opsloop_common.due.jobs import start_job
from opsloop_common.due.port import Taker
from opsloop_common.entry import ENTERED_SQL
from opsloop_common.errors import Conflict, Invalid
from opsloop_common.ids import uuid7
from opsloop_common.inbox.statement import CLAIM_SQL, claim_parameters
from opsloop_common.lanes import Statement
from opsloop_common.outbox.append import event_from
from opsloop_common.resources import changing, touch
from opsloop_common.secretbox import SecretBox
from opsloop_common.turns import breathing
from opsloop_common.versions import ANY_VERSION, Precondition
from opsloop_notifications.deliveries import service as deliveries
from opsloop_notifications.deliveries.rules import TEST_TYPE
from opsloop_notifications.deliveries.service import Delivery
from opsloop_notifications.eventlog.service import LOG_SQL, events_since, log_parameters
from opsloop_notifications.outbound.rules import AddressPolicy
from opsloop_notifications.outbound.service import BadUrl, check_url
from opsloop_notifications.webhooks import queries, rules
from opsloop_notifications.webhooks.calls import Call, call_from
from opsloop_notifications.webhooks.models import Webhook, WebhookStatus
from opsloop_notifications.webhooks.signing import BadSecret, new_secret, read_secret

SECRET_PURPOSE = "webhook secret"  # noqa: S105 a name, no password
RECOVER_JOB = "notifications.recover"

_HEAR_SQL = f"{LOG_SQL}, {deliveries.PLAN_SQL}"
_HEAR = text(f"WITH claimed AS (SELECT unnest(CAST(:logged_ids AS uuid[])) AS event_id), {_HEAR_SQL} SELECT 1")
_HEAR_QUICKLY = Statement(
    f"WITH {ENTERED_SQL}, {CLAIM_SQL}, {_HEAR_SQL} "  # noqa: S608 our own parts
    "SELECT (SELECT array_agg(event_id) FROM claimed) AS claimed, (SELECT array_agg(id) FROM queued) AS queued"
)
_FORGET_DELETED = text(
    "DELETE FROM webhook AS w WHERE w.workspace = :workspace AND w.status = 'deleted' AND w.updated_at < :before "
    "AND NOT EXISTS (SELECT FROM delivery AS d WHERE d.webhook_id = w.id) RETURNING w.id"
)


class WebhookTested(EventData):
    """Somebody asked for a call to see whether the endpoint works. It goes to that endpoint only."""

    type = TEST_TYPE
    aggregate = "webhook"

    webhook_id: UUID


async def create_webhook(
    session: AsyncSession, fields: Mapping[str, Any], *, secret: str | None, policy: AddressPolicy, secrets: SecretBox
) -> tuple[Webhook, str]:
    """Add an endpoint; returns it with the secret, which is never shown again. Raises Invalid (422) for a bad URL or secret, TooMany."""
    await take_place(session, Webhook.__table__, most=limits.WEBHOOKS_PER_WORKSPACE, what="webhooks")
    plain = secret or new_secret()
    checked = dict(fields) | {"url": _checked_url(fields["url"], policy), "secret": _sealed(plain, secrets)}
    return resources.create(session, Webhook, status=WebhookStatus.ENABLED, failures=0, **checked), plain


def _checked_url(url: str, policy: AddressPolicy) -> str:
    try:
        return check_url(url, policy).url
    except BadUrl as error:
        raise Invalid("/url", str(error)) from error


def _sealed(secret: str, secrets: SecretBox) -> str:
    try:
        read_secret(secret)
    except BadSecret as error:
        raise Invalid("/secret", str(error)) from error
    return secrets.seal(secret.encode(), purpose=SECRET_PURPOSE)


async def change_webhook(
    session: AsyncSession,
    webhook_id: UUID,
    changes: Mapping[str, Any],
    *,
    expected: Precondition,
    policy: AddressPolicy,
) -> Webhook:
    """Change an endpoint. Enabling it again forgets its failures; disabling it ends what waits."""
    webhook = await queries.lock_webhook(session, webhook_id, expected)
    if "url" in changes:
        changes = {**changes, "url": _checked_url(changes["url"], policy)}
    with changing(session, webhook, changes) as before:
        if "status" in before and webhook.status == WebhookStatus.ENABLED:
            webhook.disabled_reason = webhook.failing_since = None
            webhook.failures = 0
        elif "status" in before:
            webhook.disabled_reason = "manual"
            await deliveries.cancel_waiting(session, webhook.workspace, webhook.id)
    return webhook


async def delete_webhook(session: AsyncSession, webhook_id: UUID, *, expected: Precondition) -> None:
    """Take an endpoint away; what waits for it is cancelled, its secrets are forgotten."""
    webhook = await queries.lock_webhook(session, webhook_id, expected)
    gone = {"status": WebhookStatus.DELETED, "secret": "", "previous_secret": None}
    with changing(session, webhook, gone, action="deleted"):
        await deliveries.cancel_waiting(session, webhook.workspace, webhook.id)


async def rotate_secret(
    session: AsyncSession, webhook_id: UUID, *, secret: str | None, grace: timedelta, secrets: SecretBox
) -> tuple[Webhook, str]:
    """Give an endpoint a new secret; until the grace period ends, calls carry a signature of the old one too."""
    webhook = await queries.lock_webhook(session, webhook_id, ANY_VERSION)
    plain = secret or new_secret()
    with changing(session, webhook, {"secret": _sealed(plain, secrets)}, action="secret_rotated") as before:
        webhook.previous_secret = before["secret"]
        webhook.previous_expires_at = clock_of(session).now() + grace
    return webhook, plain


async def send_test(session: AsyncSession, webhook_id: UUID) -> Delivery:
    """Send a `webhook.test` event the way every event goes; returns its delivery. Also for a disabled endpoint."""
    webhook = await queries.get_webhook(session, webhook_id)
    event = event_from(
        WebhookTested(webhook_id=webhook.id),
        id=uuid7(),
        time=clock_of(session).now(),
        source="/opsloop/notifications",
        context=context_of(session),
        sequence=1,
    )
    plan = deliveries.Plan(webhook.id, event.id, event.type, event.to_bytes().decode())
    (delivery_id,) = await deliveries.plan_deliveries(session, [plan])
    return await deliveries.get_delivery(session, delivery_id)


async def resend(session: AsyncSession, delivery_id: UUID) -> Delivery:
    """Try a delivery again from the start, with the same `webhook-id`.

    Raises Conflict (409) when its endpoint takes nothing, Gone (410) when its event is no longer kept.
    """
    delivery = await deliveries.get_delivery(session, delivery_id)
    webhook = await queries.get_webhook(session, delivery.webhook_id)
    if delivery.event_type != TEST_TYPE:
        _require_enabled(webhook)
    return await deliveries.reopen_delivery(session, delivery_id)


def _require_enabled(webhook: Webhook) -> None:
    if webhook.status != WebhookStatus.ENABLED:
        raise Conflict("The endpoint is disabled; enable it first.")


async def start_recovery(session: AsyncSession, webhook_id: UUID, since: datetime) -> UUID:
    """Begin to deliver again what failed, and what was missed, since a time; returns the job's id."""
    webhook = await queries.get_webhook(session, webhook_id)
    _require_enabled(webhook)
    resources.tell(session, webhook, "recovery_started", after={"since": since})
    return await start_job(session, RECOVER_JOB, {"webhook_id": str(webhook.id), "since": since.isoformat()})


async def hear_events(session: AsyncSession, events: Sequence[Event]) -> None:
    """Plan a delivery for each endpoint that wants one of the events, and keep the events in the log."""
    wanted = await _wanted(await queries.enabled_webhooks(session), events)
    plans = [deliveries.Plan(listener.id, event.id, event.type) for listener, event in wanted]
    given = {"workspace": context_of(session).workspace, "now": clock_of(session).now()}
    await session.execute(_HEAR, given | log_parameters(events) | deliveries.plan_parameters(plans))
    if plans:
        fire_after_commit(session, deliveries.QUEUE_TABLE)


async def hear_quickly(database: Database, events: Sequence[Event], *, consumer: str) -> set[UUID]:
    """Do what `hear_events` does, and claim the events, in one statement; returns the ids of those that were claimed.

    Each event waits for this on its way to its webhook; through a session it took five times as long. Where this process's
    engine has room, the deliveries are claimed for it as they are made, and handed over.
    """
    now, taker = database.clock.now(), database.wakeups.takers.get(deliveries.QUEUE_TABLE)
    wanted = await _wanted(await queries.enabled_webhooks_quickly(database.lanes, events[0].workspace), events)
    plans = _with_owners(wanted, taker)
    log = log_parameters(events)
    given = claim_parameters(consumer, events) | log | deliveries.plan_parameters(plans) | {"now": now}
    handed = [plan.id for plan in plans if plan.owner is not None]
    with taker.handing_over(handed) if taker is not None else nullcontext():
        (row,) = await database.lanes.fetch(_HEAR_QUICKLY, given)
        queued, documents = set(row["queued"] or ()), dict(zip(log["logged_ids"], log["logged_documents"], strict=True))
        if taker is not None:
            taker.take(
                [
                    _call(plan, event, documents[event.id], listener, now)
                    for plan, (listener, event) in zip(plans, wanted, strict=True)
                    if plan.owner is not None and plan.id in queued
                ]
            )
    if any(plan.owner is None for plan in plans):
        database.wakeups.fire(deliveries.QUEUE_TABLE)
    return set(row["claimed"] or ())


async def _wanted(
    listeners: Iterable[queries.Listener], events: Sequence[Event]
) -> list[tuple[queries.Listener, Event]]:
    pairs = [(each, event) for event in events for each in listeners if rules.hears(each.event_types, event.type)]
    if not any(listener.filter for listener, _ in pairs):
        return pairs
    documents = {event.id: event.document() for event in events}

    def holds(pair: tuple[queries.Listener, Event]) -> bool:
        listener, event = pair
        return not listener.filter or all_hold(read_conditions(listener.filter), documents[event.id])

    # some hundred endpoints with 20 conditions each on a batch of events would keep everybody waiting
    return [pair for pair, does in zip(pairs, await breathing(holds, pairs), strict=True) if does]


def _with_owners(wanted: Iterable[tuple[queries.Listener, Event]], taker: Taker | None) -> list[deliveries.Plan]:
    room: dict[UUID, int] = {}
    plans = []
    for listener, event in wanted:
        if listener.id not in room:
            room[listener.id] = taker.room(event.workspace, str(listener.id)) if taker is not None else 0
        owner = taker.owner if taker is not None and room[listener.id] > 0 else None
        room[listener.id] -= 1
        plans.append(deliveries.Plan(listener.id, event.id, event.type, owner=owner))
    return plans


def _call(plan: deliveries.Plan, event: Event, document: str, listener: queries.Listener, now: datetime) -> Call:
    new = {"id": plan.id, "webhook_id": plan.webhook_id, "event_id": plan.event_id, "tries": 0, "attempt_count": 0}
    row = {**listener.address, **new, "workspace": event.workspace, "document": document}
    return call_from(row, now, happened_at=event.time, traceparent=event.traceparent)


async def note_outcomes(
    session: AsyncSession, *, healed: Set[UUID], failed: Mapping[UUID, int], gone: Set[UUID]
) -> None:
    """Remember how endpoints fared: a success ends a row of failures, 410 or five days of nothing else disable.

    `healed` were failing and succeeded; `failed` counts attempts of those without any success. The session has entered as a
    worker: endpoints may be of several workspaces.
    """
    if healed:
        await session.execute(
            update(Webhook).where(Webhook.id.in_(sorted(healed))).values(failing_since=None, failures=0)
        )
    bad = dict(failed) | {id: failed.get(id, 1) for id in gone}
    if not bad:
        return
    now = clock_of(session).now()
    for webhook in await queries.lock_webhooks(session, sorted(bad)):
        webhook.failures += bad[webhook.id]
        webhook.failing_since = webhook.failing_since or now
        if webhook.id in gone:
            await _disable(session, webhook, "gone")
        elif rules.has_failed_too_long(webhook.failing_since, webhook.failures, now):
            await _disable(session, webhook, "failing")


async def _disable(session: AsyncSession, webhook: Webhook, reason: Any) -> None:
    if webhook.status != WebhookStatus.ENABLED:
        return
    webhook.status = WebhookStatus.DISABLED
    webhook.disabled_reason = reason
    touch(session, webhook)
    await deliveries.cancel_waiting(session, webhook.workspace, webhook.id)
    with acting_for(session, Context(workspace=webhook.workspace)):
        outbox.append(session, WebhookDisabled(webhook_id=webhook.id, url=webhook.url, reason=reason))


async def recover_failed(
    session: AsyncSession, webhook_id: UUID, since: datetime, *, after: UUID | None, limit: int
) -> UUID | None:
    """Open one page of failed and cancelled deliveries again; returns the id to go on after, None at the end."""
    return await deliveries.reopen_unsuccessful(session, webhook_id, since, after=after, limit=limit)


async def recover_missed(
    session: AsyncSession, webhook_id: UUID, since: datetime, *, after: int, limit: int
) -> tuple[int | None, int]:
    """Plan one page of events that the endpoint wants and never got; returns the position to go on after and how many."""
    webhook = await queries.get_webhook(session, webhook_id)
    rows = await events_since(session, since, after=after, limit=limit)
    if not rows:
        return None, 0
    conditions = read_conditions(webhook.filter)
    heard = [row for row in rows if rules.hears(webhook.event_types, row.type)]
    holding = await breathing(lambda row: not conditions or all_hold(conditions, read_document(row.document)), heard)
    plans = [
        deliveries.Plan(webhook.id, row.event_id, row.type) for row, does in zip(heard, holding, strict=True) if does
    ]
    return rows[-1].position, len(await deliveries.plan_deliveries(session, plans))


async def forget_deleted(session: AsyncSession, before: datetime) -> None:
    """Delete for good the endpoints that were taken away before a time, once the last of their deliveries is forgotten."""
    given = {"workspace": context_of(session).workspace, "before": before}
    outbox.end_streams(session, "webhook", (await session.scalars(_FORGET_DELETED, given)).all())


async def all_ids(session: AsyncSession) -> Sequence[UUID]:
    """Return the ids of all endpoints of the session's workspace, deleted ones too."""
    return await queries.all_ids(session)
