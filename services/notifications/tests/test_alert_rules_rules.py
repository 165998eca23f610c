"""What events and posts say of alerts, decided without a database: tables computed by hand."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_common.testing.events import make_event
from opsloop_notifications.alert_rules.rules import (
    KPI_BREACHED,
    EventRule,
    Posted,
    fault_of,
    in_force,
    may_alert,
    signal_of,
)
from services.notifications.tests.watching import breach, recovery

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def at(minute):
    return NOW + timedelta(minutes=minute)


def said(rule, event):
    return rule.signal(event, event.document(), NOW) if rule.hears(event.type) else None


def event_of(data, **fields):
    return make_event(data, workspace="acme").model_copy(update=fields)


BREACH = event_of(breach(UUID(int=7)), link="http://o/kpis/1")
RECOVERY = event_of(recovery(UUID(int=7)))


def test_a_breach_by_the_rule_that_all_have():
    found = said(KPI_BREACHED, BREACH)

    assert found.fires
    assert found.labels == {
        "alertname": "KpiBreached", "kpi": "severe_share", "monitor_id": str(UUID(int=1)), "severity": "critical"
    }  # fmt: skip
    assert found.annotations == {"value": "0.7", "threshold": "0.5"}
    assert (found.generator_url, found.incident, found.event_type) == (
        "http://o/kpis/1",
        str(UUID(int=7)),
        "kpi.breached",
    )
    assert (found.starts_at, found.ends_at, found.cause) == (None, None, BREACH)


def test_its_recovery_names_the_same_alert_and_incident():
    found = said(KPI_BREACHED, RECOVERY)

    assert not found.fires
    assert found.fingerprint == said(KPI_BREACHED, BREACH).fingerprint
    assert found.incident == str(UUID(int=7))


FIRES, ENDS, NOTHING = True, False, None


@pytest.mark.parametrize(
    ("event_types", "resolve_types", "event", "expected"),
    [
        (["kpi.breached"], [], BREACH, FIRES),
        (["kpi.breached"], [], RECOVERY, NOTHING),
        (["kpi.*"], [], RECOVERY, FIRES),
        (["*"], [], RECOVERY, FIRES),
        (["feedback.*"], [], BREACH, NOTHING),
        (["feedback.received"], ["kpi.recovered"], RECOVERY, ENDS),
        (["kpi.*"], ["kpi.recovered"], RECOVERY, ENDS),  # what is both is an end
        (["kpi.*"], ["kpi.*"], BREACH, ENDS),
    ],
)
def test_which_events_fire_and_which_end(event_types, resolve_types, event, expected):
    found = said(EventRule("r", event_types, resolve_types), event)
    assert (None if found is None else found.fires) is expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("data.kpi", "severe_share"),
        ("data.value", "0.7"),
        ("data.monitor_id", str(UUID(int=1))),
        ("type", "kpi.breached"),
        ("link", "http://o/kpis/1"),
        ("data.nothing", None),
        ("data.kpi.below", None),
        ("data.is", "true"),
        ("data.list", None),
        ("data.object", None),
        ("data.null", None),
        ("data.empty", None),  # an empty label is none
        ("data.number", "1e+300"),
        ("data.long", "x" * 1_000),
        ("data.words", "支付 🔥"),
    ],
)
def test_what_stands_in_an_event_as_a_label(path, expected):
    odd = {
        "is": True,
        "list": ["a"],
        "object": {"a": 1},
        "null": None,
        "empty": "",
        "number": 1e300,
        "long": "x" * 5_000,
    }
    event = BREACH.model_copy(update={"data": {**BREACH.data, **odd, "words": "支付 🔥"}})
    rule = EventRule("r", ["*"], labels_from={"found": path}, annotations_from={"found": path})
    found = said(rule, event)

    if path == "data.number":  # as JSON writes it
        expected = found.labels["found"] if float(found.labels["found"]) == 1e300 else None
    assert found.labels == {"alertname": "r"} | ({"found": expected} if expected else {})
    assert found.annotations == ({"found": expected} if expected else {})


def test_what_an_event_says_is_more_than_what_the_rule_says_and_the_name_may_be_read_too():
    rule = EventRule(
        "r", ["*"], labels={"kpi": "always", "team": "x"}, labels_from={"kpi": "data.kpi", "alertname": "type"}
    )

    assert said(rule, BREACH).labels == {"alertname": "kpi.breached", "kpi": "severe_share", "team": "x"}


def test_a_rule_that_ends_by_itself_says_when():
    rule = EventRule("r", ["kpi.breached"], ["kpi.recovered"], resolve_after=timedelta(minutes=90))

    assert said(rule, BREACH).ends_at == at(90)
    assert said(rule, RECOVERY).ends_at is None


OWN = EventRule("own", ["*"])
OFF = EventRule("off", ["*"])
INSTEAD = EventRule("KpiBreached", ["kpi.breached"])


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ([], [KPI_BREACHED]),
        ([(OWN, True), (OFF, False)], [KPI_BREACHED, OWN]),
        ([(INSTEAD, True)], [INSTEAD]),
        ([(INSTEAD, False), (OWN, True)], [OWN]),  # switched off: neither its own nor that of all
    ],
)
def test_the_rules_that_count(own, expected):
    assert in_force(own) == expected


@pytest.mark.parametrize(
    ("type", "depth", "expected"),
    [("kpi.breached", 1, True), ("kpi.breached", 5, True), ("kpi.breached", 6, False), ("alert.triggered", 1, False),
     ("alert.resolved", 1, False), ("alerts", 1, True)],
)  # fmt: skip
def test_what_may_become_an_alert(type, depth, expected):
    assert may_alert(BREACH.model_copy(update={"type": type, "causationdepth": depth})) is expected


def test_what_came_with_a_file_of_earlier_times_becomes_none():
    assert may_alert(BREACH.model_copy(update={"type": "feedback.received", "data": {"import_id": None}}))
    assert not may_alert(BREACH.model_copy(update={"type": "feedback.received", "data": {"import_id": "x"}}))


def posted(labels=None, annotations=None, starts=None, ends=None, status=None):
    moments = (None if minute is None else at(minute) for minute in (starts, ends))
    return Posted({"alertname": "a"} if labels is None else labels, annotations or {}, *moments, "", status)


@pytest.mark.parametrize(
    ("given", "fires", "starts", "ends"),
    [
        (posted(), True, None, 5),  # nobody says when it ends: five minutes from now
        (posted(starts=-30), True, -30, 5),
        (posted(ends=3), True, 0, 3),
        (posted(starts=-30, ends=3), True, -30, 3),
        (posted(ends=0), False, 0, 0),  # its end is now: it has ended
        (posted(ends=-10), False, -10, -10),
        (posted(starts=-30, ends=-10), False, -30, -10),
        (posted(status="firing"), True, None, 24 * 60),  # it says `resolved` too: a day
        (posted(status="resolved"), False, None, 0),
        (posted(status="resolved", ends=-10), False, -10, -10),
        (posted(status="firing", ends=-10), False, -10, -10),  # when it ended is said more exactly
        (posted(starts=60), True, 60, 5),
    ],
)
def test_what_a_post_says(given, fires, starts, ends):
    found = signal_of(given, NOW)

    assert (found.fires, found.starts_at, found.ends_at) == (fires, None if starts is None else at(starts), at(ends))


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        (posted(), None),
        (posted({"a": "x" * 1_000}), None),
        (posted({"a": "x" * 1_001}), "a label has more than 1000 characters"),
        (posted({"a" * 100: "x"}), None),
        (posted({"a" * 101: "x"}), "invalid label name"),
        (posted({"a": "x", "b": ""}), None),
        (posted({"a": "x", "b-c": ""}), None),  # an empty label is none, whatever it is called
        (posted({"": "x"}), "invalid label name"),
        (posted({"é": "x"}), "invalid label name"),
        (posted({"a\n": "x"}), "invalid label name"),
        (posted({}), "at least one label pair required"),
        (posted({f"l{number}": "x" for number in range(50)}), None),
        (posted({f"l{number}": "x" for number in range(51)}), "at most 50 labels and 30 annotations"),
        (posted(annotations={f"l{number}": "x" for number in range(31)}), "at most 50 labels and 30 annotations"),
        (posted(annotations={"a": "x" * 4_000}), None),
        (posted(annotations={"a": "x" * 4_001}), "a annotation has more than 4000 characters"),
        (posted(annotations={"a b": "x"}), "invalid annotation name"),
        (posted(starts=1, ends=1), None),
        (posted(starts=2, ends=1), "start time must be before end time"),
    ],
)
def test_what_is_wrong_with_a_post(given, fault):
    assert fault_of(given) == fault


MINUTES = st.none() | st.integers(-10, 10)


@given(MINUTES, MINUTES, st.sampled_from([None, "firing", "resolved"]))
def test_any_post_without_fault_has_an_end_and_is_over_by_it_or_not(starts, ends, status):
    given_post = posted(starts=starts, ends=ends, status=status)
    found = signal_of(given_post, NOW)

    assert found.ends_at is not None
    assert found.fires is (status != "resolved" and found.ends_at > NOW)
    assert ends is None or found.ends_at == at(ends)
    assert starts is None or found.starts_at == at(starts)
    if fault_of(given_post) is None and ends is not None:
        assert found.starts_at <= found.ends_at


def test_an_incident_that_is_none_names_none():
    event = BREACH.model_copy(update={"data": {**BREACH.data, "incident_id": None}})
    assert said(KPI_BREACHED, event).incident is None
    other = event_of(breach(uuid4()))
    assert said(KPI_BREACHED, other).fingerprint == said(KPI_BREACHED, BREACH).fingerprint
