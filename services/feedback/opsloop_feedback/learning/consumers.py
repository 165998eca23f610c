"""What learning hears: that a post is sorted otherwise now."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.feedback import FeedbackClassified
from opsloop_common.inbox.subscription import Subscription
from opsloop_feedback.learning import service
from opsloop_feedback.learning.rules import FIELDS

SYSTEM = "system"


async def on_classified(session: AsyncSession, event: Event) -> None:
    """Note it where a person did it, or a key that speaks for people."""
    told = FeedbackClassified.model_validate(event.data)
    fields: dict[str, str | None] = {name: getattr(told, name) for name in FIELDS if name in told.changed}
    if fields and event.actor != SYSTEM:
        await service.note_change(session, told.feedback_id, fields, by=event.actor, at=event.time)


CORRECTIONS = Subscription("feedback.corrections", frozenset({FeedbackClassified.type}), handler=on_classified)
