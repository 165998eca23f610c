"""Use cases of routing: posts that came in are given to teams and people, and taken on when nobody answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import due, limits, outbox, resources
from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.feedback import FeedbackEscalated
from opsloop_common.db import acting_for, clock_of, context_of
from opsloop_common.errors import Invalid
from opsloop_common.filters import read_filter
from opsloop_common.resources import changing, touch
from opsloop_common.turns import breathing
from opsloop_common.versions import Precondition
from opsloop_common.workspaces import take_place
from opsloop_feedback.calendars import rules as calendar_rules
from opsloop_feedback.calendars import service as calendars
from opsloop_feedback.calendars.rules import ALWAYS, Calendar
from opsloop_feedback.facts.rules import count_conditions, require_known
from opsloop_feedback.items import service as items
from opsloop_feedback.items.service import Feedback
from opsloop_feedback.routing_rules import queries, rules
from opsloop_feedback.routing_rules.models import RoutingRule, RoutingTurn
from opsloop_feedback.routing_rules.rules import Crew, Pick, Rule
from opsloop_feedback.sla_policies import service as policies
from opsloop_feedback.states.rules import Status
from opsloop_feedback.teams import service as teams
from opsloop_feedback.watchers import service as watchers

ESCALATE = "feedback.escalate_silence"
TAKE_UP = "feedback.take_up"
CONDITIONS_AT_ONCE = 20_000
"""Conditions that posts are held against in one transaction: 0.25 ms each at worst, and a transaction that rests for 10 s is ended."""
WAITS = frozenset({Status.PENDING, Status.SNOOZED})
UNANSWERED = frozenset({Status.NEW, Status.OPEN})


async def take_up(session: AsyncSession, received: Mapping[UUID, Event | None]) -> None:
    """Route posts that came in, and begin their clocks; without rules and policies in force no post is read.

    What would take longer than a transaction may is put off, post by post.
    """
    in_force = [_read(row) for row in await queries.rules_in_force(session)]
    promised = await policies.policies_in_force(session)
    if not in_force and not promised:
        return
    asked = [rule.when for rule in in_force] + [policy.when for policy in promised]
    conditions = sum(count_conditions(when) for when in asked)
    at_once = max(CONDITIONS_AT_ONCE // conditions, 1)
    for post_id in list(received)[at_once:]:
        with acting_for(session, received[post_id] or context_of(session)):
            await due.schedule(session, TAKE_UP, str(post_id), clock_of(session).now())
    found = await items.lock_several(session, list(received)[:at_once])
    if in_force:
        await _route(session, in_force, found, received)
    await items.begin_clocks(session, found)


def _read(row: RoutingRule) -> Rule:
    return Rule(
        id=row.id,
        name=row.name,
        when=read_filter(row.when),
        team_id=row.team_id,
        assignee=row.assignee,
        pick=Pick(row.pick),
        within_hours=row.within_hours,
        escalate_after=row.escalate_after,
    )


async def _route(
    session: AsyncSession, in_force: Sequence[Rule], found: Sequence[Feedback], received: Mapping[UUID, Event | None]
) -> None:
    free = [post for post in found if post.status == Status.NEW and post.team is None and post.assignee is None]

    documents = dict(zip(free, await breathing(items.document_of, free), strict=True))
    routed: list[tuple[Feedback, Rule]] = []
    left = free
    for rule in in_force:  # a breath after each rule and post, since a rule may have fifty conditions on a text

        def fits(post: Feedback, rule: Rule = rule) -> bool:
            return rules.rule_of([rule], documents[post]) is not None

        answers = await breathing(fits, left)
        routed += [(post, rule) for post, fit in zip(left, answers, strict=True) if fit]
        left = [post for post, fit in zip(left, answers, strict=True) if not fit]
    routed.sort(key=lambda pair: pair[0].number)
    crews, read = await _crews(session, [rule for _, rule in routed])
    now = clock_of(session).now()

    def assign(pair: tuple[Feedback, Rule]) -> None:
        post, rule = pair
        crew = crews.get(rule.team_id) if rule.team_id is not None else None
        chosen = rule.assignee
        if chosen is None and crew is not None:
            chosen = crew.choose(rule.pick, within_hours=rule.within_hours, calendars=read, now=now)
        with acting_for(session, received[post.id] or context_of(session)):
            items.assign(session, post, team=None if crew is None else crew.name, assignee=chosen)

    await breathing(assign, routed)
    await _keep_turns(session, crews)
    for post, rule in routed:
        if rule.escalate_after is not None:
            crew = crews.get(rule.team_id) if rule.team_id is not None else None
            with acting_for(session, received[post.id] or context_of(session)):
                await _watch(session, post, rule, ALWAYS if crew is None else crew.calendar(read))


async def _crews(session: AsyncSession, routed: Sequence[Rule]) -> tuple[dict[UUID, Crew], dict[UUID, Calendar]]:
    """Return the teams of some rules, held: two who hand out their posts do it one after the other."""
    ids = {rule.team_id for rule in routed if rule.team_id is not None}
    held = await teams.lock_teams(session, ids)
    crews = {team.id: Crew(team.name, team.members, team.calendar_id) for team in held}
    read = await calendars.read_calendars(session, {id for crew in crews.values() for id in crew.calendar_ids()})
    for team_id, turns in (await queries.turns_of(session, crews.keys())).items():
        crews[team_id].turns = turns
    counting = {rule.team_id for rule in routed if rule.pick is Pick.LEAST_LOADED}
    people = {one["user_id"] for id, crew in crews.items() if id in counting for one in crew.members}
    loads = await items.loads_of(session, people)
    for crew in crews.values():
        crew.loads = {one["user_id"]: loads.get(one["user_id"], 0) for one in crew.members}
    return crews, read


async def _keep_turns(session: AsyncSession, crews: Mapping[UUID, Crew]) -> None:
    workspace = context_of(session).workspace
    rows = [
        {"team_id": id, "user_id": user_id, "workspace": workspace, "turn": turn}
        for id, crew in crews.items()
        for user_id, turn in crew.turns.items()
    ]
    if rows:
        wanted = insert(RoutingTurn)
        again = {"turn": wanted.excluded.turn}
        await session.execute(wanted.on_conflict_do_update(index_elements=["team_id", "user_id"], set_=again), rows)


async def _watch(session: AsyncSession, post: Feedback, rule: Rule, calendar: Calendar) -> None:
    at = calendar_rules.due_at(calendar, post.created_at, rule.escalate_after or timedelta())
    if at is not None:
        await due.schedule(session, ESCALATE, str(post.id), at, payload={"rule_id": str(rule.id)}, replace=True)


async def escalate(session: AsyncSession, feedback_id: UUID, rule_id: UUID) -> None:
    """Take a post on that nobody has answered; what was answered, is finished or whose rule is gone is left alone.

    Whether one that waits for its author or a later day is answered is looked at as long after again.
    """
    post = await items.find_and_lock(session, feedback_id)
    row = await queries.find_rule(session, rule_id)
    if post is None or row is None or row.escalate_after is None or post.first_replied_at is not None:
        return
    now = clock_of(session).now()
    if post.status in WAITS:
        again = now + row.escalate_after
        await due.schedule(session, ESCALATE, str(post.id), again, payload={"rule_id": str(rule_id)}, replace=True)
    elif post.status in UNANSWERED:
        found = await teams.find_teams(session, [] if row.escalate_team_id is None else [row.escalate_team_id])
        team = found[0].name if found else post.team
        items.assign(session, post, team=team, assignee=row.escalate_assignee)
        if await items.keep_clocks(session, post, is_resorted=True):
            touch(session, post)
        outbox.append(
            session,
            FeedbackEscalated(
                feedback_id=post.id,
                number=post.number,
                rule_id=row.id,
                severity=post.severity,
                team=post.team,
                assignee=post.assignee,
                watchers=await watchers.watchers_of(session, post.id),
                silent_seconds=max(0.0, (now - post.created_at).total_seconds()),
            ),
        )


async def create_rule(session: AsyncSession, fields: Mapping[str, Any]) -> RoutingRule:
    """Add a rule, for posts that come in from now on; raises Invalid (422), TooMany."""
    rules.require_somebody(fields["team_id"], fields["assignee"], Pick(fields["pick"]))
    require_known(read_filter(fields["when"]), "/when")
    rules.require_onward(fields["escalate_after"], fields["escalate_team_id"], fields["escalate_assignee"])
    await _require_teams(session, fields)
    await take_place(session, queries.RULES, most=limits.ROUTING_RULES_PER_WORKSPACE, what="routing rules")
    return resources.create(session, RoutingRule, **fields)


async def change_rule(
    session: AsyncSession, rule_id: UUID, changes: Mapping[str, Any], *, expected: Precondition
) -> RoutingRule:
    """Change a rule, for posts to come; raises Invalid (422). Posts on their way are taken on by what it says then."""
    rule = await queries.lock_rule(session, rule_id, expected)
    differing = {name: value for name, value in changes.items() if getattr(rule, name) != value}
    await _require_teams(session, differing)
    with changing(session, rule, changes) as before:
        rules.require_somebody(rule.team_id, rule.assignee, Pick(rule.pick))
        rules.require_onward(rule.escalate_after, rule.escalate_team_id, rule.escalate_assignee)
        if "when" in before:
            require_known(read_filter(rule.when), "/when")
    return rule


async def delete_rule(session: AsyncSession, rule_id: UUID, *, expected: Precondition) -> None:
    """Throw a rule away; what it gave to people stays theirs, and is taken on no further."""
    await resources.delete(session, await queries.lock_rule(session, rule_id, expected))


async def _require_teams(session: AsyncSession, fields: Mapping[str, Any]) -> None:
    named = {name: id for name in ("team_id", "escalate_team_id") if (id := fields.get(name)) is not None}
    known = {team.id for team in await teams.find_teams(session, set(named.values()))}
    for name, id in named.items():
        if id not in known:
            raise Invalid(f"/{name}", "is no team of this workspace")
