"""Work out what an endpoint would be called with."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.catalogue import PUBLIC
from opsloop_common.contracts.envelope import CONTENT_TYPE, Event
from opsloop_common.db import clock_of, settings_of
from opsloop_common.documents import write_document
from opsloop_common.errors import Conflict, Invalid, NotFound
from opsloop_notifications.bindings.rules import STATES, document_for
from opsloop_notifications.endpoints import service as endpoints
from opsloop_notifications.endpoints.rules import hears, is_wanted
from opsloop_notifications.endpoints.service import Webhook
from opsloop_notifications.eventlog.service import find_document
from opsloop_notifications.formats.rules import CLOUDEVENTS
from opsloop_notifications.handshakes.rules import origin_of
from opsloop_notifications.headers.rules import WITHHELD, headers_of_call
from opsloop_notifications.payloads import rules as payloads
from opsloop_notifications.payloads.rules import Faulty
from opsloop_notifications.settings import NotificationsSettings
from opsloop_notifications.trying.service import sample_for


@dataclass(frozen=True)
class Preview:
    """A call as it would be made, with the event that it would tell of; what only an owner or a receiver may know is left out."""

    event: Event
    is_heard: bool
    url: str
    headers: Mapping[str, str]
    body: str


async def preview(
    session: AsyncSession,
    webhook_id: UUID,
    *,
    event_type: str | None,
    event_id: UUID | None,
    template: str | bool | None,
) -> Preview:
    """Return what an endpoint would be called with for an event of the log, or a sample of a type.

    `template` True is its own, None is none. Raises NotFound, Conflict (409) for a format with words of its own, Invalid (422).
    """
    webhook = await endpoints.get_webhook(session, webhook_id)
    if webhook.format != CLOUDEVENTS:
        raise Conflict(f"Only endpoints of the format {CLOUDEVENTS} have a payload of their own to show.")
    event = await _logged(session, event_id) if event_id is not None else await _sample(session, webhook, event_type)
    wanted = webhook.payload_template if isinstance(template, bool) else template
    body = await _body(document_for(webhook.source, event), wanted)
    content_type = CONTENT_TYPE if wanted is None else payloads.CONTENT_TYPE
    return Preview(
        event=event,
        is_heard=is_wanted(webhook, event.type, event.data),
        url=webhook.shown_url,
        headers=_headers(session, webhook, event, content_type),
        body=body,
    )


async def _logged(session: AsyncSession, event_id: UUID) -> Event:
    document = await find_document(session, event_id)
    if document is None:
        raise NotFound.of("event")
    return Event.from_bytes(document)


async def _sample(session: AsyncSession, webhook: Webhook, event_type: str | None) -> Event:
    """Return an event of a type with every field filled in, or of the first type that the endpoint hears."""
    among = sorted(PUBLIC) if webhook.source is None else STATES
    heard = (each for each in among if hears(webhook.event_types, each))
    return await sample_for(session, webhook, event_type or next(heard, among[0]))


async def _body(document: dict[str, Any], template: str | None) -> str:
    if template is None:
        return write_document(document)
    try:
        return (await asyncio.to_thread(payloads.render, template, document)).decode()
    except Faulty as fault:
        raise Invalid("/payload_template", str(fault)) from fault


def _headers(session: AsyncSession, webhook: Webhook, event: Event, content_type: str) -> dict[str, str]:
    """Return the headers; a signature over what somebody wishes would let them speak in our name, so it is made for calls alone."""
    origin = origin_of(settings_of(session, NotificationsSettings).public_url) if webhook.handshake else None
    ours = headers_of_call(str(event.id), content_type, traceparent=event.traceparent, origin=origin)
    ours["webhook-timestamp"] = str(int(clock_of(session).now().timestamp()))
    return {**dict.fromkeys([*webhook.header_names, "webhook-signature"], WITHHELD), **ours}
