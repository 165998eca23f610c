"""Use cases of clocks: they begin with a post, and go with what becomes of it. Whoever asks holds the post's row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import due, outbox
from opsloop_common.contracts.feedback import FeedbackSlaApproaching, FeedbackSlaBreached
from opsloop_common.db import clock_of, context_of
from opsloop_common.turns import breathing
from opsloop_feedback.calendars import rules as calendar_rules
from opsloop_feedback.calendars import service as calendars
from opsloop_feedback.calendars.rules import ALWAYS, Calendar
from opsloop_feedback.sla_clocks import queries, rules
from opsloop_feedback.sla_clocks.models import SlaClock as SlaClock
from opsloop_feedback.sla_clocks.rules import ClockStatus, Subject, Ticking, Turn
from opsloop_feedback.sla_policies import rules as policy_rules
from opsloop_feedback.sla_policies import service as policies
from opsloop_feedback.sla_policies.rules import Policy, Target

LOOK = "feedback.look_at_clocks"
NEWEST_FIRST = queries.NEWEST_FIRST


@dataclass(frozen=True)
class Kept:
    """What the clocks of a post come to: when the nearest of those that have not ended is due."""

    due_at: datetime | None


Calendars = Mapping[UUID | None, Calendar]


async def begin(session: AsyncSession, subjects: Sequence[Subject]) -> dict[UUID, Kept]:
    """Begin the clocks of posts that came in, of those that have none; returns what they come to, of those held to a policy.

    A post may be answered, resolved and older by now: its clocks say what is so.
    """
    in_force = await policies.policies_in_force(session) if subjects else []
    if not in_force:
        return {}
    known = await queries.measured(session, [subject.id for subject in subjects])
    new = [subject for subject in subjects if subject.id not in known]

    held: list[tuple[Subject, Policy]] = []
    for policy in in_force:  # a breath after each policy and post, since a policy may have fifty conditions on a text

        def fits(subject: Subject, policy: Policy = policy) -> bool:
            return policy_rules.policy_of([policy], subject.document, subject.created_at) is not None

        answers = await breathing(fits, new)
        held += [(subject, policy) for subject, fit in zip(new, answers, strict=True) if fit]
        new = [subject for subject, fit in zip(new, answers, strict=True) if not fit]
    read = await _calendars(session, {policy.calendar_id for _, policy in held})

    def start(pair: tuple[Subject, Policy]) -> list[SlaClock]:
        clocks = _started(session, pair[1], pair[0], read)
        _follow(session, clocks, pair[0], Turn.NONE, read)
        return clocks

    begun = await breathing(start, held)
    return {
        subject.id: await _plan(session, subject.id, clocks) for (subject, _), clocks in zip(held, begun, strict=True)
    }


async def keep(session: AsyncSession, subject: Subject, turn: Turn, *, is_resorted: bool) -> Kept | None:
    """Bring the clocks of a post up to what it is now, and tell what they come to; None for one that no policy holds."""
    clocks = await queries.lock_open(session, subject.id)
    policy = None
    if not clocks or turn is Turn.ASKED or is_resorted:
        in_force = await policies.policies_in_force(session)
        policy = policy_rules.policy_of(in_force, subject.document, subject.created_at)
    is_measured = bool(clocks) or (policy is not None and subject.id in await queries.measured(session, [subject.id]))
    if not is_measured and policy is None:
        return None
    named = [clock.calendar_id for clock in clocks] + ([] if policy is None else [policy.calendar_id])
    read = await _calendars(session, named)
    if policy is not None and not is_measured:
        clocks = _started(session, policy, subject, read)
    if policy is not None and is_resorted:
        _retarget(session, clocks, subject, policy, read)
    if policy is not None and turn is Turn.ASKED:
        clocks += _asked_again(session, policy, subject, clocks, read)
    _follow(session, clocks, subject, turn, read)
    return await _plan(session, subject.id, clocks)


async def credit_reply(session: AsyncSession, feedback_id: UUID, *, written_at: datetime, sent_at: datetime) -> None:
    """Count a reply that had been written when its post was finished, and went out in time after that.

    What nobody waited for any more was cancelled then: reply and end are often one step.
    """
    for clock in await queries.lock_cancelled(session, feedback_id, since=written_at):
        if clock.due_at is None or sent_at <= clock.due_at:
            clock.status = ClockStatus.MET.value


async def _calendars(session: AsyncSession, ids: Iterable[UUID | None]) -> Calendars:
    named = {id for id in ids if id is not None}
    found = await calendars.read_calendars(session, named)
    return {None: ALWAYS} | {id: found[id] for id in named if id in found}


def _started(session: AsyncSession, policy: Policy, subject: Subject, read: Calendars) -> list[SlaClock]:
    return [
        _new(session, policy, target, subject, subject.created_at, read)
        for target in (Target.FIRST_REPLY, Target.RESOLUTION)
        if target in policy.targets
    ]


def _asked_again(
    session: AsyncSession, policy: Policy, subject: Subject, clocks: Sequence[SlaClock], read: Calendars
) -> list[SlaClock]:
    running = {clock.target for clock in clocks}
    now = clock_of(session).now()
    return [
        _new(session, policy, target, subject, now, read)
        for target in rules.wanted(subject)
        if target in policy.targets and target not in running
    ]


def _new(
    session: AsyncSession, policy: Policy, target: Target, subject: Subject, since: datetime, read: Calendars
) -> SlaClock:
    clock = SlaClock(
        workspace=context_of(session).workspace,
        feedback_id=subject.id,
        number=subject.number,
        policy_id=policy.id,
        policy=policy.name,
        target=target.value,
        calendar_id=policy.calendar_id,
        started_at=since,
        severity=subject.severity,
        team=subject.team,
    )
    ticking = Ticking(policy.targets[target], policy.warns_after(target), timedelta(), since)
    _set(clock, ticking, read[policy.calendar_id])
    session.add(clock)
    return clock


def _set(clock: SlaClock, ticking: Ticking, calendar: Calendar) -> None:
    clock.allowed, clock.warns_after, clock.spent = ticking.allowed, ticking.warns_after, ticking.spent
    clock.running_since = ticking.since
    clock.status = (ClockStatus.PAUSED if ticking.since is None else ClockStatus.RUNNING).value
    clock.due_at, clock.warns_at = ticking.due_at(calendar), ticking.warns_at(calendar)


def _retarget(
    session: AsyncSession, clocks: Sequence[SlaClock], subject: Subject, policy: Policy, read: Calendars
) -> None:
    """Hold clocks to another policy, since their post was sorted anew: what was spent stays spent."""
    now = clock_of(session).now()
    for clock in clocks:
        target, calendar = Target(clock.target), read.get(clock.calendar_id, ALWAYS)
        if clock.policy_id == policy.id:
            continue
        _settle(session, clock, subject, rules.ends_at(target, subject, Turn.NONE, now))
        if clock.status == ClockStatus.BREACHED:
            continue
        if target not in policy.targets:
            _end(clock, ClockStatus.CANCELLED, now, calendar)
            continue
        since = None if clock.running_since is None else now
        spent = clock.ticking.paused(calendar, now).spent
        clock.policy_id, clock.policy, clock.calendar_id = policy.id, policy.name, policy.calendar_id
        ticking = Ticking(policy.targets[target], policy.warns_after(target), spent, since)
        _set(clock, ticking, read[policy.calendar_id])


def _follow(session: AsyncSession, clocks: Sequence[SlaClock], subject: Subject, turn: Turn, read: Calendars) -> None:
    now = clock_of(session).now()
    for clock in clocks:
        if clock.ended_at is not None:
            continue
        calendar = read.get(clock.calendar_id, ALWAYS)
        clock.severity, clock.team = subject.severity, subject.team
        came_at = rules.ends_at(Target(clock.target), subject, turn, now)
        _settle(session, clock, subject, came_at)
        if came_at is not None:
            _end(clock, ClockStatus.MET, max(came_at, clock.started_at), calendar)
        elif rules.is_moot(Target(clock.target), subject.status):
            _end(clock, ClockStatus.CANCELLED, now, calendar)
        elif clock.status != ClockStatus.BREACHED:
            stands = subject.status in rules.STANDING
            if stands is not (clock.running_since is None):
                ticking = clock.ticking.paused(calendar, now) if stands else clock.ticking.resumed(now)
                _set(clock, ticking, calendar)


def _settle(session: AsyncSession, clock: SlaClock, subject: Subject, came_at: datetime | None) -> None:
    """Say that a breach approaches, and that it is there, when that time has come and was not told: after a pause of ours too."""
    until = clock_of(session).now() if came_at is None else came_at
    if clock.status != ClockStatus.RUNNING:
        return
    if clock.warned_at is None and clock.warns_at is not None and clock.warns_at <= until:
        clock.warned_at = clock.warns_at
        outbox.append(session, FeedbackSlaApproaching.model_validate(_told(clock, subject)))
    if clock.due_at is not None and clock.due_at <= until and clock.due_at != came_at:
        clock.status, clock.breached_at = ClockStatus.BREACHED.value, clock.due_at
        clock.spent, clock.running_since = clock.allowed, None
        outbox.append(session, FeedbackSlaBreached.model_validate(_told(clock, subject)))


def _told(clock: SlaClock, subject: Subject) -> dict[str, Any]:
    return {
        "feedback_id": subject.id,
        "number": subject.number,
        "target": clock.target,
        "policy_id": clock.policy_id,
        "policy": clock.policy,
        "severity": subject.severity,
        "team": subject.team,
        "assignee": subject.assignee,
        "due_at": clock.due_at,
    }


def _end(clock: SlaClock, status: ClockStatus, at: datetime, calendar: Calendar) -> None:
    if clock.status == ClockStatus.BREACHED:
        late = at if clock.breached_at is None else clock.breached_at
        at = max(at, late)  # what was told is told, also where a reply that was in time is heard of later
        clock.ended_at = at
        clock.spent += calendar_rules.elapsed(calendar, late, at)
        return
    clock.ended_at = at
    clock.spent = clock.ticking.paused(calendar, at).spent
    clock.running_since, clock.status = None, status.value


async def _plan(session: AsyncSession, feedback_id: UUID, clocks: Sequence[SlaClock]) -> Kept:
    running = [clock for clock in clocks if clock.status == ClockStatus.RUNNING]
    warnings = [clock.warns_at for clock in running if clock.warned_at is None]
    at = rules.nearest([*warnings, *(clock.due_at for clock in running)])
    if at is None:
        await due.cancel(session, LOOK, str(feedback_id))
    else:
        await due.schedule(session, LOOK, str(feedback_id), at, replace=True)
    return Kept(rules.nearest(clock.due_at for clock in clocks if clock.ended_at is None))


def clocks_of(feedback_id: UUID) -> Select[SlaClock]:
    """Return the query of a post's clocks, to be paged."""
    return queries.clocks_of(feedback_id)


async def outcomes(session: AsyncSession, since: datetime, until: datetime, *, by: str) -> Sequence[Row[Any]]:
    """Count what was met and what was breached in a period, by target and by policy, team or severity."""
    return await queries.outcomes(session, since, until, by)
