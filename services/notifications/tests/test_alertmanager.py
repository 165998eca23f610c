"""Alertmanager's document, and the small rules of groups: hours, labels, routes."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from opsloop_notifications.alert_groups.rules import Way, common, first_look, group_labels, read_mute_times, ways_of
from opsloop_notifications.alertmanager.rules import Told, group_key, notification, sample
from opsloop_notifications.labels.rules import Matcher, MatchOp

ZERO = datetime(2026, 11, 22, tzinfo=UTC)


def told(number, *, ends=None, words=10):
    return Told(f"{number:016x}", {"alertname": "a", "part": str(number)}, {"summary": "x" * words}, ZERO, ends, "")


def written(alerts):
    shared = {"group_labels": {}, "common_labels": {}, "common_annotations": {}, "external_url": ""}
    return json.loads(notification(alerts, key="k", receiver="r", reason="first notification", **shared))


def test_one_that_fires_makes_the_group_fire():
    ended = told(1, ends=ZERO + timedelta(hours=1))

    assert written([ended])["status"] == "resolved"
    document = written([told(2), ended])
    assert document["status"] == "firing"
    assert [alert["endsAt"] for alert in document["alerts"]] == ["0001-01-01T00:00:00Z", "2026-11-22T01:00:00Z"]
    assert [alert["startsAt"] for alert in document["alerts"]] == ["2026-11-22T00:00:00Z"] * 2


def test_a_message_is_bounded_by_number_and_by_bytes():
    many, large = (
        written([told(number) for number in range(250)]),
        written([told(number, words=30_000) for number in range(50)]),
    )

    assert (len(many["alerts"]), many["truncatedAlerts"]) == (100, 150)
    assert len(large["alerts"]) + large["truncatedAlerts"] == 50
    assert 1 <= len(large["alerts"]) < 14
    assert len(json.dumps(large)) < 512 * 1024


def test_what_names_a_group():
    assert group_key("r", {"b": '"', "a": "1"}) == '{}/{r}:{a="1", b="\\""}'
    document = json.loads(sample(ZERO, receiver="ops", external_url="http://o"))
    assert (document["receiver"], document["externalURL"], document["alerts"][0]["status"]) == (
        "ops",
        "http://o",
        "firing",
    )


def test_labels_of_groups():
    labels = {"alertname": "a", "kpi": "k"}

    assert group_labels(labels, ["kpi", "missing"]) == {"kpi": "k"}
    assert group_labels(labels, ["..."]) == labels
    assert group_labels(labels, []) == {}
    assert common([labels, {"alertname": "a", "kpi": "other"}]) == {"alertname": "a"}


def test_the_first_route_takes_it_unless_it_says_to_go_on():
    a, b = (Matcher("l", MatchOp.IS, "1"),), (Matcher("m", MatchOp.IS, "1"),)

    assert ways_of({"l": "1", "m": "1"}, [Way(a, False), Way(b, False)]) == [0]
    assert ways_of({"l": "1", "m": "1"}, [Way(a, True), Way(b, False), Way((), False)]) == [0, 1]
    assert ways_of({"m": "1"}, [Way(a, True), Way(b, True), Way((), False)]) == [1, 2]
    assert ways_of({}, [Way(a, True)]) == []


@pytest.mark.parametrize(("age", "wait", "expected"), [(0, 30, 30), (29, 30, 30), (30, 30, 30), (31, 30, 0), (0, 0, 0)])
def test_what_has_waited_elsewhere(age, wait, expected):
    found = first_look(ZERO - timedelta(seconds=age), ZERO, timedelta(seconds=wait))
    assert found == ZERO + timedelta(seconds=expected)


NIGHT = {"days": ["monday"], "start": "22:00", "end": "08:00", "time_zone": "Europe/Berlin"}
NOON = {"days": [], "start": "12:00", "end": "13:00", "time_zone": "Asia/Shanghai"}


@pytest.mark.parametrize(
    ("mute", "at", "expected"),
    [
        (NIGHT, "2026-11-23T21:00:00Z", True),  # Monday 22:00
        (NIGHT, "2026-11-23T20:59:59Z", False),
        (NIGHT, "2026-11-24T06:59:59Z", True),  # Tuesday 07:59: still Monday's night
        (NIGHT, "2026-11-24T07:00:00Z", False),
        (NIGHT, "2026-11-24T21:30:00Z", False),  # Tuesday's own
        (NIGHT, "2026-11-23T02:00:00Z", False),  # Monday 03:00 is Sunday's night
        (NIGHT, "2026-07-06T20:00:00Z", True),  # in summer an hour earlier
        (NIGHT, "2026-07-06T19:59:59Z", False),
        (NOON, "2026-11-22T04:30:00Z", True),
        (NOON, "2026-11-22T05:00:00Z", False),
        (NOON | {"start": "00:00", "end": "00:00"}, "2026-11-22T05:00:00Z", True),
    ],
)
def test_hours_in_which_nothing_is_told(mute, at, expected):
    [found] = read_mute_times([mute])
    assert found.covers(datetime.fromisoformat(at.replace("Z", "+00:00"))) is expected


def test_a_single_alert_is_sent_however_large_it_is():
    document = written([told(1, words=900_000), told(2)])

    assert (len(document["alerts"]), document["truncatedAlerts"]) == (1, 1)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (ZERO, "2026-11-22T00:00:00Z"),
        (ZERO + timedelta(microseconds=5), "2026-11-22T00:00:00.000005Z"),
        (datetime(2026, 11, 22, 8, tzinfo=timezone(timedelta(hours=8))), "2026-11-22T00:00:00Z"),
    ],
)
def test_times_are_in_utc_as_go_writes_them(moment, expected):
    [alert] = written([told(1, ends=moment)])["alerts"]
    assert alert["endsAt"] == expected
