"""When a heartbeat is late, decided without a database."""

from datetime import UTC, datetime, timedelta

import pytest

from opsloop_notifications.heartbeats.rules import HeartbeatState, heard, late_at, missed, state_of

ZERO = datetime(2026, 11, 22, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@pytest.mark.parametrize(
    ("seconds", "enabled", "expected"),
    [
        (None, True, "new"),
        (None, False, "paused"),
        (0, True, "alive"),
        (3_600, True, "alive"),  # due, and within the grace
        (3_659, True, "alive"),
        (3_660, True, "missed"),
        (1_000_000, True, "missed"),
        (3_660, False, "paused"),
    ],
)
def test_how_it_stands(seconds, enabled, expected):
    beat_at, now = (None, ZERO) if seconds is None else (ZERO, ZERO + timedelta(seconds=seconds))
    assert state_of(beat_at, HOUR, MINUTE, now, enabled=enabled) is HeartbeatState(expected)


def test_when_it_is_late():
    assert late_at(None, HOUR, MINUTE) is None
    assert late_at(ZERO, HOUR, MINUTE) == ZERO + HOUR + MINUTE
    assert late_at(ZERO, HOUR, timedelta(0)) == ZERO + HOUR


def test_its_end_names_the_same_alert_and_its_name_cannot_be_said_otherwise():
    labels = {"team": "growth", "alertname": "Other", "heartbeat": "another", "empty": ""}
    fired, ended = missed("backup", labels, ZERO), heard("backup", labels)

    assert fired.labels == ended.labels == {"alertname": "HeartbeatMissed", "heartbeat": "backup", "team": "growth"}
    assert (fired.fires, ended.fires, fired.fingerprint == ended.fingerprint) == (True, False, True)
    assert fired.annotations == {
        "summary": "backup is late",
        "summary_zh": "backup 逾期未运行",
        "description": "Last heard at 2026-11-22T00:00:00Z.",
        "description_zh": "上次报到：2026-11-22T00:00:00Z。",
    }


@pytest.mark.parametrize(("every", "grace"), [(30, 0), (30, 30), (86_400, 3_600)])
def test_it_is_late_from_the_very_moment(every, grace):
    spans = (timedelta(seconds=every), timedelta(seconds=grace))
    late = late_at(ZERO, *spans)

    assert late - ZERO == timedelta(seconds=every + grace)
    before, at = (state_of(ZERO, *spans, moment, enabled=True) for moment in (late - timedelta(microseconds=1), late))
    assert (before, at) == (HeartbeatState.ALIVE, HeartbeatState.MISSED)


def test_without_labels_of_its_own_it_has_its_name():
    assert heard("backup", {}).labels == {"alertname": "HeartbeatMissed", "heartbeat": "backup"}
