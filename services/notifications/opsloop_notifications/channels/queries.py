"""What is read of channels."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import ARRAY, Select, Text, any_, bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.versions import Precondition
from opsloop_notifications.channels.models import Channel
from opsloop_notifications.channels.rules import ChannelStatus

NEWEST_FIRST = (Channel.id.desc(),)
ALL = select(Channel.id).subquery()


def channels_of(workspace: str) -> Select[Channel]:
    """Return the statement for a workspace's channels, to be paged by `NEWEST_FIRST`."""
    return select(Channel).where(Channel.workspace == workspace)


async def get_channel(session: AsyncSession, channel_id: UUID) -> Channel:
    """Return one channel; raises NotFound."""
    return await resources.get(session, Channel, Channel.id == channel_id)


async def find_channel(session: AsyncSession, channel_id: UUID) -> Channel | None:
    """Return one channel, or None."""
    return await resources.find(session, Channel, Channel.id == channel_id)


async def lock_channel(session: AsyncSession, channel_id: UUID, expected: Precondition) -> Channel:
    """Lock and return one channel in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(session, Channel, Channel.id == channel_id, expected=expected)


async def enabled_channels(session: AsyncSession, workspaces: Collection[str]) -> Sequence[Channel]:
    """Return the channels of some workspaces that are used, the oldest first; also for a session that entered as a worker."""
    given = bindparam("workspaces", list(workspaces), type_=ARRAY(Text))
    own = (Channel.workspace == any_(given), Channel.status == ChannelStatus.ENABLED)
    return (await session.scalars(select(Channel).where(*own).order_by(Channel.id))).all()
