"""Make and end links to endpoints' pages, and do what their holders may."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources, workspaces
from opsloop_common.access import links
from opsloop_common.access.links import Opened
from opsloop_common.db import acting_for, clock_of, context_of
from opsloop_common.errors import Conflict, Gone, NotFound
from opsloop_common.outbound.rules import AddressPolicy
from opsloop_common.secretbox import SecretBox
from opsloop_common.versions import ANY_VERSION, Precondition, etag
from opsloop_common.work import work_of
from opsloop_notifications.deliveries import service as deliveries
from opsloop_notifications.deliveries.rules import TEST_TYPE
from opsloop_notifications.deliveries.service import Delivery, DeliveryAttempt
from opsloop_notifications.endpoints import service as endpoints
from opsloop_notifications.endpoints.rules import WebhookStatus
from opsloop_notifications.endpoints.service import Webhook
from opsloop_notifications.portal import rules
from opsloop_notifications.portal.rules import PAUSED, Right
from opsloop_notifications.recoveries import service as recoveries
from opsloop_notifications.sending import service as sending

ROOM = "webhooks"
PURPOSE = "webhook portal"
GRACE = timedelta(days=1)
"""As long as an owner's own rotation has it unless they say."""


@dataclass(frozen=True)
class Board:
    """An endpoint as its page shows it: how its newest deliveries ended, and some of them."""

    webhook: Webhook
    counts: Mapping[str, int]
    deliveries: Sequence[Delivery]
    has_more: bool
    zone: str
    expires_at: datetime


@dataclass(frozen=True)
class Sheet:
    """One delivery as its page shows it."""

    webhook: Webhook
    delivery: Delivery
    payload: str | None
    attempts: Sequence[DeliveryAttempt]
    zone: str
    expires_at: datetime


async def issue_link(
    session: AsyncSession, webhook_id: UUID, *, can: Collection[Right], lives: timedelta
) -> tuple[str, datetime]:
    """Make a link to an endpoint's page; returns its address, and until when it opens. Raises NotFound, Conflict (409)."""
    webhook = await endpoints.get_webhook(session, webhook_id)
    page = work_of(session).grounds.page(f"/p/{webhook.workspace}/{ROOM}/open")
    if page is None:
        raise Conflict("OPSLOOP_PUBLIC_URL is not set, so no link could lead back to us.")
    rights, until = rules.rights_text(can), clock_of(session).now() + lives
    link = await links.issue(session, purpose=PURPOSE, subject=rules.subject_of(webhook.id, rights), lives=lives)
    told = {"link": link.id, "can": rights.split("-"), "expires_at": until}
    resources.tell(session, webhook, "portal_link_made", after=told)
    return f"{page}?link={link}", until


async def revoke_links(session: AsyncSession, webhook_id: UUID) -> None:
    """End all links to an endpoint's page, and all pages that they opened. Raises NotFound."""
    webhook = await endpoints.get_webhook(session, webhook_id)
    ended = [await links.revoke(session, purpose=PURPOSE, subject=each) for each in rules.all_subjects(webhook.id)]
    resources.tell(session, webhook, "portal_links_revoked", after={"ended": sum(ended)})


@contextmanager
def _acting_by(session: AsyncSession, opened: Opened) -> Iterator[None]:
    with acting_for(session, replace(context_of(session), actor=f"link:{opened.link_id}")):
        yield


async def show(
    session: AsyncSession, webhook_id: UUID, opened: Opened, *, status: str | None, before: UUID | None
) -> Board:
    """Return what an endpoint's page shows, of its deliveries those of a state that are older than one; raises NotFound."""
    webhook = await endpoints.get_webhook(session, webhook_id)
    found = await deliveries.newest(session, webhook.id, status=status, before=before, limit=rules.PAGE + 1)
    counts = await deliveries.newest_by_status(session, webhook.id)
    zone = (await workspaces.get(session)).time_zone
    return Board(webhook, counts, found[: rules.PAGE], len(found) > rules.PAGE, zone, opened.expires_at)


async def show_delivery(session: AsyncSession, webhook_id: UUID, delivery_id: UUID, opened: Opened) -> Sheet:
    """Return what the page of one of an endpoint's deliveries shows; raises NotFound."""
    webhook = await endpoints.get_webhook(session, webhook_id)
    delivery = await _delivery_of(session, webhook, delivery_id)
    attempts = await deliveries.attempts_of(session, delivery.id)
    zone = (await workspaces.get(session)).time_zone
    payload = await sending.payload_of(session, delivery, attempts)
    return Sheet(webhook, delivery, payload, attempts, zone, opened.expires_at)


async def _delivery_of(session: AsyncSession, webhook: Webhook, delivery_id: UUID) -> Delivery:
    delivery = await deliveries.get_delivery(session, delivery_id)
    if delivery.webhook_id != webhook.id:
        raise NotFound.of("delivery")
    return delivery


async def resend(session: AsyncSession, webhook_id: UUID, delivery_id: UUID, opened: Opened) -> str:
    """Have a delivery tried again; returns what to say."""
    webhook = await endpoints.get_webhook(session, webhook_id)
    delivery = await _delivery_of(session, webhook, delivery_id)
    if webhook.status != WebhookStatus.ENABLED and delivery.event_type != TEST_TYPE:
        return "not_while_paused"
    try:
        with _acting_by(session, opened):
            await sending.resend(session, delivery.id)
    except Gone:
        return "no_longer_kept"
    return "resent"


async def recover(session: AsyncSession, webhook_id: UUID, span: str, opened: Opened) -> str:
    """Have all that an endpoint missed for a while delivered again, one such work at a time; returns what to say."""
    webhook = await endpoints.lock_webhook(session, webhook_id, ANY_VERSION)
    if webhook.status != WebhookStatus.ENABLED:
        return "not_while_paused"
    if await recoveries.is_under_way(session, webhook.id):
        return "under_way"
    since = clock_of(session).now() - rules.SPANS[span]
    with _acting_by(session, opened):
        await recoveries.start(session, webhook.id, since, untried_only=False)
    return "recovering"


async def rotate(
    session: AsyncSession, webhook_id: UUID, version: int, opened: Opened, *, secrets: SecretBox
) -> tuple[Webhook, str | None]:
    """Give an endpoint new keys, and return its secret if it has one; raises StaleVersion where the page shows an earlier version.

    So a page that is loaded anew does not rotate again, and make a secret worthless that is already in use. Conflict (409) of bots.
    """
    if (await endpoints.get_webhook(session, webhook_id)).is_bot:
        raise Conflict("No secret of ours signs calls of this endpoint. 此端点的调用不使用我们的签名密钥。")
    with _acting_by(session, opened):
        return await endpoints.rotate_secret(
            session, webhook_id, secret=None, grace=GRACE, secrets=secrets, expected=Precondition(etag(version))
        )


async def pause(
    session: AsyncSession, webhook_id: UUID, opened: Opened, *, policy: AddressPolicy, secrets: SecretBox
) -> str:
    """Call an endpoint no more until it is resumed; what waits for it is cancelled. Returns what to say."""
    with _acting_by(session, opened):
        await endpoints.change_webhook(
            session,
            webhook_id,
            {"status": WebhookStatus.DISABLED},
            expected=ANY_VERSION,
            policy=policy,
            secrets=secrets,
            reason=PAUSED,
        )
    return "paused"


async def resume(
    session: AsyncSession, webhook_id: UUID, opened: Opened, *, policy: AddressPolicy, secrets: SecretBox
) -> str:
    """Call an endpoint again, unless its owner disabled it; returns what to say."""
    webhook = await endpoints.lock_webhook(session, webhook_id, ANY_VERSION)
    if webhook.status != WebhookStatus.ENABLED and not rules.may_resume(webhook.disabled_reason):
        return "owners_to_resume"
    with _acting_by(session, opened):
        await endpoints.change_webhook(
            session,
            webhook_id,
            {"status": WebhookStatus.ENABLED},
            expected=ANY_VERSION,
            policy=policy,
            secrets=secrets,
        )
    return "resumed"
