"""What can become of one person in a campaign, and how much goes out at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import orjson

from opsloop_common.contracts.campaigns import RECIPIENTS_PER_REQUEST

# Recipients asked for but not yet answered. Whoever pauses or cancels stops everybody beyond them, so it is what a
# mistake can still cost; ten chunks keep the mail sender busy for some seconds.
IN_FLIGHT = 10 * RECIPIENTS_PER_REQUEST
# An event may have 512 KiB; the contents of all locales take at most 128 of it.
USER_IDS_BYTES = 320 * 1024


class RecipientOutcome(StrEnum):
    """How far one recipient has come."""

    PENDING = "pending"
    REQUESTED = "requested"
    SENT = "sent"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Report:
    """What notifications said became of one message to one person."""

    campaign_id: UUID
    message_id: UUID
    user_id: str
    outcome: RecipientOutcome
    reason: str | None
    notification_id: UUID
    at: datetime
    locale: str | None = None


@dataclass(frozen=True)
class Count:
    """How many recipients share a status, a reason and a locale."""

    status: str
    reason: str | None
    locale: str | None
    count: int


OPEN = frozenset({RecipientOutcome.PENDING, RecipientOutcome.REQUESTED})


def has_room(in_flight: int) -> bool:
    """Say whether another whole chunk may be requested, given how many recipients wait for their outcome."""
    return in_flight + RECIPIENTS_PER_REQUEST <= IN_FLIGHT


def chunks(audience_size: int) -> int:
    """Return in how many requests an audience of this size goes out."""
    return -(-audience_size // RECIPIENTS_PER_REQUEST)


def fitting(user_ids: Sequence[str]) -> Sequence[str]:
    """Return the longest head of `user_ids` that fits into one event, at least one."""
    used = 0
    for count, user_id in enumerate(user_ids):
        used += len(orjson.dumps(user_id)) + 1
        if used > USER_IDS_BYTES and count:
            return user_ids[:count]
    return user_ids


def replaces(new: RecipientOutcome, old: RecipientOutcome) -> bool:
    """Say whether outcome `new` stands after `old`: reports come late and twice, but who was told was told."""
    return old in OPEN or (old is RecipientOutcome.FAILED and new is RecipientOutcome.SENT)


def final_outcomes(reports: Sequence[Report]) -> list[Report]:
    """Return one report a person: the first, unless a later one replaces it."""
    final: dict[tuple[UUID, str], Report] = {}
    for report in reports:
        known = final.get((report.campaign_id, report.user_id))
        if known is None or replaces(report.outcome, known.outcome):
            final[report.campaign_id, report.user_id] = report
    return list(final.values())
