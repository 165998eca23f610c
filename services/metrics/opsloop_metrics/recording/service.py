"""Take what a client sent: describe each message, give it its name for ever, and answer when it is durable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import orjson

from opsloop_common.ids import uuid7
from opsloop_common.turns import in_turns
from opsloop_metrics.capture import rules
from opsloop_metrics.capture.rules import Entry, Heard, Message, Outcome, Problem, Reading, Reason, Refused
from opsloop_metrics.ports import Sink
from opsloop_metrics.store.port import written
from opsloop_metrics.visits.rules import PlaceFinder, describe

_NOBODYS = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent a request: by which credential, with whose client, and from which browser if it was one.

    `ip` and `user_agent` are the connection's; they stand for the person's where `is_browser`.
    """

    workspace: str
    source: str
    actor: str
    may_merge_identified: bool
    vendor: str = ""
    ip: str | None = None
    user_agent: str | None = None
    is_browser: bool = False


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a body's messages, by their place in it: stored or known, and what was refused and why."""

    outcomes: dict[int, Outcome]
    problems: tuple[Problem, ...]


async def accept(
    sink: Sink,
    find_place: PlaceFinder,
    sender: Sender,
    reading: Reading,
    *,
    now: datetime,
    import_id: UUID | None = None,
) -> Accepted:
    """Store the messages that were read; returns when they are durable. Raises StoreUnavailable, and nothing is stored then."""

    def prepare(placed: tuple[int, Message]) -> tuple[int, Entry | Problem]:
        place, message = placed
        try:
            return place, entry_of(message, sender, find_place, now, import_id)
        except Refused as refused:
            return place, rules.problem_of(message, refused.reason, refused.detail, place=place)

    prepared = await in_turns(prepare, reading.messages, workspace=sender.workspace)
    entries = [(place, found) for place, found in prepared if isinstance(found, Entry)]
    outcomes = await sink.take([entry for _, entry in entries])
    by_place = {place: outcome for (place, _), outcome in zip(entries, outcomes, strict=True)}
    erased = [
        rules.problem_of(message, Reason.ERASED, "this person was erased", place=place)
        for place, message in reading.messages
        if by_place.get(place) is Outcome.ERASED
    ]
    refused = [found for _, found in prepared if isinstance(found, Problem)]
    problems: Sequence[Problem] = sorted([*reading.problems, *refused, *erased], key=lambda problem: problem.index)
    return Accepted(by_place, tuple(problems))


def entry_of(message: Message, sender: Sender, find_place: PlaceFinder, now: datetime, import_id: UUID | None) -> Entry:
    """Return a message as it goes into the store; raises Refused for a time that cannot be."""
    at = rules.corrected(message, now)
    is_named = message.message_id is not None
    id = rules.event_id(sender.workspace, message.message_id) if message.message_id is not None else uuid7()
    user_agent = (
        message.user_agent if message.user_agent is not None or not sender.is_browser else sender.user_agent or ""
    )
    visit = describe(
        user_agent=user_agent,
        url=message.url,
        referrer=message.referrer,
        locale=message.locale,
        ip=message.ip or (sender.ip if sender.is_browser else None),
        country_of=find_place,
    )
    skew = timedelta() if message.sent_at is None else message.sent_at - now
    row = (
        sender.workspace, str(id), message.message_id or "", str(import_id or _NOBODYS), message.kind, message.event,
        written(at), written(now), skew // timedelta(milliseconds=1), message.distinct_id, message.session_id or "",
        sender.source, message.library, visit.url, visit.host, visit.path, message.title or "", visit.referrer,
        visit.referrer_host, visit.channel, visit.utm_source, visit.utm_medium, visit.utm_campaign, visit.utm_term,
        visit.utm_content, visit.browser, visit.browser_version, visit.os, visit.device, visit.country, visit.region,
        visit.city, visit.locale, message.app_version or "", int(visit.is_bot), int(visit.is_test or message.is_test),
        message.groups, orjson.dumps(message.properties).decode(),
    )  # fmt: skip
    # what is said ahead of time is said now: else a later word of another sender would lose against it
    heard = Heard(message, min(at, now), sender.may_merge_identified, sender.actor)
    return Entry(sender.workspace, id, is_named, heard, row, sender.vendor)
