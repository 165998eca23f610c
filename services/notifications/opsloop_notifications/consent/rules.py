"""Whether something is sent to a person now, later, or not at all. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

GENERAL = "general"
"""The topic of what names none."""
CONFIRMATION = "@confirmation"
"""The topic of the question whether an address is theirs, which nobody else can name: a slug has no such sign."""
ALERT = "@alert"
"""… and of alerts that escalate: whoever is on call is told at any hour."""
REPLY = "@reply"
"""… and of answers to what somebody said: no subscription, and nothing that waits for the morning."""
INBOX = "inbox"
"""The channel that needs no address, and wakes nobody."""

SkipReason = Literal["no_address", "suppressed", "not_confirmed", "unsubscribed", "throttled", "channel_not_configured"]


@dataclass(frozen=True)
class Send:
    """It is sent now. `may_leave`: the mail says how to get no more of its topic."""

    may_leave: bool = True


@dataclass(frozen=True)
class Defer:
    """It waits: the person is left alone until then."""

    until: datetime


@dataclass(frozen=True)
class Skip:
    """It is not sent, and why."""

    reason: SkipReason


@dataclass(frozen=True)
class Gather:
    """It waits for a digest: how often one comes, as topics and people say it, and where the person lives."""

    digest: Mapping[str, Any]
    zone: str


Decision = Send | Defer | Skip | Gather


@dataclass(frozen=True)
class TopicFacts:
    """How a topic is sent; the defaults are those of a key that no topic has."""

    key: str = GENERAL
    is_on: bool = True
    is_critical: bool = False
    throttle_count: int | None = None
    digest: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class PersonFacts:
    """What is known of a person and an address. `suppressed`: why the address gets nothing. `recent`: sent of the topic lately."""

    address: str | None
    is_confirmed: bool = True
    suppressed: str | None = None
    wanted: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    digests: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    quiet: tuple[time, time] | None = None
    zone: str = "UTC"
    recent: int = 0


def priority_of(decision: Decision) -> int:
    """Return what goes first of what waits: alerts, questions about addresses and what is critical, before what people may leave."""
    return 1 if isinstance(decision, Send) and not decision.may_leave else 0


def decide(
    person: PersonFacts, topic: TopicFacts, *, channel: str, now: datetime, may_gather: bool = False
) -> Decision:
    """Say what becomes of a message to a person, the reason that ends it first where there are several.

    `may_gather`: it is new, and may be held for a digest; the digest itself is not.

    An address that bounced, complained or was taken off by hand gets nothing at all, one that nobody confirmed the question about
    that alone. What the person only does not want, or not now or not so often, critical topics pass. What lies in the inbox needs
    no address, and waits there by itself.
    """
    is_let_through = topic.is_critical or topic.key in (CONFIRMATION, ALERT, REPLY)
    why_not = None if channel == INBOX else _unreachable(person, topic, is_let_through=is_let_through)
    if why_not is not None:
        return Skip(why_not)
    if is_let_through:
        return Send(may_leave=False)
    if not person.wanted.get(topic.key, {}).get(channel, topic.is_on):
        return Skip("unsubscribed")
    digest = person.digests.get(topic.key, {}).get(channel, topic.digest) if may_gather and channel != INBOX else None
    if digest is not None and digest["every"] != "none":
        return Gather(digest, person.zone)
    if topic.throttle_count is not None and person.recent >= topic.throttle_count:
        return Skip("throttled")
    quiet = None if channel == INBOX else person.quiet
    until = quiet_until(quiet, zone_of(person.zone), now) if quiet else None
    return Defer(until) if until else Send()


def _unreachable(person: PersonFacts, topic: TopicFacts, *, is_let_through: bool) -> SkipReason | None:
    if person.address is None:
        return "no_address"
    if person.suppressed is not None and not (person.suppressed == "unsubscribe" and is_let_through):
        return "suppressed"
    return None if person.is_confirmed or topic.key in (CONFIRMATION, REPLY) else "not_confirmed"


def quiet_until(quiet: tuple[time, time], zone: tzinfo, now: datetime) -> datetime | None:
    """Return when the quiet hours that `now` lies in end, in UTC, or None when it lies in none.

    They last from the first time that the zone's clocks show the start to the last that they show the end. A time that clocks
    skip is the moment at which they do, so no night is lost or cut in two when they are changed.
    """
    start, end = quiet
    today = now.astimezone(zone).date()
    for days in (-1, 0, 1):  # clocks set back over midnight show yesterday again
        day = today + timedelta(days=days)
        ends_on = day if start < end else day + timedelta(days=1)
        begins = moment(datetime.combine(day, start), zone, fold=0)
        ends = moment(datetime.combine(ends_on, end), zone, fold=1)
        if begins <= now < ends:
            return ends
    return None


def moment(local: datetime, zone: tzinfo, *, fold: Literal[0, 1]) -> datetime:
    """Return when clocks show a local time, of two such moments the first or the second; the moment of the change when they skip it."""
    first, second = (local.replace(tzinfo=zone, fold=each).astimezone(UTC) for each in (0, 1))
    if first <= second:
        return second if fold else first
    # skipped: by the offset before it comes after the change, by the offset after it before (PEP 495)
    low, high = second, first
    before = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // 2
        low, high = (middle, high) if middle.astimezone(zone).utcoffset() == before else (low, middle)
    return high.replace(microsecond=0)


@lru_cache(maxsize=1_000)
def zone_of(name: str) -> tzinfo:
    """Return a zone by its name; UTC for one that this machine does not know any more."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC
