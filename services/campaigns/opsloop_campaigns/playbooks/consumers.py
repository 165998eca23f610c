"""What playbooks hear: every event of every service, and that somebody was erased."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_campaigns.playbooks import service
from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.users import UserErased
from opsloop_common.inbox.subscription import Subscription


async def on_user_erased(session: AsyncSession, event: Event) -> None:
    """Take them out of the lists of people whom playbooks tell something."""
    await service.erase_people(session, UserErased.model_validate(event.data).user_ids)


ERASURES = Subscription("campaigns.playbook_erasures", frozenset({UserErased.type}), handler=on_user_erased)
PLAYBOOKS = Subscription(
    consumer="campaigns.playbooks", types=frozenset({"*"}), batch_handler=service.hear, gather_seconds=0.05
)
