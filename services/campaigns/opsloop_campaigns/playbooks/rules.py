"""When a playbook runs: conditions on an event's data, once per incident, not too often, not in circles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from opsloop_common.conditions import ORDERING, Condition, Op, have_order, holds, value_at
from opsloop_common.contracts.envelope import Event

# A launch causes events that may launch again: whoever builds a circle gets five rounds, not a flood.
MAX_DEPTH = 5


class Outcome(StrEnum):
    """What a playbook made of an event that its conditions hold for."""

    LAUNCHED = "launched"
    APPROVAL_REQUESTED = "approval_requested"
    COOLING_DOWN = "cooling_down"
    ALREADY_RUN = "already_run"
    TOO_DEEP = "too_deep"
    TOO_LARGE = "too_large"


LAUNCHES = frozenset({Outcome.LAUNCHED, Outcome.APPROVAL_REQUESTED})


@dataclass(frozen=True)
class Verdict:
    """Whether one condition holds for an event, and why."""

    condition: Condition
    holds: bool
    why: str


@dataclass(frozen=True)
class Decision:
    """What to do with a matching event."""

    outcome: Outcome
    reason: str


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
    now: datetime,
) -> Decision:
    """Decide on a matching event; `depth` is the number of events that led to it.

    `has_run` says that the playbook launched for this incident or event before, `fits` that the messages, once filled in,
    fit into an event.
    """
    if depth >= MAX_DEPTH:
        return Decision(Outcome.TOO_DEEP, f"the event is already {depth} events away from what people did")
    if has_run:
        return Decision(Outcome.ALREADY_RUN, "the playbook has run for this incident or event")
    if last_run_at is not None and cooldown is not None and now < last_run_at + cooldown:
        return Decision(Outcome.COOLING_DOWN, "the playbook ran less than its cooldown ago")
    if not fits:
        return Decision(Outcome.TOO_LARGE, "the messages are too large once the event's values are filled in")
    if requires_approval:
        return Decision(Outcome.APPROVAL_REQUESTED, "the campaign waits for approval")
    return Decision(Outcome.LAUNCHED, "the campaign was launched")
