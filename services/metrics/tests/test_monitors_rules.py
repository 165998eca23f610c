"""The state machine and the definitions behind it, without a database."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_metrics.alarms.rules import Condition, Evidence
from opsloop_metrics.kpi_measures.rules import Measure
from opsloop_metrics.kpis.rules import Definition
from opsloop_metrics.monitors import rules
from opsloop_metrics.monitors.rules import FIRING, Standing, State, Turn, Watch

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
NOTHING = timedelta()
MINUTE = timedelta(minutes=1)
BAD, GOOD, NONE = Evidence.BAD, Evidence.GOOD, Evidence.NONE


def run(findings, *, hold_for=NOTHING, keep_firing_for=NOTHING, firing=State.BREACHED, every=MINUTE):
    """Return the state after each finding, one a minute, and the turns taken."""
    standing = Standing(State.OK, NOW)
    states, turns = [], []
    for place, found in enumerate(findings):
        taken = rules.step(
            standing, found, NOW + place * every, hold_for=hold_for, keep_firing_for=keep_firing_for, firing=firing
        )
        standing = taken.standing
        states.append(standing.state.value)
        turns += [taken.turn] if taken.turn else []
    return states, turns


@pytest.mark.parametrize(
    ("findings", "options", "states", "turns"),
    [
        ([BAD], {}, ["breached"], [Turn.OPENED]),
        ([BAD, BAD, GOOD], {}, ["breached", "breached", "ok"], [Turn.OPENED, Turn.ENDED]),
        ([BAD, GOOD, BAD], {}, ["breached", "ok", "breached"], [Turn.OPENED, Turn.ENDED, Turn.OPENED]),
        ([BAD, NONE, NONE], {}, ["breached"] * 3, [Turn.OPENED]),
        ([NONE, GOOD, NONE], {}, ["ok"] * 3, []),
        ([BAD, BAD, BAD], {"hold_for": 2 * MINUTE}, ["pending", "pending", "breached"], [Turn.OPENED]),
        ([BAD, GOOD, BAD], {"hold_for": MINUTE}, ["pending", "ok", "pending"], []),
        ([BAD, NONE, BAD], {"hold_for": 2 * MINUTE}, ["pending", "pending", "breached"], [Turn.OPENED]),
        ([BAD, NONE, NONE, NONE], {"hold_for": MINUTE}, ["pending"] * 4, []),
        (
            [BAD, GOOD, GOOD, GOOD],
            {"keep_firing_for": 2 * MINUTE},
            ["breached", "recovering", "recovering", "ok"],
            [Turn.OPENED, Turn.ENDED],
        ),
        (
            [BAD, GOOD, BAD, GOOD, GOOD],
            {"keep_firing_for": 2 * MINUTE},
            ["breached", "recovering", "breached", "recovering", "recovering"],
            [Turn.OPENED],
        ),
        ([BAD, GOOD], {"firing": State.NO_DATA}, ["no_data", "ok"], [Turn.OPENED, Turn.ENDED]),
        (
            [BAD, GOOD, BAD],
            {"firing": State.NO_DATA, "keep_firing_for": MINUTE},
            ["no_data", "recovering", "no_data"],
            [Turn.OPENED],
        ),
    ],
)
def test_states_follow_the_findings(findings, options, states, turns):
    assert run(findings, **options) == (states, turns)


def test_deadlines_are_when_for_and_keep_firing_for_are_over():
    pending = rules.step(
        Standing(State.OK, NOW), BAD, NOW, hold_for=MINUTE, keep_firing_for=NOTHING, firing=State.BREACHED
    )
    assert pending.deadline == NOW + MINUTE
    breached = Standing(State.BREACHED, NOW, bad_since=NOW)
    recovering = rules.step(breached, GOOD, NOW, hold_for=MINUTE, keep_firing_for=2 * MINUTE, firing=State.BREACHED)
    assert recovering.deadline == NOW + 2 * MINUTE
    assert rules.step(
        breached, BAD, NOW, hold_for=MINUTE, keep_firing_for=MINUTE, firing=State.BREACHED
    ).deadline is None  # fmt: skip


DELAYS = st.sampled_from([NOTHING, MINUTE, 3 * MINUTE])


@given(st.lists(st.sampled_from(Evidence), max_size=40), DELAYS, DELAYS)
def test_incidents_open_and_end_in_turn_and_match_the_state(findings, hold_for, keep_firing_for):
    standing, open_incidents = Standing(State.OK, NOW), 0
    for place, found in enumerate(findings):
        now = NOW + place * MINUTE
        taken = rules.step(
            standing, found, now, hold_for=hold_for, keep_firing_for=keep_firing_for, firing=State.BREACHED
        )
        open_incidents += {Turn.OPENED: 1, Turn.ENDED: -1, None: 0}[taken.turn]
        assert open_incidents == (taken.standing.state in FIRING)
        assert taken.standing.since <= now
        assert (taken.standing.since == now) or (taken.standing.state is standing.state)
        assert taken.deadline is None or taken.deadline > now
        if found is NONE:
            assert taken.standing == standing
        if taken.turn is Turn.OPENED:
            assert now - taken.standing.bad_since >= hold_for
        standing = taken.standing


@given(st.lists(st.sampled_from([BAD, GOOD]), max_size=30))
def test_without_delays_the_state_is_the_last_finding(findings):
    states, turns = run(findings)

    assert states == ["breached" if found is BAD else "ok" for found in findings]
    changes = [GOOD, *findings]
    assert len(turns) == sum(before is not after for before, after in zip(changes, findings, strict=False))


def watch(**changes):
    given = {
        "monitor_id": uuid4(),
        "kpi": Definition(uuid4(), "k", "A KPI", unit=None, target=None, measure=Measure()),
        "condition": Condition("threshold", "ge", 1.0),
        "window": 10 * MINUTE,
        "hold_for": NOTHING,
        "keep_firing_for": NOTHING,
        "min_count": 1,
        "severity": "warning",
        "standing": Standing(State.OK, NOW),
        "incident_id": None,
        "evaluated_at": NOW,
        "judged_at": None,
    }
    return Watch(**(given | changes))


@pytest.mark.parametrize(
    ("instants", "deadline", "again_at"),
    [
        ((None, None), None, NOW + rules.NET),
        ((NOW + MINUTE, None), None, NOW + MINUTE),
        ((NOW + MINUTE,), NOW + MINUTE / 2, NOW + MINUTE / 2),
        ((None, NOW + MINUTE / 4), NOW + MINUTE / 2, NOW + MINUTE / 4),
        ((NOW + timedelta(milliseconds=1),), None, NOW + rules.COALESCE),
        ((NOW, NOW - MINUTE), NOW - MINUTE, NOW + rules.NET),
        ((NOW + timedelta(days=1),), None, NOW + rules.NET),
    ],
)
def test_a_monitor_looks_again_when_the_first_thing_can_change(instants, deadline, again_at):
    assert rules.look_again(watch(), (*instants, deadline), NOW, rules.COALESCE)[0] == again_at


def test_a_new_monitor_looks_once_more_soon():
    assert rules.look_again(watch(evaluated_at=None), (), NOW, rules.COALESCE) == (NOW + rules.SETTLE, rules.URGENT)


@pytest.mark.parametrize(
    ("instants", "shown_until", "again_at", "priority"),
    [
        ((None,), None, NOW + rules.NET, 0),
        ((), NOW + MINUTE, NOW + MINUTE, 0),
        ((), NOW + 2 * rules.NET, NOW + rules.NET, 0),
        ((NOW + MINUTE,), None, NOW + MINUTE, rules.URGENT),
        ((NOW + 2 * MINUTE,), NOW + MINUTE, NOW + MINUTE, rules.URGENT),  # on its way: a late look would be too late
        ((NOW + MINUTE,), NOW + 2 * MINUTE, NOW + MINUTE, rules.URGENT),
        ((NOW + 2 * rules.NET,), NOW + MINUTE, NOW + MINUTE, 0),
        ((NOW - MINUTE,), None, NOW + rules.NET, 0),
    ],
)
def test_a_look_that_only_shows_what_is_counted_now_waits_behind_the_others(instants, shown_until, again_at, priority):
    found = rules.look_again(watch(), instants, NOW, rules.COALESCE, shown_until=shown_until)
    assert found == (again_at, priority)


@pytest.mark.parametrize(
    ("state", "found", "may_open"),
    [
        (State.OK, GOOD, False),
        (State.OK, NONE, False),
        (State.OK, BAD, True),
        (State.PENDING, NONE, True),  # what keeps it quiet may end meanwhile
        (State.PENDING, BAD, True),
        (State.BREACHED, BAD, False),
        (State.RECOVERING, BAD, False),
        (State.NO_DATA, BAD, False),
    ],
)
def test_who_keeps_a_monitor_quiet_is_asked_where_it_may_open_an_incident(state, found, may_open):
    assert rules.may_open(Standing(state, NOW), found) is may_open


def test_while_it_is_muted_what_would_open_stays_pending_and_what_is_open_goes_on():
    muted = {"hold_for": MINUTE, "keep_firing_for": NOTHING, "firing": State.BREACHED, "is_muted": True}
    pending = rules.step(Standing(State.OK, NOW), BAD, NOW, **muted).standing
    later = rules.step(pending, BAD, NOW + 5 * MINUTE, **muted)

    assert (later.standing, later.turn, later.deadline) == (pending, None, None)
    assert rules.step(pending, GOOD, NOW, **muted).standing.state is State.OK
    heard = rules.step(pending, BAD, NOW + 5 * MINUTE, **(muted | {"is_muted": False}))
    assert (heard.turn, heard.standing.bad_since) == (Turn.OPENED, NOW)
    assert rules.step(heard.standing, BAD, NOW, **muted).standing.state is State.BREACHED
    assert rules.step(heard.standing, GOOD, NOW, **muted).turn is Turn.ENDED


def test_costly_evaluations_come_less_often():
    assert rules.patience_after(0.01) == rules.COALESCE
    assert rules.patience_after(2) == timedelta(seconds=8)
    assert rules.patience_after(3600) == rules.MOST_PATIENCE


@given(st.permutations(list(State)))
def test_the_worst_state_does_not_depend_on_the_order(states):
    assert rules.worst(states) is State.BREACHED
    assert rules.worst([state for state in states if state is not State.BREACHED]) is State.NO_DATA
    assert rules.worst([]) is State.OK
