"""What is read of messages and notifications."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, Select, Uuid, any_, bindparam, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import context_of
from opsloop_common.errors import NotFound
from opsloop_notifications.messages.models import Message, Notification, NotificationStatus

NEWEST_FIRST = (Notification.id.desc(),)
LATEST_FIRST = (Message.id.desc(),)


def notifications_of(
    workspace: str,
    *,
    campaign_id: UUID | None = None,
    message_id: UUID | None = None,
    user_id: str | None = None,
    status: str | None = None,
    reason: str | None = None,
    channel: str | None = None,
    topic: str | None = None,
) -> Select[Notification]:
    """Return the statement for a workspace's notifications, to be paged by `NEWEST_FIRST`."""
    statement = select(Notification).where(Notification.workspace == workspace)
    wanted = {
        Notification.campaign_id: campaign_id,
        Notification.message_id: message_id,
        Notification.user_id: user_id,
        Notification.status: status,
        Notification.reason: reason,
        Notification.channel: channel,
        Notification.topic: topic,
    }
    return statement.where(*(column == value for column, value in wanted.items() if value is not None))


async def sent_lately(
    session: AsyncSession, user_ids: Sequence[str], *, topic: str, since: datetime, but: UUID
) -> dict[str, int]:
    """Return how many of a topic users were sent, or wait for, since a time; of other messages than one."""
    statement = (
        select(Notification.user_id, func.count(Notification.message_id.distinct()))
        .where(
            Notification.workspace == context_of(session).workspace,
            Notification.user_id.in_(user_ids),
            Notification.topic == topic,
            Notification.created_at > since,
            Notification.status.not_in((NotificationStatus.FAILED, NotificationStatus.CANCELLED)),
            Notification.message_id != but,
            Notification.digest_id.is_(None),
        )
        .group_by(Notification.user_id)
    )
    return {row.user_id: row[1] for row in await session.execute(statement)}


async def find_notification(session: AsyncSession, notification_id: UUID) -> Notification | None:
    """Return one notification of the session's workspace, or None."""
    return await session.scalar(
        notifications_of(context_of(session).workspace).where(Notification.id == notification_id)
    )


async def get_notification(session: AsyncSession, notification_id: UUID) -> Notification:
    """Return one notification of the session's workspace; raises NotFound."""
    found = await find_notification(session, notification_id)
    if found is None:
        raise NotFound.of("notification")
    return found


def messages_of(workspace: str) -> Select[Message]:
    """Return the statement for a workspace's messages, to be paged by `LATEST_FIRST`."""
    return select(Message).where(Message.workspace == workspace)


async def get_message(session: AsyncSession, message_id: UUID) -> Message:
    """Return one message of the session's workspace; raises NotFound."""
    found = await session.scalar(messages_of(context_of(session).workspace).where(Message.id == message_id))
    if found is None:
        raise NotFound.of("message")
    return found


async def lock_message(session: AsyncSession, message_id: UUID) -> Message:
    """Lock and return one message: nobody is told of it meanwhile. Raises NotFound."""
    await session.execute(messages_of(context_of(session).workspace).where(Message.id == message_id).with_for_update())
    return await get_message(session, message_id)


async def counts(session: AsyncSession, message_ids: Sequence[UUID]) -> dict[UUID, dict[str, int]]:
    """Return of each message how many of its notifications are in which status."""
    own = Notification.workspace == context_of(session).workspace
    statement = select(Notification.message_id, Notification.status, func.count()).where(
        own, Notification.message_id.in_(message_ids)
    )
    found: dict[UUID, dict[str, int]] = {message_id: {} for message_id in message_ids}
    for message_id, status, count in await session.execute(
        statement.group_by(Notification.message_id, Notification.status)
    ):
        found[message_id][status] = count
    return found


class Kept(NamedTuple):
    """What a message says, one entry a locale and channel, of which topic; and the workspace's zone when it was asked for."""

    id: UUID
    campaign_id: UUID | None
    contents: list[dict[str, Any]]
    topic: str
    time_zone: str
    is_paused: bool
    is_cancelled: bool
    digest_key: str | None


async def get_kept(session: AsyncSession, message_id: UUID) -> Kept:
    """Return what a message says; it is kept until the transaction ends."""
    statement = (
        select(
            Message.id,
            Message.campaign_id,
            Message.contents,
            Message.topic,
            Message.time_zone,
            Message.paused_at.is_not(None),
            Message.cancelled_at.is_not(None),
            Message.digest_key,
        )
        .where(Message.workspace == context_of(session).workspace, Message.id == message_id)
        .with_for_update(read=True, key_share=True)
    )
    return Kept(*(await session.execute(statement)).one())


class Gathered(NamedTuple):
    """What stands in a digest, or waits for it; `cause` is its message's."""

    row: Notification
    cause: dict[str, Any]


async def in_digests(session: AsyncSession, digest_ids: Sequence[UUID]) -> dict[UUID | None, list[Gathered]]:
    """Return of each digest that holds anything what it holds, in the order that it came."""
    given = bindparam("digests", list(digest_ids), type_=ARRAY(Uuid))
    statement = (
        select(Notification, Message.cause)
        .join(Message, (Message.workspace == Notification.workspace) & (Message.id == Notification.message_id))
        .where(Notification.workspace == context_of(session).workspace, Notification.digest_id == any_(given))
        .where(Notification.status.in_((NotificationStatus.PENDING, NotificationStatus.GATHERED)))
    )
    found = defaultdict[UUID | None, list[Gathered]](list)
    for row, cause in await session.execute(statement.order_by(Notification.id)):
        found[row.digest_id].append(Gathered(row, cause))
    return found


async def contents_by_id(session: AsyncSession, message_ids: Collection[UUID]) -> dict[UUID, list[dict[str, Any]]]:
    """Return what messages of the session's workspace say."""
    given = bindparam("ids", list(message_ids), type_=ARRAY(Uuid))
    own = Message.workspace == context_of(session).workspace
    return {
        row.id: row.contents
        for row in await session.execute(select(Message.id, Message.contents).where(own, Message.id == any_(given)))
    }


async def notifications_by_id(session: AsyncSession, ids: Sequence[UUID]) -> Sequence[Notification]:
    """Return those that the session sees, a worker's of all workspaces; one statement however many, so that its plan is kept."""
    given = bindparam("ids", list(ids), type_=ARRAY(Uuid))
    return (await session.scalars(select(Notification).where(Notification.id == any_(given)))).all()


async def messages_by_key(session: AsyncSession, keys: Sequence[tuple[str, UUID]]) -> dict[tuple[str, UUID], Message]:
    """Return messages by (workspace, id), for a session that entered as a worker."""
    rows = await session.scalars(select(Message).where(tuple_(Message.workspace, Message.id).in_(keys)))
    return {(row.workspace, row.id): row for row in rows}
