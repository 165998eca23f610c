"""The life of a campaign: write, edit, approve, schedule, launch, hold, end."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ARRAY, Text, Uuid, bindparam, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_campaigns.approvals import rules as approvals_rules
from opsloop_campaigns.approvals import service as approvals
from opsloop_campaigns.budgets.rules import WINDOW, Spent
from opsloop_campaigns.lifecycle import meters, queries, rules
from opsloop_campaigns.lifecycle.meters import HeldMeter, LaunchMeter
from opsloop_campaigns.lifecycle.models import Campaign
from opsloop_campaigns.lifecycle.rules import CHUNK, START, OnTheWay, Status
from opsloop_campaigns.recipients import service as recipients
from opsloop_common import due, outbox, resources
from opsloop_common.columns import Moment
from opsloop_common.contracts.campaigns import (
    CampaignApprovalRequested,
    CampaignApproved,
    CampaignCancelled,
    CampaignFinished,
    CampaignLaunched,
    CampaignPaused,
    MessageChanged,
    Trigger,
)
from opsloop_common.contracts.envelope import Event
from opsloop_common.db import clock_of, context_of, count_after_commit, meters_of
from opsloop_common.resources import changing, touch
from opsloop_common.versions import Precondition

# up to 100,000 ids a row: only rows are read that are not launched yet, or of whose people it is known that one is erased.
# `requested_through` may name one of them; whoever comes before it in order was requested as well
_KEPT = "SELECT u.id FROM unnest(campaign.user_ids) WITH ORDINALITY AS u(id, place) WHERE u.id <> ALL(:user_ids)"
_ERASE = text(
    f"UPDATE campaign SET user_ids = ARRAY({_KEPT} ORDER BY u.place), version = version + 1, updated_at = :now, "  # noqa: S608 our own part
    "audience_size = CASE WHEN id = ANY(:told) THEN audience_size "
    f"ELSE (SELECT count(*) FROM ({_KEPT}) AS kept) END, "
    "requested_through = CASE WHEN requested_through = ANY(:user_ids) "
    f"THEN coalesce((SELECT max(kept.id) FROM ({_KEPT}) AS kept WHERE kept.id < requested_through), '') "
    "ELSE requested_through END "
    "WHERE id = ANY(:page) AND (id = ANY(:told) OR started_at IS NULL) AND user_ids && :user_ids"
).bindparams(
    bindparam("user_ids", type_=ARRAY(Text)),
    *(bindparam(name, type_=ARRAY(Uuid)) for name in ("page", "told")),
    bindparam("now", type_=Moment),
)
PAGE = 1_000


@dataclass(frozen=True)
class Draft:
    """What a person or a playbook wants to say, and to whom. `user_ids` holds each person once."""

    name: str
    user_ids: Sequence[str]
    messages: Sequence[Mapping[str, str]]
    schedule_at: datetime | None = None


def trigger_of(campaign: Campaign) -> Trigger | None:
    """Return the event that made a playbook launch the campaign."""
    if campaign.trigger_event_id is None or campaign.trigger_type is None:
        return None
    return Trigger(event_id=campaign.trigger_event_id, type=campaign.trigger_type)


async def _new(session: AsyncSession, draft: Draft, status: Status, **behind: Any) -> Campaign:
    campaign = resources.create(
        session,
        Campaign,
        name=draft.name,
        status=status,
        user_ids=list(draft.user_ids),
        audience_size=len(draft.user_ids),
        messages=[dict(message) for message in draft.messages],
        schedule_at=draft.schedule_at,
        **behind,
    )
    await session.flush()  # for what the row has by default; recipients are copied from it inside the database
    return campaign


async def create_campaign(session: AsyncSession, draft: Draft) -> Campaign:
    """Keep a new draft."""
    actor = context_of(session).actor
    return await _new(session, draft, Status.DRAFT, author=actor, edited_by=actor, writers=[actor])


async def duplicate_campaign(session: AsyncSession, campaign_id: UUID) -> Campaign:
    """Make a new draft that says the same to the same people; its start is not copied."""
    original = await queries.get_campaign_with_audience(session, campaign_id)
    copy = await create_campaign(session, Draft(original.name, original.user_ids, original.messages))
    copy.writers = approvals_rules.writers_of_copy(original.writers, original.approved_by, copy.author)
    return copy


async def delete_campaign(session: AsyncSession, campaign_id: UUID, *, expected: Precondition) -> None:
    """Delete a draft; raises Conflict for anything that others have seen."""
    campaign = await queries.lock_campaign(session, campaign_id, expected)
    rules.require_deletable(Status(campaign.status))
    await resources.delete(session, campaign)


async def edit_campaign(
    session: AsyncSession, campaign_id: UUID, changes: Mapping[str, Any], *, expected: Precondition
) -> Campaign:
    """Change name, user_ids, messages or schedule_at before the launch; what was approved must be approved again."""
    campaign = await queries.lock_campaign(session, campaign_id, expected)
    rules.require_editable(Status(campaign.status))
    with changing(session, campaign, changes) as before:
        campaign.audience_size = len(campaign.user_ids)
        if before.keys() & {"user_ids", "messages"}:
            await _content_changed(session, campaign)
        if campaign.status == Status.SCHEDULED and "schedule_at" in before:
            start = rules.require_start_ahead(campaign.schedule_at, clock_of(session).now())
            await due.schedule(session, START, str(campaign.id), start, replace=True)
    return campaign


async def _content_changed(session: AsyncSession, campaign: Campaign) -> None:
    campaign.edited_by = context_of(session).actor
    campaign.writers = approvals_rules.with_writer(campaign.writers, campaign.edited_by)
    is_complete = not rules.missing(campaign.audience_size, campaign.messages)
    before, after = Status(campaign.status), rules.status_after_edit(Status(campaign.status), is_complete=is_complete)
    campaign.status = after
    campaign.approved_by = campaign.approved_at = None
    if before is Status.SCHEDULED:
        await due.cancel(session, START, str(campaign.id))
    if after is Status.PENDING_APPROVAL and before is not after:
        outbox.append(session, _approval_requested(campaign))


async def change_status(
    session: AsyncSession, campaign_id: UUID, wanted: Status, *, expected: Precondition, reason: str | None = None
) -> Campaign:
    """Move a campaign as a person asks; asking for the present status changes nothing.

    Raises IllegalTransition, Incomplete, SelfApproval; Conflict when what is approved has just become something else.
    """
    lock = queries.lock_campaign_as_asked if wanted is Status.APPROVED else queries.lock_campaign
    campaign = await lock(session, campaign_id, expected)
    before = Status(campaign.status)
    if before is wanted:
        return campaign
    rules.require_transition(before, wanted)
    if wanted in {Status.PENDING_APPROVAL, Status.APPROVED, Status.SCHEDULED, Status.RUNNING}:
        rules.require_complete(campaign.audience_size, campaign.messages)
    note = {"reason": reason} if reason else {}
    with changing(session, campaign, action="status_changed", note=note):
        if before is Status.SCHEDULED:
            await due.cancel(session, START, str(campaign.id))
        campaign.status = await _enter(session, campaign, before, wanted)
    return campaign


async def _enter(session: AsyncSession, campaign: Campaign, before: Status, wanted: Status) -> Status:
    """Do what goes with a status and return the one that is reached: what a playbook wanted runs as soon as it may."""
    match wanted:
        case Status.DRAFT:
            campaign.approved_by = campaign.approved_at = None
        case Status.PENDING_APPROVAL:
            outbox.append(session, _approval_requested(campaign))
        case Status.APPROVED if before is Status.PENDING_APPROVAL:
            await _approve(session, campaign)
            if campaign.held_by is not None and campaign.schedule_at is None:
                await _launch(session, campaign, "person")
                return Status.RUNNING
        case Status.SCHEDULED:
            start = rules.require_start_ahead(campaign.schedule_at, clock_of(session).now())
            await due.schedule(session, START, str(campaign.id), start, replace=True)
        case Status.RUNNING if before is Status.PAUSED:
            outbox.append(session, _message_changed(campaign, "going"))
            await due.schedule(session, CHUNK, str(campaign.id), clock_of(session).now())
        case Status.RUNNING:
            await _launch(session, campaign, "person")
        case Status.PAUSED:
            outbox.append(session, CampaignPaused(campaign_id=campaign.id, name=campaign.name))
            outbox.append(session, _message_changed(campaign, "paused"))
        case Status.CANCELLED:
            await recipients.cancel_open(session, campaign.id)
            if before in rules.GOING_ON:
                outbox.append(session, _message_changed(campaign, "cancelled"))
            campaign.finished_at = clock_of(session).now()
            outbox.append(session, CampaignCancelled(campaign_id=campaign.id, name=campaign.name))
    return wanted


async def _approve(session: AsyncSession, campaign: Campaign) -> None:
    approver = await approvals.require_may_approve(session, campaign.writers)
    campaign.approved_by, campaign.approved_at = approver, clock_of(session).now()
    outbox.append(session, CampaignApproved(campaign_id=campaign.id, name=campaign.name, approved_by=approver))


async def _launch(session: AsyncSession, campaign: Campaign, by: meters.Trigger) -> None:
    """Fix the recipients and set the first chunk going; later chunks and their events inherit the session's cause."""
    now = clock_of(session).now()
    await recipients.materialise(session, campaign.id)
    campaign.started_at = now
    campaign.cause = context_of(session).cause()
    launched = CampaignLaunched(
        campaign_id=campaign.id,
        name=campaign.name,
        trigger=trigger_of(campaign),
        audience_size=campaign.audience_size,
    )
    outbox.append(session, launched)
    await due.schedule(session, CHUNK, str(campaign.id), now)
    # what a playbook wanted is its launch, also when somebody approved it first
    trigger = by if campaign.playbook_id is None else "playbook"
    count_after_commit(session, partial(meters_of(session, LaunchMeter).count, trigger))


async def start_scheduled(session: AsyncSession, campaign_id: UUID) -> None:
    """Launch a campaign whose start has come; one that was moved, withdrawn or started meanwhile is left alone."""
    now = clock_of(session).now()
    for campaign in await queries.find_and_lock(session, [campaign_id]):
        if campaign.status != Status.SCHEDULED or campaign.schedule_at is None or campaign.schedule_at > now:
            continue
        with changing(session, campaign, {"status": Status.RUNNING}, action="status_changed"):
            await _launch(session, campaign, "schedule")


async def launch_by_playbook(session: AsyncSession, draft: Draft, cause: Event, behind: rules.Behind) -> Campaign:
    """Launch a campaign because of an event, which the session acts for, or leave it for approval."""
    status = Status.PENDING_APPROVAL if behind.waits else Status.RUNNING
    campaign = await _new(
        session,
        draft,
        status,
        playbook_id=behind.playbook_id,
        incident_id=behind.incident_id,
        trigger_event_id=cause.id,
        trigger_type=cause.type,
        cause_root=cause.root,
        author=behind.author,
        edited_by=behind.edited_by,
        writers=list(behind.writers),
        held_by=behind.held_by,
        unattended=not behind.waits,
        approved_by=None if behind.waits else behind.approved_by,
        approved_at=None if behind.waits else behind.approved_at,
    )
    if not behind.waits:
        await _launch(session, campaign, "playbook")
    elif behind.is_told:
        outbox.append(session, _approval_requested(campaign))
    if behind.held_by is not None:
        count_after_commit(session, partial(meters_of(session, HeldMeter).count, behind.held_by))
    return campaign


async def cancel_waiting(session: AsyncSession, playbook_id: UUID) -> int:
    """Cancel every campaign of a playbook that waits for a person, and return how many: nobody was told anything yet."""
    waiting = await queries.lock_waiting(session, playbook_id)
    for campaign in waiting:
        with changing(session, campaign, {"status": Status.CANCELLED}, action="status_changed"):
            campaign.finished_at = clock_of(session).now()
            outbox.append(session, CampaignCancelled(campaign_id=campaign.id, name=campaign.name))
    return len(waiting)


async def spent_by_playbooks(session: AsyncSession) -> Spent:
    """Return what the workspace's playbooks launched within the hour, and what waits for a person."""
    launched = await queries.launched_since(session, clock_of(session).now() - WINDOW)
    return Spent.of(launched, await queries.waiting_by_playbook(session))


async def get_campaign(session: AsyncSession, campaign_id: UUID) -> Campaign:
    """Return a campaign without its list of people; raises NotFound."""
    return await queries.get_campaign(session, campaign_id)


async def lock_on_the_way(session: AsyncSession, campaign_ids: Collection[UUID]) -> list[OnTheWay]:
    """Lock those of the campaigns that exist, in the order of their ids so that two batches cannot deadlock."""
    return [
        OnTheWay(
            campaign_id=campaign.id,
            status=Status(campaign.status),
            audience_size=campaign.audience_size,
            messages=campaign.messages,
            message_id=campaign.message_id,
            requested_through=campaign.requested_through,
            cause=campaign.cause or {},
        )
        for campaign in await queries.find_and_lock(session, campaign_ids)
    ]


async def note_requested(session: AsyncSession, campaign_id: UUID, through: str) -> None:
    """Keep how far a locked campaign has got: nobody is asked about that, so it is no new version."""
    through_here = update(Campaign).where(Campaign.id == campaign_id).values(requested_through=through)
    await session.execute(through_here.execution_options(synchronize_session=False))


async def page_of_ids(session: AsyncSession, after: UUID) -> tuple[Sequence[UUID], UUID | None]:
    """Return the ids of the workspace's next campaigns after one, and after which to go on, None at the end."""
    page = await queries.some_ids(session, after, limit=PAGE)
    return page, page[-1] if len(page) == PAGE else None


async def erase_people(
    session: AsyncSession, page: Sequence[UUID], told: Sequence[UUID], user_ids: Sequence[str]
) -> None:
    """Take people out of the lists of campaigns: of those `told` that reach them, and of those not launched yet.

    How many a launched one was for stays, so that what became of them adds up.
    """
    given = {"page": list(page), "told": list(told), "user_ids": list(user_ids), "now": clock_of(session).now()}
    await session.execute(_ERASE, given)


async def finish(session: AsyncSession, campaign_id: UUID, *, sent: int, failed: int) -> None:
    """Finish a locked campaign, of whose people each has an outcome, and say so."""
    campaign = await session.get_one(Campaign, campaign_id)
    campaign.status, campaign.finished_at = Status.FINISHED, clock_of(session).now()
    touch(session, campaign)
    finished = CampaignFinished(
        campaign_id=campaign.id, name=campaign.name, sent=sent, failed=failed, finished_at=campaign.finished_at
    )
    outbox.append(session, finished)


def _message_changed(campaign: Campaign, state: Literal["going", "paused", "cancelled"]) -> MessageChanged:
    return MessageChanged(campaign_id=campaign.id, message_id=campaign.message_id, state=state)


def _approval_requested(campaign: Campaign) -> CampaignApprovalRequested:
    facts = {"campaign_id": campaign.id, "name": campaign.name, "trigger": trigger_of(campaign)}
    return CampaignApprovalRequested.model_validate(facts | {"held_by": campaign.held_by})
