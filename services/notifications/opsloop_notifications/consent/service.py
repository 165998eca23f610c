"""Gather what is known of people, and decide what becomes of messages to them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import clock_of
from opsloop_notifications.consent.rules import Decision, PersonFacts, TopicFacts, decide
from opsloop_notifications.recipients.rules import AddressState
from opsloop_notifications.recipients.service import Recipient, erase_recipients, reach
from opsloop_notifications.suppressions import service as suppressions
from opsloop_notifications.topics import service as topics
from opsloop_notifications.topics.service import Topic


@dataclass(frozen=True)
class Question:
    """May this be sent? `zone` is where people live who said nothing of it. `may_gather`: or be held for a digest."""

    workspace: str
    user_id: str
    address: str | None
    topic: str
    channel: str
    zone: str
    may_gather: bool = False


async def decisions(
    session: AsyncSession, questions: Sequence[Question], *, recent: Mapping[str, int] | None = None
) -> list[Decision]:
    """Answer many questions, in their order; `recent`: how many of a throttled topic each user got lately.

    Also for a session that entered as a worker.
    """
    people = await reach(session, {(each.workspace, each.user_id) for each in questions})
    known = await topics.known(session, {(each.workspace, each.topic) for each in questions})
    addresses = {(each.workspace, each.address) for each in questions if each.address is not None}
    suppressed = await suppressions.reasons(session, addresses)
    now, counts = clock_of(session).now(), recent or {}

    def answer(asked: Question) -> Decision:
        reason = suppressed.get((asked.workspace, asked.address)) if asked.address is not None else None
        person = _person(asked, people.get((asked.workspace, asked.user_id)), reason, counts.get(asked.user_id, 0))
        topic = _topic(asked.topic, known.get((asked.workspace, asked.topic)))
        return decide(person, topic, channel=asked.channel, now=now, may_gather=asked.may_gather)

    return [answer(asked) for asked in questions]


def _person(asked: Question, recipient: Recipient | None, suppressed: str | None, recent: int) -> PersonFacts:
    if recipient is None:
        return PersonFacts(asked.address, suppressed=suppressed, zone=asked.zone, recent=recent)
    quiet = recipient.quiet_start, recipient.quiet_end
    return PersonFacts(
        address=asked.address,
        # what is known of another address than it goes to says nothing of this one
        is_confirmed=recipient.email != asked.address or recipient.state != AddressState.UNCONFIRMED,
        suppressed=suppressed,
        wanted=recipient.wanted,
        digests=recipient.digests,
        quiet=(quiet[0], quiet[1]) if quiet[0] is not None and quiet[1] is not None else None,
        zone=recipient.time_zone or asked.zone,
        recent=recent,
    )


def _topic(key: str, topic: Topic | None) -> TopicFacts:
    if topic is None:
        return TopicFacts(key)
    return TopicFacts(key, topic.is_on, topic.is_critical, topic.throttle_count, topic.digest)


async def erase_contacts(session: AsyncSession, user_ids: Sequence[str], *, also: Collection[str] = ()) -> None:
    """Forget where people who were erased are reached; of suppressed addresses, theirs and `also`, what knows them again stays."""
    addresses = {*await erase_recipients(session, user_ids), *also}
    await suppressions.forget_addresses(session, addresses)
