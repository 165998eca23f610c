"""The state machine and the definitions behind it, without a database."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_metrics.events.rules import Reading
from opsloop_metrics.kpi_measures.rules import Measure
from opsloop_metrics.kpis.rules import Definition
from opsloop_metrics.monitors import rules
from opsloop_metrics.monitors.rules import FIRING, Condition, Evidence, Standing, State, Turn, Watch

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


@pytest.mark.parametrize(
    ("operator", "below", "equal", "over"),
    [("lt", True, False, False), ("le", True, True, False), ("gt", False, False, True), ("ge", False, True, True)],
)
def test_equality_belongs_to_le_and_ge(operator, below, equal, over):
    assert [rules.holds(value, operator, 2.0) for value in (1.9, 2.0, 2.1)] == [below, equal, over]


@pytest.mark.parametrize(
    ("value", "samples", "min_count", "found"),
    [
        (0.9, 10, 1, BAD),
        (0.1, 10, 1, GOOD),
        (None, 0, 1, NONE),
        (0.9, 4, 5, NONE),
        (0.9, 5, 5, BAD),
        (0.1, 4, 5, GOOD),
        (9.0, 0, 1, BAD),
    ],
)
def test_small_samples_never_alarm_but_may_calm(value, samples, min_count, found):
    condition = Condition("threshold", "ge", 0.5)
    assert rules.evidence(condition, Reading(value, samples), min_count=min_count) is found


def test_silence_counts_only_after_something_was_heard():
    silence = Condition("no_data")
    assert rules.evidence(silence, Reading(None, 0), min_count=1) is NONE
    assert rules.evidence(silence, Reading(None, 0, last_seen_at=NOW), min_count=1) is BAD
    assert rules.evidence(silence, Reading(0.0, 1, last_seen_at=NOW), min_count=1) is GOOD


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
        "leads": True,
    }
    return Watch(**(given | changes))


@pytest.mark.parametrize(
    ("reading", "deadline", "again_at"),
    [
        (Reading(1.0, 1), None, NOW + rules.NET),
        (Reading(1.0, 1, oldest_at=NOW - 9 * MINUTE), None, NOW + MINUTE),
        (Reading(1.0, 1, oldest_at=NOW - 9 * MINUTE), NOW + MINUTE / 2, NOW + MINUTE / 2),
        (Reading(1.0, 1, upcoming_at=NOW + MINUTE / 4), NOW + MINUTE / 2, NOW + MINUTE / 4),
        (Reading(1.0, 1, upcoming_at=NOW + timedelta(milliseconds=1)), None, NOW + rules.COALESCE),
    ],
)
def test_a_monitor_looks_again_when_the_first_thing_can_change(reading, deadline, again_at):
    assert rules.look_again_at(watch(), reading, deadline, NOW, rules.COALESCE) == again_at


def test_a_new_monitor_looks_once_more_soon():
    again_at = rules.look_again_at(watch(evaluated_at=None), Reading(1.0, 1), None, NOW, rules.COALESCE)
    assert again_at == NOW + rules.SETTLE


def test_silence_is_due_when_the_newest_leaves_the_window():
    reading = Reading(1.0, 2, oldest_at=NOW - 9 * MINUTE, last_seen_at=NOW - 8 * MINUTE)
    silence = watch(condition=Condition("no_data"))
    assert rules.look_again_at(silence, reading, None, NOW, rules.COALESCE) == NOW + 2 * MINUTE


@pytest.mark.parametrize(
    ("samples", "leaves_in", "again_in"),
    [
        (999, 1, 1),  # seconds
        (1_000, 1, 6),  # a thousandth of 100 minutes
        (1_000, 7, 7),
        (1_000_000, 0.001, 6),
    ],
)
def test_of_many_samples_the_window_is_looked_at_every_thousandth_of_its_length(samples, leaves_in, again_in):
    window, second = 100 * MINUTE, timedelta(seconds=1)
    reading = Reading(1.0, samples, oldest_at=NOW - window + leaves_in * second, last_seen_at=NOW - window + second)

    assert rules.look_again_at(watch(window=window), reading, None, NOW, rules.COALESCE) == NOW + again_in * second
    silence = watch(window=window, condition=Condition("no_data"))
    assert rules.look_again_at(silence, reading, None, NOW, rules.COALESCE) == NOW + second


def test_costly_evaluations_come_less_often():
    assert rules.patience_after(0.01) == rules.COALESCE
    assert rules.patience_after(2) == timedelta(seconds=8)
    assert rules.patience_after(3600) == rules.MOST_PATIENCE


@given(st.permutations(list(State)))
def test_the_worst_state_does_not_depend_on_the_order(states):
    assert rules.worst(states) is State.BREACHED
    assert rules.worst([state for state in states if state is not State.BREACHED]) is State.NO_DATA
    assert rules.worst([]) is State.OK
