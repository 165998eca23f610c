"""Tell a launched campaign's people, chunk by chunk, and write down what became of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_campaigns.lifecycle import service as lifecycle
from opsloop_campaigns.lifecycle.rules import CHUNK, GOING_ON, OnTheWay, Status
from opsloop_campaigns.recipients import service as recipients
from opsloop_campaigns.recipients.rules import RecipientOutcome, Report
from opsloop_campaigns.sending import rules
from opsloop_campaigns.sending.rules import Results
from opsloop_common import due, outbox
from opsloop_common.contracts.campaigns import MessageContent, MessageRequested
from opsloop_common.contracts.envelope import Event
from opsloop_common.db import Context, acting_for, clock_of, context_of
from opsloop_common.inbox import forgetting


async def send_chunk(session: AsyncSession, campaign_id: UUID) -> None:
    """Request the message for the next people of a running campaign, and put the chunk after it into the queue.

    Recipients and event change in one transaction, so a crash repeats nobody; a paused or ended campaign stays as it is.
    """
    for campaign in await lifecycle.lock_on_the_way(session, [campaign_id]):
        if campaign.status is not Status.RUNNING:
            continue
        chunk, more = await recipients.take_chunk(session, campaign_id, after=campaign.requested_through)
        with acting_for(session, Context.following(context_of(session).workspace, campaign.cause)):
            if chunk:
                await lifecycle.note_requested(session, campaign_id, chunk[-1])
                outbox.append(session, _message_requested(campaign, chunk))
                if more:
                    await due.schedule(session, CHUNK, str(campaign_id), clock_of(session).now())
            else:
                await _finish_when_settled(session, campaign)


async def record_reports(session: AsyncSession, reports: Mapping[Report, Event]) -> None:
    """Write down what notifications reported (each with the event that said so), and finish or go on."""
    campaigns = await lifecycle.lock_on_the_way(session, {report.campaign_id for report in reports})
    if not campaigns:
        return
    known = {campaign.campaign_id for campaign in campaigns}
    changed = await recipients.record(session, [report for report in reports if report.campaign_id in known])
    causes = {report.campaign_id: event for report, event in reports.items()}
    for campaign in campaigns:
        if campaign.campaign_id not in changed or campaign.status not in GOING_ON:
            continue
        with acting_for(session, causes[campaign.campaign_id]):
            goes_on = await _finish_when_settled(session, campaign)
            if goes_on and campaign.status is Status.RUNNING:
                await due.schedule(session, CHUNK, str(campaign.campaign_id), clock_of(session).now())


async def erase_people(session: AsyncSession, user_ids: Sequence[str]) -> None:
    """Take people who were erased out of every campaign, and finish what only waited for them."""
    after: UUID | None = UUID(int=0)
    while after is not None:
        page, after = await lifecycle.page_of_ids(session, after)
        await lifecycle.erase_people(
            session, page, (), user_ids
        )  # before: one that is launched meanwhile is found then
        told = await recipients.campaigns_of(session, page, user_ids)
        campaigns = await lifecycle.lock_on_the_way(session, told)
        await recipients.erase_people(session, told, user_ids)
        await lifecycle.erase_people(session, told, told, user_ids)
        await outbox.forget(session, [f"campaign/{id}/internal" for id in told], user_ids)
        for campaign in campaigns:
            if campaign.status in GOING_ON:
                await _finish_when_settled(session, campaign)
    await forgetting.forget(session, user_ids)


async def _finish_when_settled(session: AsyncSession, campaign: OnTheWay) -> bool:
    """Finish a campaign in which every recipient has an outcome; returns whether more may be told now."""
    progress = await recipients.progress(session, campaign.campaign_id, after=campaign.requested_through)
    if not progress.is_settled:
        return progress.goes_on
    results = await results_of(session, campaign.campaign_id, campaign.status, campaign.audience_size)
    totals = results.by_status
    await lifecycle.finish(
        session, campaign.campaign_id, sent=totals[RecipientOutcome.SENT], failed=totals[RecipientOutcome.FAILED]
    )
    return False


async def results_of(session: AsyncSession, campaign_id: UUID, status: Status, audience_size: int) -> Results:
    """Count what became of a campaign's audience."""
    return rules.results(status, audience_size, await recipients.counts(session, campaign_id))


def _message_requested(campaign: OnTheWay, user_ids: Sequence[str]) -> MessageRequested:
    return MessageRequested(
        campaign_id=campaign.campaign_id,
        message_id=campaign.message_id,
        channel="email",
        user_ids=list(user_ids),
        contents=[MessageContent.model_validate(message) for message in campaign.messages],
    )
