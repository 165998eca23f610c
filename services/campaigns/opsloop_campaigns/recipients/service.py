"""Fix who is told, hand them out in chunks, write down what became of them. Callers hold the campaign's row lock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CursorResult, Select, Text, Uuid, bindparam, text, update
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_campaigns.recipients import queries, rules
from opsloop_campaigns.recipients.meters import RecipientMeter
from opsloop_campaigns.recipients.models import Recipient
from opsloop_campaigns.recipients.queries import Progress
from opsloop_campaigns.recipients.rules import Count, RecipientOutcome, Report
from opsloop_common.contracts.campaigns import RECIPIENTS_PER_REQUEST
from opsloop_common.db import clock_of, count_after_commit, meters_of

# the list never leaves the database: 100,000 rows in one statement
_MATERIALISE = text(
    "INSERT INTO recipient (campaign_id, user_id, workspace, status, message_id, at) "
    "SELECT c.id, u.user_id, c.workspace, 'pending', c.message_id, :now "
    "FROM campaign c CROSS JOIN LATERAL unnest(c.user_ids) AS u(user_id) WHERE c.id = :campaign_id"
).bindparams(bindparam("now", type_=TIMESTAMP(timezone=True)), bindparam("campaign_id", type_=Uuid()))

_RECORD = text(
    "UPDATE recipient r SET status = v.status, reason = v.reason, notification_id = v.notification_id, at = v.at, "
    "locale = coalesce(v.locale, r.locale) "
    "FROM unnest(:campaign_ids, :user_ids, :message_ids, :statuses, :reasons, :notification_ids, :times, :locales) "
    "AS v(campaign_id, user_id, message_id, status, reason, notification_id, at, locale) "
    "WHERE r.campaign_id = v.campaign_id AND r.user_id = v.user_id AND r.message_id = v.message_id "
    "AND (r.status IN ('pending', 'requested') OR (r.status = 'failed' AND v.status = 'sent') "
    "OR r.reason = 'campaign_cancelled') RETURNING r.campaign_id, r.status"
).bindparams(
    *(bindparam(name, type_=ARRAY(Uuid)) for name in ("campaign_ids", "message_ids", "notification_ids")),
    *(bindparam(name, type_=ARRAY(Text)) for name in ("user_ids", "statuses", "reasons", "locales")),
    bindparam("times", type_=ARRAY(TIMESTAMP(timezone=True))),
)

# the row stays, under a name that is nobody's: what became of everybody adds up to the audience
_ERASE = text(
    "UPDATE recipient SET user_id = 'erased/' || gen_random_uuid(), "
    "status = CASE WHEN status IN ('pending', 'requested') THEN 'cancelled' ELSE status END, "
    "reason = CASE WHEN status IN ('pending', 'requested') THEN 'erased' ELSE reason END "
    "WHERE campaign_id = ANY(:campaign_ids) AND user_id = ANY(:user_ids)"
).bindparams(bindparam("campaign_ids", type_=ARRAY(Uuid)), bindparam("user_ids", type_=ARRAY(Text)))


BY_USER = queries.BY_USER
"""The order in which `recipients_of` is paged."""


def recipients_of(campaign_id: UUID, *, status: Sequence[RecipientOutcome] = ()) -> Select[Recipient]:
    """Return the query of a campaign's recipients, narrowed to some statuses."""
    return queries.recipients_of(campaign_id, status=status)


async def counts(session: AsyncSession, campaign_id: UUID) -> list[Count]:
    """Count a campaign's recipients by status, reason and locale, in one snapshot."""
    return await queries.counts(session, campaign_id)


async def materialise(session: AsyncSession, campaign_id: UUID) -> None:
    """Write one pending row for each person of the campaign's list."""
    await session.execute(_MATERIALISE, {"campaign_id": campaign_id, "now": clock_of(session).now()})


async def take_chunk(session: AsyncSession, campaign_id: UUID, *, after: str) -> tuple[Sequence[str], bool]:
    """Mark the next people after `after` as requested; returns them in order, and whether more follow.

    At most 500, nobody while too many are in flight.
    """
    if not rules.has_room(await queries.count_in_flight(session, campaign_id)):
        return [], True
    pending = await queries.next_pending(session, campaign_id, after=after, limit=RECIPIENTS_PER_REQUEST + 1)
    chunk = rules.fitting(pending[:RECIPIENTS_PER_REQUEST])
    if chunk:
        await session.execute(
            update(Recipient)
            .where(
                Recipient.campaign_id == campaign_id,
                Recipient.user_id > after,
                Recipient.user_id <= chunk[-1],
                Recipient.status == RecipientOutcome.PENDING,
            )
            .values(status=RecipientOutcome.REQUESTED, at=clock_of(session).now())
            .execution_options(synchronize_session=False)
        )
    return chunk, len(chunk) < len(pending)


async def cancel_open(session: AsyncSession, campaign_id: UUID) -> None:
    """Give up on everybody who has no outcome yet; what was on its way and got out still counts."""
    cancelled: CursorResult[Any] = await session.execute(  # type: ignore[assignment]
        update(Recipient)
        .where(Recipient.campaign_id == campaign_id, Recipient.status.in_(rules.OPEN))
        .values(status=RecipientOutcome.CANCELLED, reason="campaign_cancelled", at=clock_of(session).now())
        .execution_options(synchronize_session=False)
    )
    _count(session, {RecipientOutcome.CANCELLED: cancelled.rowcount})


async def record(session: AsyncSession, reports: Sequence[Report]) -> set[UUID]:
    """Write down outcomes, each at most once, and return the campaigns in which something changed.

    What is repeated, late, or about people nobody asked for changes nothing.
    """
    final = rules.final_outcomes(reports)
    answer = await session.execute(
        _RECORD,
        {
            "campaign_ids": [report.campaign_id for report in final],
            "user_ids": [report.user_id for report in final],
            "message_ids": [report.message_id for report in final],
            "statuses": [str(report.outcome) for report in final],
            "reasons": [report.reason for report in final],
            "notification_ids": [report.notification_id for report in final],
            "times": [report.at for report in final],
            "locales": [report.locale for report in final],
        },
    )
    rows = answer.all()
    _count(session, Counter(row.status for row in rows))
    return {row.campaign_id for row in rows}


def _count(session: AsyncSession, outcomes: Mapping[str, int]) -> None:
    count_after_commit(session, partial(meters_of(session, RecipientMeter).count, outcomes))


async def progress(session: AsyncSession, campaign_id: UUID, *, after: str) -> Progress:
    """Say whether somebody after `after` waits to be told, and of how many the outcome is still to come."""
    return await queries.progress(session, campaign_id, after=after)


async def campaigns_of(session: AsyncSession, campaign_ids: Sequence[UUID], user_ids: Sequence[str]) -> Sequence[UUID]:
    """Return in which of the campaigns one of the people is told something."""
    return await queries.campaigns_of(session, campaign_ids, user_ids)


async def erase_people(session: AsyncSession, campaign_ids: Sequence[UUID], user_ids: Sequence[str]) -> None:
    """Take the names of people out of locked campaigns, and give up on those who have no outcome yet."""
    await session.execute(_ERASE, {"campaign_ids": list(campaign_ids), "user_ids": list(user_ids)})
