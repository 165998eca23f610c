"""Send tests, and make the samples that they and previews show."""

from __future__ import annotations

import asyncio
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.catalogue import PUBLIC
from opsloop_common.contracts.envelope import Event, EventData
from opsloop_common.contracts.samples import sample
from opsloop_common.db import clock_of, context_of
from opsloop_common.documents import write_document
from opsloop_common.errors import Conflict
from opsloop_common.ids import uuid7
from opsloop_common.outbox.append import event_from
from opsloop_common.work import work_of
from opsloop_notifications.alertmanager import rules as alertmanager
from opsloop_notifications.bindings.rules import document_for
from opsloop_notifications.deliveries import service as deliveries
from opsloop_notifications.deliveries.rules import TEST_TYPE
from opsloop_notifications.deliveries.service import Delivery
from opsloop_notifications.endpoints import service as endpoints
from opsloop_notifications.endpoints.rules import is_wanted
from opsloop_notifications.endpoints.service import About, Webhook


class WebhookTested(EventData):
    """Somebody asked for a call to see whether the endpoint works. It goes to that endpoint only."""

    type = TEST_TYPE
    aggregate = "webhook"

    webhook_id: UUID


async def sample_for(session: AsyncSession, webhook: Webhook, event_type: str) -> Event:
    """Return an event of a type with every field filled in, as if it happened now in the session's workspace, of the endpoint's source."""
    made = await asyncio.to_thread(sample, PUBLIC[event_type])
    data = made.data if webhook.source is None else made.data | {"source": webhook.source}
    now = {"workspace": context_of(session).workspace, "time": clock_of(session).now()}
    return made.model_copy(update=now | {"data": data})


async def send_test(session: AsyncSession, webhook_id: UUID, event_type: str | None) -> Delivery:
    """Send a test the way every event goes: a `webhook.test`, or a sample of a type; returns its delivery. Also for a disabled endpoint.

    One that is told of alerts gets an alert that is a test. Raises Conflict (409) for a type that the endpoint does not hear.
    """
    webhook = await endpoints.get_webhook(session, webhook_id)
    if webhook.handshake and webhook.consented_at is None:
        raise Conflict("The endpoint has not consented to being called.")
    event = _test_of(session, webhook) if event_type is None else await _sample_of(session, webhook, event_type)
    document = write_document(document_for(webhook.source, event))
    if webhook.about == About.ALERTS:
        link = work_of(session).grounds.link("/") or ""
        document = alertmanager.sample(event.time, receiver=endpoints.receiver_of(webhook).name, external_url=link)
    # of the one type that no endpoint hears otherwise: a disabled one is called too, and nothing is recovered
    plan = deliveries.Plan(webhook.id, event.id, TEST_TYPE, document)
    (delivery_id,) = await deliveries.plan_deliveries(session, [plan])
    return await deliveries.get_delivery(session, delivery_id)


def _test_of(session: AsyncSession, webhook: Webhook) -> Event:
    return event_from(
        WebhookTested(webhook_id=webhook.id),
        id=uuid7(),
        time=clock_of(session).now(),
        source="/opsloop/notifications",
        context=context_of(session),
        sequence=1,
    )


async def _sample_of(session: AsyncSession, webhook: Webhook, event_type: str) -> Event:
    if webhook.about == About.ALERTS:
        raise Conflict("The endpoint is told of alerts, so no event can be tried.")
    made = await sample_for(session, webhook, event_type)
    if not is_wanted(webhook, made.type, made.data):
        raise Conflict("The endpoint does not hear events of this type.")
    return made.model_copy(update={"id": uuid7()})
