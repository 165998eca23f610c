"""What people hear: that somebody wrote."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.feedback import FeedbackReceived
from opsloop_common.inbox.subscription import Subscription
from opsloop_feedback.items import service as items
from opsloop_feedback.persons import service as persons


async def on_feedback_received(session: AsyncSession, events: Sequence[Event]) -> None:
    """Note who wrote."""
    ids = {FeedbackReceived.model_validate(event.data).feedback_id for event in events}
    # locked: who is erased meanwhile is not noted again
    await persons.note(session, (await items.lock_some(session, ids)).values())


PEOPLE = Subscription(
    "feedback.people", frozenset({FeedbackReceived.type}), batch_handler=on_feedback_received, gather_seconds=0.5
)
