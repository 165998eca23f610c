"""What claimed notifications say to whom, and the tests of channels."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.due.jobs import start_job
from opsloop_common.due.port import Ask
from opsloop_common.errors import Invalid
from opsloop_common.secretbox import SecretBox
from opsloop_notifications.calling.rules import KIND, TEST_JOB, told_from
from opsloop_notifications.calls import service as calls
from opsloop_notifications.channels.service import find_channel, get_channel
from opsloop_notifications.consent.rules import Decision, Defer, Skip
from opsloop_notifications.consent.service import Question, decisions
from opsloop_notifications.contacts.service import Aim, aim_at, aims, find_for
from opsloop_notifications.messages import service as messages
from opsloop_notifications.messages.rules import of_channel
from opsloop_notifications.messages.service import Notification
from opsloop_notifications.ways.rules import CHAT, Told, channel_of


@dataclass(frozen=True)
class Call:
    """A claimed notification: what it says, where its calls go, and whether it may be said. `ended`: what is not called again, and why."""

    id: UUID
    workspace: str
    group: str
    tries: int
    notification: Notification
    told: Told
    aims: Sequence[Aim]
    ended: Mapping[UUID | None, str]
    decision: Decision
    is_configured: bool
    rate: float | None
    cause: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """Return the name of the queue."""
        return KIND


async def claim_calls(session: AsyncSession, ask: Ask, *, per_channel: int, secrets: SecretBox) -> list[Call]:
    """Claim notifications that are due, with all that saying them takes.

    What people want, and where they are reached, may have changed while they waited: both are asked again.
    """
    claimed = {row.id: row for row in await calls.claim(session, ask, per_channel=per_channel)}
    if not claimed:
        return []
    these = await messages.notifications_by_id(session, list(claimed))
    rows = sorted(these, key=lambda row: -claimed[row.id].priority)
    kept = await messages.messages_by_key(session, list({(row.workspace, row.message_id) for row in rows}))
    found = await aims(session, {_key(row) for row in rows}, secrets)
    ended = await calls.ended_by_id(session, list(claimed))
    answers = await decisions(session, [_question(row, kept, found) for row in rows])
    made = []
    for row, decision in zip(rows, answers, strict=True):
        queued, message, to = claimed[row.id], kept[row.workspace, row.message_id], found[_key(row)]
        contents = of_channel(message.contents, row.channel)
        content = next(each for each in contents if each["locale"] == row.locale)
        made.append(
            Call(
                id=row.id,
                workspace=row.workspace,
                group=queued.group_key,
                tries=queued.tries,
                notification=row,
                told=told_from(row.id, content),
                aims=to or (),
                ended=ended.get(row.id, {}),
                decision=decision if message.cancelled_at is None else Defer(ask.now),
                is_configured=to is not None,
                rate=min((aim.setup.rate for aim in to or () if aim.setup.rate is not None), default=None),
                cause=message.cause,
            )
        )
    return made


def _key(row: Notification) -> tuple[str, str, str]:
    return row.workspace, row.user_id, row.channel


def _question(
    row: Notification, kept: Mapping[tuple[str, UUID], Any], found: Mapping[Any, Collection[Aim] | None]
) -> Question:
    address = (row.address or row.channel) if found[_key(row)] else None
    zone = kept[row.workspace, row.message_id].time_zone
    return Question(row.workspace, row.user_id, address, row.topic, row.channel, zone)


def reason_of(decision: Decision) -> Any:
    """Return why something is not said, None when it may be."""
    return decision.reason if isinstance(decision, Skip) else None


async def start_test(session: AsyncSession, channel_id: UUID, user_id: str | None) -> UUID:
    """Have a channel called once, to a person where it needs one; returns the job that tells what came of it.

    Raises NotFound, Invalid (422).
    """
    channel = await get_channel(session, channel_id)
    name = channel_of(channel.kind)
    contact_id = None
    if user_id is not None:
        mine = [one for one in await find_for(session, user_id, name) if one.channel_id in (None, channel_id)]
        if not mine:
            raise Invalid("/user_id", f"must have a contact that {channel.kind} reaches")
        contact_id = str(mine[-1].id)
    elif name != CHAT:
        raise Invalid("/user_id", f"is needed: {channel.kind} reaches one person")
    return await start_job(session, TEST_JOB, {"channel_id": str(channel_id), "contact_id": contact_id})


async def aim_of_test(session: AsyncSession, payload: Mapping[str, Any], secrets: SecretBox) -> tuple[Aim, str] | None:
    """Return where the call of a test goes, and in which language; None when channel or contact are gone. Also while it is disabled."""
    channel = await find_channel(session, UUID(payload["channel_id"]))
    contact_id = payload["contact_id"] and UUID(payload["contact_id"])
    aim = None if channel is None else await aim_at(session, channel, contact_id, secrets)
    return None if channel is None or aim is None else (aim, channel.language)
