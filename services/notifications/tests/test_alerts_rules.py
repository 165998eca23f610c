"""What becomes of an alert, decided without a database."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_notifications.alerts.rules import Signal, ended_at, ends_what_fires, is_flapping

ZERO = datetime(2026, 11, 22, tzinfo=UTC)


def at(second):
    return ZERO + timedelta(seconds=second)


@pytest.mark.parametrize(
    ("firings", "now", "expected"),
    [
        ([], 0, False),
        ([0, 1, 2, 3], 3, False),  # four
        ([0, 1, 2, 3, 4], 4, True),
        ([0, 900, 1800, 2700, 3599], 3599, True),
        ([0, 900, 1800, 2700, 3600], 3600, False),  # the first is an hour old: no part of the hour any more
        ([1, 900, 1800, 2700, 3600], 3600, True),
        ([0, 1, 2, 3, 4], 3604, False),  # the last is an hour old as well
        ([0, 1, 2, 3, 4], 3599, True),
    ],
)
def test_flapping_is_five_firings_within_an_hour(firings, now, expected):
    assert is_flapping([at(second) for second in firings], at(now)) is expected


@given(st.lists(st.integers(0, 10_000), max_size=12), st.integers(0, 10_000))
def test_the_five_last_firings_are_enough_to_know(seconds, now):
    """Only those are kept: of all of them the answer is the same."""
    firings = sorted(second for second in seconds if second <= now)
    expected = sum(now - second < 3600 for second in firings) >= 5

    assert is_flapping([at(second) for second in firings[-5:]], at(now)) is expected


@pytest.mark.parametrize(
    ("told", "fires", "expected"),
    [("1", "1", True), ("1", "2", False), (None, "2", True), ("1", None, True), (None, None, True)],
)
def test_the_end_of_another_incident_is_none(told, fires, expected):
    assert ends_what_fires(Signal({"alertname": "a"}, fires=False, incident=told), fires) is expected


@pytest.mark.parametrize(
    ("said", "began", "now", "expected"),
    [
        (None, 0, 60, 60),  # nobody says when: now
        (30, 0, 60, 30),
        (-90, 0, 60, 0),  # before it began
        (-90, -100, 60, -90),
        (30, 600, 60, 60),  # said to begin in ten minutes: it is over all the same
    ],
)
def test_nothing_ends_before_it_began(said, began, now, expected):
    signal = Signal({"alertname": "a"}, fires=False, ends_at=None if said is None else at(said))
    assert ended_at(signal, at(began), at(now)) == at(expected)


def test_labels_name_an_alert_and_nothing_else_does():
    first = Signal({"alertname": "a", "kpi": "k"}, fires=True, annotations={"value": "1"}, incident="1")
    second = Signal({"kpi": "k", "alertname": "a"}, fires=False, generator_url="http://g")

    assert first.fingerprint == second.fingerprint
    assert first.fingerprint != Signal({"alertname": "a", "kpi": "l"}, fires=True).fingerprint
