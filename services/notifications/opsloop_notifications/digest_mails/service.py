"""Send digests whose window is over, and show what one says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.failpoints import hit
from opsloop_common.turns import breathing
from opsloop_notifications.consent.rules import GENERAL
from opsloop_notifications.digests.rules import ENTRIES, Entry, words
from opsloop_notifications.digests.service import Digest, close_ended, get_digest
from opsloop_notifications.messages import service as messages
from opsloop_notifications.messages.service import Digested, Gathered
from opsloop_notifications.topics.service import find_topic
from opsloop_notifications.wording.rules import Said

BATCH = 200


async def send_ended(session: AsyncSession, by: datetime) -> bool:
    """Make one message of each digest whose window is over, and of what it holds that it stands there; says whether there may be more.

    All in one transaction, with the mark on the digest: whatever dies, there is one message or none.
    """
    closed = await close_ended(session, by, limit=BATCH)
    await messages.set_paused_apart(session, [digest.id for digest in closed])
    written = await _written(session, closed)
    alike = defaultdict[tuple[str, str], list[Digested]](list)
    for digest in closed:
        if digest.id in written:  # of the others all was taken back, or is paused
            held, said = written[digest.id]
            said = [one | {"channel": digest.channel} for one in said]
            alike[digest.channel, digest.topic].append(Digested(digest.id, digest.user_id, said, held))
    for (channel, topic), digests in alike.items():
        await messages.tell_digests(session, digests, channel, topic=topic)
    hit("notifications.digests_made")
    return len(closed) == BATCH


async def preview(session: AsyncSession, digest_id: UUID) -> tuple[int, list[Said]]:
    """Return how many messages a digest holds, and what it says; raises NotFound."""
    written = await _written(session, [await get_digest(session, digest_id)])
    held, said = written.get(digest_id, ([], []))
    return len(held), said


async def _written(session: AsyncSession, digests: Sequence[Digest]) -> dict[UUID, tuple[list[Gathered], list[Said]]]:
    """Return of each digest that holds anything what it holds and says; what says the same is written once."""
    found = await messages.in_digests(session, [digest.id for digest in digests])
    listed = {each.row.message_id for held in found.values() for each in held[:ENTRIES]}
    contents = await messages.contents_by_id(session, listed)
    names = {topic: await _names(session, topic) for topic in {digest.topic for digest in digests}}

    def entry(of: Gathered) -> Entry:
        row = of.row
        said = next(
            each
            for each in contents[row.message_id]
            if each["locale"] == row.locale and each.get("channel", row.channel) == row.channel
        )
        return Entry(said["subject"] or said["body"], said["body"])

    asked = {
        digest.id: (*names[digest.topic], tuple(entry(each) for each in held[:ENTRIES]), len(held))
        for digest in digests
        if (held := found.get(digest.id))
    }
    distinct = list(dict.fromkeys(asked.values()))
    said = dict(zip(distinct, await breathing(lambda each: words(*each), distinct), strict=True))
    return {id: (found[id], said[each]) for id, each in asked.items()}


async def _names(session: AsyncSession, key: str) -> tuple[str, str]:
    topic = await find_topic(session, key)
    if topic is not None:
        return topic.name, topic.name_zh or topic.name
    return ("Messages", "消息") if key == GENERAL else (key, key)
