"""What a playbook makes of an event, without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from opsloop_campaigns.budgets.rules import HeldBy, Launched, Spent
from opsloop_campaigns.playbooks import rules
from opsloop_campaigns.playbooks.rules import Decision, RunOutcome
from opsloop_common import limits
from opsloop_common.conditions import Condition, Op
from opsloop_common.contracts.metrics import KpiBreached
from opsloop_common.testing.events import make_event

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
CLEAR = {
    "depth": 0,
    "has_run": False,
    "last_run_at": None,
    "cooldown": None,
    "fits": True,
    "requires_approval": False,
    "held_by": None,
    "has_room_to_wait": True,
    "now": NOW,
}
HELD = "one cause has set off as much as it may in an hour: the campaign waits for approval"
DEEP = f"the event is already {limits.CAUSE_DEPTH} events away from what people did"
COOLING = "the playbook ran less than its cooldown ago"
FULL = "too many campaigns wait for approval: approve or cancel some"


@pytest.mark.parametrize(
    ("case", "outcome", "reason"),
    [
        ({}, RunOutcome.LAUNCHED, "the campaign was launched"),
        ({"has_room_to_wait": False}, RunOutcome.LAUNCHED, "the campaign was launched"),
        ({"depth": limits.CAUSE_DEPTH - 1}, RunOutcome.LAUNCHED, "the campaign was launched"),
        ({"depth": limits.CAUSE_DEPTH, "has_run": True}, RunOutcome.TOO_DEEP, DEEP),
        ({"has_run": True, "fits": False}, RunOutcome.ALREADY_RUN, "the playbook has run for this incident or event"),
        ({"last_run_at": NOW - HOUR, "cooldown": HOUR}, RunOutcome.LAUNCHED, "the campaign was launched"),
        ({"last_run_at": NOW, "cooldown": None}, RunOutcome.LAUNCHED, "the campaign was launched"),
        ({"last_run_at": None, "cooldown": HOUR}, RunOutcome.LAUNCHED, "the campaign was launched"),
        ({"last_run_at": NOW - HOUR / 2, "cooldown": HOUR, "fits": False}, RunOutcome.COOLING_DOWN, COOLING),
        ({"fits": False}, RunOutcome.TOO_LARGE, "the messages are too large once the event's values are filled in"),
        ({"requires_approval": True}, RunOutcome.APPROVAL_REQUESTED, "the campaign waits for approval"),
        ({"requires_approval": True, "has_room_to_wait": False}, RunOutcome.TOO_MANY_WAITING, FULL),
        ({"held_by": HeldBy.CAUSE_BUDGET, "has_room_to_wait": False}, RunOutcome.TOO_MANY_WAITING, FULL),
        ({"held_by": HeldBy.CAUSE_BUDGET, "requires_approval": True}, RunOutcome.HELD, HELD),
    ],
)
def test_the_first_reason_decides(case: dict, outcome: RunOutcome, reason: str):
    decision = rules.decide(**CLEAR | case)

    assert (decision.outcome, decision.reason) == (outcome, reason)
    assert decision.held_by == (case.get("held_by") if outcome is RunOutcome.HELD else None)


@pytest.mark.parametrize(
    ("held_by", "told_at", "told"),
    [
        (None, NOW, True),
        (HeldBy.CAUSE_BUDGET, None, True),
        (HeldBy.CAUSE_BUDGET, NOW - HOUR, True),
        (HeldBy.CAUSE_BUDGET, NOW - HOUR + timedelta(seconds=1), False),
    ],
)
def test_what_is_held_is_told_once_an_hour(held_by: HeldBy | None, told_at: datetime | None, told: bool):
    assert rules.is_told(Decision(RunOutcome.HELD, "", held_by), told_at, NOW) is told


def event_of(**data):
    known = KpiBreached(
        monitor_id=uuid4(), kpi="k", incident_id=uuid4(), value=1.0, threshold=0.5, severity="critical", started_at=NOW
    )
    event = make_event(known)
    return event.model_copy(update={"data": data})


@pytest.mark.parametrize("incident", ["i", "i" * 200])
def test_a_playbook_runs_once_an_incident(incident: str):
    event = event_of(incident_id=incident)

    assert rules.incident_of(event) == incident
    assert rules.once_key(event) == f"incident:{incident}"


@pytest.mark.parametrize("data", [{}, {"incident_id": ""}, {"incident_id": 7}, {"incident_id": "i" * 201}])
def test_without_an_incident_once_an_event(data: dict):
    event = event_of(**data)

    assert rules.incident_of(event) is None
    assert rules.once_key(event) == f"event:{event.id}"


@pytest.mark.parametrize(
    ("condition", "data", "holds", "why"),
    [
        (Condition(field="data.a", op=Op.EXISTS, value=True), {}, False, "the condition does not hold"),
        (Condition(field="data.a", op=Op.GT, value=1), {"a": 2}, True, "the condition holds"),
        (Condition(field="data.a", op=Op.GT, value=1), {"a": "x"}, False, "values of these kinds have no order"),
        (Condition(field="data.a", op=Op.EQ, value=1), {"a": "x"}, False, "the condition does not hold"),
        (Condition(field="data.a", op=Op.GT, value=1), {}, False, "the event says nothing there"),
    ],
)
def test_a_verdict_keeps_its_condition(condition: Condition, data: dict, holds: bool, why: str):
    [verdict] = rules.judge([condition], {"data": data})

    assert verdict == rules.Verdict(condition, holds, why)


def test_what_was_launched_adds_up_and_what_waits_has_room_to_a_bound():
    playbook, other = UUID(int=1), UUID(int=2)
    spent = Spent.of(
        [Launched(playbook, "r", 1, 10), Launched(playbook, "r", 2, 20)], {playbook: limits.PLAYBOOK_WAITING - 1}
    )

    assert (spent.campaigns[playbook], spent.campaigns["r"], spent.campaigns[None]) == (3, 3, 3)
    assert (spent.messages["r"], spent.messages[None]) == (30, 30)
    assert spent.has_room_to_wait(playbook)
    spent.waiting[playbook] += 1
    assert not spent.has_room_to_wait(playbook)
    assert spent.has_room_to_wait(other)
    spent.waiting[uuid4()] = limits.WORKSPACE_WAITING - spent.waiting.total()
    assert not spent.has_room_to_wait(other)


def test_each_condition_says_why():
    event = {"type": "kpi.breached", "data": {"kpi": "severe_share", "value": 0.6}}
    conditions = [
        Condition(field="data.kpi", op=Op.EQ, value="severe_share"),
        Condition(field="data.kpi", op=Op.EQ, value="other"),
        Condition(field="data.value", op=Op.GT, value="0.5"),
        Condition(field="data.unit", op=Op.NE, value="%"),
        Condition(field="data.unit", op=Op.EXISTS),
    ]

    assert [(verdict.holds, verdict.why) for verdict in rules.judge(conditions, event)] == [
        (True, "the condition holds"),
        (False, "the condition does not hold"),
        (False, "values of these kinds have no order"),
        (True, "the event says nothing there"),
        (False, "the condition does not hold"),
    ]
