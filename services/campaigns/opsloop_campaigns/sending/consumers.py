"""What sending hears: what became of the messages they asked for."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_campaigns.recipients.rules import RecipientOutcome, Report
from opsloop_campaigns.sending import service
from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.notifications import NotificationFailed, NotificationSent
from opsloop_common.contracts.users import UserErased
from opsloop_common.inbox.subscription import Subscription


class Told(BaseModel):
    """What this consumer reads of a notification event; reasons that are new to it are kept as they are."""

    notification_id: UUID
    message_id: UUID
    campaign_id: UUID | None = None
    user_id: str
    reason: str | None = None
    locale: str | None = None


def report_of(event: Event) -> Report | None:
    """Read one notification event; None when it is not about a campaign."""
    told = Told.model_validate(event.data)
    if told.campaign_id is None:
        return None
    failed = event.type == NotificationFailed.type
    return Report(
        campaign_id=told.campaign_id,
        message_id=told.message_id,
        user_id=told.user_id,
        outcome=RecipientOutcome.FAILED if failed else RecipientOutcome.SENT,
        reason=told.reason or "unknown" if failed else None,
        notification_id=told.notification_id,
        at=event.time,
        locale=told.locale,
    )


async def on_reports(session: AsyncSession, events: Sequence[Event]) -> None:
    """Count what notifications report towards the campaigns that asked."""
    reports = {report: event for event in events if (report := report_of(event)) is not None}
    if reports:
        await service.record_reports(session, reports)


async def on_user_erased(session: AsyncSession, event: Event) -> None:
    """Tell them nothing more, and take them out of the lists of people; what became of everybody still adds up."""
    await service.erase_people(session, UserErased.model_validate(event.data).user_ids)


ERASURES = Subscription("campaigns.erasures", frozenset({UserErased.type}), handler=on_user_erased)
RESULTS = Subscription(
    consumer="campaigns.results",
    types=frozenset({NotificationSent.type, NotificationFailed.type}),
    batch_handler=on_reports,
)
