"""Use cases of playbooks: write them, and run them when their event arrives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_campaigns.approvals import rules as approvals_rules
from opsloop_campaigns.approvals import service as approvals
from opsloop_campaigns.approvals.rules import Approval
from opsloop_campaigns.budgets.rules import HeldBy, Launched, Till
from opsloop_campaigns.content import rules as content
from opsloop_campaigns.lifecycle import service as lifecycle
from opsloop_campaigns.lifecycle.rules import Behind
from opsloop_campaigns.playbooks import queries, rules
from opsloop_campaigns.playbooks.models import Playbook, PlaybookRun
from opsloop_campaigns.playbooks.queries import Listener
from opsloop_campaigns.playbooks.rules import Decision, Verdict
from opsloop_campaigns.settings import CampaignsSettings
from opsloop_common import limits, resources, workspaces
from opsloop_common.conditions import Condition, all_hold, read_conditions
from opsloop_common.contracts.catalogue import BY_TYPE, PRODUCERS_OF
from opsloop_common.contracts.envelope import Event
from opsloop_common.db import acting_for, clock_of, context_of, settings_of
from opsloop_common.ids import uuid7
from opsloop_common.resources import changing
from opsloop_common.turns import breathing
from opsloop_common.versions import Precondition
from opsloop_common.workspaces import take_place

ListenerT = TypeVar("ListenerT", Listener, Playbook)
Document = Mapping[str, JsonValue]
Documents = Mapping[UUID, Document]
"""What conditions and texts look into, by the event's id."""

REFUSALS_KEPT = timedelta(days=90)
PRUNE_BATCH = 5_000


@dataclass(frozen=True)
class Draft:
    """A new playbook. `launch` holds name, user_ids and messages of the campaign."""

    name: str
    enabled: bool
    event_type: str
    conditions: Sequence[Condition]
    cooldown: timedelta | None
    requires_approval: bool
    launch: Mapping[str, Any]


@dataclass(frozen=True)
class Rehearsal:
    """What a playbook would make of an event."""

    enabled: bool
    verdicts: list[Verdict]
    decision: Decision | None
    """None when a condition does not hold."""
    messages: list[dict[str, str]]


async def create_playbook(session: AsyncSession, draft: Draft, *, is_admin: bool) -> Playbook:
    """Keep a new playbook; raises Invalid, TooMany. Where its author may approve their own, it is approved with that."""
    rules.require_known(draft.event_type, draft.conditions, draft.launch)
    most = limits.PLAYBOOKS_PER_WORKSPACE
    workspace = await take_place(session, Playbook.__table__, most=most, what="playbooks")
    actor = context_of(session).actor
    may_approve_own = is_admin or workspace.allow_self_approval
    is_approved = not draft.requires_approval and approvals_rules.is_approved_by_writing(
        actor, [actor], was_approved=False, may_approve_own=may_approve_own
    )
    playbook = resources.create(
        session,
        Playbook,
        name=draft.name,
        enabled=draft.enabled,
        event_type=draft.event_type,
        conditions=[one.model_dump(mode="json") for one in draft.conditions],
        cooldown=draft.cooldown,
        requires_approval=draft.requires_approval,
        launch=dict(draft.launch),
        author=actor,
        edited_by=actor,
        writers=[actor],
        approved_by=actor if is_approved else None,
        approved_at=clock_of(session).now() if is_approved else None,
    )
    await session.flush()  # for what the row has by default
    return playbook


async def edit_playbook(
    session: AsyncSession, playbook_id: UUID, changes: Mapping[str, Any], *, expected: Precondition, is_admin: bool
) -> Playbook:
    """Change some fields of a playbook, `enabled` among them; a change of what it does must be approved again."""
    playbook = await queries.lock_playbook(session, playbook_id, expected)
    with changing(session, playbook, changes) as before:
        if {"event_type", "conditions", "launch"} & before.keys():
            rules.require_known(playbook.event_type, read_conditions(playbook.conditions), playbook.launch)
        if before.keys() & rules.VOIDING:
            await _content_changed(session, playbook, is_admin=is_admin)
    return playbook


async def _content_changed(session: AsyncSession, playbook: Playbook, *, is_admin: bool) -> None:
    was_approved = playbook.approved_by is not None
    playbook.edited_by = context_of(session).actor
    playbook.writers = approvals_rules.with_writer(playbook.writers, playbook.edited_by)
    may_approve_own = is_admin or await approvals.allows_self_approval(session)
    _approve_by_writing(session, playbook, was_approved=was_approved, may_approve_own=may_approve_own)


def _approve_by_writing(
    session: AsyncSession, playbook: Playbook, *, was_approved: bool, may_approve_own: bool
) -> None:
    """Approve what has just been written where the writer may, else take the approval back."""
    playbook.approved_by = playbook.approved_at = None
    if not playbook.requires_approval and approvals_rules.is_approved_by_writing(
        playbook.edited_by, playbook.writers, was_approved=was_approved, may_approve_own=may_approve_own
    ):
        playbook.approved_by, playbook.approved_at = playbook.edited_by, clock_of(session).now()


async def change_approval(
    session: AsyncSession, playbook_id: UUID, wanted: Approval, *, expected: Precondition, is_admin: bool
) -> Playbook:
    """Approve that a playbook sends by itself, or take that back; asking for the present status changes nothing.

    Raises ApprovesEach, SelfApproval; Conflict when what is approved has just become something else.
    """
    lock = queries.lock_playbook_as_asked if wanted is Approval.APPROVED else queries.lock_playbook
    playbook = await lock(session, playbook_id, expected)
    if playbook.requires_approval:
        raise rules.ApprovesEach("this playbook asks for the approval of each campaign, and needs none of its own")
    if (wanted is Approval.APPROVED) is (playbook.approved_by is not None):
        return playbook
    with changing(session, playbook, action="approval_changed"):
        playbook.approved_by = playbook.approved_at = None
        if wanted is Approval.APPROVED:
            if not is_admin:
                await approvals.require_may_approve(session, playbook.writers)
            playbook.approved_by, playbook.approved_at = context_of(session).actor, clock_of(session).now()
    return playbook


async def delete_playbook(session: AsyncSession, playbook_id: UUID, *, expected: Precondition) -> None:
    """Delete a playbook with its runs; campaigns that it launched stay, those that wait for a person are cancelled."""
    playbook = await queries.lock_playbook(session, playbook_id, expected)
    await lifecycle.cancel_waiting(session, playbook_id)
    await resources.delete(session, playbook)


async def hear(session: AsyncSession, events: Sequence[Event]) -> None:
    """Run the playbooks of the workspace that listen to these events, in their order; what came with a file of earlier times starts none.

    The playbook's row lock makes the cool-down and once-per-incident hold when matching events arrive at the same time, the
    workspace's row lock the budgets.
    """
    listeners = await queries.listeners(session, {event.type for event in events})
    if not listeners:
        return
    heard = {listener.event_type for listener in listeners}
    events = [event for event in events if event.type in heard and not event.is_history]
    documents = {event.id: event.document() for event in events}
    wanted = {listener.id for listener, _ in await _matching(listeners, events, documents)}
    if not wanted:
        return
    playbooks = await queries.find_and_lock(session, wanted)
    # asked again under the lock: a playbook may have been edited since
    await _run(session, await _matching([each for each in playbooks if each.enabled], events, documents), documents)


async def _matching(
    playbooks: Sequence[ListenerT], events: Sequence[Event], documents: Documents
) -> list[tuple[ListenerT, Event]]:
    """Return which events go to which playbooks, in the order of both: some hundred with 20 conditions each, on a batch of events."""
    read = await breathing(lambda playbook: read_conditions(playbook.conditions), playbooks)
    conditions = {playbook.id: found for playbook, found in zip(playbooks, read, strict=True)}
    pairs = [(playbook, event) for event in events for playbook in playbooks if playbook.event_type == event.type]
    does = await breathing(lambda pair: all_hold(conditions[pair[0].id], documents[pair[1].id]), pairs)
    return [pair for pair, holds in zip(pairs, does, strict=True) if holds]


async def _run(session: AsyncSession, matching: Sequence[tuple[Playbook, Event]], documents: Documents) -> None:
    if not matching:
        return
    earlier = await queries.earlier_runs(
        session,
        {playbook.id for playbook, _ in matching},
        event_ids={event.id for _, event in matching},
        once_keys={rules.once_key(event) for _, event in matching},
    )
    handled = {(run.playbook_id, run.event_id) for run in earlier}
    launched = {(run.playbook_id, run.once_key) for run in earlier if run.launched}
    zone = (await workspaces.lock(session)).time_zone
    till = Till(settings_of(session, CampaignsSettings).budgets, await lifecycle.spent_by_playbooks(session))
    for playbook, event in matching:
        if (playbook.id, event.id) in handled:
            continue
        once = (playbook.id, rules.once_key(event))
        with acting_for(session, event):
            run = await _run_one(
                session, playbook, event, documents[event.id], till, zone=zone, has_run=once in launched
            )
        if run.campaign_id is not None:
            launched.add(once)


async def _run_one(
    session: AsyncSession, playbook: Playbook, event: Event, document: Document, till: Till, *, zone: str, has_run: bool
) -> PlaybookRun:
    now = clock_of(session).now()
    # 8,000 placeholders take some milliseconds, and many playbooks may hear of one event
    messages = await breathing(
        lambda message: content.rendered([message], document, zone)[0], playbook.launch["messages"]
    )
    decision = _decide(session, playbook, event, till, has_run=has_run, messages=messages)
    run = PlaybookRun(
        workspace=playbook.workspace,
        playbook_id=playbook.id,
        event_id=event.id,
        event_type=event.type,
        once_key=rules.once_key(event),
        incident_id=rules.incident_of(event),
        outcome=decision.outcome,
        reason=decision.reason,
        at=now,
    )
    if decision.outcome in rules.MAKES_CAMPAIGN:
        run.campaign_id = await _launch(session, playbook, event, document, messages, decision, zone=zone)
        playbook.last_run_at = now
        _enter(till, playbook, event, decision)
    session.add(run)
    return run


async def _launch(
    session: AsyncSession,
    playbook: Playbook,
    event: Event,
    document: Document,
    messages: Sequence[Mapping[str, str]],
    decision: Decision,
    *,
    zone: str,
) -> UUID:
    name = content.one_line(content.render(playbook.launch["name"], document, zone=zone))
    now = clock_of(session).now()
    is_told = rules.is_told(decision, playbook.told_at, now)
    if decision.held_by is not None and is_told:
        playbook.told_at = now
    behind = Behind(
        playbook_id=playbook.id,
        incident_id=rules.incident_of(event),
        author=playbook.author,
        edited_by=playbook.edited_by,
        writers=playbook.writers,
        approved_by=playbook.approved_by,
        approved_at=playbook.approved_at,
        requires_approval=playbook.requires_approval,
        held_by=decision.held_by,
        is_told=is_told,
    )
    draft = lifecycle.Draft(name or playbook.name, playbook.launch["user_ids"], messages)
    return (await lifecycle.launch_by_playbook(session, draft, event, behind)).id


def _enter(till: Till, playbook: Playbook, event: Event, decision: Decision) -> None:
    if decision.outcome is rules.RunOutcome.LAUNCHED:
        till.spent.add(Launched(playbook.id, event.root, 1, len(playbook.launch["user_ids"])))
    else:
        till.spent.waiting[playbook.id] += 1


async def prune_runs(session: AsyncSession) -> bool:
    """Forget a batch of refusals that are 90 days old; says whether there may be more.

    Launches stay, since once per incident rests on them.
    """
    before = clock_of(session).now() - REFUSALS_KEPT
    old = select(PlaybookRun.id).where(PlaybookRun.campaign_id.is_(None), PlaybookRun.at < before).limit(PRUNE_BATCH)
    gone = await session.execute(
        delete(PlaybookRun).where(PlaybookRun.id.in_(old)).returning(PlaybookRun.id),
        execution_options={"synchronize_session": False},
    )
    return len(gone.all()) == PRUNE_BATCH


def _decide(
    session: AsyncSession,
    playbook: Playbook,
    event: Event,
    till: Till,
    *,
    has_run: bool,
    messages: Sequence[Mapping[str, str]],
) -> Decision:
    return rules.decide(
        depth=event.causationdepth,
        has_run=has_run,
        last_run_at=playbook.last_run_at,
        cooldown=playbook.cooldown,
        fits=content.content_bytes(messages) <= content.CONTENT_BYTES,
        requires_approval=playbook.requires_approval,
        held_by=_held_by(playbook, event, till),
        has_room_to_wait=till.spent.has_room_to_wait(playbook.id),
        now=clock_of(session).now(),
    )


def _held_by(playbook: Playbook, event: Event, till: Till) -> HeldBy | None:
    """Return why a person must look at a campaign whose playbook sends by itself; one that asks each time is never held."""
    if playbook.requires_approval:
        return None
    if playbook.approved_by is None:
        return HeldBy.PLAYBOOK_APPROVAL
    return till.spent.exceeded(till.budgets, playbook.id, event.root, messages=len(playbook.launch["user_ids"]))


async def rehearse(session: AsyncSession, playbook_id: UUID, data: dict[str, JsonValue]) -> Rehearsal:
    """Say what a playbook would make of an event of its type with this data, and change nothing."""
    playbook = await queries.get_playbook(session, playbook_id)
    event = _invented(session, playbook, data)
    verdicts = rules.judge(read_conditions(playbook.conditions), event.document())
    zone = (await workspaces.get(session)).time_zone
    messages = content.rendered(playbook.launch["messages"], event.document(), zone)
    decision = None
    if all(verdict.holds for verdict in verdicts):
        earlier = await queries.earlier_runs(
            session, {playbook.id}, event_ids={event.id}, once_keys={rules.once_key(event)}
        )
        till = Till(settings_of(session, CampaignsSettings).budgets, await lifecycle.spent_by_playbooks(session))
        decision = _decide(session, playbook, event, till, has_run=bool(earlier), messages=messages)
    return Rehearsal(playbook.enabled, verdicts, decision, messages)


def _invented(session: AsyncSession, playbook: Playbook, data: dict[str, JsonValue]) -> Event:
    context, id = context_of(session), uuid7()
    return Event(
        id=id,
        source=f"/opsloop/{PRODUCERS_OF[playbook.event_type][0]}",
        type=playbook.event_type,
        subject=f"test/{id}",
        time=clock_of(session).now(),
        dataschema=BY_TYPE[playbook.event_type].dataschema(),
        workspace=context.workspace,
        actor=context.actor,
        partitionkey=f"test/{id}",
        sequence=1,
        correlationid=context.correlationid,
        data=data,
    )


async def erase_people(session: AsyncSession, user_ids: Sequence[str]) -> None:
    """Take people who were erased out of whom playbooks tell something; one that is left with nobody is switched off."""
    for playbook in await queries.lock_telling(session, user_ids):
        kept = [user_id for user_id in playbook.launch["user_ids"] if user_id not in user_ids]
        changes = {"launch": playbook.launch | {"user_ids": kept}, "enabled": playbook.enabled and bool(kept)}
        resources.change(session, playbook, changes)
