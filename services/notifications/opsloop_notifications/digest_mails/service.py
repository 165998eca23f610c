"""Send digests whose window is over, and show what one says."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.failpoints import hit
from opsloop_notifications.consent.rules import GENERAL
from opsloop_notifications.digests.rules import ENTRIES, Entry, words
from opsloop_notifications.digests.service import Digest, close_ended, get_digest
from opsloop_notifications.messages import service as messages
from opsloop_notifications.topics.service import find_topic
from opsloop_notifications.wording.rules import Said

BATCH = 50


async def send_ended(session: AsyncSession, by: datetime) -> bool:
    """Make one message of each digest whose window is over, and of what it holds that it stands there; says whether there may be more.

    All in one transaction, with the mark on the digest: whatever dies, there is one message or none.
    """
    closed = await close_ended(session, by, limit=BATCH)
    await messages.set_paused_apart(session, [digest.id for digest in closed])
    for digest in closed:
        count, contents = await _say(session, digest)
        if count == 0:  # all of it was taken back
            continue
        await messages.keep_message(session, digest.id, contents, topic=digest.topic, campaign_id=None)
        await messages.tell(session, digest.id, digest.channel, [digest.user_id], is_digest=True)
        await messages.settle_digest(session, digest.id)
    hit("notifications.digests_made")
    return len(closed) == BATCH


async def preview(session: AsyncSession, digest_id: UUID) -> tuple[int, list[Said]]:
    """Return how many messages a digest holds, and what it says; raises NotFound."""
    return await _say(session, await get_digest(session, digest_id))


async def _say(session: AsyncSession, digest: Digest) -> tuple[int, list[Said]]:
    held = await messages.in_digest(session, digest.id)
    entries = []
    for row, contents, _ in held[:ENTRIES]:
        said = next(
            each
            for each in contents
            if each["locale"] == row.locale and each.get("channel", row.channel) == row.channel
        )
        entries.append(Entry(said["subject"], said["body"]))
    topic = await find_topic(session, digest.topic)
    general = ("Messages", "消息") if digest.topic == GENERAL else (digest.topic, digest.topic)
    name, name_zh = general if topic is None else (topic.name, topic.name_zh or topic.name)
    return len(held), words(name, name_zh, entries, len(held)) if held else []
