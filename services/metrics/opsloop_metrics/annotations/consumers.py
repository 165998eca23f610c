"""What the service notes by itself: campaigns that were launched, releases that were published."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.campaigns import CampaignLaunched
from opsloop_common.contracts.envelope import Event
from opsloop_common.inbox.subscription import Subscription
from opsloop_metrics.annotations import service
from opsloop_metrics.annotations.rules import AnnotationSource, text_of

RELEASE_PUBLISHED = "release.published"


async def on_launch_or_release(session: AsyncSession, event: Event) -> None:
    """Note when it happened and what it is called."""
    if event.type == CampaignLaunched.type:
        text, source = CampaignLaunched.model_validate(event.data).name, AnnotationSource.CAMPAIGN
        text = text_of({"name": text}, "name", otherwise="campaign")
    else:
        text = text_of(event.data, "title", "name", "version", otherwise="release")
        source = AnnotationSource.RELEASE
    await service.note_event(session, event.id, event.time, text, source=source)


LAUNCHES = Subscription(
    "metrics.annotations", frozenset({CampaignLaunched.type, RELEASE_PUBLISHED}), handler=on_launch_or_release
)
