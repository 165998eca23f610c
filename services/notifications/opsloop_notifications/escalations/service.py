"""Use cases of escalation: alerts that begin to fire find their policy, and each step is taken when its time comes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import due, limits, resources
from opsloop_common.db import clock_of, context_of
from opsloop_common.errors import Invalid, NotFound
from opsloop_common.ids import uuid7
from opsloop_common.resources import changing
from opsloop_common.turns import breathing
from opsloop_common.versions import Precondition
from opsloop_common.workspaces import take_place
from opsloop_notifications.alert_groups import service as groups
from opsloop_notifications.alert_silences import service as silences
from opsloop_notifications.alertmanager.rules import group_key
from opsloop_notifications.alerts import service as alerts
from opsloop_notifications.alerts.rules import AlertStatus
from opsloop_notifications.alerts.service import Alert
from opsloop_notifications.consent.rules import ALERT
from opsloop_notifications.contacts.service import channels_of
from opsloop_notifications.endpoints import service as endpoints
from opsloop_notifications.escalations import queries, rules
from opsloop_notifications.escalations.models import Escalation, EscalationPolicy
from opsloop_notifications.escalations.rules import Policy, Step, Targets
from opsloop_notifications.labels.rules import Labels, all_match, read_matchers
from opsloop_notifications.messages import service as messages
from opsloop_notifications.messages.rules import EMAIL
from opsloop_notifications.oncall import service as oncall

ESCALATE = "notifications.escalate_alert"


def _read(row: EscalationPolicy) -> Policy:
    return rules.read_policy(row.steps, row.repeats, row.reopens_after)


async def begin(session: AsyncSession, began: Sequence[Alert]) -> None:
    """Send alerts that began to fire on their way, each by the first policy that matches it."""
    known = await queries.all_policies(session) if began else ()
    if not known:
        return
    asked = [(read_matchers(policy.matchers), policy) for policy in known]

    def policy_of(labels: Labels) -> EscalationPolicy | None:
        return next((policy for matchers, policy in asked if all_match(matchers, labels)), None)

    found = await breathing(policy_of, [alert.labels for alert in began])
    now, workspace = clock_of(session).now(), context_of(session).workspace
    rows = []
    for alert, policy in zip(began, found, strict=True):
        if policy is not None:
            looks_at = now + _read(policy).steps[0].after
            rows.append(
                {"alert_id": alert.id, "workspace": workspace, "policy_id": policy.id, "done": 0, "looks_at": looks_at}
            )
            await due.schedule(session, ESCALATE, str(alert.id), looks_at, replace=True)
    if rows:
        wanted = insert(Escalation)
        again = {name: wanted.excluded[name] for name in ("policy_id", "done", "looks_at")}
        await session.execute(wanted.on_conflict_do_update(index_elements=["alert_id"], set_=again), rows)


async def look(session: AsyncSession, alert_id: UUID) -> None:
    """Take an alert to its next step, unless somebody sees to it, it is quiet, or it has ended."""
    # in the order in which those who hear of alerts lock
    alert = await alerts.find_and_lock(session, alert_id)
    row = await queries.lock_escalation(session, alert_id)
    now = clock_of(session).now()
    if row is None or row.looks_at > now:
        return
    stored = await queries.find_policy(session, row.policy_id)
    if alert is None or stored is None or alert.status == AlertStatus.RESOLVED:
        await session.delete(row)
        return
    if (
        alert.ends_at is not None and alert.ends_at <= now
    ):  # it is about to be ended, unless it is said in time that it fires
        row.looks_at = now + rules.PATIENCE
        await due.schedule(session, ESCALATE, str(alert_id), row.looks_at)
        return
    policy = _read(stored)
    is_quiet = bool(await silences.quiet_ones(session, {alert.fingerprint: alert.labels}))
    move = rules.next_move(policy, row.done, acknowledged_at=alert.acknowledged_at, is_quiet=is_quiet, now=now)
    if move.reopens:
        alerts.reopen(session, alert)
    if move.step is not None:
        told = await _tell(session, alert, policy.steps[move.step], move.step + 1, stored.name)
        alerts.note_escalated(
            session, alert, policy=stored.id, step=move.step + 1, told=[each.as_logged for each in told]
        )
        if all(each.why_not for each in told) and move.looks_at is not None and move.done < policy.count:
            move = replace(
                move, looks_at=min(move.looks_at, now + rules.PATIENCE)
            )  # nobody heard of it who could see to it meanwhile
    if move.looks_at is None:
        await session.delete(row)
        return
    row.done, row.looks_at = move.done, move.looks_at
    await due.schedule(session, ESCALATE, str(alert_id), move.looks_at)


@dataclass(frozen=True)
class _Told:
    """Whom a step named, and why that one did not hear of it; None: they are being told."""

    target: str
    why_not: str | None = None

    @property
    def as_logged(self) -> str:
        return self.target if self.why_not is None else f"{self.target}: {self.why_not}"


async def _tell(session: AsyncSession, alert: Alert, step: Step, number: int, policy_name: str) -> list[_Told]:
    """Tell whom a step names; returns who that was, as the log has it."""
    people: list[str] = []
    told: list[_Told] = []
    for kind, target in step.targets:
        match kind:
            case Targets.USER:
                people.append(target)
            case Targets.SCHEDULE:
                user = await oncall.on_call_now(session, UUID(target))
                people += [user] if user is not None else []
                told += [] if user is not None else [_Told(f"schedule:{target}", "nobody")]
            case Targets.WEBHOOK:
                told.append(await _call(session, alert, UUID(target), number, policy_name))
    for user in dict.fromkeys(people):  # each has a link of their own, which opens once
        message_id = uuid7()
        link = await alerts.page_of(session, alert, message_id)
        words = rules.words_of(alert.name, alert.labels, alert.annotations, link, number)
        bare = rules.words_of(alert.name, alert.labels, alert.annotations, None, number)
        contents: list[dict[str, Any]] = list(words)
        channels = await channels_of(session, user)
        for channel in channels:  # and one for each way, since a link opens once
            link = await alerts.page_of(session, alert, message_id)
            contents += [rules.called(each, channel, link) for each in bare]
        await messages.keep_message(session, message_id, contents, topic=ALERT)
        ways = {way: (await messages.tell(session, message_id, way, [user]))[user] for way in (EMAIL, *channels)}
        told.append(_Told(f"user:{user}", None if None in ways.values() else ways[EMAIL]))
    return told


async def _call(session: AsyncSession, alert: Alert, webhook: UUID, number: int, policy_name: str) -> _Told:
    receivers = await endpoints.alert_receivers(session, only=webhook)
    if not receivers:
        return _Told(f"webhook:{webhook}", "none")
    labels = dict(alert.labels)
    key = group_key(policy_name, labels)
    await groups.deliver(session, receivers[0], [alert], key=key, labels=labels, reason=f"escalation step {number}")
    return _Told(f"webhook:{webhook}")


async def create_policy(session: AsyncSession, fields: Mapping[str, Any]) -> EscalationPolicy:
    """Add a policy, for what begins to fire from now on; raises Invalid (422), TooMany."""
    await _require_targets(session, fields["steps"])
    await take_place(
        session, queries.POLICIES, most=limits.ESCALATION_POLICIES_PER_WORKSPACE, what="escalation policies"
    )
    return resources.create(session, EscalationPolicy, **fields)


async def change_policy(
    session: AsyncSession, policy_id: UUID, changes: Mapping[str, Any], *, expected: Precondition
) -> EscalationPolicy:
    """Change a policy; what is on its way takes the steps that there are now. Raises Invalid (422)."""
    policy = await queries.lock_policy(session, policy_id, expected)
    with changing(session, policy, changes) as before:
        if "steps" in before:
            await _require_targets(session, policy.steps)
    return policy


async def delete_policy(session: AsyncSession, policy_id: UUID, *, expected: Precondition) -> None:
    """Throw a policy away; what is on its way by it goes no further."""
    await resources.delete(session, await queries.lock_policy(session, policy_id, expected))


async def _require_targets(session: AsyncSession, steps: Sequence[Mapping[str, Any]]) -> None:
    for place, step in enumerate(steps):
        for number, target in enumerate(step["targets"]):
            fault = await _fault_of(session, Targets(target["kind"]), target["id"])
            if fault is not None:
                raise Invalid(f"/steps/{place}/targets/{number}/id", fault)


async def _fault_of(session: AsyncSession, kind: Targets, id: str) -> str | None:
    if kind is Targets.USER:
        return None
    try:
        named = UUID(id)
        if kind is Targets.SCHEDULE:
            await oncall.require_schedule(session, named)
            return None
        webhook = await endpoints.get_webhook(session, named)
    except (ValueError, NotFound):
        return f"is no {kind} of this workspace"
    return None if webhook.about == endpoints.About.ALERTS else "must be a webhook that is about alerts"
