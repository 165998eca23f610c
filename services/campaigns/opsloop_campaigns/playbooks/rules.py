"""When a playbook runs: conditions on an event's data, once per incident, not too often, not in circles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import JsonValue

from opsloop_campaigns.content.rules import lookup
from opsloop_common.contracts.envelope import Event
from opsloop_common.errors import Invalid

# A launch causes events that may launch again: whoever builds a circle gets five rounds, not a flood.
MAX_DEPTH = 5
MAX_CONDITIONS = 20
MAX_VALUES = 100
FIELDS = r"^(type|subject|actor|data(\.[^.\x00]{1,100}){1,10})$"


class Op(StrEnum):
    """How a condition compares. An absent field counts as null: only `ne`, `not_in`, `exists: false` and `eq: null` hold."""

    EQ = "eq"
    NE = "ne"
    LT = "lt"
    LE = "le"
    GT = "gt"
    GE = "ge"
    IN = "in"
    NOT_IN = "not_in"
    CONTAINS = "contains"
    EXISTS = "exists"


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
class Condition:
    """`field` is `type`, `subject`, `actor` or a dotted path below `data`."""

    field: str
    op: Op
    value: JsonValue


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


def read_condition(raw: Mapping[str, JsonValue], pointer: str) -> Condition:
    """Return the condition that `raw` ({field, op, value}) says; raises Invalid when its value does not suit its operator."""
    op, value = Op(str(raw["op"])), raw.get("value")
    at = f"{pointer}/value"
    match op:
        case Op.EXISTS:
            value = True if value is None else value
            if not isinstance(value, bool):
                raise Invalid(at, "exists takes true or false")
        case Op.IN | Op.NOT_IN:
            if not isinstance(value, list) or not 0 < len(value) <= MAX_VALUES or any(map(_is_nested, value)):
                raise Invalid(at, f"{op} takes a list of 1 to {MAX_VALUES} texts, numbers or booleans")
        case Op.LT | Op.LE | Op.GT | Op.GE:
            if isinstance(value, bool) or not isinstance(value, str | int | float):
                raise Invalid(at, f"{op} takes a number, or a text")
        case Op.CONTAINS if value is None or _is_nested(value):
            raise Invalid(at, "contains takes a text, a number or a boolean")
        case _ if _is_nested(value):
            raise Invalid(at, f"{op} takes a text, a number, a boolean or null")
    return Condition(str(raw["field"]), op, value)


def _is_nested(value: JsonValue) -> bool:
    return isinstance(value, list | dict)


def judge(conditions: Sequence[Condition], event: Mapping[str, JsonValue]) -> list[Verdict]:
    """Say of each condition whether it holds for an event's document, and why."""
    return [_verdict(condition, lookup(event, condition.field)) for condition in conditions]


def matches(conditions: Sequence[Condition], event: Mapping[str, JsonValue]) -> bool:
    """Say whether all conditions hold for an event's document; no conditions hold always."""
    return all(holds(condition, lookup(event, condition.field)) for condition in conditions)


def holds(condition: Condition, found: JsonValue) -> bool:
    """Say whether a condition holds for the value found. Kinds of JSON are kept apart: 1 equals 1.0, never "1" or true."""
    value = condition.value
    match condition.op:
        case Op.EQ:
            return _same(found, value)
        case Op.NE:
            return not _same(found, value)
        case Op.IN | Op.NOT_IN:
            among = isinstance(value, list) and any(_same(found, each) for each in value)
            return among is (condition.op is Op.IN)
        case Op.CONTAINS:
            return _contains(found, value)
        case Op.EXISTS:
            return (found is not None) is value
    return _compare(condition.op, found, value)


def _same(left: JsonValue, right: JsonValue) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return left == right


def _contains(found: JsonValue, value: JsonValue) -> bool:
    if isinstance(found, list):
        return any(_same(each, value) for each in found)
    return isinstance(found, str) and isinstance(value, str) and value in found


def _compare(op: Op, found: JsonValue, value: JsonValue) -> bool:
    order = _order(found, value)
    if order is None:
        return False
    match op:
        case Op.LT:
            return order < 0
        case Op.LE:
            return order <= 0
        case Op.GT:
            return order > 0
        case _:
            return order >= 0


def _order(left: JsonValue, right: JsonValue) -> int | None:
    """Return -1, 0 or 1; None for what has no order. Texts go by code point, as in the metrics service."""
    if isinstance(left, str) and isinstance(right, str):
        return (left > right) - (left < right)
    if isinstance(left, bool) or isinstance(right, bool):
        return None
    if isinstance(left, int | float) and isinstance(right, int | float):
        return (left > right) - (left < right)
    return None


def _verdict(condition: Condition, found: JsonValue) -> Verdict:
    does = holds(condition, found)
    if found is None and condition.op is not Op.EXISTS:
        return Verdict(condition, does, "the event says nothing there")
    if condition.op in {Op.LT, Op.LE, Op.GT, Op.GE} and _order(found, condition.value) is None:
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
