"""How many calls an endpoint gets at once, how many a second, and when it is left alone."""

from datetime import UTC, datetime, timedelta
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_notifications.pulses import rules
from opsloop_notifications.pulses.rules import Pulse, Pulses

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def failed(times):
    pulse = Pulse()
    for _ in range(times):
        pulse.failed(NOW)
    return pulse


@pytest.mark.parametrize(("failures", "first"), [(0, 64), (2, 64), (3, 4), (50, 4)])
def test_few_first_attempts_at_once_while_it_does_not_take_them(failures, first):
    pulse = failed(failures)

    assert (pulse.places(is_retry=False), pulse.places(is_retry=True)) == (first, 16)
    pulse.succeeded()
    assert (pulse.places(is_retry=False), pulse.places(is_retry=True)) == (64, 16)


def test_ten_failures_in_a_row_keep_calls_from_it():
    assert failed(9).held_back(NOW, at_most=None) is None
    assert failed(10).held_back(NOW, at_most=None) == NOW + 5 * SECOND


def test_after_each_pause_one_call_goes_out_and_the_next_pause_is_twice_as_long():
    pulse, now, pauses = failed(10), NOW, []
    for _ in range(6):
        until = pulse.held_back(now, at_most=None)
        pauses.append((until - now).total_seconds())
        assert pulse.held_back(until, at_most=None) is None, "the one that shows how it fares"
        assert pulse.held_back(until, at_most=None) == until + SECOND, "the others hear soon what came of it"
        now = until + SECOND
        pulse.failed(now)

    assert pauses == [5, 10, 20, 40, 60, 60]


@pytest.mark.parametrize(("at_most", "until"), [(-30, None), (0, None), (3, 3), (60, 5)])
def test_nothing_is_kept_for_longer_than_it_may_be(at_most, until):
    held = failed(10).held_back(NOW, at_most=NOW + at_most * SECOND)

    assert held == (None if until is None else NOW + until * SECOND)


@pytest.mark.parametrize(("at_most", "until"), [(None, 1), (0.5, None), (1, 1)])
def test_nothing_is_held_back_for_less_than_a_second(at_most, until):
    now = NOW + 4.999 * SECOND
    held = failed(10).held_back(now, at_most=None if at_most is None else now + at_most * SECOND)

    assert held == (None if until is None else now + until * SECOND)


def test_a_repeated_attempt_is_the_one_that_shows_how_it_fares():
    pulse = failed(10)
    later = NOW + 5 * SECOND
    pulse.probes(later)

    assert pulse.held_back(later, at_most=None) == later + SECOND, "no first attempt beside it"
    assert pulse.held_back(later, at_most=NOW) is None, "each repeated one goes at its time"
    pulse.failed(later + SECOND)
    assert pulse.held_back(later + SECOND, at_most=None) == later + 11 * SECOND
    pulse.succeeded()
    assert pulse.held_back(later + SECOND, at_most=None) is None


def test_repeated_attempts_that_fail_during_a_pause_make_it_no_longer():
    pulse = failed(10)
    for second in range(5):
        assert pulse.held_back(NOW + second * SECOND, at_most=NOW) is None
        pulse.failed(NOW + second * SECOND)

    assert pulse.held_back(NOW + 4 * SECOND, at_most=None) == NOW + 5 * SECOND
    pulse.failed(NOW + 6 * SECOND)
    assert pulse.held_back(NOW + 6 * SECOND, at_most=None) == NOW + 16 * SECOND, "one that fails after it does"


def test_a_success_ends_it_and_the_first_pause_is_short_again():
    pulse = failed(10)
    assert pulse.held_back(NOW + 5 * SECOND, at_most=None) is None
    pulse.failed(NOW + 5 * SECOND)
    assert pulse.held_back(NOW + 15 * SECOND, at_most=None) is None
    pulse.succeeded()

    assert pulse.held_back(NOW + 15 * SECOND, at_most=None) is None
    for _ in range(10):
        pulse.failed(NOW)
    assert pulse.held_back(NOW, at_most=None) == NOW + 5 * SECOND


def test_what_was_begun_before_the_pause_makes_it_no_longer():
    assert failed(64).held_back(NOW, at_most=None) == NOW + 5 * SECOND


def test_a_call_of_which_nothing_is_heard_keeps_the_others_for_so_long():
    pulse = failed(10)
    assert pulse.held_back(NOW + 5 * SECOND, at_most=None) is None

    assert pulse.held_back(NOW + 24 * SECOND, at_most=None) is not None
    assert pulse.held_back(NOW + 25 * SECOND, at_most=None) is None


@pytest.mark.parametrize(("wish", "pause"), [(0, None), (1, 1), (30, 30), (3600, 60)])
@pytest.mark.parametrize("at_most", [None, NOW])
def test_it_may_ask_for_no_call_at_all_for_up_to_a_minute(wish, pause, at_most):
    pulse = Pulse()
    pulse.failed(NOW, wish * SECOND)
    pulse.failed(NOW, timedelta(0))
    pulse.succeeded()

    assert pulse.held_back(NOW, at_most=at_most) == (None if pause is None else NOW + pause * SECOND)
    assert pulse.held_back(NOW + (pause or 0) * SECOND, at_most=at_most) is None


def test_of_several_times_that_it_names_the_last_counts():
    pulse = Pulse()
    pulse.failed(NOW, 30 * SECOND)
    pulse.failed(NOW, 10 * SECOND)

    assert pulse.held_back(NOW, at_most=NOW) == NOW + 30 * SECOND


def test_a_closed_one_gets_nothing_for_longer_than_any_may_ask_for():
    pulse = Pulse()
    pulse.failed(NOW, 3600 * SECOND, closed=600 * SECOND)
    pulse.failed(NOW, closed=60 * SECOND)
    pulse.succeeded()

    assert pulse.held_back(NOW, at_most=NOW) == NOW + 600 * SECOND
    assert pulse.held_back(NOW + 600 * SECOND, at_most=NOW) is None


@pytest.mark.parametrize("rate", [0.3, 1, 1.6, 3, 10, 250, 1000])
@given(gaps=st.lists(st.floats(0, 2), min_size=1, max_size=20))
def test_in_no_time_it_gets_more_than_its_rate_and_a_tenth_of_a_second(rate, gaps):
    pulse, now, calls = Pulse(), NOW, []
    pulse.rate = rate
    for gap in gaps:
        now += timedelta(seconds=gap)
        while not pulse.wait(now):
            pulse.take(now)
            calls.append(now)

    # of all stretches of time: calls up to each moment, less what the rate allows by then, never rise by more than the burst
    allowed = [place - (at - NOW).total_seconds() * rate for place, at in enumerate(calls)]
    lowest = list(accumulate(allowed, min))
    assert all(now - before <= max(1, rate * 0.1) for now, before in zip(allowed, lowest, strict=True))


def test_who_waits_as_long_as_told_may_go():
    pulse = Pulse()
    pulse.rate = 4
    pulse.take(NOW)

    assert pulse.wait(NOW) == 0.25
    assert pulse.wait(NOW - SECOND) > 0, "a clock that is set back takes nothing away for good"
    assert pulse.wait(NOW + SECOND) == 0


def test_without_a_rate_nobody_waits():
    pulse = Pulse()
    for _ in range(10_000):
        pulse.take(NOW)

    assert pulse.wait(NOW) == 0


@pytest.mark.parametrize(("rate", "held"), [(None, 64), (0.3, 1), (1, 2), (1.6, 3), (10, 20), (32, 64), (1000, 64)])
def test_of_one_with_a_rate_little_is_held(rate, held):
    pulse = Pulse()
    pulse.rate = rate

    assert rules.least_of(rate) == held
    assert rules.CLAIMED_AT_FIRST + pulse.earned() == held


def test_what_may_be_held_grows_with_successes_and_ends_with_a_failure():
    pulse = Pulse()
    grown = []
    for _ in range(2_000):
        pulse.succeeded()
        grown.append(pulse.earned())
    pulse.failed(NOW)

    assert (grown[0], grown[99], grown[-1], pulse.earned()) == (1, 100, 936, 0)


def closed(pulse):
    pulse.failed(NOW, 60 * SECOND)


def rated(pulse):
    pulse.rate = 0.5
    pulse.take(NOW)


@pytest.mark.parametrize(
    ("become", "until"), [(closed, None), (rated, 2), (Pulse.succeeded, 0), (lambda pulse: pulse.failed(NOW), None)]
)
def test_what_is_held_ends_with_it(become, until):
    pulse = Pulse()
    become(pulse)

    assert pulse.holds(NOW) == (until != 0)
    assert pulse.holds(NOW + 3 * SECOND) == (until is None)


def test_of_many_those_that_hold_something_are_remembered():
    pulses, calls = Pulses(), 0
    for _ in range(9):
        pulses["fails"].failed(NOW)
    closed(pulses["closed"])
    for moment in range(60):
        now = NOW + moment * SECOND / 2
        for number in range(1_500):
            pulses[f"{number}"].succeeded()
        pulses["rated"].rate = 0.5
        if not pulses["rated"].wait(now):
            pulses["rated"].take(now)
            calls += 1
        pulses.forget(now)
        assert len(pulses) <= rules.PULSES_KEPT + 503

    assert calls == 15
    assert pulses["closed"].held_back(now, at_most=None) == NOW + 60 * SECOND
    pulses["fails"].failed(now)
    assert pulses["fails"].held_back(now, at_most=None) is not None


def test_how_many_are_remembered_is_bounded_whatever_they_hold():
    pulses = Pulses()
    for number in range(rules.PULSES_AT_MOST + 10):
        pulses[f"{number}"].failed(NOW)
        pulses.forget(NOW)

    assert len(pulses) == rules.PULSES_AT_MOST
    assert len(list(pulses.latest())) == rules.PULSES_KEPT


def test_what_nobody_asked_for_longest_is_forgotten_first():
    pulses = Pulses()
    for number in range(rules.PULSES_KEPT + 1):
        pulses[f"{number}"]
    pulses["0"]
    pulses.forget(NOW)

    assert pulses.find("0") is not None
    assert pulses.find("1") is None
