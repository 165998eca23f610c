"""When a playbook runs: conditions on an event's data, once per incident, not too often, not in circles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from opsloop_campaigns.budgets.rules import REASONS, HeldBy
from opsloop_campaigns.content.rules import unknown_field
from opsloop_common import limits
from opsloop_common.conditions import ORDERING, Condition, Op, have_order, holds, value_at
from opsloop_common.contracts.envelope import Event
from opsloop_common.errors import Conflict, Invalid
from opsloop_common.meaningful import require_fields

TELL_EVERY = timedelta(hours=1)
"""One event says that campaigns of a playbook are held, not each of them: it would be a flood of its own."""
VOIDING = frozenset({"event_type", "conditions", "cooldown", "requires_approval", "launch"})
"""What was approved: when it acts, how often, what it says and to whom. Not its name, nor whether it is on."""


class RunOutcome(StrEnum):
    """What a playbook made of an event that its conditions hold for."""

    LAUNCHED = "launched"
    APPROVAL_REQUESTED = "approval_requested"
    COOLING_DOWN = "cooling_down"
    ALREADY_RUN = "already_run"
    TOO_DEEP = "too_deep"
    TOO_LARGE = "too_large"
    HELD = "held"
    TOO_MANY_WAITING = "too_many_waiting"


MAKES_CAMPAIGN = frozenset({RunOutcome.LAUNCHED, RunOutcome.APPROVAL_REQUESTED, RunOutcome.HELD})


class ApprovesEach(Conflict):
    """The playbook needs no approval of its own, since each of its campaigns is approved."""

    code, title = "approves_each", "Each campaign is approved"


@dataclass(frozen=True)
class Verdict:
    """Whether one condition holds for an event, and why."""

    condition: Condition
    holds: bool
    why: str


@dataclass(frozen=True)
class Decision:
    """What to do with a matching event."""

    outcome: RunOutcome
    reason: str
    held_by: HeldBy | None = None


def require_known(event_type: str, conditions: Sequence[Condition], launch: Mapping[str, Any]) -> None:
    """Raise Invalid for a condition on a field, or a placeholder for one, that events of the type do not have."""
    require_fields(conditions, [event_type], "/when")
    texts = {"/launch/name": launch["name"]}
    for place, message in enumerate(launch["messages"]):
        texts |= {f"/launch/messages/{place}/{part}": message[part] for part in ("subject", "body")}
    for pointer, text in texts.items():
        if fault := unknown_field(text, event_type):
            raise Invalid(pointer, fault)


def judge(conditions: Sequence[Condition], event: Mapping[str, Any]) -> list[Verdict]:
    """Say of each condition whether it holds for an event's document, and why."""
    return [_verdict(condition, event) for condition in conditions]


def _verdict(condition: Condition, event: Mapping[str, Any]) -> Verdict:
    does, found = holds(condition, event), value_at(event, condition.field)
    if found is None and condition.op is not Op.EXISTS:
        return Verdict(condition, does, "the event says nothing there")
    if condition.op in ORDERING and not have_order(found, condition.value):
        return Verdict(condition, does, "values of these kinds have no order")
    return Verdict(condition, does, "the condition holds" if does else "the condition does not hold")


def incident_of(event: Event) -> str | None:
    """Return the incident an event belongs to (`data.incident_id`), None when it names none."""
    incident_id = event.data.get("incident_id")
    return incident_id if isinstance(incident_id, str) and 0 < len(incident_id) <= 200 else None


def once_key(event: Event) -> str:
    """Return what a playbook runs once for: the incident, or the event itself."""
    incident_id = incident_of(event)
    return f"event:{event.id}" if incident_id is None else f"incident:{incident_id}"


def decide(
    *,
    depth: int,
    has_run: bool,
    last_run_at: datetime | None,
    cooldown: timedelta | None,
    fits: bool,
    requires_approval: bool,
    held_by: HeldBy | None,
    has_room_to_wait: bool,
    now: datetime,
) -> Decision:
    """Decide on a matching event; `depth` is the number of events that led to it.

    `has_run` says that the playbook launched for this incident or event before, `fits` that the messages, once filled in,
    fit into an event, `held_by` why a person must look first, `has_room_to_wait` that not too many campaigns wait for that.
    """
    if depth >= limits.CAUSE_DEPTH:
        return Decision(RunOutcome.TOO_DEEP, f"the event is already {depth} events away from what people did")
    if has_run:
        return Decision(RunOutcome.ALREADY_RUN, "the playbook has run for this incident or event")
    if last_run_at is not None and cooldown is not None and now < last_run_at + cooldown:
        return Decision(RunOutcome.COOLING_DOWN, "the playbook ran less than its cooldown ago")
    if not fits:
        return Decision(RunOutcome.TOO_LARGE, "the messages are too large once the event's values are filled in")
    if (requires_approval or held_by is not None) and not has_room_to_wait:
        return Decision(RunOutcome.TOO_MANY_WAITING, "too many campaigns wait for approval: approve or cancel some")
    if held_by is not None:
        return Decision(RunOutcome.HELD, REASONS[held_by], held_by)
    if requires_approval:
        return Decision(RunOutcome.APPROVAL_REQUESTED, "the campaign waits for approval")
    return Decision(RunOutcome.LAUNCHED, "the campaign was launched")


def is_told(decision: Decision, told_at: datetime | None, now: datetime) -> bool:
    """Say whether an event asks for the approval of the campaign: for one that is held, once an hour a playbook."""
    return decision.held_by is None or told_at is None or told_at + TELL_EVERY <= now
